package pep

import (
	"context"
	"errors"
	"slices"

	"isthmus.im/jid"
	"isthmus.im/stanza/disco"
)

// A lesson finds out what one hash means, for all sessions that announce it: by asking
// one of them, and others only if that teaches nothing.
type lesson struct {
	pupils []pupil
	domain string // of whom it is for, at first
}

// pupil is a session whose interests are to be learnt.
type pupil struct {
	u  jid.JID // the local user
	ss *session
}

// maxFailures is how many sessions at one domain are asked about a hash in vain. The others
// there are asked when they send presence again.
const maxFailures = 3

// attend adds a session to the lesson on its hash. It reports whether the lesson is new and
// has to be taught. With too many lessons, of all or of the session's domain, there is none,
// and the session's caps are forgotten. Service.mu is held.
func (s *Service) attend(caps disco.Caps, p pupil) (begun bool) {
	if l := s.lessons[caps]; l != nil {
		if len(l.pupils) == cap(l.pupils) { // before it grows
			l.prune(caps)
		}
		l.pupils = append(l.pupils, p)
		return false
	}
	most := orDefault(s.MaxLearning, 1024)
	domain := p.ss.jid.Domain()
	neighbours := 0
	for _, l := range s.lessons {
		if l.domain == domain {
			neighbours++
		}
	}
	if len(s.lessons) >= most || neighbours >= max(most/8, 1) {
		p.ss.caps = disco.Caps{}
		return false
	}
	if s.lessons == nil {
		s.lessons = make(map[disco.Caps]*lesson)
	}
	s.lessons[caps] = &lesson{[]pupil{p}, domain}
	return true
}

// prune drops those who have gone, or announce something else.
func (l *lesson) prune(caps disco.Caps) {
	l.pupils = slices.DeleteFunc(l.pupils, func(p pupil) bool { return p.ss.caps != caps })
}

// teach holds a lesson.
func (s *Service) teach(ctx context.Context, caps disco.Caps) {
	failed := make(map[string]int) // by domain
	for {
		p, ok := s.next(caps, failed)
		if !ok {
			return
		}
		asking, cancel := context.WithTimeout(ctx, patience)
		info, err := s.entities().Get(asking, p.u, p.ss.jid, caps)
		cancel()
		if err != nil {
			failed[p.ss.jid.Domain()]++
			s.log().Info("interests not learnt", "local", p.u, "remote", p.ss.jid, "err", err)
		}
		for _, p := range s.taught(caps, p, info, err) {
			sending, cancel := context.WithTimeout(ctx, patience)
			s.round(sending, p.u, p.ss.jid.Bare())
			cancel()
		}
	}
}

// next takes somebody to ask out of a lesson. When nobody is left whom it is worth to
// ask, the lesson is over.
func (s *Service) next(caps disco.Caps, failed map[string]int) (pupil, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lessons[caps]
	l.prune(caps)
	for i, p := range l.pupils {
		if failed[p.ss.jid.Domain()] < maxFailures {
			l.pupils = slices.Delete(l.pupils, i, i+1)
			return p, true
		}
	}
	for _, p := range l.pupils {
		p.ss.caps = disco.Caps{}
	}
	delete(s.lessons, caps)
	return pupil{}, false
}

// taught takes over what one session answered, for all if it is true of all, and returns
// who learnt something.
func (s *Service) taught(caps disco.Caps, p pupil, info disco.Info, err error) []pupil {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.ss.caps != caps {
		return nil
	}
	switch {
	case err == nil:
		p.ss.learnt(info)
	case errors.Is(err, disco.ErrMismatch) || errors.Is(err, disco.ErrIllFormed) || errors.Is(err, disco.ErrTooLarge):
		p.ss.learnt(disco.Info{}) // as good as nothing, and not asked again
		return nil
	default:
		p.ss.caps = disco.Caps{} // asked again when they send presence again
		return nil
	}
	learnt := []pupil{p}
	if _, shared := s.entities().Known(caps); !shared {
		return learnt
	}
	l := s.lessons[caps]
	for _, other := range l.pupils {
		if other.ss.caps == caps {
			other.ss.learnt(info)
			learnt = append(learnt, other)
		}
	}
	l.pupils = nil
	return learnt
}
