package presence

import (
	"context"
	"errors"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// HandleStanza handles presence for a local user and leaves everything else
// unhandled. An error is that of the roster. Presence of type error is never
// answered.
func (s *Service) HandleStanza(ctx context.Context, p *stanza.Stanza) (*stanza.Stanza, error) {
	if p.Kind != stanza.Presence || p.From.IsZero() || p.To.IsZero() {
		return nil, nil
	}
	user, contact := p.To.Bare(), p.From.Bare()
	switch p.Type {
	case stanza.Probe:
		return s.answerProbe(ctx, p)
	case "":
		s.show(ctx, user, p.From, p)
	case stanza.Unavailable, stanza.TypeError:
		s.forget(user, p.From)
		s.show(ctx, user, p.From, p)
	default:
		ev, ok := roster.Received(string(p.Type))
		if !ok || user == contact {
			return nil, nil
		}
		if ev != roster.RecvSubscribe && !p.To.IsBare() && !s.present(p.To) {
			return nil, nil // RFC 6121 section 8.5.3.2.2
		}
		p.From, p.To = contact, user // RFC 6121 section 3.1.3: as if sent to the bare address
		return nil, s.receive(ctx, p, ev)
	}
	return nil, nil
}

// present reports whether there is such a session.
func (s *Service) present(full jid.JID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[full.Bare()]
	return u != nil && u.sessions[full.Resource()] != nil
}

// receive applies an event that the contact caused.
func (s *Service) receive(ctx context.Context, p *stanza.Stanza, ev roster.Event) error {
	change := s.update
	if ev == roster.RecvSubscribe {
		change = s.admit
	}
	it, eff, err := change(ctx, p, ev)
	if errors.Is(err, roster.ErrFixed) {
		return nil // the conversations decide; whoever sent this is not told
	}
	if err != nil {
		return fmt.Errorf("presence: %s from %s: %w", p.Type, p.From, err)
	}
	return s.perform(ctx, p.To, p.From, step{ev, eff}, it, p)
}

// admit is update for requests, of which only so many may wait for a user, and of one
// domain a quarter of them, so that none shuts the others out. One that is too much is dropped, and since an answer would tell that the user exists, in
// silence. Requests to one user are counted one at a time.
func (s *Service) admit(ctx context.Context, p *stanza.Stanza, ev roster.Event) (it roster.Item, eff roster.Effect, err error) {
	lock := s.stripe(p.To)
	lock.Lock()
	defer lock.Unlock()
	if it, err = s.item(ctx, p.To, p.From); err != nil {
		return it, eff, err
	}
	if !it.Pending && !it.Approved && !it.Subscription.HasFrom() {
		items, err := s.Roster.Items(ctx, p.To)
		if err != nil {
			return it, eff, err
		}
		waiting, neighbours := 0, 0
		for _, other := range items {
			if other.Pending {
				waiting++
				if other.Contact.Domain() == p.From.Domain() {
					neighbours++
				}
			}
		}
		most := orDefault(s.MaxPending, 100)
		if waiting >= most || neighbours >= max(most/4, 1) {
			s.log().Warn("request dropped, too many wait", "local", p.To, "remote", p.From)
			return it, eff, nil
		}
	}
	return s.update(ctx, p, ev)
}

func (s *Service) update(ctx context.Context, p *stanza.Stanza, ev roster.Event) (it roster.Item, eff roster.Effect, err error) {
	it, err = s.Roster.Update(ctx, p.To, p.From, func(it roster.Item) (roster.Item, error) {
		before := it.Pending
		it, eff = roster.Apply(it, ev)
		if it.Pending && !before {
			it.Request = s.record(p)
		}
		return it, nil
	})
	return it, eff, err
}

// record is what is kept of a request.
func (s *Service) record(p *stanza.Stanza) string {
	text := p.String()
	if len(text) > orDefault(s.MaxRequest, 4096) {
		head := *p
		head.Inner = nil
		if text = head.String(); len(text) > orDefault(s.MaxRequest, 4096) {
			return ""
		}
	}
	return text
}

// remind reports the requests that still wait for the user.
func (s *Service) remind(ctx context.Context, user jid.JID, items []roster.Item) {
	if s.OnRequest == nil {
		return
	}
	for _, it := range items {
		if !it.Pending {
			continue
		}
		req, err := stanza.Parse([]byte(it.Request))
		if err != nil || req.Type != stanza.Subscribe || req.Kind != stanza.Presence {
			req = &stanza.Stanza{Kind: stanza.Presence, Type: stanza.Subscribe, From: it.Contact, To: user}
		}
		s.OnRequest(ctx, user, it.Contact, req)
	}
}
