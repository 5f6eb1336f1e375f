package s2s

import (
	"strconv"
	"sync"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// Resumption (XEP-0198 section 5) tells the sender, after a stream broke, what
// of it had arrived, so that nothing comes twice. What is kept of a stream for
// that is one number; what was not acknowledged waits in the sender's queue
// anyway.

// tally counts the stanzas received on a stream and on those that resume it.
// While a stream is open it belongs to its reader.
type tally struct {
	id            string
	local, remote jid.JID
	handled       uint32

	// Under the lock of tallies:
	conn  *conn         // the open stream, or nil
	read  chan struct{} // closed when the last stream's reader has ended
	until time.Time     // forgotten then, unless it is resumed; zero while a stream is open
}

// tallies are the streams that may be resumed: open ones and, for a while,
// broken ones.
type tallies struct {
	mu   sync.Mutex
	m    map[string]*tally
	past []*tally // broken, in the order of their ends
}

// open begins to count for a stream.
func (ts *tallies) open(c *conn) *tally {
	t := &tally{id: newID(), local: c.local, remote: c.remote, read: make(chan struct{}), conn: c}
	c.tally, c.counted = t, t.read
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.m == nil {
		ts.m = make(map[string]*tally)
	}
	ts.m[t.id] = t
	return t
}

// take gives a tally to the stream that resumes it; nil if there is none for
// its domains. An earlier stream that is open still, as far as this side knows,
// is ended first.
func (ts *tallies) take(c *conn, id string) *tally {
	ts.mu.Lock()
	t := ts.m[id]
	if t == nil || t.local != c.local || t.remote != c.remote || !t.until.IsZero() && time.Now().After(t.until) {
		ts.mu.Unlock()
		return nil
	}
	before, read := t.conn, t.read
	t.conn, t.until, t.read = c, time.Time{}, make(chan struct{})
	c.tally, c.counted = t, t.read
	ts.mu.Unlock()
	if before != nil {
		before.replace()
	}
	select {
	case <-read:
	case <-c.s.ctx.Done():
	}
	return t
}

// end notes that a stream has ended. If in good order, or by our doing, nobody
// will resume it.
func (ts *tallies) end(c *conn, broken bool) {
	t := c.tally
	if t == nil {
		return
	}
	t.handled = c.handled
	close(c.counted)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	now := time.Now()
	for len(ts.past) > 0 {
		p := ts.past[0]
		if p.until.IsZero() || p.conn != nil {
			ts.past = ts.past[1:] // resumed
		} else if now.After(p.until) || len(ts.past) >= c.s.limits.Resumable {
			delete(ts.m, p.id)
			ts.past = ts.past[1:]
		} else {
			break
		}
	}
	if t.conn != c {
		return // it was taken over
	}
	if !broken {
		delete(ts.m, t.id)
		return
	}
	t.conn, t.until = nil, now.Add(c.s.limits.Resume)
	ts.past = append(ts.past, t)
}

// resumption is what a link keeps of a broken stream for the next one.
type resumption struct {
	id    string
	max   time.Duration // how long the peer keeps its count of a broken stream
	until time.Time
	h     uint32 // what the peer had acknowledged
	first uint64 // the entry of the queue's wire that came next
}

// appendResume asks to resume a stream.
func appendResume(b []byte, id string) []byte {
	b = append(b, "<resume xmlns='"+nsSM+"' h='0' previd='"...)
	return append(stream.AppendEscaped(b, id), "'/>"...)
}

// answerResume takes the peer's request to resume an earlier stream.
func (c *conn) answerResume(t *xmlscan.Token) error {
	if c.counting.Load() || c.out || c.bidi {
		return c.write([]byte(smUnasked))
	}
	id := attr(t, "previd")
	old := c.s.tallies.take(c, id)
	if old == nil {
		return c.write([]byte(smNoResume))
	}
	c.handled = old.handled
	c.counting.Store(true)
	c.s.log.Debug("stream resumed", append(c.attrs(), "handled", c.handled)...)
	return c.write([]byte("<resumed xmlns='" + nsSM + "' previd='" + old.id + "' h='" + strconv.FormatUint(uint64(c.handled), 10) + "'/>"))
}

// resumed takes the peer's answer to our request: it has h stanzas. It reports
// false if that is more than was sent.
func (l *link) resumed(c *conn, h uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c || c.acks.state != acksResuming {
		return true
	}
	if !l.settle(h) {
		return false
	}
	id := l.resume.id
	c.acks.answered(h)
	c.acks = c.newAcks(acksOn)
	c.acks.h, c.acks.id, c.acks.max, c.acks.heard = h, id, l.resume.max, true
	l.fails = 0
	l.resume = resumption{}
	l.wakeUp()
	return true
}

// settle forgets what the peer has of a broken stream. l.mu is held.
func (l *link) settle(h uint32) bool {
	n := uint64(h - l.resume.h) // modulo 2^32
	if n > uint64(l.q.wire.n)+(l.q.wire.popped-l.resume.first) {
		return false
	}
	each := l.acked()
	for l.q.wire.popped < l.resume.first+n {
		e := l.q.left(l.q.popAgain())
		if each != nil {
			each(e.track)
		}
	}
	return true
}

// notResumed goes on without resumption. h is what the peer says it has, if it
// does.
func (l *link) notResumed(c *conn, h uint32, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c || c.acks.state != acksResuming {
		return
	}
	if known {
		l.settle(h)
	}
	c.acks.answered(0)
	l.resume = resumption{}
	c.enableAcks()
	l.wakeUp()
}

// broken keeps what it takes to resume a stream whose end was a surprise. l.mu
// is held; the written entries wait again already, but for given that were
// given up.
func (l *link) broken(a *acks, given uint64) {
	if a.id == "" || a.max <= 0 {
		return
	}
	l.resume = resumption{id: a.id, max: a.max, until: time.Now().Add(a.max), h: a.h + uint32(given), first: l.q.wire.popped}
}

// manage begins stream management on a new outgoing stream whose peer offers it.
func (l *link) manage(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.bidi || l.resume.id == "" || time.Now().After(l.resume.until) {
		c.enableAcks()
		return
	}
	c.preamble = appendResume(c.preamble, l.resume.id)
	c.acks = c.newAcks(acksResuming)
}
