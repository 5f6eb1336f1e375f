package s2s

import (
	"math"
	"time"

	"golang.org/x/net/publicsuffix"

	"isthmus.im/jid"
)

// readCost is what a read counts as at least, in bytes: whoever sends a byte at a
// time makes as much work.
const readCost = 512

// domainUse is what the streams of a remote domain have in common. It is that of
// a registered domain: whoever has one can make up as many below it as they like.
type domainUse struct {
	name string
	// Under limiter.mu:
	streams  int // inbound
	outgoing int // streams that this server opened
	attempts int // to open one

	bytes, stanzas bucket // what was read
	opened         bucket // inbound streams
	asked          bucket // requests for subscriptions

	queue    *gate // stanzas that wait for the handler, or are with it
	handlers *gate // handlers

	connecting places // attempts at a time
}

func (s *Server) newDomainUse(name string) *domainUse {
	return &domainUse{name: name, queue: newGate(s.limits.DomainQueue), handlers: newGate(s.limits.DomainHandlers),
		connecting: make(places, max(1, s.limits.Connecting/domainShare))}
}

// clear is when nothing is held against the domain any more.
func (d *domainUse) clear() time.Duration {
	if d.queue.n.Load() > 0 {
		return math.MaxInt64
	}
	return time.Duration(max(d.bytes.full.Load(), d.stanzas.full.Load(), d.opened.full.Load(), d.asked.full.Load()))
}

// registered returns the domain that was registered with a public registry to
// make a remote domain: itself or one that it is below of.
func registered(remote jid.JID) string {
	name := remote.ASCIIDomain()
	if r, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return r
	}
	return name // a public suffix, a single label or an IP address
}

// occupy counts a stream as one of a registered domain's. The error is a limitError.
func (s *Server) occupy(c *conn, name string) error {
	now := s.uptime()
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	d := s.limiter.domains.use(name)
	if !c.out {
		var limit limitError
		switch {
		case d.streams >= s.limits.DomainStreams:
			limit = "DomainStreams"
		case !d.opened.try(now, refusing(s.limits.DomainNewStreams, time.Second)):
			limit = "DomainNewStreams"
		}
		if limit != "" {
			s.limiter.domains.done(name, now)
			return limit
		}
		d.streams++
	} else {
		d.outgoing++
	}
	c.domain = d
	return nil
}

// vacate undoes occupy.
func (s *Server) vacate(c *conn) {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	if c.out {
		c.domain.outgoing--
	} else {
		c.domain.streams--
	}
	s.limiter.domains.done(c.domain.name, s.uptime())
}

// pay accounts for what was read from an authenticated stream, and holds the
// reader up if its remote domain sends more than it may. What is not read stays
// with TCP, and so, before long, with the peer.
func (c *conn) pay() {
	if c.unpaidReads == 0 {
		return
	}
	now := c.s.uptime()
	l := &c.s.limits
	limit := limitError("DomainBytes")
	wait := c.domain.bytes.take(now, perSecond(l.DomainBytes), max(c.unpaidBytes, c.unpaidReads*readCost))
	if w := c.domain.stanzas.take(now, perSecond(l.DomainStanzas), c.unpaidElements); w > wait {
		limit, wait = "DomainStanzas", w
	}
	c.unpaidReads, c.unpaidBytes, c.unpaidElements = 0, 0, 0
	if wait <= 0 || c.s.draining() {
		return
	}
	c.held(limit, func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.s.stopped:
		}
	})
}

// held runs wait, in which the reader waits for a limit of its remote domain.
func (c *conn) held(limit limitError, wait func()) {
	begin := time.Now()
	c.heldAt.Store(math.MaxInt64)
	wait()
	end := time.Now()
	c.heldAt.Store(end.UnixNano())
	c.s.limited(limit, c.remote, c.addr().String(), end.Sub(begin))
}

// wasHeld reports whether the reader waits for a limit, or did not long ago. The
// peer cannot be blamed for what was not read.
func (c *conn) wasHeld(ago time.Duration) bool {
	return c.heldAt.Load() > time.Now().Add(-ago).UnixNano()
}

// took counts a stanza that waits for the handler, and holds the reader up while
// too many do. The handlers' time limit bounds that.
func (c *conn) took() {
	if q := c.domain.queue; !q.enter() {
		c.held("DomainQueue", func() { q.wait(c.s.ctx.Done()) })
	}
}

// handledOne undoes took and handling.
func (c *conn) handledOne() {
	c.domain.handlers.leave()
	c.domain.queue.leave()
}

// handling waits until a stanza may go to the handler.
func (c *conn) handling() {
	if h := c.domain.handlers; !h.enter() {
		begin := time.Now()
		h.wait(c.s.ctx.Done())
		c.s.limited("DomainHandlers", c.remote, c.addr().String(), time.Since(begin))
	}
}

// mayAsk reports whether one more request for a subscription may pass. Others are
// answered with an error (RFC 6120 section 8.3.3.18), as RFC 6121 section 3.1.3
// leaves open: one that vanished would be pending for ever on the other side.
// All are refused, whether the account exists or not.
func (c *conn) mayAsk() bool {
	return c.domain.asked.try(c.s.uptime(), refusing(c.s.limits.DomainSubscriptions, time.Minute))
}
