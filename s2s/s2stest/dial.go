package s2stest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"isthmus.im/internal/memnet"
	"isthmus.im/s2s"
)

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
		n.owners[name] = names[0]
		n.names.at(service + name).srv = []net.SRV{{Target: host + ".", Port: ap.Port(), Priority: 10, Weight: 5}}
	}
	n.mu.Unlock()
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
	from, to := n.first(d.from), l.domains[0]
	path := pathOf(from, to)
	if n.cut[path] {
		return fail(syscall.EHOSTUNREACH)
	}
	trip, lost := n.roundTrip(from, to)
	n.ports++
	local := net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.address(from), uint16(1024+n.ports)))
	n.mu.Unlock()
	if err := travel(ctx, trip, lost); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(ap), Err: err}
	}
	c, err := l.Dial(ctx, local)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut[path] { // meanwhile
		c.Cut()
	}
	n.dialled[way{from, to}]++
	w := &wire{near: c, from: from, to: to, number: n.dialled[way{from, to}]}
	n.spoil(w)
	n.wires[path] = append(slices.DeleteFunc(n.wires[path], func(w *wire) bool { return w.near.Done() }), w)
	return c, nil
}

// address returns where the server of a domain listens, or another address for
// one that does not. n.mu is held.
func (n *Network) address(domain string) netip.Addr {
	for ap, l := range n.listeners {
		if l.domains[0] == domain {
			return ap.Addr()
		}
	}
	return netip.AddrFrom4([4]byte{10, 1, 0, 1})
}
