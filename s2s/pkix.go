package s2s

import (
	"context"
	"crypto/tls"
	"crypto/x509"

	"isthmus.im/internal/pkixid"
	"isthmus.im/jid"
)

// PKIX verifies certificates as RFC 6120 section 13.7 and RFC 9525 ask: a
// chain to a trusted root, and a name in the certificate that is the domain's:
// a dNSName (with a wildcard as its whole left-most label), an SRVName for
// _xmpp-server, or an id-on-xmppAddr. The common name is never looked at. A
// certificate for server authentication only is accepted from peers that
// connect, since public authorities issue no other.
//
// The zero PKIX trusts the system's roots.
type PKIX struct {
	Roots *x509.CertPool // nil: the system's roots
}

// VerifyPeer returns nil if the peer's certificate speaks for domain.
func (p PKIX) VerifyPeer(_ context.Context, domain jid.JID, cs *tls.ConnectionState) error {
	_, err := p.chains(domain, cs, nil)
	return err
}

// chains returns the chains that were verified, the peer's certificate first.
func (p PKIX) chains(domain jid.JID, cs *tls.ConnectionState, known *pkixid.Cache) ([][]*x509.Certificate, error) {
	m, err := pkixid.Verify(cs.PeerCertificates, domain.ASCIIDomain(), pkixid.Options{Roots: p.Roots, Cache: known})
	return m.Chains, err
}
