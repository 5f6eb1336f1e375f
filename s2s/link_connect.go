package s2s

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxPause is the longest pause between attempts to reach a domain.
const maxPause = time.Minute

// connect makes one attempt and, should it fail, waits before the next. It
// reports false when the server is closing.
func (l *link) connect(timer *time.Timer) bool {
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
	pause := l.fail(err)
	if pause == 0 {
		return true
	}
	l.s.pausing.Add(1)
	defer l.s.pausing.Add(-1)
	return l.pause(timer, pause, l.encouraged)
}

// await waits until an attempt may be made. It reports false when the server is
// closing.
func (l *link) await(timer *time.Timer) bool {
	l.mu.Lock()
	left := time.Until(l.notBefore)
	l.mu.Unlock()
	return left <= 0 || l.pause(timer, left, l.encouraged)
}

// encouraged reports whether the domain has shown up since the last failure.
func (l *link) encouraged() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fails == 0 || l.stirred
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
	l.failed, l.tried, l.stirred = err, now, false
	pause := backOff(l.fails)
	final := err.Final || l.s.draining() && l.s.outbox == nil
	l.refuse = time.Time{}
	if final {
		l.refuse = now.Add(pause)
	}
	l.release()
	l.mu.Unlock()
	before := now.Add(-l.s.limits.QueueAge)
	for {
		var old []entry
		l.mu.Lock()
		if final {
			old = l.q.drop()
		} else {
			old = l.q.expire(before)
		}
		left, more := l.q.oldest(), l.more
		l.mu.Unlock()
		state := StateExpired
		if final {
			state = StateRefused
		}
		l.s.giveUp(old, err.Stanza(), state)
		if left.IsZero() && more && l.finish(l.s.ctx) && l.load() {
			continue // an Outbox may hold a great many
		}
		if left.IsZero() && !more {
			return 0
		}
		if wait := left.Sub(before); !left.IsZero() && wait < pause {
			pause = max(wait, time.Millisecond)
		}
		return pause
	}
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
