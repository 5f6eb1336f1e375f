package s2stest

import (
	"crypto/tls"
	"crypto/x509"
	"strconv"
	"strings"
	"time"

	"isthmus.im/internal/testca"
)

// CertKind is a certificate of a certain kind, good or bad, for
// [Network.CertificateOf].
type CertKind uint8

// The kinds of certificates. Those marked with * prove the domain by the rules
// of RFC 6120 section 13.7 and RFC 9525; not every server knows all of them.
const (
	GoodCert        CertKind = iota // * dNSName, for servers and clients
	WildcardCert                    // * dNSName with "*" for the first label
	ServerAuthOnly                  // * dNSName, for servers only, as public authorities issue since 2026
	ClientAuthOnly                  // * dNSName, for clients only
	XMPPAddrOnly                    // * id-on-xmppAddr, no dNSName
	SRVNameOnly                     // * SRVName for _xmpp-server, no dNSName
	ExpiredCert                     // expired an hour ago
	NotYetValidCert                 // valid in an hour
	WrongName                       // dNSName of another domain
	CommonNameOnly                  // the domain is the common name and nothing else
	UPNOnly                         // the domain is in an otherName that is not XMPP's
	UnknownCA                       // by an authority nobody trusts
	SelfSignedCert                  // by nobody
	ChainMissing                    // by an intermediate authority that is not sent along
	NameConstrained                 // by an authority that may not vouch for the domain
	WeakKey                         // RSA with 1024 bits
	certKinds
)

// CertKinds returns all kinds, for tests that try them in turn.
func CertKinds() []CertKind {
	all := make([]CertKind, certKinds)
	for i := range all {
		all[i] = CertKind(i)
	}
	return all
}

// Proves reports whether a certificate of this kind proves its domain.
func (k CertKind) Proves() bool { return k <= SRVNameOnly }

// String returns a name for the kind, such as "expired".
func (k CertKind) String() string {
	switch k {
	case GoodCert:
		return "good"
	case WildcardCert:
		return "wildcard"
	case ServerAuthOnly:
		return "serverAuth only"
	case ClientAuthOnly:
		return "clientAuth only"
	case XMPPAddrOnly:
		return "id-on-xmppAddr only"
	case SRVNameOnly:
		return "SRVName only"
	case ExpiredCert:
		return "expired"
	case NotYetValidCert:
		return "not yet valid"
	case WrongName:
		return "wrong name"
	case CommonNameOnly:
		return "common name only"
	case UPNOnly:
		return "UPN only"
	case UnknownCA:
		return "unknown authority"
	case SelfSignedCert:
		return "self-signed"
	case ChainMissing:
		return "chain missing"
	case NameConstrained:
		return "name constraint"
	case WeakKey:
		return "weak key"
	}
	return "kind " + strconv.Itoa(int(k))
}

// CertificateOf issues a certificate of a kind for a domain. It is dated from
// now, so in a bubble it must be made there.
func (n *Network) CertificateOf(k CertKind, domain string) tls.Certificate {
	n.t.Helper()
	name := ascii(n.t, []string{domain})[0]
	now := time.Now()
	o := CertOptions{DNS: []string{name}}
	switch k {
	case GoodCert:
	case WildcardCert:
		_, rest, _ := strings.Cut(name, ".")
		o.DNS = []string{"*." + rest}
	case ServerAuthOnly:
		o.Usage = ServerOnly
	case ClientAuthOnly:
		o.Usage = ClientOnly
	case XMPPAddrOnly:
		o = CertOptions{XMPPAddr: []string{domain}}
	case SRVNameOnly:
		o = CertOptions{SRV: []string{"_xmpp-server." + name}}
	case ExpiredCert:
		o.NotBefore, o.NotAfter = now.Add(-48*time.Hour), now.Add(-time.Hour)
	case NotYetValidCert:
		o.NotBefore = now.Add(time.Hour)
	case WrongName:
		o.DNS = []string{"wrong.example"}
	case CommonNameOnly:
		o = CertOptions{CN: name}
	case UPNOnly:
		o = CertOptions{UPN: []string{name}}
	case UnknownCA:
		return testca.New().Issue(o)
	case SelfSignedCert:
		return testca.SelfSigned(o)
	case ChainMissing:
		c := n.ca.Intermediate(testca.Constraints{Usage: NoUsage}).Issue(o)
		c.Certificate = c.Certificate[:1]
		return c
	case NameConstrained:
		return n.ca.Intermediate(testca.Constraints{ExcludedDNS: []string{name}, Usage: NoUsage}).Issue(o)
	case WeakKey:
		o.RSA = 1024
	default:
		n.t.Fatalf("s2stest: no certificates of %v", k)
	}
	return n.ca.Issue(o)
}

// TLS returns a Config.TLS with a certificate of a kind for each domain.
func (n *Network) TLS(k CertKind, domains ...string) *tls.Config {
	n.t.Helper()
	c := new(tls.Config)
	for _, d := range domains {
		c.Certificates = append(c.Certificates, n.CertificateOf(k, d))
	}
	return c
}

// CertOptions describe a certificate for [Network.Issue]; the zero value makes a
// good one without any name. Fields: DNS, SRV, XMPPAddr, UPN, IPs, CN, Others,
// RawSAN and CriticalSAN for the names, Usage for the extended key usage,
// NotBefore and NotAfter, IsCA, RSA.
type CertOptions = testca.Options

// The values of CertOptions.Usage.
const (
	ServerAndClient = testca.ServerAndClient
	ServerOnly      = testca.ServerOnly
	ClientOnly      = testca.ClientOnly
	NoUsage         = testca.NoUsage
	AnyUsage        = testca.AnyUsage
)

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
