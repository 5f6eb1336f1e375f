package s2stest

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
)

// Network is an in-memory internet with a DNS and a certificate authority of
// its own. Make one with [NewNetwork]. Its methods may be called concurrently.
type Network struct {
	t    TB
	ca   *testca.CA
	seed uint64

	mu        sync.Mutex
	listeners map[netip.AddrPort]*listener
	names     names
	questions map[*memnet.Conn]struct{} // connections to the name server
	hosts     int                       // addresses given out
	ports     int
	owners    map[string]string // domain -> first domain of its server
	cut       map[[2]string]bool
	impaired  map[way]Impairment
	wires     map[[2]string][]*wire
	dialled   map[way]uint64 // how often
	servers   []*server
	peers     []*Peer
	script    *script // the transcript that is being played; nil: none
	closed    bool

	level slog.LevelVar // of the logs
	watch *time.Timer   // for tests that never end
}

// server is a running server.
type server struct {
	*s2s.Server
	domains []string // A-labels
	guard   *guard
	serving sync.WaitGroup
}

// NewNetwork returns an empty network. In a bubble it has to be made there, not
// outside. It closes with the test: first the servers under test, so that what
// peers have received comes back to no handler, then the peers, then listeners.
func NewNetwork(t TB) *Network {
	n := &Network{
		t: t, ca: testca.New(), seed: newSeed(t),
		listeners: make(map[netip.AddrPort]*listener),
		names:     newNames(),
		questions: make(map[*memnet.Conn]struct{}),
		owners:    make(map[string]string),
		cut:       make(map[[2]string]bool),
		impaired:  make(map[way]Impairment),
		wires:     make(map[[2]string][]*wire),
		dialled:   make(map[way]uint64),
	}
	n.level.Set(slog.LevelDebug)
	n.watch = time.AfterFunc(eternity, n.stuck)
	t.Cleanup(n.close)
	return n
}

func (n *Network) close() {
	n.watch.Stop()
	settle()
	n.level.Set(slog.LevelWarn) // that connections end now is no news
	n.mu.Lock()
	servers, peers := slices.Clone(n.servers), slices.Clone(n.peers)
	n.mu.Unlock()
	for _, p := range peers {
		p.finish()
	}
	for _, s := range servers {
		n.end(s)
	}
	for _, p := range peers {
		if srv := p.engine(); srv != nil {
			n.within(fmt.Sprint("the peer ", p.domain), srv.close)
		}
	}
	n.mu.Lock()
	n.closed = true
	for c := range n.questions {
		c.Cut()
	}
	listeners := slices.Collect(maps.Values(n.listeners))
	n.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	if n.t.Failed() {
		n.printSeed()
	}
}

// settle lets what is under way arrive: in a bubble, where it is known when that
// is. Elsewhere Wait panics.
func settle() {
	defer func() { recover() }()
	synctest.Wait()
}

func (s *server) close() {
	s.Close()
	s.serving.Wait()
}

func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.Shutdown(ctx)
	s.close()
}

// Server starts a server for the domains of cfg and closes it with the test.
// TLS, Verifier, Resolver, Dialer, Rand and Logger are filled in when unset: a
// certificate for all domains, the network's authority, DNS and connections,
// choices that follow from the seed, and the test's log. DNS gets SRV records for every domain. The server listens
// on the network only, with STARTTLS unless Addr is "-" and with direct TLS
// (XEP-0368) if DirectTLS is set; their ports do not matter. Nor does
// Reach.Private: all addresses of the network are private ones. Each of the
// server's goroutines, handlers included, has to end within 30 seconds of the
// end of the test.
func (n *Network) Server(cfg s2s.Config) *s2s.Server {
	n.t.Helper()
	s := n.start(cfg)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers = append(n.servers, s)
	return s.Server
}

// Config returns cfg as [Network.Server] would use it, for hosts that call
// [s2s.New] themselves. Such a server has to be given a listener of
// [Network.Listen] to serve, and to be closed by the test.
func (n *Network) Config(cfg s2s.Config) s2s.Config {
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
	if cfg.Rand == nil {
		cfg.Rand = n.source("server " + names[0])
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(n.t.Output(), &slog.HandlerOptions{Level: &n.level})).With("server", names[0])
	}
	cfg.Reach.Private = true
	return cfg
}

func (n *Network) start(cfg s2s.Config) *server {
	n.t.Helper()
	cfg = n.Config(cfg)
	names := append(append([]string{}, cfg.Domains...), cfg.Services...)
	var watch *guard
	if cfg.Handler != nil {
		watch, cfg.Handler = newGuard(cfg.Handler)
	}
	srv, err := s2s.New(cfg)
	if err != nil {
		n.t.Fatalf("s2stest: %v", err)
	}
	s := &server{Server: srv, domains: ascii(n.t, names), guard: watch}
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
