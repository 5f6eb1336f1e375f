package pkixid

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Kind says which sort of name in a certificate matched a domain.
type Kind uint8

// Kinds of names.
const (
	DNSName   Kind = iota + 1 // dNSName, perhaps with a wildcard
	SRVName                   // SRVName of the service xmpp-server
	XMPPAddr                  // id-on-xmppAddr
	IPAddress                 // iPAddress
)

// String returns the name RFC 5280 or RFC 6120 gives the kind.
func (k Kind) String() string {
	switch k {
	case DNSName:
		return "dNSName"
	case SRVName:
		return "SRVName"
	case XMPPAddr:
		return "id-on-xmppAddr"
	case IPAddress:
		return "iPAddress"
	}
	return "no name"
}

const srvService = "_xmpp-server."

// Match looks for a name that speaks for the domain, which may be given as
// A-labels or U-labels or be an IP literal, IPv6 in brackets. It returns the
// kind of the first such name and the name as it is in the certificate; ok is
// false if there is none. Match says nothing about who issued the names: see
// [Verify].
func (n Names) Match(domain string) (kind Kind, name string, ok bool) {
	ref, err := reference(domain)
	if err != nil {
		return 0, "", false
	}
	return n.match(ref)
}

// ref is a domain in the form names are compared with: lower-case A-labels or
// an IP address.
type ref struct {
	domain string
	ip     netip.Addr // valid for an IP literal, which no domain name matches
}

var errDomain = errors.New("not a domain")

func reference(domain string) (ref, error) {
	literal := domain
	if s, ok := strings.CutPrefix(domain, "["); ok {
		if literal, ok = strings.CutSuffix(s, "]"); !ok {
			return ref{}, errDomain
		}
	}
	if ip, err := netip.ParseAddr(literal); err == nil {
		return ref{ip: ip}, nil
	}
	d, ok := toASCII(strings.TrimSuffix(domain, "."))
	if !ok || strings.ContainsAny(d, "*[]@/: \x00") || strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") {
		return ref{}, errDomain
	}
	if _, err := netip.ParseAddr(d); err == nil {
		return ref{}, errDomain // an address only after mapping, in full-width digits for instance
	}
	return ref{domain: d}, nil
}

// toASCII returns a domain name in lower-case A-labels; ok is false if it is
// empty or has a label that IDNA refuses. ASCII names are not looked into.
func toASCII(s string) (string, bool) {
	if s == "" || !utf8.ValidString(s) {
		return "", false
	}
	if ascii([]byte(s)) {
		return strings.ToLower(s), true
	}
	a, err := idna.Lookup.ToASCII(s)
	return a, err == nil && a != ""
}

func (n Names) match(r ref) (Kind, string, bool) {
	if r.ip.IsValid() {
		for _, ip := range n.IP {
			if ip == r.ip {
				return IPAddress, ip.String(), true
			}
		}
		return 0, "", false
	}
	for _, s := range n.DNS {
		if matchDNS(strings.ToLower(s), r.domain) {
			return DNSName, s, true
		}
	}
	for _, s := range n.SRV {
		if d, ok := strings.CutPrefix(strings.ToLower(s), srvService); ok && d == r.domain {
			return SRVName, s, true
		}
	}
	for _, s := range n.XMPPAddr {
		if d, ok := toASCII(s); ok && d == r.domain {
			return XMPPAddr, s, true
		}
	}
	return 0, "", false
}

// matchDNS compares a lower-case dNSName with a domain that has no "*".
func matchDNS(pattern, domain string) bool {
	if pattern == domain {
		return true
	}
	parent, wild := strings.CutPrefix(pattern, "*.")
	if !wild || parent == "" {
		return false
	}
	label, rest, ok := strings.Cut(domain, ".")
	return ok && label != "" && rest == parent
}

// underConstraint reports whether a domain lies in the subtree of a dNSName
// constraint, RFC 5280 section 4.2.1.10. A leading dot, which that section
// does not define, asks for at least one more label, as crypto/x509 has it.
func underConstraint(domain, constraint string) bool {
	c := strings.ToLower(constraint)
	if c == "" {
		return true
	}
	if strings.HasPrefix(c, ".") {
		return strings.HasSuffix(domain, c) && len(domain) > len(c)
	}
	return domain == c || strings.HasSuffix(domain, "."+c)
}
