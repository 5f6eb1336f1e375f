package conform

import (
	"slices"

	"isthmus.im/examples/s2sconform/wire"
)

// stanzaErrors are about error stanzas, and stream errors as far as they are not
// the outcome of something else.
func stanzaErrors() []Scenario {
	return []Scenario{
		must("error-kind", "RFC 6120 section 8.3", "an error is of the same kind as what it is about", func(d *driver) {
			if n := d.anError(); n.Name.Local != "iq" || n.Attr("type") != "error" {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("error-id", "RFC 6120 section 8.3.1", "an error has the id of what it is about", func(d *driver) {
			d.anError() // which was found by its id
		}),
		should("error-addresses", "RFC 6120 section 8.3.1", "an error has the addresses of what it is about, swapped", func(d *driver) {
			s := d.stream(how{})
			from, to := "somebody@"+d.domain+"/here", "nobody@"+d.target+"/nowhere"
			n := d.errs(s, s.iq("get", from, to, unknown), "service-unavailable")
			if n.Attr("from") != to || n.Attr("to") != from {
				d.fail("it is from %q to %q", n.Attr("from"), n.Attr("to"))
			}
		}),
		must("error-child", "RFC 6120 section 8.3.1", "an error has an <error/> child", func(d *driver) {
			if n := d.anError(); n.Child("", "error") == nil {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("error-type", "RFC 6120 section 8.3.2", "its type is one of five", func(d *driver) {
			t := d.anError().Child("", "error").Attr("type")
			if !slices.Contains([]string{"auth", "cancel", "continue", "modify", "wait"}, t) {
				d.fail("it is %q", t)
			}
		}),
		should("error-type-fits", "RFC 6120 section 8.3.3.19", "the type of service-unavailable is cancel", func(d *driver) {
			if t := d.anError().Child("", "error").Attr("type"); t != "cancel" {
				d.fail("it is %q", t)
			}
		}),
		must("error-condition", "RFC 6120 section 8.3.2", "it has a defined condition", func(d *driver) {
			n := d.anError()
			if !slices.Contains(stanzaConditions(), condition(n)) {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		must("error-condition-once", "RFC 6120 section 8.3.2", "it has no second one", func(d *driver) {
			count := 0
			n := d.anError()
			for _, c := range n.Child("", "error").Nodes {
				if c.Name.Space == wire.NSStanzas && c.Name.Local != "text" {
					count++
				}
			}
			if count != 1 {
				d.fail("it has %d: %s", count, quotable(n.Raw))
			}
		}),
		should("error-text-lang", "RFC 6120 section 8.3.2", "a text in it says in what language it is", func(d *driver) {
			s := d.stream(how{})
			seen := false
			for _, id := range []string{
				s.iq("get", d.domain, d.target, unknown), s.iq("get", d.domain, d.target, ""), s.iq("conformance", d.domain, d.target, ping),
			} {
				isEnd, isAnswer := endOf(s), stanzaWith(id)
				a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) })
				if !ok || !isAnswer(a) {
					break
				}
				if text := a.Node.Child("", "error").Child(wire.NSStanzas, "text"); text != nil {
					if seen = true; text.Lang() == "" {
						d.fail("it does not: %s", quotable(a.Raw))
					}
				}
			}
			if !seen {
				d.skip("there is none")
			}
		}),
		must("result-no-error", "RFC 6120 section 8.3.1", "what is no error has no <error/> child", func(d *driver) {
			s := d.stream(how{})
			if n := d.pong(s); n.Attr("type") != "error" && n.Child("", "error") != nil {
				d.fail("a result has: %s", quotable(n.Raw))
			}
		}),
		must("message-error", "RFC 6120 section 8.3.1", "a message of type error to the domain is not answered", func(d *driver) {
			d.silentAbout("<message type='error' id='unasked' from='{me}' to='{it}'>" + anError + "</message>")
		}),
		must("message-error-user", "RFC 6120 section 8.3.1", "nor is one to somebody who does not exist", func(d *driver) {
			d.silentAbout("<message type='error' id='unasked' from='{me}' to='nobody@{it}'>" + anError + "</message>")
		}),
		must("message-error-bare", "RFC 6120 section 8.3.1", "nor is one without an <error/>", func(d *driver) {
			d.silentAbout("<message type='error' id='unasked' from='{me}' to='nobody@{it}'><body>hello</body></message>")
		}),
		must("presence-error", "RFC 6120 section 8.3.1", "presence of type error to the domain is not answered", func(d *driver) {
			d.silentAbout("<presence type='error' id='unasked' from='{me}' to='{it}'>" + anError + "</presence>")
		}),
		must("presence-error-user", "RFC 6120 section 8.3.1", "nor is such presence to somebody who does not exist", func(d *driver) {
			d.silentAbout("<presence type='error' id='unasked' from='{me}' to='nobody@{it}'>" + anError + "</presence>")
		}),
		must("error-application", "RFC 6120 section 8.3.4", "an application-specific condition does not matter", func(d *driver) {
			d.silentAbout("<message type='error' id='unasked' from='{me}' to='{it}'><error type='modify'>" +
				"<undefined-condition xmlns='" + wire.NSStanzas + "'/><conformance xmlns='urn:example:conformance'/></error></message>")
		}),
		must("error-condition-unknown", "RFC 6120 section 8.3.2", "an error of unknown condition is an error", func(d *driver) {
			d.silentAbout("<iq type='error' id='unasked' from='{me}' to='{it}'><error type='cancel'>" +
				"<conformance xmlns='" + wire.NSStanzas + "'/></error></iq>")
		}),
		must("stream-error-condition", "RFC 6120 section 4.9.2", "a stream error has a defined condition", func(d *driver) {
			n := d.aStreamError(d.stream(how{}))
			if c := n.Condition(wire.NSErrors); !slices.Contains(streamConditions(), c) {
				d.fail("it is %s", quotable(n.Raw))
			}
		}),
		should("stream-error-text-lang", "RFC 6120 section 4.9.2", "a text in it says in what language it is", func(d *driver) {
			n := d.aStreamError(d.stream(how{}))
			text := n.Child(wire.NSErrors, "text")
			if text == nil {
				d.skip("there is none")
			}
			if text.Lang() == "" {
				d.fail("it does not: %s", quotable(n.Raw))
			}
		}),
		must("stream-error-footer", "RFC 6120 section 4.9.1.1", "the closing tag comes right behind it", func(d *driver) {
			s := d.stream(how{})
			d.aStreamError(s)
			a, ok := d.await(func(a arrival) bool { return a.s == s })
			if !ok || a.Kind != wire.Footer {
				d.fail("%s comes", described(a.Event))
			}
		}),
		must("stream-error-end", "RFC 6120 section 4.4", "the connection ends once our closing tag is there, too", func(d *driver) {
			s := d.stream(how{})
			d.aStreamError(s)
			if _, ok := d.await(func(a arrival) bool { return a.s == s && a.Kind == wire.End }); !ok {
				d.fail("it stays open")
			}
		}),
	}
}

// anError makes the target send an error.
func (d *driver) anError() *wire.Node {
	s := d.stream(how{})
	return d.answer(s, s.iq("get", d.domain, d.target, unknown)).Node
}

// aStreamError makes the target send a stream error.
func (d *driver) aStreamError(s *stream) *wire.Node {
	s.send("<iq type='get' id='addressed' from='{me}'>" + ping + "</iq>")
	a, ok := d.await(endOf(s))
	if !ok || a.Error() == nil {
		d.fail("%s instead of a stream error", described(a.Event))
	}
	return a.Error()
}

// stanzaConditions are those of RFC 6120 section 8.3.3.
func stanzaConditions() []string {
	return []string{"bad-request", "conflict", "feature-not-implemented", "forbidden", "gone", "internal-server-error", "item-not-found",
		"jid-malformed", "not-acceptable", "not-allowed", "not-authorized", "policy-violation", "recipient-unavailable", "redirect",
		"registration-required", "remote-server-not-found", "remote-server-timeout", "resource-constraint", "service-unavailable",
		"subscription-required", "undefined-condition", "unexpected-request"}
}

// streamConditions are those of RFC 6120 section 4.9.3.
func streamConditions() []string {
	return []string{"bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone", "host-unknown",
		"improper-addressing", "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml", "not-authorized",
		"not-well-formed", "policy-violation", "remote-connection-failed", "reset", "resource-constraint", "restricted-xml",
		"see-other-host", "system-shutdown", "undefined-condition", "unsupported-encoding", "unsupported-feature",
		"unsupported-stanza-type", "unsupported-version"}
}
