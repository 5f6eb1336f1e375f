package s2s

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/posh"
	"isthmus.im/internal/staple"
	"isthmus.im/jid"
)

// setProofs takes from cfg what decides which methods prove a domain.
func (s *Server) setProofs(cfg *Config) error {
	s.revoked, s.identities, s.onChange = cfg.Revoked, cfg.Identities, cfg.OnChange
	if s.identities == nil {
		s.identities = &MemIdentities{Size: s.limits.Identities}
	}
	if cfg.DNSSEC {
		var ok bool
		if s.secure, ok = s.resolver.(ValidatingResolver); !ok {
			return errNotValidating
		}
	}
	if cfg.POSH {
		if s.web = cfg.Web; s.web == nil {
			s.web = newWeb(s)
		}
		s.posh = &posh.Client{Fetch: s.fetch}
	}
	return nil
}

// evidence is what a TLS peer has to show for a domain.
type evidence struct {
	s      *Server
	domain jid.JID
	cs     *tls.ConnectionState
	// hosts are the servers of the domain for which DNSSEC vouches. With strict
	// there is at most one, the one that was connected to.
	hosts  []locate.Target
	strict bool
	web    bool // the domain's web server may be asked
}

// proof returns the method by which the certificate of the TLS peer proves a
// domain. It is the one place that decides this, for both roles.
//
// TLSA records come first. Of a server that was connected to they decide alone,
// where there are any that can be used (RFC 7673 section 4.2). For a peer that
// connects, which need not be one of the domain's servers, no specification says
// so much: there they are one more way to prove the domain. A certificate that
// Config.Verifier accepts is next, for the domain or for a host to which a signed
// SRV record delegates it, and the domain's web server the last.
func (c *conn) proof(ctx context.Context, domain jid.JID) (Method, error) {
	ctx, cancel := context.WithTimeout(ctx, c.s.limits.Negotiation)
	defer cancel()
	cs := c.tls.ConnectionState()
	e := &evidence{s: c.s, domain: domain, cs: &cs}
	switch {
	case domain.IsIPLiteral() || c.s.secure == nil && c.s.posh == nil:
	case c.out && domain == c.remote:
		e.strict, e.web = true, true
		if c.target.Authentic {
			e.hosts = []locate.Target{c.target}
		}
	case c.s.rules.Load().allows(ctx, domain, c.s.reach) == nil:
		e.hosts, e.web = c.s.signedHosts(ctx, domain), true
	}
	m, chains, err := e.method(ctx)
	if err != nil {
		return 0, err
	}
	if err := e.revoked(ctx, chains); err != nil {
		return 0, &disprovedError{err}
	}
	return m, nil
}

// method finds the strongest method that proves the domain, and the chains
// that were verified if there are any.
func (e *evidence) method(ctx context.Context) (Method, [][]*x509.Certificate, error) {
	chain, daneErr := e.dane(ctx)
	switch {
	case daneErr == nil && chain == nil:
		return MethodDANE, nil, nil
	case daneErr == nil:
		return MethodDANE, [][]*x509.Certificate{chain}, nil
	case errors.Is(daneErr, dane.ErrUnusable):
		daneErr = nil
	case e.strict:
		return 0, nil, &disprovedError{daneErr}
	}
	chains, pkixErr := e.pkix(ctx)
	if pkixErr == nil {
		return MethodPKIX, chains, nil
	}
	var poshErr error
	if e.s.posh != nil && e.web && len(e.cs.PeerCertificates) > 0 {
		poshErr = e.s.posh.Verify(ctx, e.domain.ASCIIDomain(), e.cs.PeerCertificates[0])
		if poshErr == nil {
			return MethodPOSH, nil, nil
		}
	}
	if daneErr == nil && poshErr == nil {
		return 0, nil, pkixErr
	}
	return 0, nil, &unprovedError{pkix: pkixErr, dane: daneErr, posh: poshErr}
}

// disprovedError says that a certificate is known to be a wrong one, so that no
// other method may take it.
type disprovedError struct{ err error }

func (e *disprovedError) Error() string { return e.err.Error() }
func (e *disprovedError) Unwrap() error { return e.err }

// unprovedError says why none of several methods proved a domain.
type unprovedError struct{ pkix, dane, posh error }

func (e *unprovedError) Error() string {
	text := e.pkix.Error()
	for _, err := range []error{e.dane, e.posh} {
		if err != nil {
			text += "; " + err.Error()
		}
	}
	return text
}

// Unwrap returns the errors that there are.
func (e *unprovedError) Unwrap() []error {
	var list []error
	for _, err := range []error{e.dane, e.posh, e.pkix} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// pkix asks the domain's Verifier, for the domain and for the hosts to which DNSSEC
// says it is delegated (RFC 7673 section 4.1), and returns the chains that were
// verified as far as they are known.
func (e *evidence) pkix(ctx context.Context) ([][]*x509.Certificate, error) {
	chains, err := e.verifyAs(ctx, e.domain)
	for i := 0; err != nil && i < len(e.hosts); i++ {
		host, bad := jid.New("", e.hosts[i].Host, "")
		if bad != nil {
			continue
		}
		if ofHost, bad := e.verifyAs(ctx, host); bad == nil {
			return ofHost, nil
		}
	}
	return chains, err
}

func (e *evidence) verifyAs(ctx context.Context, name jid.JID) ([][]*x509.Certificate, error) {
	verifier := e.s.verifierOf(e.domain)
	if p, ok := verifier.(PKIX); ok {
		return p.chains(name, e.cs, &e.s.chains)
	}
	if err := verifier.VerifyPeer(ctx, name, e.cs); err != nil {
		return nil, err
	}
	return [][]*x509.Certificate{e.cs.PeerCertificates}, nil
}

// revoked refuses a certificate that is not good any more, going by the OCSP
// response that came with it and by Config.Revoked. The response counts where an
// authority does, and as far as it is known who issued the certificate.
func (e *evidence) revoked(ctx context.Context, chains [][]*x509.Certificate) error {
	if response := e.cs.OCSPResponse; len(response) > 0 {
		if issuer := issuerOf(chains); issuer != nil {
			if err := staple.Check(response, chains[0][0], issuer, time.Now()); err != nil {
				return err
			}
		}
	}
	if e.s.revoked == nil {
		return nil
	}
	return e.s.revoked(ctx, e.domain, e.cs)
}

// issuerOf finds who issued the first certificate of chains; nil if it is not
// among them.
func issuerOf(chains [][]*x509.Certificate) *x509.Certificate {
	for _, chain := range chains {
		for _, c := range chain {
			if chain[0].CheckSignatureFrom(c) == nil {
				return c
			}
		}
	}
	return nil
}
