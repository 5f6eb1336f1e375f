package s2stest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"isthmus.im/s2s"
)

// zone is what DNS knows of one name.
type zone struct {
	srv   []*net.SRV // of _xmpp-server._tcp
	addrs []netip.Addr
	err   error // the answer to every question, instead
}

// zone returns the records of a name. n.mu is held.
func (n *Network) zone(name string) *zone {
	z := n.zones[name]
	if z == nil {
		z = new(zone)
		n.zones[name] = z
	}
	return z
}

// SetSRV replaces the _xmpp-server._tcp records of a domain; none removes them.
func (n *Network) SetSRV(domain string, records ...*net.SRV) {
	n.t.Helper()
	name := ascii(n.t, []string{domain})[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zone(name).srv = records
}

// SetAddrs replaces the addresses of a host or domain; none removes them.
func (n *Network) SetAddrs(host string, addrs ...netip.Addr) {
	n.t.Helper()
	name := ascii(n.t, []string{host})[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zone(name).addrs = addrs
}

// FailDNS makes every question about a name fail: with err, or for a nil err
// no longer. A server that is down is
//
//	&net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
func (n *Network) FailDNS(name string, err error) {
	n.t.Helper()
	name = ascii(n.t, []string{name})[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zone(name).err = err
}

// Resolver returns the network's DNS. It may be used from any goroutine.
func (n *Network) Resolver() s2s.Resolver { return resolver{n} }

type resolver struct{ n *Network }

func (r resolver) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	full := "_" + service + "._" + proto + "." + name
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	z := r.n.zones[clean(name)]
	switch {
	case z != nil && z.err != nil:
		return "", nil, z.err
	case z == nil || len(z.srv) == 0 || service != "xmpp-server":
		return "", nil, notFound(full)
	}
	records := make([]*net.SRV, len(z.srv))
	for i, s := range z.srv {
		c := *s
		records[i] = &c
	}
	return full + ".", records, nil
}

func (r resolver) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	z := r.n.zones[clean(host)]
	switch {
	case z != nil && z.err != nil:
		return nil, z.err
	case z == nil || len(z.addrs) == 0:
		return nil, notFound(host)
	}
	return slices.Clone(z.addrs), nil
}

func clean(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
