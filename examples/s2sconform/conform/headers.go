package conform

import (
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

// headers are about the target's answer to a good stream header.
func headers() []Scenario {
	return []Scenario{
		must("header-namespaces", "RFC 6120 section 4.8.2", "the response header has the stream namespace, and the content namespace of the initial one", func(d *driver) {
			s := d.plain(how{})
			if !s.header.Is(wire.NSStream, "stream") {
				d.fail("the header is %s", quotable(s.header.Raw))
			}
			if ns := s.header.Attr("xmlns"); ns != wire.NSServer {
				d.fail("the content namespace is %q", ns)
			}
		}),
		must("header-from", "RFC 6120 section 4.7.1", "the response header says from, one of the target's domains", func(d *driver) {
			d.eachHeader(func(stage string, h *wire.Node) {
				if h.Attr("from") == "" {
					d.fail("no from in the header %s", stage)
				}
			})
		}),
		must("header-to", "RFC 6120 section 4.7.2", "the response header says to, with the domain of the initial one's from", func(d *driver) {
			d.eachHeader(func(stage string, h *wire.Node) {
				if to := h.Attr("to"); to != d.domain {
					d.fail("to is %q in the header %s", to, stage)
				}
			})
		}),
		must("header-id", "RFC 6120 section 4.7.3", "the response header has a stream id", func(d *driver) {
			d.eachHeader(func(stage string, h *wire.Node) {
				if h.Attr("id") == "" {
					d.fail("no id in the header %s", stage)
				}
			})
		}),
		must("header-id-unique", "RFC 6120 section 4.7.3", "no two streams have the same id", func(d *driver) {
			seen := make(map[string]bool)
			for range 12 {
				id := d.plain(how{}).header.Attr("id")
				if seen[id] {
					d.fail("the id %q came twice", id)
				}
				seen[id] = true
			}
		}),
		must("header-id-after-tls", "RFC 6120 section 5.4.3.3", "the stream behind TLS has a new id", func(d *driver) {
			s := d.plain(how{})
			before := s.header.Attr("id")
			s.starttls()
			s.handshake()
			s.open()
			if s.header.Attr("id") == before {
				d.fail("the id is still %q", before)
			}
		}),
		must("header-id-after-sasl", "RFC 6120 section 6.4.6", "the stream behind SASL has a new id", func(d *driver) {
			s := d.offered(how{})
			before := s.header.Attr("id")
			s.authenticate()
			if s.header.Attr("id") == before {
				d.fail("the id is still %q", before)
			}
		}),
		must("header-id-of-initiator", "RFC 6120 section 4.7.3", "an id in the initial header is ignored", func(d *driver) {
			s := d.connect(how{})
			s.openWith(openingTag(d.domain, d.target, " id='conformance'"))
			if s.header.Attr("id") == "conformance" {
				d.fail("the id of the initial header was taken over")
			}
		}),
		must("header-lang", "RFC 6120 section 4.7.4", "the response header has xml:lang", func(d *driver) {
			d.eachHeader(func(stage string, h *wire.Node) {
				if h.Lang() == "" {
					d.fail("no xml:lang in the header %s", stage)
				}
			})
		}),
		must("header-lang-unsupported", "RFC 6120 section 4.7.4", "to a language that nobody supports the answer is the target's own", func(d *driver) {
			own := d.plain(how{}).header.Lang()
			s := d.connect(how{})
			s.openWith(openingTag(d.domain, d.target, " xml:lang='x-conform'"))
			if lang := s.header.Lang(); lang != own {
				d.fail("xml:lang is %q; without one in the initial header it is %q", lang, own)
			}
		}),
		must("header-version", "RFC 6120 section 4.7.5", "to version 1.0 the answer is 1.0", func(d *driver) {
			d.eachHeader(func(stage string, h *wire.Node) {
				if v := h.Attr("version"); v != "1.0" {
					d.fail("the version is %q in the header %s", v, stage)
				}
			})
		}),
		must("header-version-minor", "RFC 6120 section 4.7.5", "to version 1.13 the answer is the target's own, and the stream goes on", func(d *driver) {
			s := d.connect(how{})
			s.openWith(openingTagOf(" version='1.13'", d.domain, d.target, ""))
			if v := s.header.Attr("version"); v != "1.0" {
				d.fail("the version is %q", v)
			}
		}),
		must("header-version-major", "RFC 6120 section 4.7.5", "to version 11.0 the answer is the target's own, which is lower", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTagOf(" version='11.0'", d.domain, d.target, ""))
			if v := s.takeHeader().Node.Attr("version"); v != "1.0" {
				d.fail("the version is %q", v)
			}
		}),
		must("header-version-zeros", "RFC 6120 section 4.7.5", "leading zeros of a version are ignored", func(d *driver) {
			s := d.connect(how{})
			s.openWith(openingTagOf(" version='01.0'", d.domain, d.target, ""))
		}),
		should("header-version-none", "RFC 6120 section 4.7.5", "to a header without version the answer has none", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTagOf("", d.domain, d.target, ""))
			if v, ok := s.takeHeader().Node.Lookup("", "version"); ok {
				d.fail("the version is %q", v)
			}
		}),
		should("header-declaration", "RFC 6120 section 11.5", "an XML declaration stands in front of the response header", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, d.target, ""))
			if s.takeHeader().Decl == "" {
				d.fail("there is none")
			}
		}),
		must("header-standalone", "RFC 6120 section 11.5", "the XML declaration has no standalone document declaration", func(d *driver) {
			s := d.connect(how{})
			s.send(openingTag(d.domain, d.target, ""))
			if decl := s.takeHeader().Decl; strings.Contains(decl, "standalone") {
				d.fail("it is %s", decl)
			}
		}),
		must("header-no-from-before-tls", "RFC 6120 section 4.7.1", "a header need not say from before TLS", func(d *driver) {
			s := d.connect(how{})
			s.openWith(openingTag("", d.target, ""))
			s.starttls()
			s.handshake()
			s.open()
			s.authenticate()
		}),
		should("header-no-from-after-tls", "RFC 6120 section 4.7.1", "a header without from behind TLS is accepted, and the authorization identity counts", func(d *driver) {
			s := d.secured(how{})
			s.openWith(openingTag("", d.target, ""))
			s.authenticate()
		}),
		must("header-from-forgotten", "RFC 6120 section 5.4.3.3", "the from of the header before TLS is forgotten", func(d *driver) {
			s := d.connect(how{})
			s.openWith(openingTag(d.second(), d.target, ""))
			s.starttls()
			s.handshake()
			s.open()
			s.authenticate()
			s.listen()
			d.sync(s)
		}),
		must("features-first", "RFC 6120 section 4.3.2", "features come first after each response header", func(d *driver) {
			d.authenticated(how{})
		}),
		must("features-namespaces", "RFC 6120 section 4.3.2", "each feature has a namespace of its own", func(d *driver) {
			d.eachFeatures(func(stage string, f *wire.Node) {
				for _, n := range f.Nodes {
					if n.Name.Space == wire.NSStream || n.Name.Space == wire.NSServer || n.Name.Space == "" {
						d.fail("<%s/> in the features %s has the namespace %q", n.Name.Local, stage, n.Name.Space)
					}
				}
			})
		}),
		must("features-complete", "RFC 6120 section 4.3.5", "the features behind SASL have nothing mandatory, and stanzas are accepted", func(d *driver) {
			s := d.authenticated(how{})
			for _, n := range s.features.Nodes {
				if n.Name.Space == wire.NSTLS || n.Name.Space == wire.NSSASL || n.Child("", "required") != nil {
					d.fail("<%s/> is among them", n.Name.Local)
				}
			}
			s.listen()
			d.sync(s)
		}),
		must("header-prefix", "RFC 6120 section 4.8.5", "a prefix other than stream is accepted or answered with bad-namespace-prefix", func(d *driver) {
			s := d.connect(how{})
			s.send("<?xml version='1.0'?><conf:stream xmlns='jabber:server' xmlns:conf='" + wire.NSStream + "' from='{me}' to='{it}' version='1.0'>")
			s.acceptedOr("bad-namespace-prefix")
		}),
		must("header-prefix-free", "RFC 6120 section 4.8.2", "a header without prefix is accepted or answered with bad-namespace-prefix", func(d *driver) {
			s := d.connect(how{})
			s.send("<?xml version='1.0'?><stream xmlns='" + wire.NSStream + "' from='{me}' to='{it}' version='1.0'>")
			s.acceptedOr("bad-namespace-prefix")
		}),
		must("header-declared-standalone", "RFC 6120 section 11.5", "standalone='no' is ignored or answered with restricted-xml", func(d *driver) {
			s := d.connect(how{})
			s.send(strings.Replace(openingTag(d.domain, d.target, ""), "version='1.0'?>", "version='1.0' standalone='no'?>", 1))
			s.acceptedOr("restricted-xml")
		}),
		must("header-in-pieces", "RFC 6120 section 4.2", "a header that arrives in pieces is a header", func(d *driver) {
			s := d.connect(how{})
			h := openingTag(d.domain, d.target, "")
			s.send(h[:30])
			s.send(h[30:31])
			s.send(h[31:])
			s.takeHeader()
			s.want(wire.NSStream, "features")
		}),
	}
}

// eachHeader shows the target's header of each of the three stages.
func (d *driver) eachHeader(look func(stage string, h *wire.Node)) {
	s := d.plain(how{})
	look("before TLS", s.header)
	s.starttls()
	s.handshake()
	s.open()
	look("behind TLS", s.header)
	s.authenticate()
	look("behind SASL", s.header)
}

// eachFeatures is eachHeader for features.
func (d *driver) eachFeatures(look func(stage string, f *wire.Node)) {
	s := d.plain(how{})
	look("before TLS", s.features)
	s.starttls()
	s.handshake()
	s.open()
	look("behind TLS", s.features)
	s.authenticate()
	look("behind SASL", s.features)
}

// acceptedOr passes if features come, or a stream error that should be the given
// one.
func (s *stream) acceptedOr(condition string) {
	s.takeHeader()
	e := s.next()
	switch n := e.Error(); {
	case n != nil && n.Condition(wire.NSErrors) != condition:
		s.d.deviate("%s instead of <%s/>", described(e), condition)
	case n == nil && (e.Kind != wire.Element || !e.Node.Is(wire.NSStream, "features")):
		s.d.fail("%s", described(e))
	}
}
