package conform

import (
	"slices"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

const unknown = "<conformance xmlns='urn:example:conformance'/>"

// requests are about iqs.
func requests() []Scenario {
	return []Scenario{
		must("iq-get", "RFC 6120 section 8.2.3", "a get is answered", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("get", d.domain, d.target, ping))
		}),
		must("iq-set", "RFC 6120 section 8.2.3", "a set is answered", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("set", d.domain, d.target, unknown))
		}),
		must("iq-once", "RFC 6120 section 8.2.3", "there is one answer to a request", func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", d.domain, d.target, ping)
			d.answered(s, id)
			d.sync(s)
			d.none(id, "there is a second one")
		}),
		must("iq-answer-from", "RFC 6120 section 8.3", "the answer is from whom the request was to", func(d *driver) {
			s := d.stream(how{})
			if from := d.answered(s, s.iq("get", d.domain, d.target, ping)).Attr("from"); from != d.target {
				d.fail("it is from %q", from)
			}
		}),
		must("iq-answer-to", "RFC 6120 section 8.3", "the answer is to whom the request was from, with the resource", func(d *driver) {
			s := d.stream(how{})
			from := "somebody@" + d.domain + "/Some Where"
			if to := d.answered(s, s.iq("get", from, d.target, ping)).Attr("to"); to != from {
				d.fail("it is to %q", to)
			}
		}),
		must("iq-id", "RFC 6120 section 8.1.3", "the answer has the id of the request, whatever it looks like", func(d *driver) {
			s := d.stream(how{})
			for _, id := range []string{"&lt;&amp;&gt;&quot;&apos;", "\u00e9\u4e2d\U0001F600", strings.Repeat("long", 200), "  two  spaces  "} {
				s.send("<iq type='get' id='" + id + "' from='{me}' to='{it}'>" + ping + "</iq>")
				plain := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&apos;", "'", "&amp;", "&").Replace(id)
				d.answered(s, plain)
			}
		}),
		must("iq-unknown-get", "RFC 6120 section 8.4", "a get that nobody understands is answered with service-unavailable", func(d *driver) {
			s := d.stream(how{})
			d.errs(s, s.iq("get", d.domain, d.target, unknown), "service-unavailable")
		}),
		must("iq-unknown-set", "RFC 6120 section 8.4", "a set that nobody understands is answered with service-unavailable", func(d *driver) {
			s := d.stream(how{})
			d.errs(s, s.iq("set", d.domain, d.target, unknown), "service-unavailable")
		}),
		must("iq-type-unknown", "RFC 6120 section 8.2.3", "an iq of another type is answered with bad-request, or ends the stream with invalid-xml", func(d *driver) {
			s := d.stream(how{})
			d.badRequest(s, s.iq("subscribe", d.domain, d.target, ping))
		}),
		must("iq-type-missing", "RFC 6120 section 8.2.3", "an iq without type is answered with bad-request, or ends the stream with invalid-xml", func(d *driver) {
			s := d.stream(how{})
			id := d.id()
			s.send("<iq id='" + id + "' from='{me}' to='{it}'>" + ping + "</iq>")
			d.badRequest(s, id)
		}),
		must("iq-id-missing", "RFC 6120 section 8.2.3", "no id is made up for the answer to an iq that has none", func(d *driver) {
			s := d.stream(how{})
			from := "nameless@" + d.domain
			s.send("<iq type='get' from='" + from + "' to='{it}'>" + ping + "</iq>")
			s.behind = s.iq("get", from, d.target, ping)
			s.end()
			a, ok := d.box.look(func(a arrival) bool {
				return a.s != nil && a.Kind == wire.Element && isStanza(a.Node) && a.Node.Attr("to") == from && a.Node.Attr("id") != s.behind
			})
			if ok && a.Node.Attr("id") != "" {
				d.fail("the id is %q", a.Node.Attr("id"))
			}
		}),
		must("iq-empty", "RFC 6120 section 8.2.3", "a get without a child is answered with an error", func(d *driver) {
			s := d.stream(how{})
			if n := d.answered(s, s.iq("get", d.domain, d.target, "")); n.Attr("type") != "error" {
				d.fail("the answer is %s", quotable(n.Raw))
			}
		}),
		must("iq-result-unasked", "RFC 6120 section 8.2.3", "a result that nobody asked for is not answered", func(d *driver) {
			d.silentAbout("<iq type='result' id='unasked' from='{me}' to='{it}'/>")
		}),
		must("iq-error-unasked", "RFC 6120 section 8.2.3", "an error that nobody asked for is not answered", func(d *driver) {
			d.silentAbout("<iq type='error' id='unasked' from='{me}' to='{it}'>" + anError + "</iq>")
		}),
		must("iq-result-unasked-user", "RFC 6120 section 8.2.3", "nor is one to a user", func(d *driver) {
			d.silentAbout("<iq type='result' id='unasked' from='{me}' to='nobody@{it}/nowhere'/>")
		}),
		must("iq-error-unasked-user", "RFC 6120 section 8.2.3", "nor is an error to a user", func(d *driver) {
			d.silentAbout("<iq type='error' id='unasked' from='{me}' to='nobody@{it}/nowhere'>" + anError + "</iq>")
		}),
		must("iq-result-content", "RFC 6120 section 8.2.3", "a result has no child or one", func(d *driver) {
			s := d.stream(how{})
			n := d.answered(s, s.iq("get", d.domain, d.target, "<query xmlns='"+nsInfo+"'/>"))
			if n.Attr("type") == "result" && len(n.Nodes) > 1 {
				d.fail("it has %d", len(n.Nodes))
			}
		}),
		must("answers-not-here", "RFC 6120 section 4.5", "answers come by a stream of the target's own, not against the direction of ours", func(d *driver) {
			s := d.stream(how{})
			d.answerBy(s)
		}),
		must("errors-not-here", "RFC 6120 section 4.9.1.4", "nor do errors", func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", d.domain, d.target, unknown)
			if a := d.answer(s, id); a.s == s {
				d.fail("one does: %s", quotable(a.Raw))
			}
			// What is wrong with a stanza itself is often found in another place.
			id = s.iq("get", d.domain, "@"+d.target, ping)
			isEnd, isAnswer := endOf(s), stanzaWith(id)
			if a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) }); ok && isAnswer(a) && a.s == s {
				d.fail("one does: %s", quotable(a.Raw))
			}
		}),
		must("answers-before-close", "RFC 6120 section 10.1", "what was sent before the closing tag is processed", func(d *driver) {
			s := d.stream(how{})
			id := s.ping()
			s.send("</stream:stream>")
			if _, ok := d.await(stanzaWith(id)); !ok {
				d.fail("it is not answered")
			}
		}),
		must("stanza-in-pieces", "RFC 6120 section 8", "a stanza is not processed before its closing tag", func(d *driver) {
			s := d.stream(how{})
			id := d.id()
			s.send("<iq type='get' id='" + id + "' from='{me}' to='{it}'>" + ping)
			d.sync(d.stream(how{}))
			d.none(id, "it is answered")
			s.send("</iq>")
			d.answered(s, id)
		}),
		must("white-space", "RFC 6120 section 11.7", "white space between stanzas does not matter", func(d *driver) {
			s := d.stream(how{})
			s.send(" ")
			s.send("\n\t \r\n")
			d.sync(s)
		}),
	}
}

const anError = "<error type='cancel'><item-not-found xmlns='" + wire.NSStanzas + "'/></error>"

// errs waits for an error with one of the conditions.
func (d *driver) errs(s *stream, id string, conditions ...string) *wire.Node {
	n := d.answer(s, id).Node
	if n.Attr("type") != "error" || !slices.Contains(conditions, condition(n)) {
		d.fail("the answer is %s, not <%s/>", quotable(n.Raw), strings.Join(conditions, "/> or <"))
	}
	return n
}

// badRequest waits for bad-request, or for invalid-xml from a target that
// validates (RFC 6120 section 4.9.3.11).
func (d *driver) badRequest(s *stream, id string) {
	isEnd, isAnswer := endOf(s), stanzaWith(id)
	a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) })
	switch {
	case !ok:
		d.fail("neither happens")
	case isAnswer(a):
		if a.Node.Attr("type") != "error" || condition(a.Node) != "bad-request" {
			d.fail("the answer is %s", quotable(a.Raw))
		}
	case a.Error() == nil || a.Error().Condition(wire.NSErrors) != "invalid-xml":
		d.fail("%s instead", described(a.Event))
	}
}

// silentAbout sends a stanza and fails if there is an answer to it: a request
// from and to the same addresses is answered first.
func (d *driver) silentAbout(stanza string) {
	s := d.stream(how{})
	s.send(stanza)
	to := "{it}"
	if _, rest, ok := strings.Cut(stanza, " to='"); ok {
		to, _, _ = strings.Cut(rest, "'")
	}
	d.syncTo(s, d.domain, d.fill(to))
	d.sync(s)
	d.none("unasked", "it is")
}
