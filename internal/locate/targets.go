package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// DefaultPort is where a domain without SRV records is tried, RFC 6120
// section 3.2.2.
const DefaultPort = 5269

// MaxTargets is how many targets of a domain are returned at most.
const MaxTargets = 32

// ErrNoService is wrapped by the error of [Targets] for a domain that says in
// its SRV records that it offers no server-to-server service.
var ErrNoService = errors.New("locate: the domain offers no server-to-server service")

// Resolver is what is asked for records: a [*Client] or a [*net.Resolver]. It
// may be called concurrently. One that also is an [AuthenticResolver] is asked
// as such.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// AuthenticResolver is a [Resolver] that knows whether DNSSEC vouches for SRV
// records, such as a [*Client].
type AuthenticResolver interface {
	LookupSRVAuthentic(ctx context.Context, service, proto, name string) (addrs []*net.SRV, authentic bool, err error)
}

var (
	_ Resolver          = (*Client)(nil)
	_ AuthenticResolver = (*Client)(nil)
	_ Resolver          = (*net.Resolver)(nil)
)

// Targets returns the servers of a domain, given in A-labels, in the order to
// try them; there is at least one unless there is an error. An IP literal,
// IPv6 in brackets, is its own target and so is a domain without SRV records.
// Whether a target has addresses is not looked up. The error wraps
// [ErrNoService] or what the resolver said.
//
// Both sets of records, _xmpps-server and _xmpp-server, are looked up at the
// same time and count as one, priorities and weights mixed (XEP-0368 section
// 3). A record that names the root switches its set off: the other one is
// used alone, and if that one does not exist or is off as well there is no
// service. A set that cannot be had does no harm while the other one has
// records, since every target must prove the domain in the same way; without
// them the failure is the result. Only if neither set exists the domain is its
// own server. Targets are in the order of [Order], by rnd.
func Targets(ctx context.Context, r Resolver, domain string, rnd func(n int) int) ([]Target, error) {
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(domain, "["), "]")); err == nil {
		return []Target{{Host: ip.String(), Port: DefaultPort}}, nil
	}
	var direct, plain set
	var wg sync.WaitGroup
	wg.Go(func() { direct = lookupSet(ctx, r, "xmpps-server", domain) })
	plain = lookupSet(ctx, r, "xmpp-server", domain)
	wg.Wait()
	for i := range direct.records {
		direct.records[i].Direct = true
	}
	records := append(plain.records, direct.records...)
	switch {
	case len(records) > 0:
		targets := Order(records, rnd)
		return targets[:min(len(targets), MaxTargets)], nil
	case plain.err != nil:
		return nil, fmt.Errorf("locate: %w", plain.err)
	case direct.err != nil:
		return nil, fmt.Errorf("locate: %w", direct.err)
	case plain.off || direct.off:
		return nil, fmt.Errorf("%w: %s", ErrNoService, domain)
	}
	return []Target{{Host: strings.TrimSuffix(domain, "."), Port: DefaultPort}}, nil
}

// set is one of the two sets of SRV records. The zero set does not exist.
type set struct {
	records []Record
	off     bool  // its records name nothing but the root
	err     error // it could not be had
}

func lookupSet(ctx context.Context, r Resolver, service, domain string) set {
	var found []*net.SRV
	var authentic bool
	var err error
	if ar, ok := r.(AuthenticResolver); ok {
		found, authentic, err = ar.LookupSRVAuthentic(ctx, service, "tcp", domain)
	} else {
		_, found, err = r.LookupSRV(ctx, service, "tcp", domain)
	}
	if len(found) == 0 {
		if err == nil || notFound(err) {
			return set{}
		}
		return set{err: err}
	}
	var s set
	for _, rr := range found {
		if host := strings.TrimSuffix(rr.Target, "."); host != "" {
			s.records = append(s.records, Record{
				Host: host, Port: rr.Port, Priority: rr.Priority, Weight: rr.Weight, Authentic: authentic,
			})
		}
	}
	s.off = len(s.records) == 0
	return s
}

func notFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}
