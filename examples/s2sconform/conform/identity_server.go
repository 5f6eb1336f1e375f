package conform

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

// serverIdentity is about certificates: the one that the target shows when it is
// connected to, and what it accepts of ours when it connects.
func serverIdentity() []Scenario {
	const (
		names   = "RFC 6120 section 13.7.1.2.1"
		general = "RFC 6120 section 13.7.2"
	)
	good := func(id, clause, title string, o func(d *driver) testca.Options) Scenario {
		return must(id, clause, title, func(d *driver) { d.connectsTo(d.issue(o(d))) })
	}
	bad := func(id, clause, title string, o func(d *driver) testca.Options) Scenario {
		return must(id, clause, title, func(d *driver) { d.turnsFrom(d.issue(o(d))) })
	}
	shown := []Scenario{
		must("shows-certificate", "RFC 6120 section 5.4.3.1", "the target shows a certificate", func(d *driver) {
			if len(d.secured(how{}).tls.ConnectionState().PeerCertificates) == 0 {
				d.fail("it does not")
			}
		}),
		must("shows-trusted", general, "its certificate leads to a trusted authority and names the domain that was asked for", func(d *driver) {
			d.shows(how{})
		}),
		should("shows-by-to", "RFC 6120 section 5.4.3.1", "the to of the header chooses the certificate, where TLS names no server", func(d *driver) {
			d.shows(how{tls: func(c *tls.Config) { c.ServerName = "" }})
		}),
	}
	shown = append(shown, initiating([]Scenario{
		must("shows-as-client", "RFC 6120 section 6.3.4", "as the initiating side it shows a certificate that names its domain", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS)
			s.want(wire.NSTLS, "starttls")
			s.proceed()
			s.serveTLS(offer{})
			certs := s.tls.ConnectionState().PeerCertificates
			if len(certs) == 0 {
				d.fail("it shows none")
			}
			d.trusted(certs, x509.ExtKeyUsageAny)
		}),
		good("their-dns", names, "it connects to who has a dNSName", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}}
		}),
		good("their-srv", names, "it connects to who has an SRVName", func(d *driver) testca.Options {
			return testca.Options{SRV: []string{"_xmpp-server." + d.domain}}
		}),
		must("their-intermediate", general, "it follows a chain over an intermediate authority", func(d *driver) {
			c := d.authority().Intermediate(testca.Constraints{Usage: testca.NoUsage}).Issue(testca.Options{DNS: []string{d.domain}})
			d.connectsTo(&c)
		}),
		bad("their-other-name", "RFC 6120 section 13.7.2.1", "it leaves who shows the certificate of another domain", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"unrelated.example"}}
		}),
		bad("their-cn-besides", "RFC 6125 section 6.4.4", "it leaves whose common name fits and whose dNSName does not", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"unrelated.example"}, CN: d.domain}
		}),
		bad("their-srv-client", "RFC 6125 section 6.5", "it leaves who has an SRVName for clients only", func(d *driver) testca.Options {
			return testca.Options{SRV: []string{"_xmpp-client." + d.domain}}
		}),
		bad("their-expired", general, "it leaves who shows an expired certificate", func(d *driver) testca.Options {
			now := time.Now()
			return testca.Options{DNS: []string{d.domain}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}
		}),
		bad("their-not-yet", general, "it leaves who shows a certificate that is not valid yet", func(d *driver) testca.Options {
			now := time.Now()
			return testca.Options{DNS: []string{d.domain}, NotBefore: now.Add(24 * time.Hour), NotAfter: now.Add(48 * time.Hour)}
		}),
		must("their-self-signed", general, "it leaves who signed the certificate themselves", func(d *driver) {
			c := testca.SelfSigned(testca.Options{DNS: []string{d.domain}})
			d.turnsFrom(&c)
		}),
		must("their-other-authority", general, "it leaves who shows a certificate of an authority that is not trusted", func(d *driver) {
			c := testca.New().Issue(testca.Options{DNS: []string{d.domain}})
			d.turnsFrom(&c)
		}),
		bad("their-usage", "RFC 5280 section 4.2.1.12", "it leaves who shows a certificate for signing code", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}, Usage: testca.CodeSigning}
		}),
		must("their-constraints", "RFC 5280 section 4.2.1.10", "it leaves a domain outside of the authority's name constraints", func(d *driver) {
			c := d.authority().Intermediate(testca.Constraints{PermittedDNS: []string{"unrelated.example"}, Usage: testca.NoUsage}).
				Issue(testca.Options{DNS: []string{d.domain}})
			d.turnsFrom(&c)
		}),
	})...)
	return shown
}

// shows checks the certificate that the target shows as the receiving side.
func (d *driver) shows(h how) {
	d.trusted(d.secured(h).tls.ConnectionState().PeerCertificates, x509.ExtKeyUsageServerAuth)
}

// trusted checks that a chain speaks for the target, by a dNSName.
func (d *driver) trusted(certs []*x509.Certificate, usage x509.ExtKeyUsage) {
	if len(certs) == 0 {
		d.fail("there is no certificate")
	}
	others := x509.NewCertPool()
	for _, c := range certs[1:] {
		others.AddCert(c)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{
		DNSName: d.target, Roots: d.env.Target.Roots, Intermediates: others, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		d.fail("%v", err)
	}
}

// openedBy makes the target open a stream to us, which is returned as soon as
// its header is there.
func (d *driver) openedBy(o offer) *stream {
	d.offer = o
	d.manually()
	d.stream(how{}).ping()
	return d.nextOpened()
}

// connectsTo checks that the target authenticates to who shows a certificate.
func (d *driver) connectsTo(cert *tls.Certificate) {
	s := d.openedBy(offer{})
	s.accept(offer{cert: cert})
}

// turnsFrom checks that it ends the session with who shows a certificate, before
// it says anything that is worth something.
func (d *driver) turnsFrom(cert *tls.Certificate) {
	s := d.openedBy(offer{})
	s.answer(offerTLS)
	s.want(wire.NSTLS, "starttls")
	s.proceed()
	if s.tryServeTLS(offer{cert: cert}) != nil {
		return
	}
	s.neverTrusts()
}

// neverTrusts offers everything that a server may want behind TLS and fails if
// the target authenticates or sends a stanza. It has to end the session.
func (s *stream) neverTrusts() {
	for {
		switch e := s.next(); {
		case e.Kind == wire.Silence:
			s.d.fail("the session stays open")
		case e.Kind == wire.Header:
			s.header = e.Node
			s.answer(offerExternal)
		case e.Kind == wire.Footer, e.Kind == wire.End, e.Error() != nil:
			return
		case e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "auth"):
			s.d.fail("it authenticates all the same")
		case e.Kind == wire.Element && isStanza(e.Node):
			s.d.fail("it sends a stanza: %s", quotable(e.Raw))
		}
	}
}
