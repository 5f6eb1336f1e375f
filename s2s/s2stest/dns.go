package s2stest

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/s2s"
)

// TLSA is a TLSA record as RFC 6698 section 2.1 has it, with the fields Usage,
// Selector, MatchingType and Data. [TLSAFor] makes one of a certificate.
type TLSA = locate.TLSA

// DNSFailure is an error that a name server answers with, for
// [Network.FailDNS].
type DNSFailure uint8

const (
	ServFail DNSFailure = iota + 1 // SERVFAIL, also what validating resolvers say of forged records
	Refused                        // REFUSED
	NoAnswer                       // silence
)

// Error names the failure.
func (f DNSFailure) Error() string {
	switch f {
	case ServFail:
		return "s2stest: SERVFAIL"
	case Refused:
		return "s2stest: REFUSED"
	case NoAnswer:
		return "s2stest: no answer"
	}
	return "s2stest: DNS failure " + strconv.Itoa(int(f))
}

// names is what DNS knows, and how it behaves. Names are A-labels in lower
// case without the final dot; the root is "". Of fails, slow, ttls and signed
// the entry of a name holds for the names below it that have none.
type names struct {
	records map[string]*records
	fails   map[string]error // a nil error: it works
	slow    map[string]time.Duration
	ttls    map[string]time.Duration
	signed  map[string]bool
}

// records are what belongs to one name.
type records struct {
	alias string // if set there is nothing else
	srv   []net.SRV
	addrs []netip.Addr
	tlsa  []TLSA
}

func newNames() names {
	return names{make(map[string]*records), make(map[string]error), make(map[string]time.Duration), make(map[string]time.Duration), make(map[string]bool)}
}

// at returns the records of a name for changing.
func (d *names) at(name string) *records {
	r := d.records[name]
	if r == nil {
		r = new(records)
		d.records[name] = r
	}
	return r
}

// closest returns what was said of the name or of the closest one above it.
func closest[V any](said map[string]V, name string) (v V) {
	for {
		if v, ok := said[name]; ok || name == "" {
			return v
		}
		_, name, _ = strings.Cut(name, ".")
	}
}

// dns changes what DNS says of a name.
func (n *Network) dns(name string, change func(*names, string)) {
	n.t.Helper()
	host := strings.TrimSuffix(name, ".")
	label := ""
	for strings.HasPrefix(host, "_") { // no domain of an address has those
		first, rest, _ := strings.Cut(host, ".")
		label, host = label+first+".", rest
	}
	if host != "" {
		host = ascii(n.t, []string{host})[0]
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.names, strings.ToLower(label+host))
}

// SetSRV replaces the _xmpp-server._tcp records of a domain; none removes them.
func (n *Network) SetSRV(domain string, records ...*net.SRV) {
	n.t.Helper()
	n.dns("_xmpp-server._tcp."+domain, setSRV(records))
}

// SetDirectSRV replaces the _xmpps-server._tcp records of a domain, those for
// direct TLS (XEP-0368); none removes them.
func (n *Network) SetDirectSRV(domain string, records ...*net.SRV) {
	n.t.Helper()
	n.dns("_xmpps-server._tcp."+domain, setSRV(records))
}

func setSRV(list []*net.SRV) func(*names, string) {
	return func(d *names, name string) {
		r := d.at(name)
		r.srv = nil
		for _, s := range list {
			r.srv = append(r.srv, *s)
		}
	}
}

// SetAddrs replaces the addresses of a host or domain, A and AAAA records; none
// removes them.
func (n *Network) SetAddrs(host string, addrs ...netip.Addr) {
	n.t.Helper()
	n.dns(host, func(d *names, name string) { d.at(name).addrs = slices.Clone(addrs) })
}

// SetTLSA replaces the TLSA records of a host's TCP port; none removes them.
// Nobody looks at them unless they and what leads there are signed, see
// [Network.SignDNS].
func (n *Network) SetTLSA(host string, port uint16, records ...TLSA) {
	n.t.Helper()
	n.dns("_"+strconv.Itoa(int(port))+"._tcp."+host, func(d *names, name string) { d.at(name).tlsa = slices.Clone(records) })
}

// SetAlias makes a name an alias of another (CNAME); an empty target undoes it.
func (n *Network) SetAlias(name, target string) {
	n.t.Helper()
	n.dns(name, func(d *names, name string) { d.at(name).alias = strings.TrimSuffix(target, ".") })
}

// SignDNS says whether DNSSEC vouches for what is said of a name and of those
// below it, which is what the AD bit of answers then tells. "." is the root, so
// that SignDNS(".", true) signs everything. Nothing is signed at first.
func (n *Network) SignDNS(name string, signed bool) {
	n.t.Helper()
	n.dns(name, func(d *names, name string) { d.signed[name] = signed })
}

// SetTTL sets how long what is said of a name, and of those below it, may be
// remembered, also that there is no such thing; "." is the root. It is rounded
// down to seconds. At first it is zero: every change is noticed at once.
func (n *Network) SetTTL(name string, ttl time.Duration) {
	n.t.Helper()
	n.dns(name, func(d *names, name string) { d.ttls[name] = ttl })
}

// FailDNS makes all questions about a name and those below it fail, for a
// nil error no longer; "." is the root. The error is a [DNSFailure]; any
// other one stands for [ServFail].
func (n *Network) FailDNS(name string, err error) {
	n.t.Helper()
	n.dns(name, func(d *names, name string) { d.fails[name] = err })
}

// SlowDNS makes answers about a name and those below it come d later; "." is
// the root. The server under test waits 3 seconds for an answer, and asks
// twice.
func (n *Network) SlowDNS(name string, d time.Duration) {
	n.t.Helper()
	n.dns(name, func(names *names, name string) { names.slow[name] = d })
}

// Resolver returns a resolver with a cache of its own that asks the network's
// name server and trusts its AD bits: the one that servers have by default. It
// may be used from any goroutine.
func (n *Network) Resolver() s2s.Resolver {
	return &locate.Client{Servers: []string{nameServer}, TrustAD: true, Dial: n.dialDNS, Rand: n.chooser()}
}

// TLSAFor returns the TLSA record of a certificate: usage 0 PKIX-TA, 1 PKIX-EE,
// 2 DANE-TA or 3 DANE-EE; selector 0 the certificate or 1 its public key;
// matching 0 as it is, 1 its SHA-256 or 2 its SHA-512. The most common ones are
// 3 1 1 for the server's certificate and 2 1 1 for its authority's.
func TLSAFor(usage, selector, matching uint8, c *x509.Certificate) TLSA {
	data := c.Raw
	if selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return TLSA{Usage: usage, Selector: selector, MatchingType: matching, Data: slices.Clone(data)}
}
