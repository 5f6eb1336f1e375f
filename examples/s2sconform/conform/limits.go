package conform

import (
	"fmt"
	"strconv"
	"strings"

	"isthmus.im/examples/s2sconform/wire"
)

const nsLimits = "urn:xmpp:stream-limits:0"

// limits are about the size of stanzas.
func limits() []Scenario {
	return append([]Scenario{
		must("size-10000", "RFC 6120 section 13.12", "a stanza of 10,000 bytes is accepted", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.sized(10_000))
		}),
		must("size-exceeded", "RFC 6120 section 13.12", "a stanza that is too large is answered with policy-violation, or ends the stream with it", func(d *driver) {
			for _, size := range []int{2 << 20, 16 << 20} {
				s := d.stream(how{})
				if d.refusesSize(s, s.sized(size)) {
					return
				}
			}
			d.skip("16 MiB are not")
		}),
		must("limits-values", "XEP-0478 section 3.1", "the limits that are announced are numbers, and no less than 10,000 bytes", func(d *driver) {
			s := d.stream(how{})
			l := d.announced(s)
			for _, n := range l.Nodes {
				v, err := strconv.Atoi(strings.TrimSpace(n.Text))
				if err != nil || v <= 0 || n.Is(nsLimits, "max-bytes") && v < 10_000 {
					d.fail("<%s/> is %q", n.Name.Local, n.Text)
				}
			}
		}),
		must("limits-max", "XEP-0478 section 3.1", "a stanza as large as the announced limit is accepted", func(d *driver) {
			s := d.stream(how{})
			d.answered(s, s.sized(d.maxBytes(s)))
		}),
		must("limits-exceeded", "RFC 6120 section 13.12", "a stanza larger than the announced limit is answered with policy-violation, or ends the stream with it", func(d *driver) {
			s := d.stream(how{})
			if !d.refusesSize(s, s.sized(d.maxBytes(s)+1)) {
				d.fail("it is accepted")
			}
		}),
	}, initiating([]Scenario{
		should("limits-kept", "XEP-0478 section 4", "a stanza larger than the limit that we announce is not sent, and its sender is told", func(d *driver) {
			d.announced(d.stream(how{})) // who does not announce any need not know what ours are
			u := d.user()
			d.offer.finally = "<limits xmlns='" + nsLimits + "'><max-bytes>10000</max-bytes></limits>"
			to := "somebody@" + d.domain
			u.send(fmt.Sprintf("<message id='small' from='%s' to='%s'><body>small</body></message>", u.Address(), to))
			if _, ok := d.await(isMessage); !ok {
				d.fail("nothing is sent at all")
			}
			u.send(fmt.Sprintf("<message id='large' from='%s' to='%s'><body>%s</body></message>", u.Address(), to, strings.Repeat("large", 3000)))
			isBounce := u.with("large")
			a, ok := d.await(func(a arrival) bool { return isBounce(a) || isMessage(a) })
			switch {
			case !ok:
				d.fail("neither happens")
			case a.s != nil:
				d.fail("it is sent, %d bytes of it", len(a.Raw))
			case condition(a.Node) != "policy-violation":
				d.fail("the sender is told %s", quotable(a.Raw))
			}
		}),
	})...)
}

// sized sends a request of a number of bytes and returns its id.
func (s *stream) sized(bytes int) string {
	id := s.d.id()
	before := s.d.fill("<iq type='get' id='" + id + "' from='{me}' to='{it}'><conformance xmlns='urn:example:conformance'>")
	after := "</conformance></iq>"
	pad := max(0, bytes-len(before)-len(after))
	// In pieces, so that an error can come before all is written.
	s.send(before)
	for pad > 0 {
		n := min(pad, 64<<10)
		if s.WriteWithin(strings.Repeat("x", n), s.d.env.patience()) != nil {
			return id
		}
		pad -= n
	}
	s.send(after)
	return id
}

// refusesSize reports whether a request is refused as too large.
func (d *driver) refusesSize(s *stream, id string) bool {
	isEnd, isAnswer := endOf(s), stanzaWith(id)
	a, ok := d.await(func(a arrival) bool { return isEnd(a) || isAnswer(a) })
	switch {
	case !ok:
		d.fail("it is neither accepted nor refused")
	case isAnswer(a):
		return condition(a.Node) == "policy-violation"
	case a.Error() == nil || a.Error().Condition(nsErrors) != "policy-violation":
		d.fail("%s instead of <policy-violation/>", described(a.Event))
	}
	return true
}

// announced returns the limits that the target announced on a stream.
func (d *driver) announced(s *stream) *wire.Node {
	l := s.features.Child(nsLimits, "limits")
	if l == nil {
		d.skip("no limits are announced")
	}
	return l
}

func (d *driver) maxBytes(s *stream) int {
	n := d.announced(s).Child(nsLimits, "max-bytes")
	if n == nil {
		d.skip("no size is announced")
	}
	v, err := strconv.Atoi(strings.TrimSpace(n.Text))
	if err != nil || v > 64<<20 {
		d.skip("a size of %q is announced", n.Text)
	}
	return v
}
