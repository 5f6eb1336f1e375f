package conform

import (
	"isthmus.im/examples/s2sconform/wire"
)

const nsErrors = wire.NSErrors

// namespaces are about first-level elements that are no stanzas.
func namespaces() []Scenario {
	// noStanza expects the element to be ignored or to end the stream, and that
	// nobody answers the iq that it might be taken for.
	noStanza := func(id, title, element string) Scenario {
		return must(id, "RFC 6120 section 4.8.4", title, func(d *driver) {
			s := d.stream(how{})
			s.send(element)
			s.probe()
			e, goesOn := s.end()
			switch n := e.Error(); {
			case goesOn:
			case n == nil:
				d.fail("%s", described(e))
			case n.Condition(nsErrors) != "unsupported-stanza-type" && n.Condition(nsErrors) != "invalid-namespace":
				d.deviate("%s instead of <unsupported-stanza-type/>", described(e))
			}
			d.sync(d.stream(how{}))
			d.none("misnamed", "it is answered")
		})
	}
	attrs := " type='get' id='misnamed' from='{me}' to='{it}'>" + ping + "</"
	return []Scenario{
		noStanza("element-unknown", "an element of unknown namespace is ignored, or ends the stream with unsupported-stanza-type", "<conformance xmlns='urn:example:conformance'/>"),
		noStanza("element-iq-elsewhere", "so is an iq of another namespace", "<x:iq xmlns:x='urn:example:conformance'"+attrs+"x:iq>"),
		noStanza("element-message-elsewhere", "so is a message of another namespace", "<message xmlns='urn:example:conformance' from='{me}' to='{it}' id='misnamed'><body>hello</body></message>"),
		noStanza("element-pubsub", "so is an element of jabber:server that is no stanza", "<pubsub id='misnamed' from='{me}' to='{it}'/>"),
		noStanza("element-no-namespace", "so is an iq in no namespace", "<iq xmlns=''"+attrs+"iq>"),
		must("element-routed", "RFC 6120 section 4.8.4", "an element that is no stanza is not routed", func(d *driver) {
			s := d.stream(how{})
			s.send("<message xmlns='urn:example:conformance' from='{me}' to='nobody@{it}' id='misnamed'><body>hello</body></message>")
			d.sync(d.stream(how{}))
			d.none("misnamed", "it is answered")
		}),
		must("stanza-namespace-explicit", "RFC 6120 section 4.8.2", "a stanza that declares jabber:server itself is a stanza", func(d *driver) {
			s := d.stream(how{})
			id := d.id()
			s.send("<iq xmlns='jabber:server' type='get' id='" + id + "' from='{me}' to='{it}'>" + ping + "</iq>")
			d.answered(s, id)
		}),
		must("payload-prefix", "RFC 6120 section 8.4", "a payload may have a prefix", func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", d.domain, d.target, "<p:ping xmlns:p='urn:xmpp:ping'/>")
			if n := d.answered(s, id); n.Attr("type") != d.pong(s).Attr("type") {
				d.fail("it is answered with %s", quotable(n.Raw))
			}
		}),
		must("attribute-namespace", "RFC 6120 section 8.4", "an attribute in a namespace of its own does not matter", func(d *driver) {
			s := d.stream(how{})
			id := d.id()
			s.send("<iq xmlns:c='urn:example:conformance' c:type='set' c:to='nobody@{it}' type='get' id='" + id + "' from='{me}' to='{it}'>" + ping + "</iq>")
			if n := d.answered(s, id); n.Attr("type") != d.pong(s).Attr("type") {
				d.fail("it is answered with %s", quotable(n.Raw))
			}
		}),
		must("stream-error-namespace", "RFC 6120 section 4.9.2", "an <error/> of another namespace is no stream error, or ends the stream", func(d *driver) {
			s := d.stream(how{})
			s.send("<error xmlns='urn:example:conformance'><reset xmlns='" + nsErrors + "'/></error>")
			s.probe()
			if e, goesOn := s.end(); !goesOn && e.Error() == nil {
				d.fail("%s", described(e))
			}
		}),
	}
}
