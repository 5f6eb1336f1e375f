package s2s

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"isthmus.im/jid"
)

// alpn is the protocol name of XEP-0368 section 2. Peers send it with STARTTLS
// too.
const alpn = "xmpp-server"

// tlsBase prepares the host's configuration for both roles. Whom to trust is
// decided by the Verifier after the handshake, with the names that matter to
// XMPP, which is why crypto/tls is told not to.
func tlsBase(host *tls.Config) *tls.Config {
	t := host.Clone()
	if t == nil {
		t = new(tls.Config)
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.NextProtos = []string{alpn}
	t.DynamicRecordSizingDisabled = true
	t.InsecureSkipVerify = true
	t.VerifyConnection, t.VerifyPeerCertificate = nil, nil
	t.RootCAs, t.ClientCAs = nil, nil
	t.GetConfigForClient = nil
	return t
}

// statics are the certificates of a tls.Config by what they name, so that one of
// thousands is found without looking at the others.
type statics struct {
	byName map[string]*tls.Certificate
	first  *tls.Certificate // for domains that none names; nil: there are none
}

func newStatics(certs []tls.Certificate) statics {
	s := statics{byName: make(map[string]*tls.Certificate)}
	for i := range certs {
		c := &certs[i]
		if s.first == nil {
			s.first = c
		}
		leaf, err := leafOf(c)
		if err != nil {
			continue
		}
		names := leaf.DNSNames
		for _, ip := range leaf.IPAddresses {
			names = append(names[:len(names):len(names)], ip.String(), "["+ip.String()+"]")
		}
		for _, name := range names {
			name = strings.ToLower(name)
			if s.byName[name] == nil {
				s.byName[name] = c
			}
		}
	}
	return s
}

// find returns the certificate that names a domain, given in A-labels, or else
// the first one.
func (s statics) find(domain string) *tls.Certificate {
	if c := s.byName[domain]; c != nil {
		return c
	}
	if _, rest, ok := strings.Cut(domain, "."); ok {
		if c := s.byName["*."+rest]; c != nil {
			return c
		}
	}
	return s.first
}

// leafOf returns the parsed certificate of a chain's end.
func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	if len(c.Certificate) == 0 {
		return nil, errors.New("s2s: an empty certificate")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

// certificate returns the certificate of a local domain.
func (s *Server) certificate(local jid.JID) (*tls.Certificate, error) {
	name := local.ASCIIDomain()
	get := s.tls.GetCertificate
	if d := s.domains.get(local.Domain()); d == nil {
		return nil, fmt.Errorf("%w: %q", ErrNotLocal, local)
	} else if d.certificate != nil {
		get = d.certificate
	}
	if get != nil {
		c, err := get(&tls.ClientHelloInfo{
			ServerName:        name,
			SupportedVersions: []uint16{tls.VersionTLS13, tls.VersionTLS12},
			SupportedProtos:   []string{alpn},
			SignatureSchemes: []tls.SignatureScheme{
				tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.Ed25519,
				tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PKCS1WithSHA256,
			},
			SupportedCurves: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
			CipherSuites:    []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		})
		if c != nil || err != nil {
			return c, err
		}
	}
	if c := s.statics.find(name); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("s2s: no certificate for %s", name)
}

// serverTLS is the configuration of an inbound handshake. The peer's server
// name indication, if it names one of our domains, chooses the certificate;
// else the domain that its stream header asked for does; else that of some
// domain is shown. Certificates are asked for at each handshake, so what is
// kept here need not change when they do.
func (s *Server) serverTLS(local jid.JID) *tls.Config {
	made := &s.anyTLS
	if d := s.domains.get(local.Domain()); d != nil {
		made = &d.inbound
	} else {
		local = jid.JID{}
	}
	if t := made.Load(); t != nil {
		return t
	}
	t := s.tls.Clone()
	t.ClientAuth = tls.RequestClientCert
	t.SessionTicketsDisabled = true
	t.Certificates = nil
	t.GetCertificate = showing(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if d, err := jid.Parse(hello.ServerName); hello.ServerName != "" && err == nil && s.serves(d) {
			return s.certificate(d)
		}
		if !local.IsZero() {
			return s.certificate(local)
		}
		some := s.domains.some.Load()
		if some == nil {
			return nil, errors.New("s2s: no domain is served here")
		}
		return s.certificate(some.jid)
	})
	made.Store(t)
	return t
}

// clientTLS is the configuration of an outgoing handshake.
func (s *Server) clientTLS(local, remote jid.JID) *tls.Config {
	t := s.tls.Clone()
	t.ServerName = remote.ASCIIDomain()
	t.ClientSessionCache = nil
	t.GetCertificate = nil
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return s.certificate(local)
	}
	return t
}

// checkTLS finds mistakes in the host's configuration at once rather than at
// the first handshake.
func checkTLS(cfg *Config) error {
	c := cfg.TLS
	if c == nil {
		if len(cfg.Domains)+len(cfg.Services) > 0 {
			return errors.New("s2s: Config.TLS is missing")
		}
		return nil
	}
	if len(cfg.Domains)+len(cfg.Services) > 0 && !hasCertificates(c) {
		return errors.New("s2s: Config.TLS has neither Certificates nor GetCertificate")
	}
	if c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS12 {
		return errors.New("s2s: Config.TLS forbids TLS 1.2 and later")
	}
	return nil
}

func hasCertificates(c *tls.Config) bool { return len(c.Certificates) > 0 || c.GetCertificate != nil }
