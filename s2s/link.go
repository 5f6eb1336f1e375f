package s2s

import (
	"context"
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
	// linger is how long the goroutine of a link waits for more to write.
	linger = 5 * time.Second
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
	// The breaker: what has failed since the route was last of use, and the pause
	// that follows. It is forgotten with the process, which then tries each domain
	// once, and with the link, when nothing has waited since the pause ended.
	fails     int           // attempts in a row, and streams that were of no use
	failed    *ConnectError // the last of them; nil: none, or the next attempt is due at once
	tried     time.Time     // when that was
	notBefore time.Time     // when the next attempt may be made
	refuse    time.Time     // notBefore if what waits until then is given up; otherwise zero
	stirred   bool          // the next attempt need not wait for its time

	caution int        // at most so many stanzas are in doubt at a time, as one has spoilt a stream; zero: any number
	resume  resumption // of the stream that broke last

	// These are of use only with an Outbox.
	more    bool     // it may have stanzas that are not in memory
	loaded  uint64   // number of the last one taken into memory
	largest int      // size of the largest of those that were read last; zero: none was
	done    []uint64 // those that have left memory and have to be removed there
	leave   bool     // the process ends: what leaves memory stays there

	wake chan struct{} // buffered; there is more to write, or a reason to try again
}

// link returns the route's link.
func (s *Server) link(r Route) *link {
	s.lmu.RLock()
	l := s.links.byRoute[r]
	s.lmu.RUnlock()
	if l != nil {
		return l
	}
	s.lmu.Lock()
	defer s.lmu.Unlock()
	if l = s.links.byRoute[r]; l == nil {
		l = &link{s: s, route: r, wake: make(chan struct{}, 1)}
		l.q.gone = l.gone
		s.links.add(l)
	}
	return l
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

// wakeUp sees to it that the run goroutine looks at the link. l.mu is held.
func (l *link) wakeUp() {
	if l.start() {
		go l.run()
		return
	}
	l.poke()
}

// kick ends a pause: the domain has just shown that it is alive.
func (l *link) kick() {
	l.mu.Lock()
	l.fails, l.refuse, l.notBefore = 0, time.Time{}, time.Time{}
	l.mu.Unlock()
	l.poke()
}

// release lets senders that wait for room go on. l.mu is held.
func (l *link) release() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// run connects and writes until nothing is left to do.
func (l *link) run() {
	defer l.s.running.Done()
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for {
		if l.s.outbox != nil && !(l.finish(l.s.ctx) && l.load()) {
			if !l.pause(timer, storePause, false) {
				l.abandon()
				return
			}
			continue
		}
		l.mu.Lock()
		c, waiting, idle := l.conn, l.q.waiting(), linger
		if l.more {
			idle = storePause // there was no room for more, and nobody tells when there is
		}
		if c != nil && c.acks.due() {
			waiting++
		}
		l.mu.Unlock()
		switch {
		case waiting == 0:
			timer.Reset(idle)
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
			// An acknowledgement wakes, or the end of the stream.
			if !l.flush(c) && !l.pause(timer, cleanDoubt, true) {
				l.abandon()
				return
			}
		}
	}
}

// pause waits for a time or, if it can be woken, until it is. It reports false
// when the server closes.
func (l *link) pause(timer *time.Timer, d time.Duration, wakes bool) bool {
	timer.Reset(d)
	for {
		select {
		case <-timer.C:
			return true
		case <-l.wake:
			if wakes {
				return true
			}
		case <-l.s.ctx.Done():
			return false
		}
	}
}

// rest ends the goroutine if there is still nothing to do, and forgets the link
// if it has no stream either. What was written to a peer that does not
// acknowledge is waited for until it is out of doubt, and so is the end of a
// pause.
func (l *link) rest() bool {
	l.s.lmu.Lock()
	defer l.s.lmu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil || l.conn.acks.state == acksOff {
		l.q.confirmBefore(time.Now().Add(-brokenDoubt))
		if l.q.doubt > 0 {
			return false
		}
	}
	if l.q.waiting() > 0 || l.more || len(l.done) > 0 || l.conn != nil && l.conn.acks.due() || l.paused() > 0 {
		return false
	}
	l.q.trim()
	l.running = false
	l.forget()
	return true
}

// forget removes a link that holds nothing. l.s.lmu and l.mu are held.
func (l *link) forget() {
	if l.conn == nil && !l.running && l.q.all() == 0 && !l.more && len(l.done) == 0 {
		l.dead = true
		l.s.links.remove(l)
	}
}

// abandon ends the goroutine when the server closes: what still waits is
// bounced, or stays in the Outbox for the next process.
func (l *link) abandon() {
	if l.s.outbox != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.s.ctx), storePause)
		l.finish(ctx)
		cancel()
	}
	l.mu.Lock()
	l.running = false
	l.leave = true
	left := l.q.drop()
	l.release()
	l.mu.Unlock()
	if l.s.outbox == nil {
		l.s.bounceAll(left, &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
			Text: "this server is shutting down"})
	}
}
