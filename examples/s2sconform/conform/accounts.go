package conform

import "isthmus.im/examples/s2sconform/wire"

// accounts are about addresses at the target that do not exist.
func accounts() []Scenario {
	silent := func(id, clause, title, stanza string) Scenario {
		return must(id, clause, title, func(d *driver) { d.silentAbout(stanza) })
	}
	// either expects silence or one kind of answer.
	either := func(id, clause, title, stanza string, allowed func(n *wire.Node) bool) Scenario {
		return must(id, clause, title, func(d *driver) {
			s := d.stream(how{})
			s.send(stanza)
			d.syncTo(s, d.domain, "nobody@"+d.target)
			d.sync(s)
			if a, ok := d.box.look(stanzaWith("asked")); ok && !allowed(a.Node) {
				d.fail("it is answered with %s", quotable(a.Raw))
			}
		})
	}
	unavailable := func(n *wire.Node) bool {
		return n.Name.Local == "message" && n.Attr("type") == "error" && condition(n) == "service-unavailable"
	}
	return []Scenario{
		must("nobody-iq", "RFC 6120 section 10.5.3.1", "a request to nobody is answered with service-unavailable", func(d *driver) {
			s := d.stream(how{})
			d.errs(s, s.iq("get", d.domain, "nobody@"+d.target, ping), "service-unavailable")
		}),
		must("nobody-iq-set", "RFC 6120 section 10.5.3.1", "so is a set", func(d *driver) {
			s := d.stream(how{})
			d.errs(s, s.iq("set", d.domain, "nobody@"+d.target, unknown), "service-unavailable")
		}),
		must("nobody-iq-full", "RFC 6121 section 8.5.3.2.3", "so is a request to a resource of nobody", func(d *driver) {
			s := d.stream(how{})
			d.errs(s, s.iq("get", d.domain, "nobody@"+d.target+"/nowhere", ping), "service-unavailable")
		}),
		either("nobody-message", "RFC 6120 section 10.5.3.1", "a message to nobody is ignored or answered with service-unavailable",
			"<message id='asked' from='{me}' to='nobody@{it}'><body>hello</body></message>", unavailable),
		either("nobody-chat", "RFC 6121 section 8.5.1", "so is one of type chat",
			"<message type='chat' id='asked' from='{me}' to='nobody@{it}'><body>hello</body></message>", unavailable),
		either("nobody-groupchat", "RFC 6121 section 8.5.1", "so is one of type groupchat",
			"<message type='groupchat' id='asked' from='{me}' to='nobody@{it}'><body>hello</body></message>", unavailable),
		either("nobody-headline", "RFC 6121 section 8.5.1", "so is one of type headline",
			"<message type='headline' id='asked' from='{me}' to='nobody@{it}'><body>hello</body></message>", unavailable),
		either("nobody-message-type", "RFC 6121 section 5.2.2", "a message of unknown type is one of type normal",
			"<message type='conformance' id='asked' from='{me}' to='nobody@{it}'><body>hello</body></message>", unavailable),
		silent("nobody-presence", "RFC 6121 section 8.5.1", "presence to nobody is ignored",
			"<presence id='unasked' from='{me}' to='nobody@{it}'/>"),
		silent("nobody-unavailable", "RFC 6121 section 8.5.1", "so is unavailable presence",
			"<presence type='unavailable' id='unasked' from='{me}' to='nobody@{it}'/>"),
		silent("nobody-subscribe", "RFC 6121 section 8.5.1", "so is a subscription request",
			"<presence type='subscribe' id='unasked' from='{me}' to='nobody@{it}'/>"),
		silent("nobody-subscribed", "RFC 6121 section 8.5.1", "so is a subscription",
			"<presence type='subscribed' id='unasked' from='{me}' to='nobody@{it}'/>"),
		silent("nobody-unsubscribe", "RFC 6121 section 8.5.1", "so is the end of one",
			"<presence type='unsubscribe' id='unasked' from='{me}' to='nobody@{it}'/>"),
		either("nobody-probe", "RFC 6121 section 8.5.1", "a probe to nobody is ignored or answered with unsubscribed",
			"<presence type='probe' id='asked' from='somebody@{me}' to='nobody@{it}'/>", func(n *wire.Node) bool {
				return n.Name.Local == "presence" && n.Attr("type") == "unsubscribed"
			}),
	}
}
