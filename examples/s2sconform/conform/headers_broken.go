package conform

import (
	"strings"
	"unicode/utf16"

	"isthmus.im/examples/s2sconform/wire"
)

// brokenHeaders are about headers that a server has to refuse.
func brokenHeaders() []Scenario {
	prolog := func(id, clause, title, before string, conditions ...string) Scenario {
		return must(id, clause, title, func(d *driver) {
			s := d.connect(how{})
			_, tag, _ := strings.Cut(openingTag(d.domain, d.target, ""), "?>")
			s.send(before + tag)
			s.endsBestWith(conditions...)
		})
	}
	return []Scenario{
		must("setup-error-header", "RFC 6120 section 4.9.1.2", "an error over the header comes behind the target's own header", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), wire.NSStream, "urn:example:wrong", 1))
			s.takeHeader()
			s.endsBestWith("invalid-namespace")
		}),
		must("setup-error-footer", "RFC 6120 section 4.9.1.2", "an error over the header comes before the target's closing tag", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), wire.NSStream, "urn:example:wrong", 1))
			s.takeHeader()
			if e := s.next(); e.Error() == nil {
				d.fail("%s instead of a stream error", described(e))
			}
			if e := s.next(); e.Kind != wire.Footer {
				d.fail("%s instead of the closing tag", described(e))
			}
		}),
		must("stream-namespace", "RFC 6120 section 4.8.1", "another stream namespace ends the stream", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), wire.NSStream, "urn:example:wrong", 1))
			s.endsBestWith("invalid-namespace")
		}),
		must("stream-name", "RFC 6120 section 4.8.1", "another root element ends the stream", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), "<stream:stream", "<stream:flood", 1))
			s.endsBestWith("bad-format", "invalid-namespace", "invalid-xml", "not-well-formed", "unsupported-stanza-type")
		}),
		must("content-namespace", "RFC 6120 section 4.8.3", "an unsupported content namespace ends the stream, at once or with the first element in it", func(d *driver) {
			s := d.secured(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), "jabber:server", "urn:example:content", 1))
			s.takeHeader()
			if e := s.next(); e.Error() == nil {
				s.send("<message from='{me}' to='{it}'><body>hello</body></message>")
			} else if c := e.Error().Condition(wire.NSErrors); c != "invalid-namespace" {
				d.deviate("%s instead of <invalid-namespace/>", described(e))
			} else {
				return
			}
			s.endsWith("invalid-namespace", "unsupported-stanza-type") // section 4.8.4 asks for the latter
		}),
		must("host-unknown", "RFC 6120 section 4.9.3.6", "a domain that is not served is answered with host-unknown", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, "unknown."+d.target, ""))
			s.endsBestWith("host-unknown", "host-gone")
		}),
		must("host-unknown-from", "RFC 6120 section 4.9.1.3", "the header of such an answer is from a domain of the target's, or from nobody", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, "unknown."+d.target, ""))
			s.fromNobodyElse()
		}),
		must("host-unknown-secured", "RFC 6120 section 4.9.3.6", "behind TLS, too", func(d *driver) {
			s := d.secured(how{})
			s.send(openingTag(d.domain, "unknown."+d.target, ""))
			s.endsBestWith("host-unknown", "host-gone")
		}),
		must("no-to", "RFC 6120 section 4.9.1.3", "a header without to is answered from a domain of the target's, or from nobody", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, "", ""))
			s.fromNobodyElse()
		}),
		must("to-malformed", "RFC 6120 section 4.7.2", "a header to what is no domain ends the stream", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, "@"+d.target, ""))
			s.endsBestWith("improper-addressing", "host-unknown", "invalid-xml", "bad-format")
		}),
		must("from-malformed", "RFC 6120 section 4.7.1", "a header from what is no domain is never authenticated", func(d *driver) {
			s := d.secured(how{})
			s.send(openingTag("@"+d.domain, d.target, ""))
			s.neverAuthenticates("@" + d.domain)
		}),
		must("stanza-before-tls", "RFC 6120 section 4.3.5", "a stanza before TLS ends the stream with not-authorized", func(d *driver) {
			s := d.plain(how{})
			s.send("<iq type='get' id='early' from='{me}' to='{it}'>" + ping + "</iq>")
			s.endsWith("not-authorized")
		}),
		must("stanza-before-sasl", "RFC 6120 section 4.3.5", "a stanza before SASL ends the stream with not-authorized", func(d *driver) {
			s := d.offered(how{})
			s.send("<iq type='get' id='early' from='{me}' to='{it}'>" + ping + "</iq>")
			s.endsWith("not-authorized")
		}),
		must("stanza-before-sasl-ignored", "RFC 6120 section 4.9.3.12", "such a stanza is not processed", func(d *driver) {
			s := d.offered(how{})
			s.send("<iq type='get' id='early' from='{me}' to='{it}'>" + ping + "</iq>")
			s.end()
			d.sync(d.stream(how{}))
			d.none("early", "it was answered")
		}),
		must("not-xml", "RFC 6120 section 11.3", "what is no XML ends the stream", func(d *driver) {
			s := d.connect(how{})
			s.send("GET / HTTP/1.1\r\nHost: {it}\r\n\r\n")
			if e, goesOn := s.end(); goesOn {
				d.fail("the connection stays open")
			} else if n := e.Error(); n != nil && n.Condition(wire.NSErrors) != "not-well-formed" {
				d.deviate("%s instead of <not-well-formed/>", described(e))
			}
		}),
		must("declared-encoding", "RFC 6120 section 11.6", "an XML declaration of another encoding ends the stream", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), "version='1.0'?>", "version='1.0' encoding='ISO-8859-1'?>", 1))
			s.endsBestWith("unsupported-encoding")
		}),
		must("utf-16", "RFC 6120 section 11.6", "UTF-16 ends the stream", func(d *driver) {
			s := d.connect(how{})
			var b []byte
			for _, u := range utf16.Encode([]rune("\uFEFF" + openingTag(d.domain, d.target, ""))) {
				b = append(b, byte(u>>8), byte(u))
			}
			s.send(string(b))
			e, goesOn := s.end()
			switch n := e.Error(); {
			case goesOn:
				d.fail("the stream goes on")
			case n == nil && e.Kind == wire.End:
				d.deviate("%s instead of <unsupported-encoding/>", described(e))
			case n != nil && n.Condition(wire.NSErrors) != "unsupported-encoding":
				d.deviate("%s instead of <unsupported-encoding/>", described(e))
			}
		}),
		prolog("prolog-doctype", "RFC 6120 section 11.1", "a document type declaration in front of the header ends the stream",
			"<?xml version='1.0'?><!DOCTYPE stream SYSTEM 'stream.dtd'>", "restricted-xml"),
		prolog("prolog-entities", "RFC 6120 section 11.1", "an internal subset with entities ends the stream",
			"<?xml version='1.0'?><!DOCTYPE stream [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>", "restricted-xml"),
		prolog("prolog-comment", "RFC 6120 section 11.1", "a comment in front of the header ends the stream",
			"<?xml version='1.0'?><!-- hello -->", "restricted-xml"),
		prolog("prolog-instruction", "RFC 6120 section 11.1", "a processing instruction in front of the header ends the stream",
			"<?xml version='1.0'?><?hello world?>", "restricted-xml"),
	}
}

// fromNobodyElse takes the target's header and checks that its from is there and
// does not claim the domain that is not served.
func (s *stream) fromNobodyElse() {
	from, ok := s.takeHeader().Node.Lookup("", "from")
	switch {
	case !ok:
		s.d.fail("the header has no from")
	case from == "unknown."+s.d.target:
		s.d.fail("the header is from %q", from)
	}
}

// neverAuthenticates tries to become somebody on a stream whose header was sent,
// and fails if that works.
func (s *stream) neverAuthenticates(authzid string) {
	for {
		switch e := s.next(); {
		case e.Error() != nil, e.Kind == wire.Footer, e.Kind == wire.End:
			return
		case e.Kind == wire.Silence:
			return
		case e.Kind == wire.Element && e.Node.Is(wire.NSStream, "features"):
			if !offers(e.Node, "EXTERNAL") {
				return
			}
			s.send(authText(authzid))
		case e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "failure"):
			return
		case e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "success"):
			s.d.fail("the authentication succeeded")
		}
	}
}
