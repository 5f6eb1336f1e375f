package conform

import (
	"crypto/tls"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

// starttls are about a target that is asked for TLS.
func starttls() []Scenario {
	return []Scenario{
		must("tls-offered", "RFC 6120 section 5.4.1", "STARTTLS is offered", func(d *driver) {
			if d.plain(how{}).features.Child(wire.NSTLS, "starttls") == nil {
				d.fail("it is not among the features")
			}
		}),
		must("tls-required", "RFC 6120 section 5.4.1", "STARTTLS that is the only feature is marked as required", func(d *driver) {
			f := d.plain(how{}).features
			offer := f.Child(wire.NSTLS, "starttls")
			if offer == nil || len(f.Nodes) > 1 {
				d.skip("it is not the only one")
			}
			if offer.Child(wire.NSTLS, "required") == nil {
				d.fail("there is no <required/>")
			}
		}),
		should("tls-alone", "RFC 6120 section 5.3.1", "no other feature is offered beside STARTTLS that is required", func(d *driver) {
			f := d.plain(how{}).features
			offer := f.Child(wire.NSTLS, "starttls")
			if offer.Child(wire.NSTLS, "required") == nil {
				d.skip("it is not required")
			}
			for _, n := range f.Nodes {
				if n != offer {
					d.fail("<%s xmlns='%s'/> is", n.Name.Local, n.Name.Space)
				}
			}
		}),
		must("tls-before-mechanisms", "RFC 6120 section 6.3.4", "EXTERNAL, which needs a certificate, is not offered before TLS", func(d *driver) {
			if offers(d.plain(how{}).features, "EXTERNAL") {
				d.fail("it is")
			}
		}),
		must("tls-proceed", "RFC 6120 section 5.4.2.1", "<starttls/> is answered with <proceed/>", func(d *driver) {
			d.plain(how{}).starttls()
		}),
		must("tls-white-space", "RFC 6120 section 5.3.3", "no white space stands in front of <proceed/>, and nothing behind it", func(d *driver) {
			s := d.plain(how{})
			s.send("<starttls xmlns='" + wire.NSTLS + "'/>")
			if e := s.next(); e.Kind != wire.Element || !e.Node.Is(wire.NSTLS, "proceed") {
				d.fail("%s instead of <proceed/>", described(e))
			} else if e.Spaced {
				d.fail("there is white space in front of it")
			}
			s.handshake()
		}),
		must("tls-injection", "RFC 6120 section 5.4.3.3", "what was sent in the clear behind <starttls/> is not taken for what is protected", func(d *driver) {
			s := d.plain(how{})
			s.send("<starttls xmlns='" + wire.NSTLS + "'/>" + openingTag(d.domain, d.target, ""))
			e := s.next()
			if e.Kind != wire.Element || !e.Node.Is(wire.NSTLS, "proceed") || s.Pending() != "" || s.tryHandshake() != nil {
				return // it was noticed
			}
			// Nothing was sent behind TLS: nothing is to be answered.
			s.authInjected()
		}),
		must("tls-features", "RFC 6120 section 5.4.3.3", "the features behind TLS do not offer STARTTLS", func(d *driver) {
			if d.offered(how{}).features.Child(wire.NSTLS, "starttls") != nil {
				d.fail("they do")
			}
		}),
		should("tls-features-sasl", "RFC 6120 section 5.4.3.3", "the features behind TLS offer SASL", func(d *driver) {
			if len(mechanisms(d.offered(how{}).features)) == 0 {
				d.fail("they do not")
			}
		}),
		must("tls-second", "RFC 6120 section 5.4.2.2", "a second <starttls/> is refused, and the stream ends", func(d *driver) {
			s := d.offered(how{})
			s.send("<starttls xmlns='" + wire.NSTLS + "'/>")
			for {
				e := s.next()
				switch {
				case e.Kind == wire.Element && e.Node.Is(wire.NSTLS, "proceed"):
					d.fail("it was granted")
				case e.Kind == wire.Silence:
					d.fail("it was not answered, or the connection stays open")
				case e.Kind == wire.End:
					return
				case e.Kind == wire.Footer:
					s.send("</stream:stream>")
				}
			}
		}),
		must("tls-failure", "RFC 6120 section 5.4.3.2", "a handshake that fails ends the connection, without a closing tag", func(d *driver) {
			s := d.plain(how{})
			s.starttls()
			s.send("this is no ClientHello, and nobody should take it for one\r\n\r\n")
			e := s.next()
			switch {
			case e.Kind == wire.Silence:
				d.fail("the connection stays open")
			case e.Kind == wire.Footer, strings.Contains(e.Raw, "</"):
				d.fail("there is a closing tag")
			case e.Kind != wire.End:
				d.fail("%s instead of the end of the connection", described(e))
			}
		}),
		should("tls-client-certificate", "RFC 6120 section 5.4.3.1", "the target asks for a certificate", func(d *driver) {
			asked := false
			cert := d.env.certificate(d.domain)
			d.secured(how{tls: func(c *tls.Config) {
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					asked = true
					return &cert, nil
				}
			}})
			if !asked {
				d.fail("it does not")
			}
		}),
		must("tls-1.2", "RFC 7590 section 3 (RFC 7525 section 3.1.1)", "TLS 1.2 is supported", func(d *driver) {
			d.authenticated(how{tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }})
		}),
		should("tls-1.1", "RFC 7590 section 3 (RFC 7525 section 3.1.1)", "TLS 1.0 and 1.1 are refused", func(d *driver) {
			s := d.plain(how{tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }})
			s.starttls()
			if s.tryHandshake() == nil {
				d.fail("%s was agreed upon", tls.VersionName(s.tls.ConnectionState().Version))
			}
		}),
		must("tls-rc4", "RFC 7590 section 3 (RFC 7525 section 4.1)", "RC4 is refused", func(d *driver) {
			s := d.plain(how{tls: func(c *tls.Config) {
				c.MaxVersion = tls.VersionTLS12
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_RC4_128_SHA}
			}})
			s.starttls()
			if s.tryHandshake() == nil {
				d.fail("%s was agreed upon", tls.CipherSuiteName(s.tls.ConnectionState().CipherSuite))
			}
		}),
		must("tls-ephemeral", "RFC 7590 section 3 (RFC 7525 section 4.2)", "a cipher suite with forward secrecy is supported", func(d *driver) {
			d.authenticated(how{tls: func(c *tls.Config) {
				c.MaxVersion = tls.VersionTLS12
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
			}})
		}),
		must("tls-no-return", "RFC 6120 section 4.3.3", "there is no closing tag between the stream before TLS and the one behind it", func(d *driver) {
			s := d.plain(how{})
			s.starttls()
			s.handshake()
			s.send(openingTag(d.domain, d.target, ""))
			s.takeHeader()
		}),
	}
}

// authInjected fails if a header that was injected before TLS is answered behind
// it. It sends a good one then, and goes the rest of the way.
func (s *stream) authInjected() {
	s.send(openingTag(s.how.from, s.d.target, ""))
	e := s.next()
	if e.Kind != wire.Header {
		return
	}
	if e = s.next(); e.Kind != wire.Element || !e.Node.Is(wire.NSStream, "features") || !offers(e.Node, "EXTERNAL") {
		return
	}
	// Was that the answer to the first header, the second one is an error.
	s.send(authText(s.how.from))
	if e = s.next(); e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "success") {
		s.d.fail("%s: the header that was sent in the clear was answered behind TLS", described(e))
	}
}
