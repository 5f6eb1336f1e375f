package s2s

import (
	"context"
	"fmt"
)

// domainShare is the part of Limits.Connecting that one registered domain may
// have: names that lead nowhere, of which anybody can have any number, leave room
// for other domains.
const domainShare = 8

// places lets a number of goroutines in, the others in the order in which they
// came.
type places chan struct{}

// enter waits for a place. It reports false if ctx ends first.
func (p places) enter(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p places) leave() { <-p }

// mayConnect waits until a link may begin an attempt to connect. The attempt ends
// with a call of done. The error is a limitError or ctx's.
func (s *Server) mayConnect(ctx context.Context, r Route) (done func(), err error) {
	d, err := s.attempting(r)
	if err != nil {
		return nil, err
	}
	if d.connecting.enter(ctx) {
		if s.connecting.enter(ctx) {
			return func() {
				s.connecting.leave()
				d.connecting.leave()
				s.attempted(d)
			}, nil
		}
		d.connecting.leave()
	}
	s.attempted(d)
	return nil, ctx.Err()
}

// attempting counts an attempt as one of a registered domain's.
func (s *Server) attempting(r Route) (*domainUse, error) {
	name := registered(r.Remote)
	s.limiter.mu.Lock()
	d := s.limiter.domains.use(name)
	full := d.outgoing+d.attempts >= s.limits.DomainOutgoing
	if full {
		s.limiter.domains.done(name, s.uptime())
	} else {
		d.attempts++
	}
	s.limiter.mu.Unlock()
	if full {
		limit := limitError("DomainOutgoing")
		s.limited(limit, r.Remote, "", 0)
		return nil, fmt.Errorf("%w by streams to domains below %s", limit, name)
	}
	return d, nil
}

// attempted undoes attempting.
func (s *Server) attempted(d *domainUse) {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	d.attempts--
	s.limiter.domains.done(d.name, s.uptime())
}
