package s2s

import (
	"math"
	"sync/atomic"
	"time"
)

// rate is how many of something there may be each second, minute, ... and how
// many times that at once, after a while without.
type rate struct {
	n     int
	per   time.Duration
	burst time.Duration
}

// bucket is a token bucket that needs no goroutine and no configuration of its
// own: it is the time at which it will be full again (the generic cell rate
// algorithm). The zero bucket is full. Times are those of Server.uptime, which
// no change of the clock disturbs. Its methods are safe for concurrent use.
type bucket struct{ full atomic.Int64 }

// take removes n tokens even if they are not there, and returns how long it
// takes until they would have been.
func (b *bucket) take(now time.Duration, r rate, n int) time.Duration {
	for {
		old := b.full.Load()
		full := max(old, int64(now)) + r.cost(n)
		if b.full.CompareAndSwap(old, full) {
			return max(time.Duration(full)-now-r.burst*r.per, 0)
		}
	}
}

// try removes a token if there is one.
func (b *bucket) try(now time.Duration, r rate) bool {
	for {
		old := b.full.Load()
		full := max(old, int64(now)) + r.cost(1)
		if full > int64(now+r.burst*r.per) {
			return false
		}
		if b.full.CompareAndSwap(old, full) {
			return true
		}
	}
}

// perSecond is the rate of what is only slowed down when there is more of it.
func perSecond(n int) rate { return rate{n, time.Second, 2} }

// refusing is the rate of what is refused when there is more of it.
func refusing(n int, per time.Duration) rate { return rate{n, per, 10} }

// cost is the time in which n tokens come back.
func (r rate) cost(n int) int64 { return int64(n) * int64(r.per) / int64(r.n) }

// gate lets a number of goroutines in, and others as those leave.
type gate struct {
	limit int64
	n     atomic.Int64  // those in and those waiting
	turns chan struct{} // one for each that left while another waited
}

// newGate returns a gate. Its channel takes no memory for what it holds.
func newGate(limit int) *gate {
	return &gate{limit: int64(limit), turns: make(chan struct{}, math.MaxInt32)}
}

// enter reports whether there is room. Otherwise wait has to be called.
func (g *gate) enter() bool { return g.n.Add(1) <= g.limit }

// wait returns when the caller may go in, or when done is closed.
func (g *gate) wait(done <-chan struct{}) {
	select {
	case <-g.turns:
	case <-done:
	}
}

// leave makes room for another.
func (g *gate) leave() {
	if g.n.Add(-1) >= g.limit {
		g.turns <- struct{}{}
	}
}
