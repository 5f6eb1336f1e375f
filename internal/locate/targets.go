package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// DefaultPort is where a domain without SRV records is tried, RFC 6120
// section 3.2.2.
const DefaultPort = 5269

// MaxTargets is how many targets of a domain are returned at most.
const MaxTargets = 32

// ErrNoService is wrapped by the error of [Targets] for a domain that says in
// its SRV record that it offers no server-to-server service.
var ErrNoService = errors.New("locate: the domain offers no server-to-server service")

// Resolver is what is asked for records: a [*Client] or a [*net.Resolver].
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

var (
	_ Resolver = (*Client)(nil)
	_ Resolver = (*net.Resolver)(nil)
)

// Targets returns the servers of a domain, given in A-labels, in the order to
// try them; there is at least one unless there is an error. An IP literal,
// IPv6 in brackets, is its own target and so is a domain without SRV records.
// Whether a target has addresses is not looked up. The error wraps
// [ErrNoService] or what the resolver said.
func Targets(ctx context.Context, r Resolver, domain string) ([]Target, error) {
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(domain, "["), "]")); err == nil {
		return []Target{{Host: ip.String(), Port: DefaultPort}}, nil
	}
	_, found, err := r.LookupSRV(ctx, "xmpp-server", "tcp", domain)
	if len(found) == 0 {
		if err != nil && !notFound(err) {
			return nil, fmt.Errorf("locate: %w", err)
		}
		return []Target{{Host: strings.TrimSuffix(domain, "."), Port: DefaultPort}}, nil
	}
	var records []Record
	for _, s := range found {
		if host := strings.TrimSuffix(s.Target, "."); host != "" {
			records = append(records, Record{Host: host, Port: s.Port, Priority: s.Priority, Weight: s.Weight})
		}
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoService, domain)
	}
	targets := Order(records, nil)
	return targets[:min(len(targets), MaxTargets)], nil
}

func notFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}
