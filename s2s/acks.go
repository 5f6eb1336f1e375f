package s2s

import (
	"strconv"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
)

// nsSM is the namespace of stream management (XEP-0198).
const nsSM = "urn:xmpp:sm:3"

const (
	smFeature  = "<sm xmlns='" + nsSM + "'/>"
	smEnable   = "<enable xmlns='" + nsSM + "' resume='true'/>"
	smEnable1  = "<enable xmlns='" + nsSM + "'/>"
	smEnabled  = "<enabled xmlns='" + nsSM + "'/>"
	smRequest  = "<r xmlns='" + nsSM + "'/>"
	smUnasked  = "<failed xmlns='" + nsSM + "'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
	smNoResume = "<failed xmlns='" + nsSM + "'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
)

type acksState uint8

const (
	acksOff      acksState = iota // the peer does not acknowledge
	acksAsked                     // <enable/> was sent, the answer is not there yet
	acksResuming                  // <resume/> was sent, and nothing goes before the answer
	acksOn
)

// acks is what a writer knows of the peer's acknowledgements on one outgoing
// stream. It belongs to the link's lock.
type acks struct {
	state acksState
	h     uint32    // what the peer has acknowledged, counted from <enable/>
	skip  int       // stanzas written before that
	asked bool      // a request is unanswered, or <enable/> or <resume/>
	since time.Time // when it was made
	heard bool      // some was answered
	want  bool      // ask, even if no stanza waits
	timer *time.Timer
	limit time.Duration
	late  func() // called when it stays unanswered

	owed    bool   // the peer has asked for the number of stanzas
	handled uint32 // received by then

	id  string // by which the stream can be resumed; empty: it cannot
	max time.Duration
}

// due reports whether there is something to write besides stanzas: a request
// for acknowledgement, or the answer to one.
func (a *acks) due() bool { return a.want || a.owed }

// request appends a request for acknowledgement to b if written stanzas are
// unacknowledged and none is under way.
func (a *acks) request(b []byte, unacknowledged int) []byte {
	a.want = false
	switch {
	case a.asked:
	case a.state == acksResuming || a.state == acksAsked:
		a.expect()
	case a.state == acksOn && unacknowledged > 0:
		a.expect()
		return append(b, smRequest...)
	}
	return b
}

// expect gives the peer a time for its answer.
func (a *acks) expect() {
	a.asked, a.since = true, time.Now()
	if a.timer == nil {
		a.timer = time.AfterFunc(a.limit, a.late)
	} else {
		a.timer.Reset(a.limit)
	}
}

// settled notes that no answer is due any more.
func (a *acks) settled() {
	a.asked = false
	if a.timer != nil {
		a.timer.Stop()
	}
}

// answered takes an acknowledgement and returns how many more stanzas it
// covers.
func (a *acks) answered(h uint32) int {
	a.settled()
	a.heard = true
	n := h - a.h // modulo 2^32, XEP-0198 section 4
	a.h = h
	skip := a.skip
	a.skip = 0
	return int(n) + skip
}

// end stops the timer when the stream is no longer written to, and reports
// whether the peer was acknowledging.
func (a *acks) end() bool {
	on := a.state == acksOn
	a.state, a.want, a.owed = acksOff, false, false
	if a.timer != nil {
		a.timer.Stop()
	}
	return on
}

// enableAcks asks the peer to acknowledge what is written to the stream.
func (c *conn) enableAcks() {
	c.counting.Store(true)
	if c.bidi {
		c.preamble = append(c.preamble, smEnable1...)
	} else {
		c.preamble = append(c.preamble, smEnable...)
	}
	c.acks = c.newAcks(acksAsked)
}

func (c *conn) newAcks(state acksState) acks {
	return acks{state: state, limit: c.s.limits.Ack, late: func() {
		switch late, off := c.link.overdue(c); {
		case off:
			c.s.log.Info("peer does not say whether it acknowledges", append(c.attrs(), "took", c.s.limits.Ack)...)
		case late:
			c.s.log.Warn("no acknowledgement", append(c.attrs(), "took", c.s.limits.Ack)...)
			c.sock.Close()
		}
	}}
}

// overdue reports whether a request has stayed unanswered for too long. The
// answer may have come while the timer's function began, or be there and not read
// yet. A peer that does not answer <enable/> is taken for one that does not
// acknowledge: then off is true, and the stream goes on.
func (l *link) overdue(c *conn) (late, off bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &c.acks
	if l.conn != c || !a.asked || time.Since(a.since) < a.limit {
		return false, false
	}
	if c.wasHeld(a.limit) {
		a.timer.Reset(a.limit)
		return false, false
	}
	if a.state == acksAsked {
		a.state, a.asked = acksOff, false
		l.wakeUp()
		return true, true
	}
	return true, false
}

// management takes an element of stream management. An error ends the stream.
func (c *conn) management(t *xmlscan.Token) error {
	switch string(t.Local) {
	case "r":
		switch {
		case !c.counting.Load():
			return c.write([]byte(smUnasked))
		case c.link != nil && c.link.owe(c, c.handled):
			return nil
		}
		return c.write(appendAck(nil, c.handled))
	case "enable":
		if c.counting.Load() || c.out {
			return c.write([]byte(smUnasked))
		}
		c.handled = 0
		c.counting.Store(true)
		answer := c.enabled(attr(t, "resume"))
		if c.link != nil && c.link.acksOffered(c, answer) {
			return nil
		}
		return c.write([]byte(answer))
	case "resume":
		return c.answerResume(t)
	}
	if c.link == nil {
		return nil // nothing is written to this stream: nothing to acknowledge
	}
	switch string(t.Local) {
	case "enabled":
		c.handled = 0 // XEP-0198 section 4: both count what comes behind it
		c.link.acksEnabled(c, true, t)
	case "failed":
		h, known := count(t)
		c.link.notResumed(c, h, known)
		c.link.acksEnabled(c, false, t)
	case "a":
		c.checked()
		if h, ok := count(t); !ok || !c.link.acknowledged(c, h) {
			return tooHigh(h)
		}
	case "resumed":
		if h, ok := count(t); !ok || !c.link.resumed(c, h) {
			return tooHigh(h)
		}
	}
	return nil
}

func appendAck(b []byte, h uint32) []byte {
	b = strconv.AppendUint(append(b, "<a xmlns='"+nsSM+"' h='"...), uint64(h), 10)
	return append(b, "'/>"...)
}

// owe makes whoever writes stanzas to the stream tell the peer how many were
// handled. The reader must not wait for its turn to write while the writer waits
// for the peer to read, who might do the same. It reports false if no stanzas
// are written to the stream.
func (l *link) owe(c *conn, h uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return false
	}
	c.acks.owed, c.acks.handled = true, h
	l.wakeUp()
	return true
}

// enabled is the answer to <enable/>.
func (c *conn) enabled(resume string) string {
	if c.bidi || resume != "true" && resume != "1" {
		return smEnabled
	}
	t := c.s.tallies.open(c)
	answer := "<enabled xmlns='" + nsSM + "' resume='true' id='" + t.id
	if most := int(c.s.limits.Resume / time.Second); most > 0 { // below a second there is no saying it
		answer += "' max='" + strconv.Itoa(most)
	}
	return answer + "'/>"
}

func tooHigh(h uint32) error {
	return &stream.Error{Condition: stream.UndefinedCondition, Text: "acknowledged what was not sent",
		App: []byte("<handled-count-too-high xmlns='" + nsSM + "' h='" + strconv.FormatUint(uint64(h), 10) + "'/>")}
}

// count reads how many stanzas the peer has handled.
func count(t *xmlscan.Token) (h uint32, ok bool) {
	n, err := strconv.ParseUint(attr(t, "h"), 10, 32)
	return uint32(n), err == nil
}

func attr(t *xmlscan.Token, name string) string {
	for _, a := range t.Attrs {
		if len(a.Space) == 0 && string(a.Local) == name {
			return string(a.Value)
		}
	}
	return ""
}

// acksEnabled takes the peer's answer to <enable/>.
func (l *link) acksEnabled(c *conn, yes bool, t *xmlscan.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c || c.acks.state != acksAsked {
		return
	}
	c.acks.settled()
	c.acks.state = acksOff
	if yes {
		c.acks.state = acksOn
		c.acks.want = true
		if resume := attr(t, "resume"); resume == "true" || resume == "1" {
			c.acks.resumable(attr(t, "id"), attr(t, "max"))
		}
	}
	l.wakeUp()
}

// maxResumeID is the longest id of a stream that is kept.
const maxResumeID = 256

// resumable notes how the stream can be resumed.
func (a *acks) resumable(id, most string) {
	if id == "" || len(id) > maxResumeID {
		return
	}
	a.id, a.max = id, time.Hour
	if seconds, err := strconv.ParseUint(most, 10, 31); err == nil {
		a.max = min(a.max, time.Duration(seconds)*time.Second)
	}
}

// acksOffered starts to ask for acknowledgements on the peer's stream, which the
// peer has enabled for both directions. The peer counts what it reads behind the
// answer, which is therefore written by whoever writes stanzas: between them it
// could be anywhere. It reports false if none are written to the stream.
func (l *link) acksOffered(c *conn, answer string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return false
	}
	c.preamble = append(c.preamble, answer...)
	c.acks = c.newAcks(acksOn)
	c.acks.skip = l.q.doubt
	c.acks.want = true
	l.wakeUp()
	return true
}

// acknowledged forgets what the peer has handled. It reports false if that is
// more than was sent.
func (l *link) acknowledged(c *conn, h uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c || c.acks.state != acksOn {
		return true
	}
	n := c.acks.answered(h)
	if n > l.q.doubt {
		return false
	}
	l.q.confirm(n, l.acked())
	l.fails = 0
	if l.caution > 0 && n > 0 {
		l.trust()
	}
	c.acks.want = l.q.doubt > 0
	l.wakeUp()
	return true
}

// acked returns the function that sees what the peer has acknowledged, or nil.
func (l *link) acked() func(*record) {
	if l.s.deliveries == nil {
		return nil
	}
	now := time.Now()
	return func(r *record) { l.s.deliveries.change(r, StateAcknowledged, now, nil) }
}
