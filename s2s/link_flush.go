package s2s

import (
	"errors"
	"time"

	"isthmus.im/stanza"
)

// batch is how many bytes of stanzas are written at once.
const batch = 32 << 10

// flush writes what waits, in batches, until nothing does. It reports false
// when it has to wait for the peer's acknowledgement before it goes on.
func (l *link) flush(c *conn) bool {
	buf := l.s.buffers.Get().(*[]byte)
	defer l.s.buffers.Put(buf)
	trace := l.s.traceOut(c)
	var written []*stanza.Stanza // those that the hook is shown
	each := l.wrote(trace != nil, &written)
	for {
		l.mu.Lock()
		if l.conn != c || l.q.waiting() == 0 && !c.acks.due() {
			l.mu.Unlock()
			return true
		}
		if c.closing {
			l.mu.Unlock()
			return false // what is written now would not be sent
		}
		window := l.window(c)
		b := append((*buf)[:0], c.preamble...)
		c.preamble = nil
		if c.acks.owed {
			b, c.acks.owed = appendAck(b, c.acks.handled), false
		}
		before := l.q.waiting()
		written = written[:0]
		b, tooLarge := l.q.write(b, batch, window, c.maxBytes, time.Now(), each)
		c.sent.Add(uint64(before - l.q.waiting() - len(tooLarge)))
		if c.acks.state == acksOff {
			l.q.confirm(l.q.doubt-l.s.limits.Unconfirmed, nil)
		}
		b = c.acks.request(b, l.q.doubt)
		*buf = b
		l.release()
		l.writing = true
		l.mu.Unlock()
		for _, st := range written {
			trace(st)
		}
		l.s.bounceAll(tooLarge, &stanza.Error{Condition: stanza.PolicyViolation, Type: stanza.Modify,
			Text: "larger than " + l.route.Remote.String() + " accepts"})
		var err error
		if len(b) > 0 {
			err = c.write(b)
		}
		l.mu.Lock()
		l.writing = false
		l.mu.Unlock()
		if err != nil {
			l.s.log.Debug("write failed", append(c.attrs(), "err", err)...)
			c.sock.Close() // the reader reports it
			l.lost(c, brokenDoubt)
			return true
		}
		if len(b) == 0 && len(tooLarge) == 0 {
			return false
		}
	}
}

// window returns how many stanzas may be in doubt: not more until the peer has
// said whether it acknowledges than if it does. l.mu is held.
func (l *link) window(c *conn) int {
	window := l.q.all()
	switch c.acks.state {
	case acksOn, acksAsked:
		window = l.s.limits.Unacknowledged
	case acksResuming:
		return 0
	}
	if l.caution == 0 {
		return window
	}
	if c.acks.state == acksOff && l.q.doubt > 0 {
		l.q.confirmBefore(time.Now().Add(-cleanDoubt))
		l.trust()
	}
	return min(window, l.caution)
}

// trust lets more stanzas be in doubt again once those that were are not. So
// the one that spoils streams is soon alone. l.mu is held.
func (l *link) trust() {
	if l.q.doubt > 0 {
		return
	}
	l.fails = 0
	if l.caution *= 2; l.caution >= l.s.limits.Unacknowledged {
		l.caution = 0
	}
}

// wrote returns the function that sees what is written to a stream, or nil. It is
// called with l.mu held; what the host's hook is to be shown it adds to list.
func (l *link) wrote(traced bool, list *[]*stanza.Stanza) func(*entry) {
	recorder := l.s.recorder
	if !traced && recorder == nil && l.s.deliveries == nil {
		return nil
	}
	return func(e *entry) {
		l.s.deliveries.change(e.track, StateSent, e.wrote, nil)
		what := stanzaOut
		if e.tries > 1 {
			what = stanzaAgain
		}
		recorder.stanza(l.route, what, e.st)
		if traced {
			*list = append(*list, e.st)
		}
	}
}

// hold keeps stanzas from being written to a stream that is about to be closed,
// and reports whether none are being written any more.
func (l *link) hold(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return true
	}
	c.closing = true
	return !l.writing
}

// detachIdle gives up an idle stream. It reports false if something waits.
func (l *link) detachIdle(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return true
	}
	if l.writing || l.q.waiting() > 0 || c.acks.state == acksOn && l.q.doubt > 0 {
		return false
	}
	l.q.drop()
	l.conn, l.fails = nil, 0
	return true
}

// lost notes that a stream can no longer be written to. What was written to it
// within the time in doubt is sent again on the next one.
func (l *link) lost(c *conn, doubt time.Duration) { l.ended(c, doubt, "") }

// endedBy is lost for a stream that the peer has ended with an error.
func (l *link) endedBy(c *conn, condition string) { l.ended(c, cleanDoubt, condition) }

func (l *link) ended(c *conn, doubt time.Duration, condition string) {
	l.s.lmu.Lock()
	l.mu.Lock()
	if l.conn != c {
		l.forget()
		l.mu.Unlock()
		l.s.lmu.Unlock()
		return
	}
	since := time.Now().Add(-doubt)
	acknowledging := c.acks.end()
	if acknowledging {
		since = time.Time{} // what was not acknowledged is in doubt, however old
	}
	if l.s.sealed.Load() || doubt == 0 {
		since = time.Now().Add(time.Hour) // it was us who ended it: nothing is in doubt
	}
	l.conn = nil
	react := reactionTo(condition)
	written, before := l.q.doubt, l.q.wire.popped
	again, poison := l.q.rewind(since, react.spoilt)
	if react.spoilt && again > 0 {
		l.caution = 1
	}
	if acknowledging && doubt == brokenDoubt && !c.ending.Load() {
		l.broken(&c.acks, l.q.wire.popped-before)
	}
	l.judge(c, again < written, react, condition)
	start := (l.q.waiting() > 0 || len(l.done) > 0 || l.paused() > 0) && l.start()
	l.forget()
	l.release()
	l.mu.Unlock()
	l.s.lmu.Unlock()
	l.s.bounceAll(poison, &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
		Text: l.route.Remote.String() + " ended the stream each time that this was sent"})
	if again > 0 {
		l.s.log.Debug("sending again", "local", l.route.Local, "remote", l.route.Remote, "stanzas", again)
	}
	if start {
		go l.run()
	} else {
		l.poke()
	}
}

// judge decides whether a stream that has ended was of use, and how long its
// peer is left alone. The first that was not is followed by another at once,
// unless the peer's stream error asks for a pause. l.mu is held.
func (l *link) judge(c *conn, moved bool, react reaction, condition string) {
	fails := 0
	if !c.closing && !moved && !c.acks.heard && l.q.waiting() > 0 && (c.acks.asked || time.Since(c.since) < brokenDoubt) {
		fails = l.fails + 1
		if react.spoilt {
			fails = min(fails, 3) // it is up to a stanza, which is found the sooner
		}
	}
	if fails <= 1 && react.pause == 0 && !l.s.draining() {
		l.fails = fails
		return
	}
	if fails = max(fails, react.pause); fails == 0 {
		l.fails = 0
		return
	}
	err := errUseless
	if condition != "" {
		err = &StreamError{Condition: condition, Remote: true}
	}
	why := &ConnectError{Domain: l.route.Remote}
	why.add(Attempt{Target: l.route.Remote.String(), Addr: c.addr().String(), Stage: StageStream, Err: err}, false)
	l.setback(fails, why)
}

// errUseless is why there is a pause after a stream.
var errUseless = errors.New("the stream broke before it was of use")
