package own

import (
	"context"
	"net"
	"net/netip"
	"strings"
)

// host is what the records of all of the suite's domains point to.
const host = "host.invalid."

// resolver leads the suite's domains to its listener. There are no others.
type resolver struct{ addr netip.AddrPort }

// LookupSRV implements s2s.Resolver.
func (r resolver) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	full := "_" + service + "._" + proto + "." + name
	if service != "xmpp-server" || !strings.HasSuffix(strings.TrimSuffix(name, "."), "."+Theirs) {
		return "", nil, notFound(full)
	}
	return full, []*net.SRV{{Target: host, Port: r.addr.Port()}}, nil
}

// LookupNetIP implements s2s.Resolver.
func (r resolver) LookupNetIP(_ context.Context, network, name string) ([]netip.Addr, error) {
	if strings.TrimSuffix(name, ".") != strings.TrimSuffix(host, ".") || network == "ip6" {
		return nil, notFound(name)
	}
	return []netip.Addr{r.addr.Addr()}, nil
}

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}
