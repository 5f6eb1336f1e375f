package s2s

import (
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
		window := l.q.all()
		switch c.acks.state {
		case acksOn:
			window = l.s.limits.Unacknowledged
		case acksResuming:
			window = 0
		}
		b := append((*buf)[:0], c.preamble...)
		c.preamble = nil
		if c.acks.owed {
			b, c.acks.owed = appendAck(b, c.acks.handled), false
		}
		before := l.q.waiting()
		written = written[:0]
		b, tooLarge := l.q.write(b, batch, window, c.maxBytes, time.Now(), each)
		c.sent.Add(uint64(before - l.q.waiting() - len(tooLarge)))
		if c.acks.state == acksAsked && l.q.doubt > l.s.limits.Unacknowledged {
			c.acks.state = acksOff // a peer that offers and never answers
		}
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
	l.conn = nil
	return true
}

// lost notes that a stream can no longer be written to. What was written to it
// within the time in doubt is sent again on the next one.
func (l *link) lost(c *conn, doubt time.Duration) {
	l.s.lmu.Lock()
	l.mu.Lock()
	if l.conn != c {
		l.forget()
		l.mu.Unlock()
		l.s.lmu.Unlock()
		return
	}
	since := time.Now().Add(-doubt)
	acknowledging, blamed := c.acks.end(), l.q.doubt
	if acknowledging {
		since = time.Time{} // what was not acknowledged is in doubt, however old
		blamed = suspects
	}
	if l.s.sealed.Load() || doubt == 0 {
		since = time.Now().Add(time.Hour) // it was us who ended it: nothing is in doubt
	}
	l.conn = nil
	before := l.q.wire.popped
	again, poison := l.q.rewind(since, blamed)
	if acknowledging && doubt == brokenDoubt && !c.ending.Load() {
		l.broken(&c.acks, l.q.wire.popped-before)
	}
	start := (l.q.waiting() > 0 || len(l.done) > 0) && l.start()
	l.forget()
	l.release()
	l.mu.Unlock()
	l.s.lmu.Unlock()
	l.s.bounceAll(poison, &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
		Text: "the stream with " + l.route.Remote.String() + " broke each time that this was sent"})
	if again > 0 {
		l.s.log.Debug("sending again", "local", l.route.Local, "remote", l.route.Remote, "stanzas", again)
	}
	if start {
		go l.run()
	} else {
		l.poke()
	}
}
