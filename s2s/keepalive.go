package s2s

import (
	"sync/atomic"
	"time"
)

// silence watches a stream on which nothing happens, with one timer: it closes
// the stream after its idle time and, if we opened it, checks every
// Limits.KeepAlive until then whether it still leads anywhere (RFC 6120 section
// 4.6). So translators of addresses on the way do not forget the connection, and
// one that is broken is found broken before the next stanza needs it.
//
// A check does not count as activity, nor does its answer, so that streams still
// fall silent. The side that accepted a stream has the idle time alone: were both
// to check, each would take the other's checks for activity.
type silence struct {
	timer *time.Timer
	// Of the timer's function: how many checks there were since the stream was
	// last active, and when that was.
	checks int
	since  int64
	// checking is since while the answer to a check is awaited, otherwise zero.
	checking atomic.Int64
}

// watchSilence starts the timer.
func (c *conn) watchSilence() {
	first := c.idleTime
	if c.out {
		first = min(first, c.s.limits.KeepAlive)
	}
	c.silence.timer = time.AfterFunc(first, c.silent)
}

// silent is the timer's function.
func (c *conn) silent() {
	w := &c.silence
	since := c.active.Load()
	quiet := time.Since(time.Unix(0, since))
	if quiet >= c.idleTime {
		l := c.s.linkAt(Route{c.local, c.remote}) // not c.link, which the reader may be about to set
		if c.wasHeld(c.idleTime) || l != nil && !l.detachIdle(c) {
			w.timer.Reset(c.idleTime)
			return
		}
		c.end(nil)
		return
	}
	next := c.idleTime
	if c.out {
		if since != w.since {
			w.checks, w.since = 0, since
		}
		every := c.s.limits.KeepAlive
		if quiet >= every*time.Duration(w.checks+1) {
			w.checks++
			c.check(since)
		}
		next = min(next, every*time.Duration(w.checks+1))
	}
	w.timer.Reset(next - quiet)
}

// check writes something that the peer has to answer or, where it does not
// acknowledge, something that at least its system has to. A stream that does not
// get an answer within Limits.Ack is closed, and so is one whose connection turns
// out to be broken.
func (c *conn) check(since int64) {
	b := c.link.question(c, since)
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.footer || len(b) == 0 {
		return
	}
	if err := c.writeLocked([]byte(b)); err != nil {
		c.s.log.Debug("write failed", append(c.attrs(), "err", err)...)
		c.sock.Close() // the reader reports it
	}
}

// question returns what to check a stream with; nothing if an answer is awaited.
func (l *link) question(c *conn, since int64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.conn != c || c.acks.asked:
		return ""
	case c.acks.state != acksOn:
		return " " // RFC 6120 section 4.6.1
	}
	c.acks.expect()
	c.silence.checking.Store(since)
	return smRequest
}

// checked takes an acknowledgement: if it answers a check and nothing came with
// it, the stream has been silent since before the check.
func (c *conn) checked() {
	since := c.silence.checking.Swap(0)
	if since != 0 && c.scan.Buffered() == 0 {
		c.active.CompareAndSwap(c.lastRead, since)
	}
}
