package s2s

import (
	"context"
	"time"
)

// maxPause is the longest pause between attempts to reach a domain.
const maxPause = time.Minute

// connect makes one attempt, or waits for the time of the next. It reports false
// when the server is closing.
func (l *link) connect(timer *time.Timer) bool {
	if wait := l.hindered(); wait > 0 {
		l.s.pausing.Add(1)
		defer l.s.pausing.Add(-1)
		return l.pause(timer, wait, true)
	}
	ctx, cancel := context.WithCancel(l.s.ctx)
	c, err := l.s.connect(ctx, l.route, l)
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
	l.s.recorder.attempt(l.route, err)
	l.s.log.Warn("cannot reach domain", "local", l.route.Local, "remote", l.route.Remote, "stage", err.Stage.String(), "err", err)
	l.mu.Lock()
	l.setback(l.fails+1, err)
	l.release()
	l.mu.Unlock()
	return true
}

// setback begins the pause after a number of failures in a row. l.mu is held.
func (l *link) setback(fails int, why *ConnectError) {
	now := time.Now()
	l.fails, l.failed, l.tried, l.stirred = fails, why, now, false
	l.notBefore, l.refuse = now.Add(l.s.backOff(fails)), time.Time{}
	if why.Final || l.s.draining() && l.s.outbox == nil {
		l.refuse = l.notBefore
	}
}

// paused returns how long to wait before the next attempt; zero when it is due,
// or the domain has shown up since the last failure. l.mu is held.
func (l *link) paused() time.Duration {
	if l.fails == 0 || l.stirred {
		return 0
	}
	return max(0, time.Until(l.notBefore))
}

// hindered returns how long to wait before looking again whether an attempt may
// be made; zero when it may. During a pause it gives up what has waited for too
// long, or all if the domain is refused, however much an Outbox holds. Only the
// link's goroutine calls it, without a stream.
func (l *link) hindered() time.Duration {
	for {
		l.mu.Lock()
		now := time.Now()
		refused, wait := now.Before(l.refuse), l.paused()
		if !refused && wait == 0 {
			l.mu.Unlock()
			return 0
		}
		before, why, state := now.Add(-l.s.limits.QueueAge), l.failed, StateExpired
		var old []entry
		if refused {
			old, state, wait = l.q.drop(), StateRefused, l.refuse.Sub(now)
		} else {
			old = l.q.expire(before)
		}
		if left := l.q.oldest(); !left.IsZero() {
			wait = min(wait, left.Sub(before)+time.Millisecond)
		}
		l.mu.Unlock()
		l.s.giveUp(old, why.Stanza(), state)
		if len(old) == 0 || l.s.outbox == nil || !l.finish(l.s.ctx) || !l.load() {
			return wait
		}
	}
}

// stirPause is the least time between an attempt that failed and one that is made
// because stanzas come from the domain.
const stirPause = 5 * time.Second

// stir ends a pause because a stanza came from the domain, by a stream that was
// open before. That says less than a new stream would: what has failed is not
// forgotten, or a domain that can write to us and not be reached would be tried
// all the time.
func (l *link) stir() {
	l.mu.Lock()
	if l.fails > 0 && time.Since(l.tried) >= stirPause {
		l.stirred = true
	}
	l.mu.Unlock()
	l.poke()
}

// attach makes a stream the one that is written to. What has failed before is
// forgotten when it has been of use. l.mu is held.
func (l *link) attach(c *conn) {
	l.conn, l.failed, l.refuse = c, nil, time.Time{}
}

// backOff is the pause after a number of failures in a row: 1 s, doubled each
// time, up to maxPause, give or take a quarter.
func (s *Server) backOff(fails int) time.Duration {
	d := maxPause
	if fails < 7 {
		d = min(d, time.Second<<(fails-1))
	}
	return d - d/4 + time.Duration(s.random()%uint64(d/2))
}
