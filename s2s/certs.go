package s2s

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

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
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	t.NextProtos = []string{alpn}
	t.DynamicRecordSizingDisabled = true
	t.InsecureSkipVerify = true
	t.VerifyConnection, t.VerifyPeerCertificate = nil, nil
	t.RootCAs, t.ClientCAs = nil, nil
	return t
}

// certificate finds the certificate of a local domain.
func (s *Server) certificate(host *tls.Config, domain string) (*tls.Certificate, error) {
	if host.GetCertificate != nil {
		c, err := host.GetCertificate(&tls.ClientHelloInfo{
			ServerName:        domain,
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
	for i := range host.Certificates {
		c := &host.Certificates[i]
		leaf := c.Leaf
		if leaf == nil && len(c.Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(c.Certificate[0])
		}
		if leaf != nil && leaf.VerifyHostname(domain) == nil {
			return c, nil
		}
	}
	if len(host.Certificates) > 0 {
		return &host.Certificates[0], nil
	}
	return nil, fmt.Errorf("s2s: no certificate for %s", domain)
}

// serverTLS is the configuration of an inbound handshake. The peer's server
// name indication, if it names one of our domains, chooses the certificate;
// else the domain that its stream header asked for does; else the first one
// configured.
func (s *Server) serverTLS(local jid.JID) *tls.Config {
	if t, ok := s.inboundTLS.Load(local); ok {
		return t.(*tls.Config)
	}
	t := s.tls.Clone()
	t.ClientAuth = tls.RequestClientCert
	t.SessionTicketsDisabled = true
	t.Certificates = nil
	t.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if d, err := jid.Parse(hello.ServerName); hello.ServerName != "" && err == nil && s.serves(d) {
			return s.certificate(s.tls, d.ASCIIDomain())
		}
		if !local.IsZero() {
			return s.certificate(s.tls, local.ASCIIDomain())
		}
		return s.certificate(s.tls, s.first.ASCIIDomain())
	}
	s.inboundTLS.Store(local, t)
	return t
}

// clientTLS is the configuration of an outgoing handshake.
func (s *Server) clientTLS(local, remote jid.JID) *tls.Config {
	t := s.tls.Clone()
	t.ServerName = remote.ASCIIDomain()
	t.ClientSessionCache = nil
	t.GetCertificate = nil
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return s.certificate(s.tls, local.ASCIIDomain())
	}
	return t
}

// checkTLS finds mistakes in the host's configuration at once rather than at
// the first handshake.
func checkTLS(c *tls.Config) error {
	if c == nil {
		return errors.New("s2s: Config.TLS is missing")
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil {
		return errors.New("s2s: Config.TLS has neither Certificates nor GetCertificate")
	}
	if c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS12 {
		return errors.New("s2s: Config.TLS forbids TLS 1.2 and later")
	}
	return nil
}
