package s2s

import (
	"context"
	"time"

	"isthmus.im/stanza"
)

// push adds a stanza to the queue of a route, in memory. When that is full,
// stanzas that matter less give way; if there are none, it waits, should it be
// told to and the route be connected, and otherwise refuses.
func (s *Server) push(ctx context.Context, r Route, st *stanza.Stanza, size int, wait bool) error {
	for {
		l := s.link(r)
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			continue
		}
		now := time.Now()
		if l.failed != nil && now.Before(l.refuse) {
			why := l.failed
			l.mu.Unlock()
			s.giveUpAside([]entry{{st: st, track: s.deliveries.queued(st, now)}}, why.Stanza())
			return nil
		}
		shed, ok := l.reserve(st, size)
		if !ok {
			room := l.awaitRoom(wait)
			l.mu.Unlock()
			s.bounceShed(r, shed)
			if room == nil {
				return ErrQueueFull
			}
			select {
			case <-room:
				continue
			case <-ctx.Done():
				return ctx.Err()
			case <-s.ctx.Done():
				return ErrClosed
			}
		}
		l.q.push(entry{st: st, at: now, size: size, track: s.deliveries.queued(st, now)})
		start := l.start()
		l.mu.Unlock()
		s.bounceShed(r, shed)
		if start {
			go l.run()
		} else {
			l.poke()
		}
		return nil
	}
}

func (s *Server) bounceShed(r Route, shed []entry) {
	if len(shed) > 0 {
		s.giveUpAside(shed, &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait, Text: "too many stanzas wait for " + r.Remote.String()})
	}
}

// reserve makes room for a stanza if it can: it sheds what matters less, and
// what was written long enough ago. l.mu is held.
func (l *link) reserve(st *stanza.Stanza, size int) (shed []entry, ok bool) {
	c := classOf(st)
	for l.full(size) {
		e, ok := l.q.shed(c)
		if !ok {
			return shed, false
		}
		shed = append(shed, e)
	}
	for !l.claim(size) {
		e, ok := l.q.shed(c)
		if !ok {
			return shed, false
		}
		shed = append(shed, e)
	}
	return shed, true
}

// full reports whether the route has no room for another stanza. l.mu is held.
func (l *link) full(size int) bool {
	limits, waiting := &l.s.limits, l.q.waiting()
	return waiting >= limits.Queue || l.q.bytes()+size > limits.QueueBytes && waiting > 0
}

// claim takes room for a stanza from what all routes have, if need be that of
// those that were written to a peer that does not acknowledge. l.mu is held.
func (l *link) claim(size int) bool {
	for !l.s.total.take(size, &l.s.limits) {
		if l.conn == nil || l.conn.acks.state != acksOff || l.q.doubt == 0 {
			return false
		}
		l.q.confirm(1, nil) // better than refusing what is new
	}
	return true
}

// awaitRoom returns a channel that is closed when the link has written
// something; nil if a sender should not wait for that. l.mu is held.
func (l *link) awaitRoom(wait bool) <-chan struct{} {
	if !wait || l.conn == nil || l.q.all() == 0 {
		return nil
	}
	if l.room == nil {
		l.room = make(chan struct{})
	}
	return l.room
}

// gone takes note of an entry that has left the queue. l.mu is held.
func (l *link) gone(size int, seq uint64) {
	l.s.total.give(size)
	if seq > 0 && !l.leave {
		l.done = append(l.done, seq)
	}
}
