package conform

import (
	"crypto/tls"
	"strings"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// opening are about a target that opens a stream to us.
func opening() []Scenario {
	return initiating([]Scenario{
		must("opens-namespaces", "RFC 6120 section 4.8.3", "its header has the stream namespace, and jabber:server as the content namespace", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if ns := e.Node.Attr("xmlns"); !e.Node.Is(wire.NSStream, "stream") || ns != wire.NSServer && ns != wire.NSStream {
					d.fail("the header %s is %s", stage, quotable(e.Raw))
				}
			})
		}),
		must("opens-to", "RFC 6120 section 4.7.2", "its header says to, our domain", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if to := e.Node.Attr("to"); to != d.domain {
					d.fail("to is %q in the header %s", to, stage)
				}
			})
		}),
		must("opens-from", "RFC 6120 section 4.7.1", "its header behind TLS says from, its domain", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if from := e.Node.Attr("from"); from != d.target && (from != "" || stage != "before TLS") {
					d.fail("from is %q in the header %s", from, stage)
				}
			})
		}),
		must("opens-version", "RFC 6120 section 4.7.5", "its header says version 1.0", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if v := e.Node.Attr("version"); v != "1.0" {
					d.fail("the version is %q in the header %s", v, stage)
				}
			})
		}),
		must("opens-without-id", "RFC 6120 section 4.7.3", "its header has no id", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if id, ok := e.Node.Lookup("", "id"); ok {
					d.fail("the id is %q in the header %s", id, stage)
				}
			})
		}),
		should("opens-lang", "RFC 6120 section 4.7.4", "its header has xml:lang", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if e.Node.Lang() == "" {
					d.fail("there is none in the header %s", stage)
				}
			})
		}),
		should("opens-declaration", "RFC 6120 section 11.5", "an XML declaration stands in front of its header", func(d *driver) {
			d.eachOpening(func(stage string, e wire.Event) {
				if e.Decl == "" {
					d.fail("there is none in front of the header %s", stage)
				}
			})
		}),
		must("opens-order", "RFC 6120 section 5.3.4", "it asks for TLS where that is required, and before anything else", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS + offerExternal)
			s.want(wire.NSTLS, "starttls")
		}),
		must("opens-tls-white-space", "RFC 6120 section 5.3.3", "nothing stands behind its <starttls/> before the handshake", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS)
			s.want(wire.NSTLS, "starttls")
			if left := s.Pending(); left != "" {
				d.fail("%q", quotable(left))
			}
			s.proceed()
			s.serveTLS(offer{})
		}),
		must("opens-tls-1.2", "RFC 7590 section 3 (RFC 7525 section 3.1.1)", "it supports TLS 1.2", func(d *driver) {
			d.openedBy(offer{}).accept(offer{tls: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }})
		}),
		should("opens-tls-1.1", "RFC 7590 section 3 (RFC 7525 section 3.1.1)", "it refuses TLS 1.0 and 1.1", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS)
			s.want(wire.NSTLS, "starttls")
			s.proceed()
			if s.tryServeTLS(offer{tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }}) == nil {
				d.fail("%s was agreed upon", tls.VersionName(s.tls.ConnectionState().Version))
			}
		}),
		should("opens-external", "RFC 6120 section 6.3.4", "it chooses EXTERNAL where that is offered", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			if m := s.nextAuth().Attr("mechanism"); m != "EXTERNAL" {
				d.fail("it chooses %q", m)
			}
		}),
		must("opens-base64", "RFC 6120 section 6.3.5", "its response is base 64", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			if _, err := authzid(s.takeAuth()); err != nil {
				d.fail("%v", err)
			}
		}),
		must("opens-authzid", "RFC 6120 section 6.3.8", "its authorization identity, if any, is its domain and nothing else", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			if id, err := authzid(s.takeAuth()); err == nil && id != "" && id != d.target {
				d.fail("it is %q", id)
			}
		}),
		must("opens-empty-response", "RFC 6120 section 6.4.2", "a response without authorization identity is \"=\"", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			if s.takeAuth() != "" {
				return
			}
			// None at all is allowed, too: it has to be asked for then.
			s.send("<challenge xmlns='" + wire.NSSASL + "'/>")
			if e := s.next(); e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "response") {
				d.fail("%s instead of <response/>", described(e))
			}
		}),
		must("opens-anew", "RFC 6120 section 4.3.3", "it opens the stream anew behind TLS and behind SASL, without a closing tag", func(d *driver) {
			d.eachOpening(func(string, wire.Event) {})
		}),
		must("opens-patiently", "RFC 6120 section 4.3.5", "it sends no stanza before the features that complete the negotiation", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			s.takeAuth()
			s.succeed()
			s.takeHeader()
			s.send(s.response(""))
			if e := s.Next(time.Now().Add(500 * time.Millisecond)); e.Kind != wire.Silence {
				d.fail("%s before the features", described(e))
			}
			s.send("<stream:features/>")
			for e := s.next(); !isStanza(e.Node); e = s.next() {
				if e.Kind != wire.Element {
					d.fail("%s instead of a stanza", described(e))
				}
			}
		}),
		must("opens-unknown-features", "RFC 6120 section 4.3.5", "features that it does not know and that are not required do not keep it from sending", func(d *driver) {
			d.offer.finally = "<conformance xmlns='urn:example:conformance'/><other xmlns='urn:example:other'><a/></other>"
			d.sync(d.stream(how{}))
		}),
		must("opens-other-from", "RFC 6120 section 4.7.1", "a response header from another domain does not matter, the certificate does", func(d *driver) {
			s := d.openedBy(offer{})
			s.send(s.response("other.example") + "<stream:features>" + offerTLS + "</stream:features>")
			s.want(wire.NSTLS, "starttls")
		}),
		must("opens-stanza-from", "RFC 6120 section 8.1.2.2", "its stanzas say from, at its domain", func(d *driver) {
			n := d.pong(d.stream(how{}))
			if from := n.Attr("from"); domainOf(from) != d.target {
				d.fail("from is %q", from)
			}
		}),
		must("opens-stanza-to", "RFC 6120 section 8.1.1.2", "its stanzas say to, at our domain", func(d *driver) {
			n := d.pong(d.stream(how{}))
			if to := n.Attr("to"); domainOf(to) != d.domain {
				d.fail("to is %q", to)
			}
		}),
		must("opens-stanza-namespace", "RFC 6120 section 4.8.3", "its stanzas are in jabber:server", func(d *driver) {
			if n := d.pong(d.stream(how{})); n.Name.Space != wire.NSServer {
				d.fail("one is in %q: %s", n.Name.Space, quotable(n.Raw))
			}
		}),
		must("opens-stanza-prefix", "RFC 6120 section 4.8.5", "its stanzas have no prefix", func(d *driver) {
			if n := d.pong(d.stream(how{})); strings.Contains(strings.SplitN(n.Raw, " ", 2)[0], ":") {
				d.fail("one has: %s", quotable(n.Raw))
			}
		}),
		should("opens-once", "RFC 6120 section 10.4.1", "it uses the stream that is there, rather than one for each stanza", func(d *driver) {
			s := d.stream(how{})
			first := d.answer(s, s.ping()).s
			for range 5 {
				if again := d.answer(s, s.ping()).s; again != first {
					d.fail("an answer came by another stream")
				}
			}
		}),
	})
}

// upToAuth answers a stream up to the offer of EXTERNAL.
func (s *stream) upToAuth() {
	s.answer(offerTLS)
	s.want(wire.NSTLS, "starttls")
	s.proceed()
	s.serveTLS(offer{})
	s.takeHeader()
	s.answer(offerExternal)
}

// eachOpening shows the header that the target opens each of three streams with.
func (d *driver) eachOpening(look func(stage string, e wire.Event)) {
	s := d.openedBy(offer{})
	look("before TLS", s.first)
	s.answer(offerTLS)
	s.want(wire.NSTLS, "starttls")
	s.proceed()
	s.serveTLS(offer{})
	look("behind TLS", s.takeHeader())
	s.answer(offerExternal)
	s.takeAuth()
	s.succeed()
	look("behind SASL", s.takeHeader())
}

// pong returns the answer to a ping.
func (d *driver) pong(s *stream) *wire.Node { return d.answer(s, s.ping()).Node }

// domainOf returns the domain of an address.
func domainOf(address string) string {
	address, _, _ = strings.Cut(address, "/")
	if _, domain, ok := strings.Cut(address, "@"); ok {
		return domain
	}
	return address
}
