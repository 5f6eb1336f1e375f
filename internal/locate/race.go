package locate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Limits of a race.
const (
	maxTried   = 32 // attempts in all
	maxRunning = 8  // attempts at once

	defaultStep = 250 * time.Millisecond // RFC 8305 section 5

	// settling is how many steps a connection has to itself after
	// [Connected].
	settling = 8
)

// ErrUnreachable is wrapped by the error of [Race].
var ErrUnreachable = errors.New("locate: no server could be reached")

// Failure is what became of a target, or of one address of it.
type Failure struct {
	Target Target
	Addr   netip.AddrPort // invalid: the addresses of Target could not be had
	Took   time.Duration  // of the attempt or the lookup
	Err    error          // what the attempt or the resolver returned
}

// Race tries the addresses of targets until an attempt succeeds, and returns
// what that made together with the failures until then, in the order in which
// they came. The next attempt starts when one has failed, and at the latest
// when step has passed since the last one started; zero is 250 ms. IPv6 and
// IPv4 take turns, IPv6 first; targets come in the order of their priority,
// and those that share a priority take turns (RFC 8305, XEP-0495). Addresses
// are looked up when a target is reached. After 32 attempts no more are
// started, and no more than 8 run at once.
//
// attempt is everything that can fail at a server: TCP, TLS and the opening of
// the stream, so that a server that accepts connections and then turns out
// broken does not hide the next. It must end soon after its context, needs a
// time limit of its own against servers that stay silent, and should call
// [Connected] once it is past TCP. What it makes must not depend on
// that context, which is over when Race returns. Attempts run concurrently.
//
// Race returns as soon as there is a winner. The contexts of the others end
// then, and what they still make goes to discard, on their own goroutines and
// possibly later; nil lets it go. When Race fails, all attempts have ended.
// When ctx ends, Race waits one more step for attempts and lookups to say how
// far they came; those that do not are reported with the cause of ctx, and
// their goroutines end when they do. The error wraps [ErrUnreachable] and, if
// ctx ended, its cause.
func Race[C any](ctx context.Context, r Resolver, targets []Target, step time.Duration,
	attempt func(context.Context, Target, netip.AddrPort) (C, error), discard func(C),
) (C, []Failure, error) {
	if step <= 0 {
		step = defaultStep
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	g := &race[C]{
		ctx: inner, over: over, step: step, resolver: r, attempt: attempt, discard: discard,
		ended: make(chan outcome[C]), learned: make(chan lesson), stands: make(chan *run),
		runs: make(map[*run]struct{}), lookups: make(map[*host]struct{}),
	}
	g.course = course{ahead: targets, step: step, begin: g.lookup}
	c, won := g.loop(ctx)
	switch {
	case won:
		return c, g.failures, nil
	case ctx.Err() != nil:
		return c, g.failures, fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(ctx))
	}
	return c, g.failures, ErrUnreachable
}

// connectedKey is the context key of the func() that Connected calls.
type connectedKey struct{}

// Connected tells the [Race] that made ctx for an attempt that the attempt has
// a connection. A handshake takes many round trips, and a distant server that
// is well on its way should not see a second one begin: from now on nothing is
// started for 8 steps (2 s) unless this attempt fails. Elsewhere
// it does nothing.
func Connected(ctx context.Context) {
	if f, ok := ctx.Value(connectedKey{}).(func()); ok {
		f()
	}
}

// race is the state of a Race; all but the channels belongs to loop.
type race[C any] struct {
	ctx      context.Context
	over     chan struct{} // closed when nobody listens any more
	step     time.Duration
	resolver Resolver
	attempt  func(context.Context, Target, netip.AddrPort) (C, error)
	discard  func(C)

	ended   chan outcome[C]
	learned chan lesson
	stands  chan *run

	course   course
	runs     map[*run]struct{}
	lookups  map[*host]struct{}
	tried    int
	due      time.Time // when the next attempt may start
	failures []Failure
}

// run is an attempt under way.
type run struct {
	target Target
	addr   netip.AddrPort
	begun  time.Time
	stands bool // it is connected
}

type outcome[C any] struct {
	run  *run
	made C
	err  error
}

// lesson is the end of a lookup.
type lesson struct {
	host   *host
	family int
	ips    []netip.Addr
	err    error
}

func (g *race[C]) loop(ctx context.Context) (winner C, won bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	for {
		if done != nil && ctx.Err() != nil {
			done = nil
			timer.Reset(g.step)
		}
		var wake time.Time
		if done != nil {
			wake = g.start(time.Now())
			if len(g.runs) == 0 && (g.tried == maxTried || g.course.done()) {
				return winner, false
			}
		} else if len(g.runs) == 0 && len(g.lookups) == 0 {
			return winner, false
		}
		if !wake.IsZero() {
			timer.Reset(time.Until(wake))
		}
		select {
		case o := <-g.ended:
			delete(g.runs, o.run)
			if o.err == nil {
				return o.made, true
			}
			g.fail(o.run.target, o.run.addr, o.run.begun, o.err)
			if !g.standing() {
				g.due = time.Time{}
			}
		case l := <-g.learned:
			g.learn(l)
		case r := <-g.stands:
			r.stands = true
			g.due = time.Now().Add(settling * g.step)
		case <-timer.C:
			if done == nil {
				g.abandon(context.Cause(ctx))
				return winner, false
			}
		case <-done:
		}
	}
}

// start begins the attempts that are due. It returns when to look again, zero
// if only after something has happened.
func (g *race[C]) start(now time.Time) (wake time.Time) {
	for g.tried < maxTried && len(g.runs) < maxRunning && !g.course.done() {
		if now.Before(g.due) {
			return g.due
		}
		t, ip, ok, again := g.course.next(now)
		if !ok {
			return again
		}
		g.tried++
		g.due = now.Add(g.step)
		r := &run{target: t, addr: netip.AddrPortFrom(ip, t.Port), begun: now}
		g.runs[r] = struct{}{}
		go g.run(r)
	}
	return time.Time{}
}

func (g *race[C]) run(r *run) {
	ctx := context.WithValue(g.ctx, connectedKey{}, func() {
		select {
		case g.stands <- r:
		case <-g.over:
		}
	})
	made, err := g.attempt(ctx, r.target, r.addr)
	select {
	case g.ended <- outcome[C]{r, made, err}:
	case <-g.over:
		if err == nil && g.discard != nil {
			g.discard(made)
		}
	}
}

// standing reports whether an attempt under way is connected.
func (g *race[C]) standing() bool {
	for r := range g.runs {
		if r.stands {
			return true
		}
	}
	return false
}

// lookup asks for both families of a host apart, so that neither has to wait
// for the other.
func (g *race[C]) lookup(h *host) {
	g.lookups[h] = struct{}{}
	for family, network := range [families]string{ipv6: "ip6", ipv4: "ip4"} {
		go func() {
			ips, err := g.resolver.LookupNetIP(g.ctx, network, h.target.Host)
			select {
			case g.learned <- lesson{h, family, ips, err}:
			case <-g.over:
			}
		}()
	}
}

func (g *race[C]) learn(l lesson) {
	h := l.host
	if err := g.course.learn(h, l.family, l.ips, l.err, time.Now()); err != nil {
		g.fail(h.target, netip.AddrPort{}, h.begun, err)
	}
	if !h.waiting() {
		delete(g.lookups, h)
	}
}

func (g *race[C]) fail(t Target, addr netip.AddrPort, begun time.Time, err error) {
	g.failures = append(g.failures, Failure{Target: t, Addr: addr, Took: time.Since(begun), Err: err})
}

// abandon reports what is still under way.
func (g *race[C]) abandon(cause error) {
	for r := range g.runs {
		g.fail(r.target, r.addr, r.begun, cause)
	}
	for h := range g.lookups {
		if !h.found {
			g.fail(h.target, netip.AddrPort{}, h.begun, cause)
		}
	}
}
