package conform

import (
	"fmt"
	"strconv"

	"isthmus.im/examples/s2sconform/wire"
)

// resumption is about streams that broke (XEP-0198 section 5), where the target
// lets them be resumed.
func resumption() []Scenario {
	return append([]Scenario{
		must("sm-resume", "XEP-0198 section 5", "a stream that broke is resumed, and h is the number of stanzas that were handled", func(d *driver) {
			s, id := d.resumable()
			for range 3 {
				d.sync(s)
			}
			s.Cut()
			d.resume(id, 3)
		}),
		must("sm-resume-nothing", "XEP-0198 section 5", "h is zero if none was", func(d *driver) {
			s, id := d.resumable()
			s.Cut()
			d.resume(id, 0)
		}),
		must("sm-resume-goes-on", "XEP-0198 section 5", "the numbers go on on the new stream", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			s.Cut()
			s = d.resume(id, 1)
			d.sync(s)
			if h := d.acknowledged(s); h != 2 {
				d.fail("h is %d after 2", h)
			}
		}),
		must("sm-resume-again", "XEP-0198 section 5", "a stream that was resumed and broke again is resumed again", func(d *driver) {
			s, id := d.resumable()
			for n := range 3 {
				d.sync(s)
				s.Cut()
				s = d.resume(id, n+1)
			}
		}),
		must("sm-resume-open", "XEP-0198 section 5", "a stream that the target believes to be open is resumed all the same", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			d.resume(id, 1)
		}),
		should("sm-resume-conflict", "XEP-0198 section 5", "and ends with the stream error conflict", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			d.resume(id, 1)
			a, ok := d.await(endOf(s))
			switch {
			case !ok:
				d.fail("it is left open")
			case a.Error() == nil:
				d.fail("it ends without an error")
			case a.Error().Condition(wire.NSErrors) != "conflict":
				d.fail("it ends with %s", quotable(a.Raw))
			}
		}),
		must("sm-resume-early", "XEP-0198 section 10", "no stream is resumed before authentication", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			s.Cut()
			early := d.offered(how{})
			early.send("<resume xmlns='" + nsSM + "' previd='" + id + "' h='0'/>")
			if e := early.next(); e.Kind == wire.Element && e.Node.Is(nsSM, "resumed") {
				d.fail("it is")
			}
		}),
		must("sm-resume-other", "XEP-0198 section 10", "nor by another domain, though it knows the id", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			s.Cut()
			other := d.stream(how{from: d.second()})
			other.send("<resume xmlns='" + nsSM + "' previd='" + id + "' h='0'/>")
			if n := d.manages(other, "resumed", "failed"); n.Name.Local == "resumed" {
				d.fail("it is: %s", n.Raw)
			}
		}),
		should("sm-resume-closed", "XEP-0198 section 7", "a stream that was closed in good order is over", func(d *driver) {
			s, id := d.resumable()
			d.sync(s)
			s.send("</stream:stream>")
			d.await(endOf(s))
			s = d.stream(how{})
			s.send("<resume xmlns='" + nsSM + "' previd='" + id + "' h='0'/>")
			if n := d.manages(s, "resumed", "failed"); n.Name.Local == "resumed" {
				d.fail("it is resumed")
			}
		}),
	}, initiating(theirResumption())...)
}

// theirResumption is about a target that resumes its own streams.
func theirResumption() []Scenario {
	return []Scenario{
		must("sm-their-resume", "XEP-0198 section 5", "what we handled of its stream, as it hears when it resumes that, is not sent again, and the rest is", func(d *driver) {
			d.offer.silent, d.offer.resumable = true, true
			u, back := d.cutAfterHandling(5, 3)
			if _, ok := d.await(func(a arrival) bool { return a.s != back && a.Kind == wire.Element && a.Node.Is(nsSM, "resume") }); !ok {
				d.skip("it does not resume streams")
			}
			for i := 3; i < 5; i++ {
				d.sentOrTold(u, i, back)
			}
			for i := range 3 {
				id := fmt.Sprint("kept", i)
				isBounce, isAgain := u.with(id), stanzaWith(id)
				if a, ok := d.box.look(func(a arrival) bool { return isBounce(a) || isAgain(a) && a.s != back }); ok {
					d.fail("message %d: %s", i, quotable(a.Raw))
				}
			}
		}),
	}
}

// resumable is a stream of ours that the target lets us resume, and its id.
func (d *driver) resumable() (*stream, string) {
	s := d.stream(how{})
	d.managed(s)
	s.send("<enable xmlns='" + nsSM + "' resume='true'/>")
	n := d.manages(s, "enabled", "failed")
	r, id := n.Attr("resume"), n.Attr("id")
	if n.Name.Local != "enabled" || r != "true" && r != "1" || id == "" {
		d.skip("streams cannot be resumed: %s", quotable(n.Raw))
	}
	return s, id
}

// resume resumes a stream of ours of which the target has handled a number of
// stanzas.
func (d *driver) resume(id string, handled int) *stream {
	s := d.stream(how{})
	s.send("<resume xmlns='" + nsSM + "' previd='" + id + "' h='0'/>")
	n := d.manages(s, "resumed", "failed")
	switch {
	case n.Name.Local != "resumed":
		d.fail("it is not resumed: %s", quotable(n.Raw))
	case n.Attr("previd") != id:
		d.fail("previd is %q, not %q", n.Attr("previd"), id)
	case n.Attr("h") != strconv.Itoa(handled):
		d.fail("h is %q after %d", n.Attr("h"), handled)
	}
	return s
}
