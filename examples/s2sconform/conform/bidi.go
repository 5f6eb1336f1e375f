package conform

import (
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

const (
	nsBidi        = "urn:xmpp:bidi"
	nsBidiFeature = "urn:xmpp:features:bidi"
	bidiRequest   = "<bidi xmlns='" + nsBidi + "'/>"
)

// bidi are about stanzas both ways on one stream (XEP-0288), where that is
// offered.
func bidi() []Scenario {
	return append([]Scenario{
		must("bidi-feature", "XEP-0288 section 2.1", "it is offered in its namespace", func(d *driver) {
			f := d.offered(how{}).features.Child("", "bidi")
			if f == nil {
				d.skip("it is not offered")
			}
			if f.Name.Space != nsBidiFeature {
				d.fail("its namespace is %q", f.Name.Space)
			}
		}),
		must("bidi-answers", "XEP-0288 section 2.2", "requests are answered on a stream that goes both ways, too", func(d *driver) {
			d.sync(d.bothWays())
		}),
		must("bidi-from", "XEP-0288 section 2.2", "what comes on it is from the domain that the stream is to, and to ours", func(d *driver) {
			s := d.bothWays()
			a := d.answer(s, s.ping())
			if a.s != s {
				d.skip("nothing comes on it")
			}
			if from, to := a.Node.Attr("from"), a.Node.Attr("to"); domainOf(from) != d.target || domainOf(to) != d.domain {
				d.fail("from %q to %q", from, to)
			}
		}),
		must("bidi-too-early", "XEP-0288 section 2.2", "no stanza comes before we have authenticated", func(d *driver) {
			if d.offered(how{}).features.Child("", "bidi") == nil {
				d.skip("it is not offered")
			}
			d.manually() // so that the answer below has nowhere else to go
			d.stream(how{}).ping()
			s := d.offered(how{})
			s.send(bidiRequest)
			if e := s.Next(time.Now().Add(500 * time.Millisecond)); e.Kind != wire.Silence {
				d.fail("%s", described(e))
			}
		}),
		must("bidi-unasked", "RFC 6120 section 4.5", "no stanza comes on a stream on which it was not asked for", func(d *driver) {
			s := d.stream(how{})
			d.answerBy(s)
		}),
	}, initiating([]Scenario{
		must("bidi-theirs", "XEP-0288 section 2.2", "where it asks for both ways itself, requests on its stream are answered", func(d *driver) {
			s := d.openedBy(offer{})
			s.upToFeatures(offerExternal + "<bidi xmlns='" + nsBidiFeature + "'/>")
			e := s.next()
			if e.Kind != wire.Element || !e.Node.Is(nsBidi, "bidi") {
				d.skip("it does not ask for both ways")
			}
			s.takeAuth()
			s.succeed()
			s.takeHeader()
			s.answer("")
			s.listen()
			s.how.from = d.domain
			d.answered(s, s.ping())
		}),
	})...)
}

// bothWays is a stream of ours on which stanzas may come, too.
func (d *driver) bothWays() *stream {
	s := d.offered(how{before: bidiRequest})
	if s.features.Child("", "bidi") == nil {
		d.skip("it is not offered")
	}
	s.authenticate()
	s.listen()
	return s
}
