package conform

import "isthmus.im/examples/s2sconform/wire"

const nsDialback = "jabber:server:dialback"

// dialback are about Server Dialback (XEP-0220). Nobody has to offer it; what
// must not work must not work anywhere.
func dialback() []Scenario {
	return []Scenario{
		must("dialback-unsolicited", "XEP-0220 section 3.1", "a result that was not asked for authorizes nobody", func(d *driver) {
			other := d.second()
			s := d.stream(how{})
			s.send("<db:result xmlns:db='" + nsDialback + "' from='" + other + "' to='{it}' type='valid'/>")
			s.notAnswered(s.iq("get", other, d.target, ping))
		}),
		must("dialback-unsolicited-verify", "XEP-0220 section 3.1", "nor does a verification that was not asked for", func(d *driver) {
			other := d.second()
			s := d.stream(how{})
			s.send("<db:verify xmlns:db='" + nsDialback + "' from='" + other + "' to='{it}' id='" + s.header.Attr("id") + "' type='valid'/>")
			s.notAnswered(s.iq("get", other, d.target, ping))
		}),
		must("dialback-unsolicited-alone", "XEP-0220 section 3.1", "nor does such a result on a stream that was not authenticated", func(d *driver) {
			s := d.secured(how{})
			s.open()
			s.listen()
			s.send("<db:result xmlns:db='" + nsDialback + "' from='{me}' to='{it}' type='valid'/>")
			s.notAnswered(s.iq("get", d.domain, d.target, ping))
		}),
		must("dialback-key", "XEP-0220 section 2.2.1", "a domain whose own server does not know the key is not authorized", func(d *driver) {
			other := d.second()
			s := d.stream(how{})
			s.send("<db:result xmlns:db='" + nsDialback + "' from='" + other + "' to='{it}'>c0ffee</db:result>")
			s.notAnswered(s.iq("get", other, d.target, ping))
		}),
		must("dialback-verify", "XEP-0220 section 2.2.2", "a key that the target never made is invalid", func(d *driver) {
			s := d.secured(how{})
			s.open()
			if s.features.Child("", "dialback") == nil {
				d.skip("dialback is not offered")
			}
			s.send("<db:verify xmlns:db='" + nsDialback + "' from='{me}' to='{it}' id='conformance'>c0ffee</db:verify>")
			if n := s.want(nsDialback, "verify"); n.Attr("type") != "invalid" || n.Attr("id") != "conformance" {
				d.fail("the answer is %s", n.Raw)
			}
		}),
		must("dialback-in-clear", "RFC 6120 section 13.14", "dialback does not work without TLS where TLS is required", func(d *driver) {
			s := d.plain(how{})
			offer := s.features.Child(wire.NSTLS, "starttls")
			if offer.Child(wire.NSTLS, "required") == nil {
				d.skip("it is not")
			}
			s.send("<db:result xmlns:db='" + nsDialback + "' from='{me}' to='{it}'>c0ffee</db:result>")
			e := s.Next(d.soon())
			if e.Kind == wire.Element && e.Node.Is(nsDialback, "result") && e.Node.Attr("type") == "valid" {
				d.fail("it does")
			}
		}),
	}
}
