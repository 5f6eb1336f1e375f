package s2s

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Route is a pair of domains, the local one first.
type Route struct{ Local, Remote jid.JID }

const (
	// brokenDoubt is how far back written stanzas are in doubt when a stream
	// breaks: the network reports unacknowledged data within this time.
	brokenDoubt = 30 * time.Second
	// cleanDoubt is the same when the peer closes the stream in good order: what
	// crossed its closing tag on the way.
	cleanDoubt = 2 * time.Second
	// batch is how many bytes of stanzas are written at once.
	batch = 32 << 10
	// linger is how long the goroutine of a link waits for more to write.
	linger = 5 * time.Second
	// maxPause is the longest pause between attempts to reach a domain.
	maxPause = time.Minute
)

// link is a route with its queue and, at most, one outgoing stream.
//
// A goroutine, run, exists while there is something to write and a little
// longer; it connects, writes and waits between attempts.
type link struct {
	s     *Server
	route Route

	mu      sync.Mutex
	q       queue
	conn    *conn // open for writing, or nil
	running bool
	writing bool          // between taking stanzas and having written them
	dead    bool          // removed from the server; get another
	room    chan struct{} // closed when a full queue has room again; nil when nobody waits
	fails   int           // attempts in a row that failed
	failed  *ConnectError // the last of them
	refuse  time.Time     // until then, do not even try

	wake chan struct{} // buffered; there is more to write, or a reason to try again
}

// link returns the route's link.
func (s *Server) link(r Route) *link {
	s.lmu.RLock()
	l := s.links[r]
	s.lmu.RUnlock()
	if l != nil {
		return l
	}
	s.lmu.Lock()
	defer s.lmu.Unlock()
	if l = s.links[r]; l == nil {
		l = &link{s: s, route: r, wake: make(chan struct{}, 1)}
		s.links[r] = l
	}
	return l
}

// push adds a stanza to the route's queue. A full queue of a connected route
// makes it wait; one of a route that is not connected refuses.
func (s *Server) push(ctx context.Context, r Route, st *stanza.Stanza, size int) error {
	for {
		l := s.link(r)
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			continue
		}
		now := time.Now()
		if l.q.waiting() >= s.limits.Queue || l.q.bytes+size > s.limits.QueueBytes && l.q.waiting() > 0 {
			if l.conn == nil {
				l.mu.Unlock()
				return ErrQueueFull
			}
			if l.room == nil {
				l.room = make(chan struct{})
			}
			room := l.room
			l.mu.Unlock()
			select {
			case <-room:
				continue
			case <-ctx.Done():
				return ctx.Err()
			case <-s.ctx.Done():
				return ErrClosed
			}
		}
		if l.failed != nil && now.Before(l.refuse) {
			why := l.failed
			l.mu.Unlock()
			s.bounce(st, why.Stanza())
			return nil
		}
		l.q.push(entry{st: st, at: now, size: size})
		start := l.start()
		l.mu.Unlock()
		if start {
			go l.run()
		} else {
			l.poke()
		}
		return nil
	}
}

// start notes that a run goroutine is needed and reports whether the caller
// has to start it. l.mu is held.
func (l *link) start() bool {
	if l.running || !l.s.begin() {
		return false
	}
	l.running = true
	return true
}

// poke wakes the run goroutine.
func (l *link) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// kick ends a pause: the domain has just shown that it is alive.
func (l *link) kick() {
	l.mu.Lock()
	l.fails, l.refuse = 0, time.Time{}
	l.mu.Unlock()
	l.poke()
}

// run connects and writes until nothing is left to do.
func (l *link) run() {
	defer l.s.running.Done()
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		l.mu.Lock()
		c, waiting := l.conn, l.q.waiting()
		if c != nil && c.acks.want {
			waiting++ // a request for acknowledgement
		}
		l.mu.Unlock()
		switch {
		case waiting == 0:
			timer.Reset(linger)
			select {
			case <-l.wake:
			case <-timer.C:
				if l.rest() {
					return
				}
			case <-l.s.ctx.Done():
				l.abandon()
				return
			}
		case c == nil:
			if !l.connect(timer) {
				l.abandon()
				return
			}
		default:
			if !l.flush(c) {
				select {
				case <-l.wake: // an acknowledgement, or the end of the stream
				case <-l.s.ctx.Done():
					l.abandon()
					return
				}
			}
		}
	}
}

// rest ends the goroutine if there is still nothing to write, and forgets the
// link if it has no stream either.
func (l *link) rest() bool {
	l.s.lmu.Lock()
	defer l.s.lmu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.q.waiting() > 0 {
		return false
	}
	l.running = false
	l.forget()
	return true
}

// forget removes a link that holds nothing. l.s.lmu and l.mu are held.
func (l *link) forget() {
	if l.conn == nil && !l.running && l.q.n == 0 && !time.Now().Before(l.refuse) {
		l.dead = true
		delete(l.s.links, l.route)
	}
}

// abandon ends the goroutine when the server closes: what still waits is
// bounced.
func (l *link) abandon() {
	l.mu.Lock()
	l.running = false
	left := l.q.drop()
	l.release()
	l.mu.Unlock()
	l.s.bounceAll(left, &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
		Text: "this server is shutting down"})
}

// release lets senders that wait for room go on. l.mu is held.
func (l *link) release() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// connect makes one attempt and, should it fail, waits before the next. It
// reports false when the server is closing.
func (l *link) connect(timer *time.Timer) bool {
	ctx, cancel := context.WithCancel(l.s.ctx)
	c, err := l.s.connect(ctx, l)
	cancel()
	if err == nil {
		l.mu.Lock()
		spare := l.conn != nil // the peer's stream, which may be written to, was first
		if !spare {
			l.attach(c)
		}
		l.mu.Unlock()
		l.s.running.Add(1)
		go c.read()
		if spare {
			c.end(nil)
		}
		return true
	}
	if l.s.ctx.Err() != nil {
		return false
	}
	l.s.log.Warn("cannot reach domain", "local", l.route.Local, "remote", l.route.Remote, "stage", err.Stage.String(), "err", err)
	pause := l.fail(err)
	if pause == 0 {
		return true
	}
	timer.Reset(pause)
	for {
		select {
		case <-timer.C:
			return true
		case <-l.wake:
			l.mu.Lock()
			again := l.fails == 0
			l.mu.Unlock()
			if again {
				return true
			}
		case <-l.s.ctx.Done():
			return false
		}
	}
}

// attach makes a stream the one that is written to. l.mu is held.
func (l *link) attach(c *conn) {
	l.conn, l.fails, l.failed, l.refuse = c, 0, nil, time.Time{}
}

// fail notes a failed attempt, bounces what has to be bounced, and returns how
// long to wait before the next; zero when nothing waits any more.
func (l *link) fail(err *ConnectError) time.Duration {
	now := time.Now()
	l.mu.Lock()
	l.fails++
	l.failed = err
	pause := backOff(l.fails)
	final := err.Final || l.s.draining()
	l.refuse = time.Time{}
	before := now.Add(-l.s.limits.QueueAge)
	var old []entry
	if final {
		old = l.q.drop()
		l.refuse = now.Add(pause)
	} else {
		old = l.q.expire(before)
	}
	if l.q.n == 0 {
		pause = 0
	} else if left := l.q.at(0).at.Sub(before); left < pause {
		pause = max(left, time.Millisecond)
	}
	l.release()
	l.mu.Unlock()
	l.s.bounceAll(old, err.Stanza())
	return pause
}

// backOff is the pause after a number of failed attempts: 1 s, doubled each
// time, up to maxPause, give or take a quarter.
func backOff(fails int) time.Duration {
	d := maxPause
	if fails < 7 {
		d = min(d, time.Second<<(fails-1))
	}
	return d - d/4 + rand.N(d/2)
}

// flush writes what waits, in batches, until nothing does. It reports false
// when it has to wait for the peer's acknowledgement before it goes on.
func (l *link) flush(c *conn) bool {
	buf := l.s.buffers.Get().(*[]byte)
	defer l.s.buffers.Put(buf)
	each := l.s.traceOut(c)
	for {
		l.mu.Lock()
		if l.conn != c || l.q.waiting() == 0 && !c.acks.want {
			l.mu.Unlock()
			return true
		}
		window := l.q.n
		if c.acks.state == acksOn {
			window = l.s.limits.Unacknowledged
		}
		b := append((*buf)[:0], c.preamble...)
		c.preamble = nil
		before := l.q.n - l.q.doubt
		b, tooLarge := l.q.write(b, batch, window, c.maxBytes, time.Now(), each)
		c.sent.Add(uint64(before - l.q.waiting() - len(tooLarge)))
		if c.acks.state == acksAsked && l.q.doubt > l.s.limits.Unacknowledged {
			c.acks.state = acksOff // a peer that offers and never answers
		}
		if c.acks.state == acksOff {
			l.q.confirm(l.q.doubt - l.s.limits.Unconfirmed)
		}
		b = c.acks.request(b, l.q.doubt)
		*buf = b
		l.release()
		l.writing = true
		l.mu.Unlock()
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

// detachIdle gives up an idle stream. It reports false if something waits.
func (l *link) detachIdle(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != c {
		return true
	}
	if l.q.waiting() > 0 || c.acks.state == acksOn && l.q.doubt > 0 {
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
	if c.acks.end() {
		since = time.Time{} // what was not acknowledged is in doubt, however old
	}
	if l.s.sealed.Load() || doubt == 0 {
		since = time.Now().Add(time.Hour) // it was us who ended it: nothing is in doubt
	}
	l.conn = nil
	again, poison := l.q.rewind(since)
	start := l.q.waiting() > 0 && l.start()
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
