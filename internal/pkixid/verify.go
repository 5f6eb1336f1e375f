package pkixid

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"
)

// Options are the terms of a verification.
type Options struct {
	Roots *x509.CertPool // trusted authorities; nil: those of the system
	Now   time.Time      // zero: time.Now()
	Cache *Cache         // of what is known already; nil: none
}

// Match is why a chain speaks for a domain.
type Match struct {
	Kind Kind
	Name string // the name in the certificate, such as "*.example"

	// Chain is the verified chain, the leaf first and a root last.
	Chain []*x509.Certificate
	// Chains are all chains that were verified, for those who look for an
	// authority in them. Chain is the one that lasts longest.
	Chains [][]*x509.Certificate
	// NotAfter is when the first certificate of Chain expires. A stream
	// that lives until then should be closed with <reset/>, RFC 6120
	// section 13.7.2.3.
	NotAfter time.Time
}

// Verify checks that the chain a TLS peer presented, its own certificate
// first, leads to a trusted root and speaks for the domain, which may be
// given as A-labels or U-labels or be an IP literal, IPv6 in brackets. The
// other certificates of the chain are used as intermediates in any order.
// The error is always an [*Error].
func Verify(chain []*x509.Certificate, domain string, o Options) (Match, error) {
	fail := func(r Reason, cert *x509.Certificate, err error) (Match, error) {
		return Match{}, &Error{Domain: domain, Reason: r, Cert: cert, Err: err}
	}
	if len(chain) == 0 || chain[0] == nil {
		return fail(NoCertificate, nil, nil)
	}
	want, err := reference(domain)
	if err != nil {
		return fail(BadDomain, nil, nil)
	}
	leaf := chain[0]
	names, err := NamesOf(leaf)
	if err != nil {
		return fail(Malformed, leaf, err)
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	chains, err := build(chain, o)
	if err != nil {
		reason, cert := explain(err, o.Now)
		return fail(reason, cert, err)
	}
	var feeble *x509.Certificate
	chains = slices.DeleteFunc(chains, func(c []*x509.Certificate) bool {
		w := weak(c)
		feeble = cmp.Or(feeble, w)
		return w != nil
	})
	if len(chains) == 0 {
		return fail(WeakKey, feeble, nil)
	}
	chains = slices.DeleteFunc(chains, func(c []*x509.Certificate) bool { return !usable(c) })
	if len(chains) == 0 {
		return fail(BadUsage, leaf, nil)
	}
	kind, name, ok := names.match(want)
	if !ok {
		return Match{}, &Error{Domain: domain, Reason: NameMismatch, Names: names.All(), Cert: leaf}
	}
	if kind != IPAddress {
		chains = slices.DeleteFunc(chains, func(c []*x509.Certificate) bool { return !permitted(c, want.domain) })
		if len(chains) == 0 {
			return fail(NameConstraint, leaf, nil)
		}
	}
	best := slices.MaxFunc(chains, func(a, b []*x509.Certificate) int { return firstExpiry(a).Compare(firstExpiry(b)) })
	return Match{Kind: kind, Name: name, Chain: best, Chains: chains, NotAfter: firstExpiry(best)}, nil
}

// build returns the chains to a trusted root that are known or that crypto/x509
// finds. They are the caller's, the chains in them are not. Usages are left to
// usable.
func build(chain []*x509.Certificate, o Options) ([][]*x509.Certificate, error) {
	if o.Cache == nil {
		return search(chain, o)
	}
	q := ask(chain, o.Roots)
	if chains := o.Cache.get(q, o.Now); chains != nil {
		return slices.Clone(chains), nil
	}
	chains, err := search(chain, o)
	if err == nil {
		o.Cache.put(q, o.Now, slices.Clone(chains))
	}
	return chains, err
}

func search(chain []*x509.Certificate, o Options) ([][]*x509.Certificate, error) {
	inter := x509.NewCertPool()
	for _, c := range chain[1:] {
		if c != nil {
			inter.AddCert(c)
		}
	}
	// crypto/x509 leaves a critical subjectAltName without any name it knows
	// to the caller, which is us: NamesOf has read it.
	leaf := *chain[0]
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions),
		func(id asn1.ObjectIdentifier) bool { return id.Equal(oidSAN) })
	return leaf.Verify(x509.VerifyOptions{
		Roots:         o.Roots,
		Intermediates: inter,
		CurrentTime:   o.Now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
}

// minRSA is the least size of an RSA key in bits, RFC 9325 section 4.5.
const minRSA = 2048

// weak returns the first certificate of a chain whose key is too small to prove
// anything, nil for none. A root above the first is as the host wants it.
func weak(chain []*x509.Certificate) *x509.Certificate {
	for i, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA && (i == 0 || i < len(chain)-1) {
			return c
		}
	}
	return nil
}

// usable reports whether a chain is good for connections: one of serverAuth
// and clientAuth is left when the usages of all its certificates are applied,
// and the leaf is no authority unless it is the trusted root itself.
func usable(chain []*x509.Certificate) bool {
	if chain[0].IsCA && len(chain) > 1 {
		return false
	}
	server, client := true, true
	for i, c := range chain {
		if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			continue
		}
		if i == 0 && slices.ContainsFunc(c.UnknownExtKeyUsage, isXMPPUsage) {
			continue
		}
		server = server && slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		client = client && slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return server || client
}

// isXMPPUsage recognises id-on-xmppAddr in its second role, a usage that
// limits a certificate to XMPP: RFC 6120 section 13.7.1.4.
func isXMPPUsage(id asn1.ObjectIdentifier) bool {
	return id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 5})
}

// permitted reports whether every authority of a chain may vouch for the
// domain. crypto/x509 has applied their constraints to the dNSNames of the
// leaf, but the match may be by another name, or by a wildcard that reaches
// into an excluded subtree.
func permitted(chain []*x509.Certificate, domain string) bool {
	in := func(constraint string) bool { return underConstraint(domain, constraint) }
	for _, ca := range chain[1:] {
		if len(ca.PermittedDNSDomains) > 0 && !slices.ContainsFunc(ca.PermittedDNSDomains, in) {
			return false
		}
		if slices.ContainsFunc(ca.ExcludedDNSDomains, in) {
			return false
		}
	}
	return true
}

func firstExpiry(chain []*x509.Certificate) time.Time {
	first := chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// explain finds the reason in an error of x509.Certificate.Verify and the
// certificate it is about.
func explain(err error, now time.Time) (Reason, *x509.Certificate) {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var roots x509.SystemRootsError
	switch {
	case errors.As(err, &invalid):
		switch invalid.Reason {
		case x509.Expired:
			if invalid.Cert != nil && now.Before(invalid.Cert.NotBefore) {
				return NotYetValid, invalid.Cert
			}
			return Expired, invalid.Cert
		case x509.CANotAuthorizedForThisName, x509.NameConstraintsWithoutSANs, x509.UnconstrainedName, x509.TooManyConstraints:
			return NameConstraint, invalid.Cert
		case x509.IncompatibleUsage, x509.CANotAuthorizedForExtKeyUsage:
			return BadUsage, invalid.Cert
		}
		return InvalidChain, invalid.Cert
	case errors.As(err, &unknown):
		return UnknownAuthority, unknown.Cert
	case errors.As(err, &roots):
		return UnknownAuthority, nil
	}
	return InvalidChain, nil
}
