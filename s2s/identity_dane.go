package s2s

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/locate"
	"isthmus.im/jid"
)

// TLSA is a TLSA record (RFC 6698 section 2.1), with the fields Usage, Selector,
// MatchingType and Data. Records whose fields make no sense are records, too.
type TLSA = locate.TLSA

// ValidatingResolver is a [Resolver] that knows what DNSSEC vouches for; the
// default one is. The additional result says so, of all records and of every
// alias on the way to them, and with an error that is IsNotFound of there being
// none. Implementations are safe for concurrent use.
type ValidatingResolver interface {
	LookupSRVAuthentic(ctx context.Context, service, proto, name string) (records []*net.SRV, authentic bool, err error)
	// LookupNetIPAuthentic is about the addresses of at least one family.
	LookupNetIPAuthentic(ctx context.Context, network, host string) (addrs []netip.Addr, authentic bool, err error)
	// LookupTLSA looks up a name such as "_5269._tcp.xmpp.example".
	LookupTLSA(ctx context.Context, name string) (records []TLSA, authentic bool, err error)
}

var _ ValidatingResolver = (*locate.Client)(nil)

var errNotValidating = errors.New("s2s: Config.DNSSEC needs a Resolver that is a ValidatingResolver")

// maxSignedHosts is how many of a domain's servers count for a peer that
// connects.
const maxSignedHosts = 8

// signedHosts returns the servers of a domain for whose SRV records DNSSEC
// vouches.
func (s *Server) signedHosts(ctx context.Context, domain jid.JID) []locate.Target {
	if s.secure == nil {
		return nil
	}
	targets, err := s.rules.Load().of(domain).lookup(ctx, s, domain)
	if err != nil {
		return nil // nothing that could prove anything
	}
	var signed []locate.Target
	for _, t := range targets {
		if t.Authentic && len(signed) < maxSignedHosts {
			signed = append(signed, t)
		}
	}
	return signed
}

// dane looks for TLSA records of the domain's hosts that speak for the peer. The
// error is dane.ErrUnusable if there are none that could; the chain is nil if a
// record names the peer's own certificate.
func (e *evidence) dane(ctx context.Context) ([]*x509.Certificate, error) {
	failure := dane.ErrUnusable
	for _, host := range e.hosts {
		records, err := e.s.tlsa(ctx, host)
		if err != nil {
			failure = err
			continue
		}
		m, err := dane.Verify(records, e.cs.PeerCertificates, dane.Terms{
			Names: []string{e.domain.ASCIIDomain(), host.Host},
			PKIX:  func() ([][]*x509.Certificate, error) { return e.pkix(ctx) },
		})
		if err == nil {
			return m.Chain, nil
		}
		if !errors.Is(err, dane.ErrUnusable) {
			failure = err
		}
	}
	return nil, failure
}

// tlsaError says that it could not be found out whether a host has TLSA records.
type tlsaError struct {
	host string
	err  error
}

// Error does not repeat what the resolver said: the text is for the peer, too.
func (e *tlsaError) Error() string {
	return fmt.Sprintf("s2s: whether %s has TLSA records could not be found out", e.host)
}

func (e *tlsaError) Unwrap() error { return e.err }

// tlsa returns the signed TLSA records of a host whose SRV record is signed. They
// are looked for only if its addresses are signed as well, since servers of
// other zones answer such questions badly (RFC 7673 section 3.2). That they
// cannot be had is an error: somebody may hold them back (section 3.4).
func (s *Server) tlsa(ctx context.Context, t locate.Target) ([]TLSA, error) {
	_, authentic, err := s.secure.LookupNetIPAuthentic(ctx, "ip", t.Host)
	if err == nil && authentic {
		var records []TLSA
		records, authentic, err = s.secure.LookupTLSA(ctx, "_"+strconv.Itoa(int(t.Port))+"._tcp."+t.Host)
		if err == nil && authentic {
			return records, nil
		}
	}
	if err != nil && !notThere(err) {
		s.log.Debug("TLSA records not found out", "host", t.Host, "err", err)
		return nil, &tlsaError{t.Host, err}
	}
	return nil, nil
}
