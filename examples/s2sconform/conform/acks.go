package conform

import (
	"fmt"
	"strconv"

	"isthmus.im/examples/s2sconform/wire"
)

const nsSM = "urn:xmpp:sm:3"

// acks are about stream management (XEP-0198), where it is offered.
func acks() []Scenario {
	return append([]Scenario{
		must("sm-offered", "XEP-0198 section 2", "it is offered behind SASL, and not before", func(d *driver) {
			d.eachFeatures(func(stage string, f *wire.Node) {
				if stage != "behind SASL" && f.Child(nsSM, "sm") != nil {
					d.fail("it is offered %s", stage)
				} else if stage == "behind SASL" && f.Child(nsSM, "sm") == nil {
					d.skip("it is not offered")
				}
			})
		}),
		must("sm-enable", "XEP-0198 section 3", "<enable/> is answered", func(d *driver) {
			d.acknowledging()
		}),
		must("sm-enable-early", "XEP-0198 section 3", "<enable/> before authentication is not granted", func(d *driver) {
			d.managed(d.authenticated(how{}))
			s := d.offered(how{})
			s.send("<enable xmlns='" + nsSM + "'/>")
			if e := s.next(); e.Kind == wire.Element && e.Node.Is(nsSM, "enabled") {
				d.fail("it is")
			}
		}),
		should("sm-enable-again", "XEP-0198 section 3", "a second <enable/> is refused", func(d *driver) {
			s := d.acknowledging()
			s.send("<enable xmlns='" + nsSM + "'/>")
			isEnd := endOf(s)
			a, ok := d.await(func(a arrival) bool {
				return isEnd(a) || a.s == s && a.Kind == wire.Element && (a.Node.Is(nsSM, "enabled") || a.Node.Is(nsSM, "failed"))
			})
			if !ok || a.Node.Is(nsSM, "enabled") {
				d.fail("it is answered with %s", described(a.Event))
			}
		}),
		must("sm-enabled-resume", "XEP-0198 section 5", "an <enabled/> that allows to resume the stream has an id", func(d *driver) {
			s := d.stream(how{})
			d.managed(s)
			s.send("<enable xmlns='" + nsSM + "' resume='true'/>")
			n := d.manages(s, "enabled", "failed")
			if r := n.Attr("resume"); (r == "true" || r == "1") && n.Attr("id") == "" {
				d.fail("it is %s", n.Raw)
			}
		}),
		must("sm-resume-unknown", "XEP-0198 section 5", "to resume a stream that nobody knows fails", func(d *driver) {
			s := d.stream(how{})
			d.managed(s)
			s.send("<resume xmlns='" + nsSM + "' previd='conformance' h='0'/>")
			n := d.manages(s, "resumed", "failed")
			if n.Name.Local == "resumed" {
				d.fail("it is resumed")
			}
			if c := n.Condition(wire.NSStanzas); c != "item-not-found" && c != "feature-not-implemented" {
				d.deviate("the condition is %q", c)
			}
		}),
		must("sm-request", "XEP-0198 section 4", "a request for acknowledgement is answered, and h is zero at first", func(d *driver) {
			s := d.acknowledging()
			if h := d.acknowledged(s); h != 0 {
				d.fail("h is %d", h)
			}
		}),
		must("sm-before", "XEP-0198 section 4", "stanzas before <enable/> do not count", func(d *driver) {
			s := d.stream(how{})
			d.managed(s)
			d.sync(s)
			d.sync(s)
			d.enable(s)
			if h := d.acknowledged(s); h != 0 {
				d.fail("h is %d", h)
			}
		}),
		must("sm-count", "XEP-0198 section 4", "h is the number of stanzas that were handled", func(d *driver) {
			s := d.acknowledging()
			for n := 1; n <= 5; n++ {
				d.sync(s)
				if h := d.acknowledged(s); h != n {
					d.fail("h is %d after %d", h, n)
				}
			}
		}),
		must("sm-count-kinds", "XEP-0198 section 4", "messages and presence count like requests, refused ones like others", func(d *driver) {
			s := d.acknowledging()
			s.send("<message type='chat' from='{me}' to='nobody@{it}'><body>hello</body></message>")
			s.send("<presence from='{me}' to='nobody@{it}'/>")
			d.answered(s, s.iq("get", d.domain, d.target, unknown))
			d.answered(s, s.iq("get", d.domain, "nobody@"+d.target, unknown))
			if h := d.acknowledged(s); h != 4 {
				d.fail("h is %d after 4", h)
			}
		}),
		must("sm-count-others", "XEP-0198 section 1", "what is no stanza does not count", func(d *driver) {
			s := d.acknowledging()
			s.send(" \n ")
			d.acknowledged(s)
			s.send("<a xmlns='" + nsSM + "' h='0'/>")
			d.sync(s)
			if h := d.acknowledged(s); h != 1 {
				d.fail("h is %d after 1", h)
			}
		}),
	}, initiating(theirAcks())...)
}

// theirAcks are about a target that asks us for acknowledgements.
func theirAcks() []Scenario {
	return []Scenario{
		must("sm-their-request", "XEP-0198 section 4", "once it has enabled them, a request of ours is answered, too", func(d *driver) {
			back := d.enabling()
			back.send("<r xmlns='" + nsSM + "'/>")
			n := d.manages(back, "a")
			if h, err := strconv.Atoi(n.Attr("h")); err != nil || h != 0 {
				d.fail("the answer is %s", n.Raw)
			}
		}),
		must("sm-their-count", "XEP-0198 section 4", "an acknowledgement of what it sent does not disturb it", func(d *driver) {
			back := d.enabling()
			s := d.stream(how{})
			for range 3 {
				d.sync(s)
				back.send("<a xmlns='" + nsSM + "' h='" + strconv.Itoa(back.handled()) + "'/>")
			}
			if a := d.answer(s, s.ping()); a.s != back {
				d.fail("it went over to another stream")
			}
		}),
		should("sm-their-too-high", "XEP-0198 section 6", "an acknowledgement of what it never sent ends the stream", func(d *driver) {
			back := d.enabling()
			back.send("<a xmlns='" + nsSM + "' h='1000'/><r xmlns='" + nsSM + "'/>")
			isEnd := endOf(back)
			e, ok := d.await(func(a arrival) bool {
				return isEnd(a) || a.s == back && a.Kind == wire.Element && a.Node.Is(nsSM, "a")
			})
			switch n := e.Error(); {
			case !ok || e.Kind == wire.Element && e.Node.Is(nsSM, "a"):
				d.fail("it goes on")
			case n == nil || n.Condition(nsErrors) != "undefined-condition":
				d.fail("%s instead of <undefined-condition/>", described(e.Event))
			case n.Child(nsSM, "handled-count-too-high") == nil:
				d.fail("there is no <handled-count-too-high/>: %s", quotable(e.Raw))
			}
		}),
		should("sm-their-unacknowledged", "XEP-0198 section 4", "what we did not acknowledge before the connection broke is sent again, or its sender is told", func(d *driver) {
			d.offer.silent = true
			u, back := d.cutAfter(5, 0)
			for i := range 5 {
				d.sentOrTold(u, i, back)
			}
		}),
		should("sm-their-acknowledged", "XEP-0198 section 4", "what we acknowledged before that is not sent again, nor is its sender told anything", func(d *driver) {
			d.offer.silent = true
			u, back := d.cutAfter(5, 3)
			for i := 3; i < 5; i++ {
				d.sentOrTold(u, i, back)
			}
			for i := range 3 {
				isBounce := u.with(fmt.Sprint("kept", i))
				if a, ok := d.box.look(func(a arrival) bool { return isBounce(a) || isMessage(a) && a.Node.Attr("id") == fmt.Sprint("kept", i) }); ok {
					d.fail("message %d: %s", i, quotable(a.Raw))
				}
			}
		}),
	}
}

// managed skips the scenario if stream management is not offered.
func (d *driver) managed(s *stream) {
	if s.features.Child(nsSM, "sm") == nil {
		d.skip("stream management is not offered")
	}
}

// acknowledging is a stream of ours on which the target acknowledges.
func (d *driver) acknowledging() *stream {
	s := d.stream(how{})
	d.managed(s)
	d.enable(s)
	return s
}

func (d *driver) enable(s *stream) {
	s.send("<enable xmlns='" + nsSM + "'/>")
	if n := d.manages(s, "enabled", "failed"); n.Name.Local == "failed" {
		d.skip("it is not enabled: %s", quotable(n.Raw))
	}
}

// manages waits for an element of stream management of one of the names.
func (d *driver) manages(s *stream, names ...string) *wire.Node {
	isEnd := endOf(s)
	a, ok := d.await(func(a arrival) bool {
		if isEnd(a) {
			return true
		}
		for _, name := range names {
			if a.s == s && a.Kind == wire.Element && a.Node.Is(nsSM, name) {
				return true
			}
		}
		return false
	})
	switch {
	case !ok:
		d.fail("no <%s/> within %v", names[0], d.env.patience())
	case a.Node == nil || a.Node.Name.Space != nsSM:
		d.fail("the stream ended with %s", described(a.Event))
	}
	return a.Node
}

// acknowledged asks the target how many stanzas it has handled.
func (d *driver) acknowledged(s *stream) int {
	s.send("<r xmlns='" + nsSM + "'/>")
	n := d.manages(s, "a")
	h, err := strconv.ParseUint(n.Attr("h"), 10, 32)
	if err != nil {
		d.fail("the acknowledgement is %s", n.Raw)
	}
	return int(h)
}

// enabling makes the target open a stream and enable acknowledgements on it.
func (d *driver) enabling() *stream {
	d.offer.finally = offerAcks
	back := d.answerBy(d.stream(how{}))
	d.enabledBy(back)
	return back
}

// enabledBy waits for the target to enable acknowledgements on its stream.
func (d *driver) enabledBy(back *stream) {
	deadline := d.soon()
	if _, ok := d.box.wait(deadline, func(a arrival) bool { return a.s == back && a.Kind == wire.Element && a.Node.Is(nsSM, "enable") }); !ok {
		d.skip("it does not ask for acknowledgements")
	}
}
