package presence

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// direct sends directed presence and remembers to whom (RFC 6121 section 4.6.3).
func (s *Service) direct(ctx context.Context, p *stanza.Stanza) error {
	target := p.To
	subscriber := false
	if available(p) {
		it, err := s.item(ctx, p.From.Bare(), target.Bare())
		if err != nil {
			return fmt.Errorf("presence: directed to %s: %w", target, err)
		}
		subscriber = it.Subscription.HasFrom()
	}
	s.mu.Lock()
	u, ss, err := s.session(p.From, available(p))
	switch {
	case err != nil:
	case ss == nil: // unavailable, of a session that never was
	case !available(p):
		delete(ss.directed, target)
		s.settle(u, ss)
	case subscriber && available(ss.want) && available(ss.sent):
		// Broadcasts reach them.
	default:
		err = ss.remember(target, orDefault(s.MaxDirected, 128))
		s.settle(u, ss)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := s.Out.Send(ctx, p); err != nil {
		return fmt.Errorf("presence: directed to %s: %w", target, err)
	}
	return nil
}

func (ss *session) remember(target jid.JID, limit int) error {
	if _, ok := ss.directed[target]; !ok && len(ss.directed) >= limit {
		return fmt.Errorf("%w: %s", ErrDirected, ss.jid)
	}
	if ss.directed == nil {
		ss.directed = make(map[jid.JID]struct{})
	}
	ss.directed[target] = struct{}{}
	return nil
}

// forget drops an address, or with a bare one all of that account, from those that
// directed presence was sent to.
func (ss *session) forget(target jid.JID) {
	delete(ss.directed, target)
	if !target.IsBare() {
		return
	}
	for t := range ss.directed {
		if t.Bare() == target {
			delete(ss.directed, t)
		}
	}
}

// forget notes that an address became unavailable or cannot be reached: nobody there
// has to be told of the end of a session (RFC 6121 section 4.6.1).
func (s *Service) forget(bare, target jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[bare]
	if u == nil {
		return
	}
	for _, ss := range u.sessions {
		if len(ss.directed) > 0 {
			ss.forget(target)
			s.settle(u, ss)
		}
	}
}
