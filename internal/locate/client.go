package locate

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Client looks names up at recursive DNS servers and remembers the answers.
// The zero Client asks the servers of /etc/resolv.conf. Its fields must not be
// changed after first use; its methods may be called concurrently. It must
// not be copied.
type Client struct {
	// Servers are asked in this order, each as host:port. Empty: the
	// nameserver lines of /etc/resolv.conf as it is at the time, port 53;
	// without any 127.0.0.1:53.
	Servers []string
	// Timeout is how long one server has for an answer. Zero: 3 seconds.
	Timeout time.Duration
	// Attempts is how often a server that stays silent is asked. Zero: 2.
	Attempts int
	// CacheSize is how many answers are remembered. Zero: 4096; negative: none.
	CacheSize int
	// Stale is for how long after its end an answer still serves while no
	// server has a newer one (RFC 8767). Zero: 1 hour; negative: not at all.
	Stale time.Duration
	// TrustAD believes the servers when they say that DNSSEC vouches for an
	// answer. Set it only if all of them validate and the path to them is
	// safe from others, as on the same machine. Questions then ask for
	// validation (the AD and DO bits).
	TrustAD bool
	// Dial connects to a server, with the network "udp" or "tcp". Writes and
	// reads of a "udp" connection must keep the borders of messages.
	// Nil: [net.Dialer].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock by which answers age. Nil: [time.Now].
	Now func() time.Time
	// Rand(n) chooses from 0 to n-1 when records are put into an order. It may be
	// called concurrently. Nil: [rand.IntN].
	Rand func(n int) int

	mu      sync.Mutex
	cache   map[question]entry
	flights map[question]*flight
}

// Limits on what an answer may make of us.
const (
	maxRecords     = 64             // kept of one answer
	maxAliases     = 8              // CNAME records followed for one question
	maxTTL         = 24 * time.Hour // of an answer
	maxNegativeTTL = 3 * time.Hour  // of a negative one, RFC 2308 section 5
)

// question is what a server is asked: an absolute name in lower case.
type question struct {
	name  string
	qtype uint16
}

// answer is what is known about a question. Slices are shared and must not be
// changed.
type answer struct {
	cname string // the owner of the records
	srv   []net.SRV
	addrs []netip.Addr
	tlsa  []TLSA
	ttl   time.Duration

	authentic bool // DNSSEC vouches for all of it, or for there being nothing
}

// size is the number of records.
func (a *answer) size() int { return len(a.srv) + len(a.addrs) + len(a.tlsa) }

// LookupSRV returns the SRV records of _service._proto.name in an order of
// RFC 2782, drawn anew each time, and the name that owns them. With empty
// service and proto the name is looked up as it is. Targets end in a dot.
func (c *Client) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	a, records, err := c.lookupSRV(ctx, service, proto, name)
	if err != nil {
		return "", nil, err
	}
	return a.cname, records, nil
}

// LookupSRVAuthentic is LookupSRV for those who need to know whether DNSSEC
// vouches for the answer: authentic is only ever true if TrustAD is set. With
// an error that is IsNotFound, authentic is about there being no records; with
// any other it is false.
func (c *Client) LookupSRVAuthentic(ctx context.Context, service, proto, name string) (records []*net.SRV, authentic bool, err error) {
	a, records, err := c.lookupSRV(ctx, service, proto, name)
	return records, a.authentic, err
}

// lookupSRV never returns a nil answer.
func (c *Client) lookupSRV(ctx context.Context, service, proto, name string) (*answer, []*net.SRV, error) {
	if service != "" || proto != "" {
		name = "_" + service + "._" + proto + "." + name
	}
	a, err := c.lookup(ctx, name, dns.TypeSRV)
	if err != nil {
		return a, nil, err
	}
	records := make([]*net.SRV, 0, len(a.srv))
	for _, s := range arrange(a.srv, c.Rand, func(s net.SRV) (uint16, uint16) { return s.Priority, s.Weight }) {
		records = append(records, &s)
	}
	return a, records, nil
}

// LookupNetIP returns the addresses of host, IPv6 before IPv4. The network is
// "ip", "ip4" or "ip6". An IP address is returned as it is. If one family has
// addresses, failure to look up the other is no error.
func (c *Client) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addrs, _, err := c.LookupNetIPAuthentic(ctx, network, host)
	return addrs, err
}

// LookupNetIPAuthentic is LookupNetIP for those who need to know whether DNSSEC
// vouches for the addresses of at least one family, which is when RFC 7673
// section 3.2 asks for the TLSA records of the host. It is false for an IP
// address, with an error, and never true unless TrustAD is set.
func (c *Client) LookupNetIPAuthentic(ctx context.Context, network, host string) (addrs []netip.Addr, authentic bool, err error) {
	var types []uint16
	switch network {
	case "ip":
		types = []uint16{dns.TypeAAAA, dns.TypeA}
	case "ip4":
		types = []uint16{dns.TypeA}
	case "ip6":
		types = []uint16{dns.TypeAAAA}
	default:
		return nil, false, &net.DNSError{Err: net.UnknownNetworkError(network).Error(), Name: host, UnwrapErr: net.UnknownNetworkError(network)}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if network == "ip" || ip.Is4() == (network == "ip4") {
			return []netip.Addr{ip}, false, nil
		}
		return nil, false, noSuchHost(host)
	}
	answers := make([]*answer, len(types))
	errs := make([]error, len(types))
	var wg sync.WaitGroup
	for i, t := range types {
		wg.Go(func() { answers[i], errs[i] = c.lookup(ctx, host, t) })
	}
	wg.Wait()
	var failure error
	for i, a := range answers {
		if errs[i] == nil {
			addrs = append(addrs, a.addrs...)
			authentic = authentic || a.authentic
		} else if failure == nil || notFound(failure) {
			failure = errs[i]
		}
	}
	if len(addrs) > 0 {
		return addrs, authentic, nil
	}
	return nil, false, failure
}

// lookup answers one question from the cache or from the servers. The answer
// is never nil, it has records if there is no error, and a failure is a
// *net.DNSError.
func (c *Client) lookup(ctx context.Context, name string, qtype uint16) (*answer, error) {
	q, ok := newQuestion(name, qtype)
	if !ok {
		return new(answer), noSuchHost(name)
	}
	a, err := c.shared(ctx, q)
	if err != nil {
		return new(answer), c.describe(err, name)
	}
	if a.size() == 0 {
		return a, noSuchHost(name)
	}
	return a, nil
}

// newQuestion refuses names that are not letters, digits, hyphens and
// underscores in labels of 1 to 63 octets, 253 in all: no other has servers.
func newQuestion(name string, qtype uint16) (question, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if len(name) > 253 {
		return question{}, false
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 {
			return question{}, false
		}
		for _, b := range []byte(label) {
			if (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_' {
				return question{}, false
			}
		}
	}
	return question{name: name + ".", qtype: qtype}, true
}

func noSuchHost(name string) *net.DNSError {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// serverError is what became of asking one server.
type serverError struct {
	server string
	err    error
}

func (e *serverError) Error() string { return e.err.Error() }
func (e *serverError) Unwrap() error { return e.err }

// describe turns a failure into a *net.DNSError.
func (c *Client) describe(err error, name string) *net.DNSError {
	e := &net.DNSError{Err: err.Error(), Name: name, IsTemporary: true, UnwrapErr: err}
	var at *serverError
	if errors.As(err, &at) {
		e.Server = at.server
	}
	var timeout interface{ Timeout() bool }
	e.IsTimeout = errors.As(err, &timeout) && timeout.Timeout()
	return e
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 3 * time.Second
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
