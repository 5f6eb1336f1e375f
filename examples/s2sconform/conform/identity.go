package conform

import (
	"crypto/tls"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

// issue makes a certificate that the target's authority vouches for.
func (d *driver) issue(o testca.Options) *tls.Certificate {
	c := d.authority().Issue(o)
	return &c
}

// authority is the one that the target trusts.
func (d *driver) authority() *testca.CA {
	if d.env.CA == nil {
		d.skip("there is no authority to issue the certificate")
	}
	return d.env.CA
}

// accepts checks that the target authenticates us by a certificate.
func (d *driver) accepts(h how) {
	s := d.offered(h)
	if !offers(s.features, "EXTERNAL") {
		d.fail("SASL EXTERNAL is not offered")
	}
	s.send(authText(s.how.from))
	s.want(wire.NSSASL, "success")
}

// refuses checks that it does not.
func (d *driver) refuses(h how) {
	s := d.plain(h)
	s.starttls()
	if s.tryHandshake() != nil {
		return
	}
	s.send(openingTag(s.how.from, d.target, ""))
	s.neverAuthenticates(s.how.from)
}

// identity are about certificates that we show as the initiating side.
func identity() []Scenario {
	const (
		names   = "RFC 6120 section 13.7.1.2.1"
		general = "RFC 6120 section 13.7.2"
	)
	good := func(id, clause, title string, o func(d *driver) testca.Options) Scenario {
		return must(id, clause, title, func(d *driver) { d.accepts(how{cert: d.issue(o(d))}) })
	}
	bad := func(id, clause, title string, o func(d *driver) testca.Options) Scenario {
		return must(id, clause, title, func(d *driver) { d.refuses(how{cert: d.issue(o(d))}) })
	}
	xmppAddr := good("cert-xmppaddr", names, "an id-on-xmppAddr is accepted", func(d *driver) testca.Options {
		return testca.Options{XMPPAddr: []string{d.domain}}
	})
	wildcard := good("cert-wildcard", names, "a dNSName with a wildcard as its left-most label is accepted", func(d *driver) testca.Options {
		return testca.Options{DNS: []string{"*." + d.env.Domain}}
	})
	xmppAddr.Level, wildcard.Level = Should, Should // encouraged, and allowed to whoever issues
	return []Scenario{
		good("cert-dns", names, "a dNSName is accepted", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}}
		}),
		good("cert-dns-case", "RFC 6125 section 6.4.1", "a dNSName in capitals is accepted", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{upper(d.domain)}}
		}),
		good("cert-dns-second", names, "one of several dNSNames is accepted", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"first.example", "second.example", d.domain}}
		}),
		wildcard,
		good("cert-srv", names, "an SRVName is accepted", func(d *driver) testca.Options {
			return testca.Options{SRV: []string{"_xmpp-server." + d.domain}}
		}),
		xmppAddr,
		good("cert-dns-and-xmppaddr", names, "an id-on-xmppAddr beside a dNSName does not matter", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}, XMPPAddr: []string{d.domain}}
		}),
		must("cert-idn", "RFC 6125 section 6.4.2", "for an internationalized domain its A-label in a dNSName is accepted", func(d *driver) {
			u, a := d.international()
			d.accepts(how{from: u, cert: d.issue(testca.Options{DNS: []string{a}})})
		}),
		must("cert-intermediate", general, "a chain over an intermediate authority is followed", func(d *driver) {
			c := d.authority().Intermediate(testca.Constraints{Usage: testca.NoUsage}).Issue(testca.Options{DNS: []string{d.domain}})
			d.accepts(how{cert: &c})
		}),
		must("cert-none", "RFC 6120 section 13.12", "nobody is authenticated without a certificate", func(d *driver) {
			d.refuses(how{noCert: true})
		}),
		bad("cert-other-name", "RFC 6120 section 13.7.2.1", "a certificate of another domain is refused", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"unrelated.example"}}
		}),
		bad("cert-parent-name", "RFC 6120 section 13.7.2.1", "a certificate of the domain above is refused", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.env.Domain}}
		}),
		bad("cert-child-name", "RFC 6120 section 13.7.2.1", "a certificate of a domain below is refused", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"below." + d.domain}}
		}),
		bad("cert-cn-besides", "RFC 6125 section 6.4.4", "a common name does not count beside a dNSName", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{"unrelated.example"}, CN: d.domain}
		}),
		bad("cert-srv-client", "RFC 6125 section 6.5", "an SRVName for clients is refused", func(d *driver) testca.Options {
			return testca.Options{SRV: []string{"_xmpp-client." + d.domain}}
		}),
		should("cert-wildcard-deep", "RFC 6125 section 6.4.3", "a wildcard stands for one label only", func(d *driver) {
			d.refuses(how{from: "below." + d.domain, cert: d.issue(testca.Options{DNS: []string{"*." + d.env.Domain}})})
		}),
		should("cert-wildcard-above", "RFC 6125 section 6.4.3", "a wildcard does not stand for no label", func(d *driver) {
			d.refuses(how{cert: d.issue(testca.Options{DNS: []string{"*." + d.domain}})})
		}),
		bad("cert-expired", general, "an expired certificate is refused", func(d *driver) testca.Options {
			now := time.Now()
			return testca.Options{DNS: []string{d.domain}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)}
		}),
		bad("cert-not-yet", general, "a certificate that is not valid yet is refused", func(d *driver) testca.Options {
			now := time.Now()
			return testca.Options{DNS: []string{d.domain}, NotBefore: now.Add(24 * time.Hour), NotAfter: now.Add(48 * time.Hour)}
		}),
		must("cert-self-signed", general, "a certificate that its owner signed is refused", func(d *driver) {
			c := testca.SelfSigned(testca.Options{DNS: []string{d.domain}})
			d.refuses(how{cert: &c})
		}),
		must("cert-other-authority", general, "a certificate of an authority that is not trusted is refused", func(d *driver) {
			c := testca.New().Issue(testca.Options{DNS: []string{d.domain}})
			d.refuses(how{cert: &c})
		}),
		bad("cert-authority", "RFC 6120 section 13.7.1.1", "a certificate of an authority is refused as a server's", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}, IsCA: true}
		}),
		bad("cert-usage", "RFC 5280 section 4.2.1.12", "a certificate for signing code is refused", func(d *driver) testca.Options {
			return testca.Options{DNS: []string{d.domain}, Usage: testca.CodeSigning}
		}),
		must("cert-constraints", "RFC 5280 section 4.2.1.10", "a domain outside of the authority's name constraints is refused", func(d *driver) {
			c := d.authority().Intermediate(testca.Constraints{PermittedDNS: []string{"unrelated.example"}, Usage: testca.NoUsage}).
				Issue(testca.Options{DNS: []string{d.domain}})
			d.refuses(how{cert: &c})
		}),
	}
}

// international returns a domain of ours with a letter outside of ASCII, as
// U-labels and as A-labels.
func (d *driver) international() (u, a string) {
	first, rest, _ := strings.Cut(d.domain, ".")
	u = first + "-bücher." + rest
	a, err := idna.Lookup.ToASCII(u)
	if err != nil {
		d.skip("%v", err)
	}
	return d.claim(u), d.claim(a)
}

// upper returns a domain in ASCII capitals.
func upper(domain string) string {
	b := []byte(domain)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
