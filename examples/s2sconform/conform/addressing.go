package conform

import (
	"isthmus.im/examples/s2sconform/wire"
)

// pinging writes the ping of an iq with these attributes in place of from and to.
func pinging(attrs string) string {
	return "<iq type='get' id='addressed'" + attrs + ">" + ping + "</iq>"
}

// notFrom are the ways to say that a stanza is not from an authenticated domain.
// The first is the one of RFC 6120 section 8.1.2.2, for which there is a scenario.
var notFrom = []string{"invalid-from", "not-authorized"}

// addressing are about who speaks to whom on an authenticated stream.
func addressing() []Scenario {
	ends := func(id, clause, title, attrs string, conditions ...string) Scenario {
		return must(id, clause, title, func(d *driver) {
			s := d.stream(how{})
			s.send(pinging(attrs))
			s.probe()
			s.endsWith(conditions...)
		})
	}
	return []Scenario{
		ends("stanza-to-missing", "RFC 6120 section 8.1.1.2", "a stanza without to ends the stream with improper-addressing", " from='{me}'", "improper-addressing"),
		ends("stanza-to-empty", "RFC 6120 section 4.9.3.7", "a stanza with an empty to ends the stream with improper-addressing", " from='{me}' to=''", "improper-addressing"),
		ends("stanza-from-missing", "RFC 6120 section 8.1.2.2", "a stanza without from ends the stream with improper-addressing", " to='{it}'", "improper-addressing"),
		ends("stanza-from-empty", "RFC 6120 section 4.9.3.7", "a stanza with an empty from ends the stream with improper-addressing", " from='' to='{it}'", "improper-addressing"),
		ends("stanza-to-unknown", "RFC 6120 section 8.1.1.2", "a stanza to a domain that is not served ends the stream with host-unknown", " from='{me}' to='unknown.example'", "host-unknown", "host-gone"),
		ends("stanza-to-subdomain", "RFC 6120 section 8.1.1.2", "a stanza to an unknown domain below the target's ends the stream with host-unknown", " from='{me}' to='unknown.{it}'", "host-unknown", "host-gone"),
		ends("stanza-from-other", "RFC 6120 section 8.1.2.2", "a stanza from a domain that was not authenticated ends the stream with invalid-from", " from='other.example' to='{it}'", "invalid-from"),
		ends("stanza-from-user-of-other", "RFC 6120 section 8.1.2.2", "a stanza from a user of such a domain ends it, too", " from='somebody@other.example/here' to='{it}'", notFrom...),
		ends("stanza-from-below", "RFC 6120 section 8.1.2.2", "a domain below the authenticated one was not authenticated", " from='below.{me}' to='{it}'", notFrom...),
		ends("stanza-from-target", "RFC 6120 section 8.1.2.2", "nor was the target's own domain", " from='{it}' to='{it}'", notFrom...),
		must("stanza-from-other-ignored", "RFC 6120 section 13.12", "a stanza from a domain that was not authenticated is not processed", func(d *driver) {
			other := d.second()
			s := d.stream(how{})
			s.notAnswered(s.iq("get", other, d.target, ping))
		}),
		must("stanza-from-certified", "RFC 6120 section 8.1.2.2", "a domain that the certificate names and that was not authenticated does not count", func(d *driver) {
			other := d.second()
			cert := d.env.Cert
			s := d.stream(how{cert: &cert})
			s.send(pinging(" from='" + other + "' to='{it}'"))
			s.probe()
			s.endsWith(notFrom...)
		}),
		must("stanza-from-user", "RFC 6120 section 8.1.2.2", "all addresses of the authenticated domain count", func(d *driver) {
			s := d.stream(how{})
			for _, from := range []string{"somebody@" + d.domain, "somebody@" + d.domain + "/here", d.domain + "/here"} {
				d.syncTo(s, from, d.target)
			}
		}),
		must("stanza-from-case", "RFC 7622 section 3.2", "domains are compared without regard to case", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("get", upper(d.domain), upper(d.target), ping))
		}),
		must("header-case", "RFC 7622 section 3.2", "so they are in headers", func(d *driver) {
			s := d.secured(how{})
			s.openWith(openingTag(upper(d.domain), upper(d.target), ""))
			s.send(authText(d.domain))
			s.want(wire.NSSASL, "success")
			s.Restart()
			s.openWith(openingTag(upper(d.domain), upper(d.target), ""))
			s.listen()
			d.sync(s)
		}),
		must("stanza-from-a-label", "RFC 7622 section 3.2", "an internationalized domain is the same in A-labels and U-labels", func(d *driver) {
			u, a := d.international()
			cert := d.env.certificate(a)
			d.offer.cert = &cert
			s := d.stream(how{from: u, cert: &cert})
			d.answered(s, s.iq("get", u, d.target, ping))
		}),
		must("stanza-to-malformed", "RFC 6120 section 8.1.1.2", "a stanza to what is no address is answered with jid-malformed, or ends the stream with improper-addressing", func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", d.domain, "@"+d.target, ping)
			isEnd, isAnswer := endOf(s), stanzaWith(id)
			a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) })
			switch {
			case !ok:
				d.fail("neither happens")
			case isAnswer(a):
				if a.Node.Attr("type") != "error" {
					d.fail("it is answered with %s", quotable(a.Raw))
				} else if c := condition(a.Node); c != "jid-malformed" {
					d.deviate("it is answered with <%s/>", c)
				}
			case a.Error() == nil || a.Error().Condition(wire.NSErrors) != "improper-addressing":
				d.deviate("%s instead of <improper-addressing/>", described(a.Event))
			}
		}),
		// The clause asks for the end of the stream. A server that refuses or throws
		// away just the stanza spares all others who share it, and is not faulted.
		must("stanza-from-malformed", "RFC 6120 section 8.1.2.2", "a stanza from what is no address is not processed", func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", "@"+d.domain, d.target, ping)
			s.probe()
			s.end()
			d.sync(d.stream(how{}))
			if a, ok := d.box.look(stanzaWith(id)); ok && a.Node.Attr("type") != "error" {
				d.fail("it was answered: %s", quotable(a.Raw))
			}
		}),
		must("to-resource", "RFC 6120 section 10.5.2", "a request to a domain with a resource is answered", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("get", d.domain, d.target+"/resource", ping))
		}),
		must("two-streams", "RFC 6120 section 4.5", "a second stream of the same domain works, or is answered with conflict", func(d *driver) {
			d.sync(d.stream(how{}))
			s := d.connect(how{})
			s.open()
			s.starttls()
			s.handshake()
			s.send(openingTag(s.how.from, d.target, ""))
			s.takeHeader()
			e := s.next()
			if n := e.Error(); n != nil {
				if n.Condition(wire.NSErrors) != "conflict" {
					d.fail("%s", described(e))
				}
				return
			}
			s.features = e.Node
			s.authenticate()
			s.listen()
			d.sync(s)
		}),
	}
}

// answered waits for the answer to a request, result or error.
func (d *driver) answered(s *stream, id string) *wire.Node {
	n := d.answer(s, id).Node
	if t := n.Attr("type"); n.Name.Local != "iq" || t != "result" && t != "error" {
		d.fail("the answer is %s", quotable(n.Raw))
	}
	return n
}

// condition returns the defined condition of an error stanza.
func condition(n *wire.Node) string { return n.Child("", "error").Condition(wire.NSStanzas) }
