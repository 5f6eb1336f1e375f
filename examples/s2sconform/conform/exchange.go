package conform

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// pump reads a stream to its end and keeps what arrives. It answers what needs
// an answer at once: requests for acknowledgement and the closing tag.
func (s *stream) pump() {
	for {
		e := s.Next(time.Time{})
		switch {
		case e.Kind == wire.Element && isStanza(e.Node):
			s.mu.Lock()
			s.h++
			s.mu.Unlock()
		case e.Kind == wire.Element && e.Node.Name.Space == nsSM && s.served:
			s.manage(e.Node)
		case e.Kind == wire.Footer:
			s.WriteWithin("</stream:stream>", s.d.env.patience())
		}
		s.d.box.put(arrival{s, e})
		if e.Kind == wire.End {
			s.Cut()
			return
		}
	}
}

// manage takes an element of stream management on a stream that the target
// opened.
func (s *stream) manage(n *wire.Node) {
	switch n.Name.Local {
	case "enable":
		s.mu.Lock()
		s.h = 0
		s.mu.Unlock()
		if s.d.offer.resumable {
			s.send("<enabled xmlns='" + nsSM + "' resume='true' id='" + s.d.tag + "' max='600'/>")
			return
		}
		s.send("<enabled xmlns='" + nsSM + "'/>")
	case "resume":
		s.mu.Lock()
		s.h = s.d.resumeAt()
		s.mu.Unlock()
		s.send("<resumed xmlns='" + nsSM + "' previd='" + s.d.tag + "' h='" + strconv.Itoa(s.handled()) + "'/>")
	case "r":
		if !s.d.offer.silent {
			s.send("<a xmlns='" + nsSM + "' h='" + strconv.Itoa(s.handled()) + "'/>")
		}
	}
}

// handled is how many stanzas were received since acknowledgements were enabled.
func (s *stream) handled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.h
}

// iq writes a request and returns its id.
func (s *stream) iq(typ, from, to, payload string) string {
	id := s.d.id()
	s.send("<iq type='" + typ + "' id='" + id + "' from='" + from + "' to='" + to + "'>" + payload + "</iq>")
	return id
}

const ping = "<ping xmlns='urn:xmpp:ping'/>"

// ping asks the target from our domain.
func (s *stream) ping() string { return s.iq("get", s.how.from, s.d.target, ping) }

// answer waits for the stanza with an id. That the stream ends first on which
// the request was sent is a failure, and so is silence.
func (d *driver) answer(s *stream, id string) arrival {
	isAnswer, isEnd := stanzaWith(id), endOf(s)
	a, ok := d.await(func(a arrival) bool { return isAnswer(a) || isEnd(a) })
	if ok && !isAnswer(a) {
		// The answer may have come by another stream in the meantime.
		if late, there := d.box.wait(time.Now().Add(time.Second), isAnswer); there {
			return late
		}
		d.fail("the stream ended with %s", described(a.Event))
	}
	if !ok {
		d.fail("no answer within %v", d.env.patience())
	}
	return a
}

// sync shows that everything sent on s so far was handled.
func (d *driver) sync(s *stream) { d.answer(s, s.ping()) }

// syncTo is sync for what was sent from and to certain addresses.
func (d *driver) syncTo(s *stream, from, to string) { d.answer(s, s.iq("get", from, to, ping)) }

// none fails if a stanza with an id has arrived.
func (d *driver) none(id, what string) {
	if a, ok := d.box.look(stanzaWith(id)); ok {
		d.fail("%s: %s", what, quotable(a.Raw))
	}
}

// endsWith expects that the target ends the stream with a stream error, for what
// was sent last. One of the conditions MUST be given.
func (s *stream) endsWith(conditions ...string) { s.ended(Fails, conditions) }

// endsBestWith is endsWith where the conditions are what the error SHOULD be.
func (s *stream) endsBestWith(conditions ...string) { s.ended(Deviates, conditions) }

func (s *stream) ended(otherwise Outcome, conditions []string) {
	e, goesOn := s.end()
	n := e.Error()
	switch {
	case goesOn:
		s.d.fail("the stream goes on instead of ending with <%s/>", conditions[0])
	case n == nil:
		s.d.fail("%s instead of stream error <%s/>", described(e), conditions[0])
	case !slices.Contains(conditions, n.Condition(wire.NSErrors)):
		panic(verdict{otherwise, described(e) + " instead of <" + strings.Join(conditions, "/> or <") + "/>"})
	}
}

// end waits for the end of the stream: its error, its closing tag, or that of
// the connection. That it goes on is shown by silence or, at once, by the answer
// to the request that probe sent.
func (s *stream) end() (e wire.Event, goesOn bool) {
	if !s.heard {
		for deadline := s.d.deadline(); ; {
			e := s.Next(deadline)
			if e.Error() != nil || e.Kind == wire.Footer || e.Kind == wire.End || e.Kind == wire.Silence {
				return e, e.Kind == wire.Silence
			}
		}
	}
	isEnd, isAnswer := endOf(s), stanzaWith(s.behind)
	a, ok := s.d.await(func(a arrival) bool { return isEnd(a) || s.behind != "" && isAnswer(a) })
	return a.Event, !ok || isAnswer(a)
}

// probe sends a request behind what ought to end the stream.
func (s *stream) probe() { s.behind = s.ping() }

// notAnswered fails if a request is answered. The stream may end instead, or the
// request vanish: then a good one from the stream's own domain is answered first.
func (s *stream) notAnswered(id string) {
	s.probe()
	s.end()
	// The answer might travel by a stream of its own.
	s.d.sync(s.d.stream(how{}))
	s.d.none(id, "it was answered")
}
