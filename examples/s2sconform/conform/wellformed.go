package conform

// wellFormed are about XML that is not well-formed, and some that is although it
// looks odd.
func wellFormed() []Scenario {
	// breaks expects not-well-formed, or bad-format, which is less than
	// RECOMMENDED (RFC 6120 section 4.9.3.1).
	breaks := func(id, title, text string) Scenario {
		return must(id, "RFC 6120 section 11.3", title, func(d *driver) {
			s := d.stream(how{})
			s.send(text)
			s.endsBestWith("not-well-formed")
		})
	}
	encoding := func(id, title, text string) Scenario {
		return must(id, "RFC 6120 section 11.6", title, func(d *driver) {
			s := d.stream(how{})
			s.send("<message from='{me}' to='{it}'><body>" + text + "</body></message>")
			s.probe()
			s.endsBestWith("unsupported-encoding", "not-well-formed")
		})
	}
	// names expects the end of the stream or an error (RFC 6120 section 11.3 rule 4).
	names := func(id, title, child string) Scenario {
		return must(id, "RFC 6120 section 11.3", title, func(d *driver) {
			s := d.stream(how{})
			id := s.iq("get", d.domain, d.target, child)
			isEnd, isAnswer := endOf(s), stanzaWith(id)
			a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) })
			switch {
			case !ok:
				d.fail("neither an error nor the end of the stream")
			case isAnswer(a) && condition(a.Node) != "not-acceptable":
				d.fail("it is answered with %s", quotable(a.Raw))
			case isAnswer(a):
			case a.Error() == nil:
				d.fail("%s instead of a stream error", described(a.Event))
			case a.Error().Condition(nsErrors) != "not-well-formed":
				d.deviate("%s instead of <not-well-formed/>", described(a.Event))
			}
		})
	}
	fine := func(id, clause, title, payload string) Scenario {
		return must(id, clause, title, func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.iq("get", d.domain, d.target, payload))
		})
	}
	in := func(inner string) string { return "<message from='{me}' to='{it}'>" + inner + "</message>" }
	return []Scenario{
		breaks("xml-nesting", "tags that do not nest end the stream", in("<body></subject>")),
		breaks("xml-closing", "a closing tag too many ends the stream", "</message>"),
		breaks("xml-attribute-twice", "an attribute given twice ends the stream", in("<body a='1' a='2'/>")),
		breaks("xml-attribute-bare", "an attribute without quotes ends the stream", in("<body a=1/>")),
		breaks("xml-attribute-less", "a < in an attribute ends the stream", in("<body a='<'/>")),
		breaks("xml-attribute-space", "attributes without space between them end the stream", in("<body a='1'b='2'/>")),
		breaks("xml-ampersand", "a bare & ends the stream", in("<body>fish & chips</body>")),
		breaks("xml-name-digit", "a name that begins with a digit ends the stream", in("<1body/>")),
		breaks("xml-name-dash", "a name that begins with a dash ends the stream", in("<-body/>")),
		breaks("xml-cdata-end", "the end of a CDATA section outside of one ends the stream", in("<body>]]></body>")),
		breaks("xml-control", "a control character ends the stream", in("<body>\x01</body>")),
		breaks("xml-noncharacter", "U+FFFE ends the stream", in("<body>\uFFFE</body>")),
		breaks("xml-reference-zero", "a reference to U+0000 ends the stream", in("<body>&#0;</body>")),
		breaks("xml-reference-surrogate", "a reference to a surrogate ends the stream", in("<body>&#xD800;</body>")),
		breaks("xml-reference-large", "a reference beyond U+10FFFF ends the stream", in("<body>&#x110000;</body>")),
		breaks("xml-reference-odd", "a reference that is no number ends the stream", in("<body>&#zz;</body>")),
		encoding("utf-8-stray", "a stray continuation byte ends the stream", "\x80"),
		encoding("utf-8-cut", "a character that is cut short ends the stream", "\xc3("),
		encoding("utf-8-overlong", "an overlong form ends the stream", "\xc0\xaf"),
		encoding("utf-8-surrogate", "a surrogate ends the stream", "\xed\xa0\x80"),
		encoding("utf-8-large", "a character beyond U+10FFFF ends the stream", "\xf4\x90\x80\x80"),
		names("names-unbound", "a prefix that is not declared is refused", "<x:query/>"),
		names("names-unbound-attribute", "so is one of an attribute", "<query xmlns='urn:example:a' x:a='1'/>"),
		names("names-attribute-twice", "so is an attribute given twice under two prefixes", "<query xmlns='urn:example:a' xmlns:a='urn:example:b' xmlns:b='urn:example:b' a:x='1' b:x='2'/>"),
		names("names-colons", "so is a name with two colons", "<a:b:c xmlns:a='urn:example:a'/>"),
		names("names-undeclared", "so is a prefix bound to nothing", "<a:query xmlns:a=''/>"),
		names("names-xml", "so is the prefix xml bound to something else", "<query xmlns='urn:example:a' xmlns:xml='urn:example:b'/>"),
		fine("xml-cdata", "RFC 6120 section 11.1", "a CDATA section is none of the restricted features", "<conformance xmlns='urn:example:conformance'><![CDATA[</iq>]]></conformance>"),
		fine("xml-references", "RFC 6120 section 11.1", "neither are the predefined entities and character references", "<conformance xmlns='urn:example:conformance' a='&lt;&amp;&quot;'>&lt;&gt;&amp;&apos;&quot;&#9;&#x1F600;</conformance>"),
		fine("xml-astral", "RFC 6120 section 11.6", "any character of Unicode may come", "<conformance xmlns='urn:example:conformance'>\u00e9\u4e2d\U0001F600\U0010FFFD</conformance>"),
		fine("xml-bom", "RFC 6120 section 11.6", "U+FEFF is a character like any other", "<conformance xmlns='urn:example:conformance'>\uFEFF</conformance>"),
		fine("xml-names", "RFC 6120 section 11.3", "names may have letters outside of ASCII", "<conformance xmlns='urn:example:conformance'><\u00e9t\u00e9 \u4e2d='1'/></conformance>"),
	}
}
