package conform

import (
	"strings"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// openingTrouble are about a target that opens a stream to us and does not get
// what it needs.
func openingTrouble() []Scenario {
	return initiating([]Scenario{
		must("refused-tls-clear", "RFC 6120 section 4.7.1", "where no STARTTLS is offered it sends no stanza in the clear", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer("")
			s.neverSends()
		}),
		should("refused-tls-attempt", "RFC 7590 section 3.1", "where no STARTTLS is offered it asks for TLS all the same", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer("")
			s.want(wire.NSTLS, "starttls")
		}),
		must("refused-tls-failure", "RFC 6120 section 4.7.1", "where STARTTLS fails it sends no stanza in the clear", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS)
			s.want(wire.NSTLS, "starttls")
			s.send("<failure xmlns='" + wire.NSTLS + "'/></stream:stream>")
			s.neverSends()
		}),
		must("injected-behind-proceed", "RFC 6120 section 5.4.3.3", "what was sent in the clear behind <proceed/> is not taken for what is protected", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS)
			s.want(wire.NSTLS, "starttls")
			s.send("<proceed xmlns='" + wire.NSTLS + "'/>" + s.response("") + "<stream:features>" + offerExternal + "</stream:features>")
			if s.tryServeTLS(offer{}) != nil {
				return // it was noticed
			}
			if s.next().Kind != wire.Header {
				return
			}
			if e := s.Next(time.Now().Add(500 * time.Millisecond)); e.Kind == wire.Element && e.Error() == nil {
				d.fail("%s, although nothing was said behind TLS", described(e))
			}
		}),
		must("learnt-before-tls", "RFC 6120 section 5.4.3.3", "mechanisms that were offered before TLS only are forgotten", func(d *driver) {
			s := d.openedBy(offer{})
			s.answer(offerTLS + offerExternal)
			s.want(wire.NSTLS, "starttls")
			s.proceed()
			s.serveTLS(offer{})
			s.takeHeader()
			s.answer("")
			if e := s.afterFeatures(); e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "auth") {
				d.fail("it authenticates")
			}
		}),
		must("sasl-not-offered", "RFC 6120 section 6.3.1", "where SASL is not offered it sends no stanza without having authenticated in some other way", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToFeatures("")
			s.neverSends()
		}),
		must("sasl-refused", "RFC 6120 section 6.3.1", "where authentication fails it sends no stanza", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			s.takeAuth()
			s.send("<failure xmlns='" + wire.NSSASL + "'><not-authorized/></failure>")
			s.neverSends()
		}),
		should("sasl-refused-close", "RFC 6120 section 6.4.5", "where authentication fails and nothing else is left it closes the stream", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			s.takeAuth()
			s.send("<failure xmlns='" + wire.NSSASL + "'><not-authorized/></failure>")
			e := s.next()
			for tries := 0; tries < 5 && e.Kind == wire.Element && (e.Node.Is(wire.NSSASL, "auth") || e.Node.Name.Space == nsDialback); tries++ {
				if e.Node.Name.Space != nsDialback {
					s.send("<failure xmlns='" + wire.NSSASL + "'><not-authorized/></failure>")
				} else {
					d.skip("it falls back to Server Dialback")
				}
				e = s.next()
			}
			if e.Kind != wire.Footer && e.Error() == nil {
				d.fail("%s instead of the closing tag", described(e))
			}
		}),
		must("sasl-failure-unknown", "RFC 6120 section 6.5", "a failure that it does not know is a failure", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			s.takeAuth()
			s.send("<failure xmlns='" + wire.NSSASL + "'><conformance/></failure>")
			s.neverSends()
		}),
		should("sasl-challenge", "RFC 6120 section 6.4.3", "a challenge is answered, or the authentication given up", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToAuth()
			s.takeAuth()
			s.send("<challenge xmlns='" + wire.NSSASL + "'>=</challenge>")
			e := s.next()
			switch {
			case e.Kind == wire.Silence:
				d.fail("it is not")
			case e.Kind == wire.Element && isStanza(e.Node):
				d.fail("it is taken for success: %s", quotable(e.Raw))
			}
		}),
		should("feature-unsupported", "RFC 6120 section 4.9.3.23", "where nothing is offered but a required feature that it does not know, it says unsupported-feature", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToFeatures("<conformance xmlns='urn:example:conformance'><required/></conformance>")
			e := s.afterFeatures()
			if e.Kind == wire.Element && e.Node.Name.Space == nsDialback {
				d.skip("it falls back to Server Dialback")
			}
			if n := e.Error(); n == nil || n.Condition(wire.NSErrors) != "unsupported-feature" {
				d.fail("%s instead", described(e))
			}
		}),
		must("error-received", "RFC 6120 section 4.9.1.1", "it closes a stream that is answered with a stream error", func(d *driver) {
			s := d.openedBy(offer{})
			s.send(s.response("") + streamError("host-unknown"))
			s.closes()
		}),
		must("error-received-unknown", "RFC 6120 section 4.9.2", "a stream error of unknown condition is a stream error", func(d *driver) {
			s := d.openedBy(offer{})
			s.send(s.response("") + streamError("conformance"))
			s.closes()
		}),
		must("error-received-later", "RFC 6120 section 4.9.1.1", "it closes a stream that it used and that we end with an error", func(d *driver) {
			back := d.answerBy(d.stream(how{}))
			back.send(streamError("reset"))
			if _, ok := d.await(func(a arrival) bool { return a.s == back && (a.Kind == wire.Footer || a.Kind == wire.End) }); !ok {
				d.fail("it stays open")
			}
		}),
		must("response-namespace", "RFC 6120 section 4.8.1", "a response header of another stream namespace ends the stream", func(d *driver) {
			s := d.openedBy(offer{})
			s.send(strings.Replace(s.response(""), wire.NSStream, "urn:example:wrong", 1))
			s.endsBestWith("invalid-namespace", "bad-format")
		}),
		must("response-restricted", "RFC 6120 section 11.1", "a document type declaration in front of the response header ends the stream", func(d *driver) {
			s := d.openedBy(offer{})
			_, tag, _ := strings.Cut(s.response(""), "?>")
			s.send("<?xml version='1.0'?><!DOCTYPE stream SYSTEM 'stream.dtd'>" + tag)
			s.endsBestWith("restricted-xml")
		}),
		must("response-not-xml", "RFC 6120 section 11.3", "an answer that is no XML ends the stream", func(d *driver) {
			s := d.openedBy(offer{})
			s.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			if e, goesOn := s.end(); goesOn {
				d.fail("it stays open")
			} else if n := e.Error(); n != nil && n.Condition(wire.NSErrors) != "not-well-formed" {
				d.deviate("%s instead of <not-well-formed/>", described(e))
			}
		}),
	})
}

// streamError is a stream error and the closing tag behind it.
func streamError(condition string) string {
	return "<stream:error><" + condition + " xmlns='" + wire.NSErrors + "'/></stream:error></stream:stream>"
}

// upToFeatures answers a stream up to the features behind TLS.
func (s *stream) upToFeatures(features string) {
	s.answer(offerTLS)
	s.want(wire.NSTLS, "starttls")
	s.proceed()
	s.serveTLS(offer{})
	s.takeHeader()
	s.answer(features)
}

// afterFeatures is what the target does next, past a <bidi/>.
func (s *stream) afterFeatures() wire.Event {
	e := s.next()
	for e.Kind == wire.Element && e.Node.Is(nsBidi, "bidi") {
		e = s.next()
	}
	return e
}

// neverSends fails if the target sends a stanza. It may do anything else, such as
// falling back to Server Dialback, which is refused.
func (s *stream) neverSends() {
	for {
		switch e := s.Next(s.d.soon()); {
		case e.Kind == wire.Silence, e.Kind == wire.Footer, e.Kind == wire.End, e.Error() != nil:
			return
		case e.Kind == wire.Element && isStanza(e.Node):
			s.d.fail("it sends one: %s", quotable(e.Raw))
		case e.Kind == wire.Element && e.Node.Is(wire.NSTLS, "starttls"):
			s.send("<failure xmlns='" + wire.NSTLS + "'/></stream:stream>")
		case e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "auth"):
			s.send("<failure xmlns='" + wire.NSSASL + "'><not-authorized/></failure>")
		}
	}
}

// closes expects the closing tag, or the end of the connection.
func (s *stream) closes() {
	for {
		switch e := s.next(); {
		case e.Kind == wire.Footer, e.Kind == wire.End:
			return
		case e.Kind == wire.Silence:
			s.d.fail("it stays open")
		}
	}
}

// answerBy makes the target answer a ping and returns the stream that the answer
// came by.
func (d *driver) answerBy(s *stream) *stream {
	back := d.answer(s, s.ping()).s
	if back == s {
		d.fail("the answer came by the stream that we opened")
	}
	return back
}
