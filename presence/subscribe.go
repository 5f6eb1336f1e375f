package presence

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// Subscribe asks contact to let user see their presence (RFC 6121 section 3.1). The
// request is repeated, until there is an answer, each time that the user comes
// online, each Retry while the user is, and when a lost link with the domain is back.
// Asking again is no mistake.
//
// Resource parts are dropped here and in the methods that follow. Their errors are
// [ErrAddress], those of the roster, after which nothing has changed (among them
// [roster.ErrFixed]), and those of Out, after which the state has changed and the
// contact was not told.
func (s *Service) Subscribe(ctx context.Context, user, contact jid.JID) error {
	return s.act(ctx, user, contact, roster.SendSubscribe)
}

// Unsubscribe ends that user sees contact's presence, or the request for it (RFC 6121
// section 3.3).
func (s *Service) Unsubscribe(ctx context.Context, user, contact jid.JID) error {
	return s.act(ctx, user, contact, roster.SendUnsubscribe)
}

// Approve lets contact see user's presence, when contact has asked for it. When not,
// it is an approval in advance: the request will be granted when it comes (RFC
// 6121 section 3.4).
func (s *Service) Approve(ctx context.Context, user, contact jid.JID) error {
	return s.act(ctx, user, contact, roster.SendSubscribed)
}

// Deny refuses a request of contact, or takes back what was granted, in advance or
// not (RFC 6121 section 3.2).
func (s *Service) Deny(ctx context.Context, user, contact jid.JID) error {
	return s.act(ctx, user, contact, roster.SendUnsubscribed)
}

// Remove deletes contact from user's roster after ending what either has of the
// other or asked for (RFC 6121 section 2.5.2).
func (s *Service) Remove(ctx context.Context, user, contact jid.JID) error {
	user, contact, err := pair(user, contact)
	if err != nil {
		return err
	}
	var steps []step
	var listed bool
	gone, err := s.Roster.Update(ctx, user, contact, func(it roster.Item) (roster.Item, error) {
		steps, listed = nil, it.InRoster()
		for _, ev := range it.Removal() {
			var eff roster.Effect
			it, eff = roster.Apply(it, ev)
			eff.Push = false
			steps = append(steps, step{ev, eff})
		}
		return roster.Item{}, nil
	})
	if err != nil {
		return fmt.Errorf("presence: remove %s: %w", contact, err)
	}
	for _, st := range steps {
		if failed := s.perform(ctx, user, contact, st, gone, nil); err == nil {
			err = failed
		}
	}
	if listed {
		s.push(ctx, user, gone)
	}
	return err
}

// step is an event that was applied and what is to be done about it.
type step struct {
	event  roster.Event
	effect roster.Effect
}

// pair checks the addresses that a method is called with.
func pair(user, contact jid.JID) (jid.JID, jid.JID, error) {
	user, contact = user.Bare(), contact.Bare()
	if user.IsZero() || contact.IsZero() || user == contact {
		return user, contact, fmt.Errorf("%w: user %q, contact %q", ErrAddress, user, contact)
	}
	return user, contact, nil
}

// act applies an event that the user caused.
func (s *Service) act(ctx context.Context, user, contact jid.JID, ev roster.Event) error {
	user, contact, err := pair(user, contact)
	if err != nil {
		return err
	}
	var eff roster.Effect
	it, err := s.Roster.Update(ctx, user, contact, func(it roster.Item) (roster.Item, error) {
		it, eff = roster.Apply(it, ev)
		return it, nil
	})
	if err != nil {
		return fmt.Errorf("presence: %s to %s: %w", ev.Type(), contact, err)
	}
	return s.perform(ctx, user, contact, step{ev, eff}, it, nil)
}

// perform does what an effect says, in the order that roster.Effect gives. in is the
// stanza received, nil for what the user did. The error is that of sending the
// user's own stanza.
func (s *Service) perform(ctx context.Context, user, contact jid.JID, st step, it roster.Item, in *stanza.Stanza) error {
	var err error
	eff := st.effect
	if eff.Withdraw {
		s.withdraw(ctx, user, contact)
	}
	if eff.Route {
		if err = s.send(ctx, stanza.Type(st.event.Type()), user, contact, ""); err != nil {
			err = fmt.Errorf("presence: %s to %s: %w", st.event.Type(), contact, err)
		}
	}
	if eff.AutoReply != 0 {
		s.tryType(ctx, stanza.Type(eff.AutoReply.Type()), user, contact, in.ID)
	}
	// Contacts who are let in see the presence now. When they let the user in later, it is
	// sent once more: only from presence that comes when both see each other does
	// ejabberd learn what a session is interested in (XEP-0163 section 2.3).
	if eff.Announce || eff.Deliver && st.event == roster.RecvSubscribed && it.Subscription.HasFrom() {
		s.introduce(ctx, user, contact)
	}
	if eff.Deliver {
		s.show(ctx, user, contact, in)
	}
	if it.Ask || it.Subscription.HasTo() {
		s.watchIfOnline(user, it)
	}
	if eff.Push {
		s.push(ctx, user, it)
	}
	return err
}

// push reports a changed item as it is now, for more may have happened since it was
// stored.
func (s *Service) push(ctx context.Context, user jid.JID, it roster.Item) {
	if s.OnRoster == nil {
		return
	}
	if now, err := s.item(ctx, user, it.Contact); err == nil {
		it = now
	}
	s.OnRoster(ctx, user, it)
}

// show hands a received stanza to the host.
func (s *Service) show(ctx context.Context, user, contact jid.JID, p *stanza.Stanza) {
	on := s.OnPresence
	if p.Type == stanza.Subscribe {
		on = s.OnRequest
	}
	if on != nil {
		on(ctx, user, contact, p)
	}
}
