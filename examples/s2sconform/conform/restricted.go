package conform

// restricted are about what XML allows and XMPP does not.
func restricted() []Scenario {
	ends := func(id, title, text string) Scenario {
		return must(id, "RFC 6120 section 11.1", title, func(d *driver) {
			s := d.stream(how{})
			s.send(text)
			s.probe()
			s.endsBestWith("restricted-xml")
		})
	}
	in := func(inner string) string { return "<message from='{me}' to='{it}'>" + inner + "</message>" }
	return []Scenario{
		ends("comment", "a comment between stanzas ends the stream", "<!-- hello -->"),
		ends("comment-inside", "a comment in a stanza ends the stream", in("<!-- hello --><body>hello</body>")),
		ends("instruction", "a processing instruction between stanzas ends the stream", "<?hello world?>"),
		ends("instruction-inside", "a processing instruction in a stanza ends the stream", in("<?hello world?><body>hello</body>")),
		must("entity", "RFC 6120 section 11.1", "a reference to an entity that XML does not define ends the stream", func(d *driver) {
			s := d.stream(how{})
			s.send(in("<body>&nbsp;</body>"))
			s.probe()
			s.endsBestWith("restricted-xml", "not-well-formed")
		}),
		must("doctype", "RFC 6120 section 11.1", "a document type declaration between stanzas ends the stream", func(d *driver) {
			s := d.stream(how{})
			s.send("<!DOCTYPE message SYSTEM 'message.dtd'>")
			s.probe()
			s.endsBestWith("restricted-xml", "not-well-formed")
		}),
		must("declaration", "RFC 6120 section 11.1", "an XML declaration between stanzas ends the stream", func(d *driver) {
			s := d.stream(how{})
			s.send("<?xml version='1.0'?>")
			s.probe()
			s.endsBestWith("restricted-xml", "not-well-formed")
		}),
	}
}
