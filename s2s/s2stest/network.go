package s2stest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
)

// Network is an in-memory internet with a DNS and a certificate authority of
// its own. Make one with [NewNetwork]. Its methods may be called concurrently.
type Network struct {
	t  TB
	ca *testca.CA

	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	names     names
	questions map[*memnet.Conn]struct{} // connections to the name server
	hosts     int                       // addresses given out
	cut       map[[2]string]bool
	delay     map[[2]string]time.Duration
	conns     map[[2]string][]*memnet.Conn
	servers   []*server
	peers     []*Peer
	closed    bool
}

// server is a running server.
type server struct {
	*s2s.Server
	serving sync.WaitGroup
}

// listener is a memnet listener with the domains it was made for.
type listener struct {
	*memnet.Listener
	n       *Network
	at      netip.AddrPort
	domains []string // A-labels; faults know it by the first
	direct  bool     // for direct TLS
}

// Close frees the address for the next listener of the same domain.
func (l *listener) Close() error {
	l.n.mu.Lock()
	if l.n.listeners[l.at] == l {
		delete(l.n.listeners, l.at)
	}
	l.n.mu.Unlock()
	return l.Listener.Close()
}

// NewNetwork returns an empty network. It closes with the test: first the
// servers under test, so that what peers have received comes back to no
// handler, then the peers.
func NewNetwork(t TB) *Network {
	n := &Network{
		t: t, ca: testca.New(),
		listeners: make(map[netip.AddrPort]*listener),
		names:     newNames(),
		questions: make(map[*memnet.Conn]struct{}),
		cut:       make(map[[2]string]bool),
		delay:     make(map[[2]string]time.Duration),
		conns:     make(map[[2]string][]*memnet.Conn),
	}
	t.Cleanup(n.close)
	return n
}

func (n *Network) close() {
	n.mu.Lock()
	servers, peers := n.servers, n.peers
	n.mu.Unlock()
	for _, p := range peers {
		p.finish()
	}
	for _, s := range servers {
		s.close()
	}
	for _, p := range peers {
		p.srv.close()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for c := range n.questions {
		c.Cut()
	}
}

func (s *server) close() {
	s.Close()
	s.serving.Wait()
}

// Server starts a server for the domains of cfg and closes it with the test.
// TLS, Verifier, Resolver, Dialer and Logger are filled in when unset: a
// certificate for all domains, the network's authority, DNS and connections,
// and the test's log. DNS gets SRV records for every domain. The server listens
// on the network only, with STARTTLS unless Addr is "-" and with direct TLS
// (XEP-0368) if DirectTLS is set; their ports do not matter. Nor does
// Reach.Private: all addresses of the network are private ones.
func (n *Network) Server(cfg s2s.Config) *s2s.Server {
	n.t.Helper()
	s := n.start(cfg)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers = append(n.servers, s)
	return s.Server
}

func (n *Network) start(cfg s2s.Config) *server {
	n.t.Helper()
	names := append(append([]string{}, cfg.Domains...), cfg.Services...)
	if len(names) == 0 {
		n.t.Fatalf("s2stest: Config has neither Domains nor Services")
	}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{n.Certificate(names...)}}
	}
	if cfg.Verifier == nil {
		cfg.Verifier = s2s.PKIX{Roots: n.Roots()}
	}
	if cfg.Resolver == nil {
		cfg.Resolver = n.Resolver()
	}
	if cfg.Dialer == nil {
		cfg.Dialer = n.Dialer(names[0])
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(n.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("server", names[0])
	}
	cfg.Reach.Private = true
	srv, err := s2s.New(cfg)
	if err != nil {
		n.t.Fatalf("s2stest: %v", err)
	}
	s := &server{Server: srv}
	if cfg.Addr != "-" {
		l := n.Listen(names...)
		s.serving.Go(func() { srv.Serve(l) })
	}
	if cfg.DirectTLS != "" {
		l := n.ListenTLS(names...)
		s.serving.Go(func() { srv.ServeTLS(l) })
	}
	return s
}

// Certificate issues a certificate with the names as dNSNames.
func (n *Network) Certificate(names ...string) tls.Certificate {
	n.t.Helper()
	return n.ca.Issue(testca.Options{DNS: ascii(n.t, names)})
}

// Issue issues a certificate with something unusual about it.
func (n *Network) Issue(o CertOptions) tls.Certificate { return n.ca.Issue(o) }

// Roots returns a pool that holds the network's authority.
func (n *Network) Roots() *x509.CertPool { return n.ca.Pool() }

// Authority returns the certificate of the network's authority.
func (n *Network) Authority() *x509.Certificate { return n.ca.Certificate() }

func ascii(t TB, names []string) []string {
	t.Helper()
	out := make([]string, len(names))
	for i, name := range names {
		d, err := jid.Parse(name)
		if err != nil {
			t.Fatalf("s2stest: domain %q: %v", name, err)
		}
		out[i] = d.ASCIIDomain()
	}
	return out
}

// Listen returns a listener on a new address and makes SRV records for the
// domains that point to it. It closes with the test.
func (n *Network) Listen(domains ...string) net.Listener {
	n.t.Helper()
	return n.listen(domains, false)
}

// ListenTLS is Listen for direct TLS (XEP-0368): the SRV records are those of
// _xmpps-server. What is done with a connection is up to who accepts it.
func (n *Network) ListenTLS(domains ...string) net.Listener {
	n.t.Helper()
	return n.listen(domains, true)
}

func (n *Network) listen(domains []string, direct bool) net.Listener {
	n.t.Helper()
	service := "_xmpp-server._tcp."
	if direct {
		service = "_xmpps-server._tcp."
	}
	if len(domains) == 0 {
		n.t.Fatalf("s2stest: nobody to listen for")
	}
	names := ascii(n.t, domains)
	host := "xmpp." + names[0]
	n.mu.Lock()
	r := n.names.at(host)
	if len(r.addrs) == 0 {
		n.hosts++
		r.addrs = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(n.hosts >> 8), byte(n.hosts)})}
	}
	ap := netip.AddrPortFrom(r.addrs[0], 5269)
	for n.listeners[ap] != nil {
		ap = netip.AddrPortFrom(ap.Addr(), ap.Port()+1)
	}
	l := &listener{memnet.NewListener(net.TCPAddrFromAddrPort(ap)), n, ap, names, direct}
	n.listeners[ap] = l
	for _, name := range names {
		n.names.at(service + name).srv = []net.SRV{{Target: host + ".", Port: ap.Port(), Priority: 10, Weight: 5}}
	}
	n.mu.Unlock()
	n.t.Cleanup(func() { l.Close() })
	return l
}

// Dialer returns what connects from a domain to any other. Its errors are
// those of TCP. It may be used from any goroutine.
func (n *Network) Dialer(domain string) s2s.Dialer {
	return &dialer{n, ascii(n.t, []string{domain})[0]}
}

type dialer struct {
	n    *Network
	from string
}

// DialContext connects to an address that Listen gave out.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	n := d.n
	n.mu.Lock()
	l := n.listeners[ap]
	fail := func(err error) (net.Conn, error) {
		n.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(ap), Err: err}
	}
	if l == nil {
		return fail(syscall.ECONNREFUSED)
	}
	path := pathOf(d.from, l.domains[0])
	if n.cut[path] {
		return fail(syscall.EHOSTUNREACH)
	}
	delay := n.delay[path]
	n.hosts++
	from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, 1}), uint16(1024+n.hosts)))
	n.mu.Unlock()
	c, err := l.Dial(ctx, from)
	if err != nil {
		return nil, err
	}
	c.SetDelay(delay)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[path] { // meanwhile
		c.Cut()
	}
	n.conns[path] = append(n.conns[path], c)
	return c, nil
}

func pathOf(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// path returns the key of the path between two domains. A server with several
// domains is known by its first.
func (n *Network) path(a, b string) [2]string {
	names := ascii(n.t, []string{a, b})
	return pathOf(names[0], names[1])
}

// Cut resets all connections between two servers, each named by its first
// domain, and lets no new ones through until [Network.Heal].
func (n *Network) Cut(a, b string) {
	n.t.Helper()
	path := n.path(a, b)
	n.mu.Lock()
	n.cut[path] = true
	n.mu.Unlock()
	n.Reset(a, b)
}

// Heal undoes [Network.Cut].
func (n *Network) Heal(a, b string) {
	n.t.Helper()
	path := n.path(a, b)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cut, path)
}

// Reset resets the connections between two servers once; new ones work.
func (n *Network) Reset(a, b string) {
	n.t.Helper()
	path := n.path(a, b)
	n.mu.Lock()
	conns := n.conns[path]
	delete(n.conns, path)
	n.mu.Unlock()
	for _, c := range conns {
		c.Cut()
	}
}

// Swallow makes everything vanish that the connecting sides write from now on
// to the present connections between two servers, as on a broken path that
// nobody has noticed yet. [Network.Reset] ends those connections.
func (n *Network) Swallow(a, b string) {
	n.t.Helper()
	path := n.path(a, b)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns[path] {
		c.SetFilter(func([]byte) []byte { return nil })
	}
}

// Delay makes what the connecting side writes on later connections between two
// servers arrive d later.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.t.Helper()
	path := n.path(a, b)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay[path] = d
}
