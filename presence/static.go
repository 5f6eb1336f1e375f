package presence

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Static is presence for hosts that have none, neither contacts nor sessions: all
// users are always online.
//
//	mux.HandlePresence(stanza.AnyType, presence.Static{Out: server})
//
// Requests of those whom Allow lets in are granted at once, which tells every one of
// them that the user exists; probes of others are answered unsubscribed, and their
// requests not at all. Cancellations are confirmed, and all other presence is dropped. A Static is safe for concurrent
// use if its fields are.
type Static struct {
	// Out sends what is more than an answer. It is required.
	Out stanza.Sender
	// Allow says whether contact may see that user is online; both are bare. For users
	// that do not exist it returns false. An error is answered as such. Nil: everybody
	// may see everybody.
	Allow func(ctx context.Context, user, contact jid.JID) (bool, error)
	// Resource is the resource part of each user's only session. Empty: "online".
	// What no address can have is an error for whoever asks.
	Resource string
}

var _ stanza.Handler = Static{}

// HandleStanza answers presence and leaves everything else unhandled.
func (s Static) HandleStanza(ctx context.Context, p *stanza.Stanza) (*stanza.Stanza, error) {
	if p.Kind != stanza.Presence || p.Type != stanza.Probe && p.Type != stanza.Subscribe && p.Type != stanza.Unsubscribe {
		return nil, nil
	}
	user, contact := p.To.Bare(), p.From.Bare()
	answer := &stanza.Stanza{Kind: stanza.Presence, From: user, To: contact, ID: p.ID}
	if p.Type == stanza.Unsubscribe {
		answer.Type = stanza.Unsubscribed
		return answer, nil
	}
	allowed := true
	if s.Allow != nil {
		var err error
		if allowed, err = s.Allow(ctx, user, contact); err != nil {
			return nil, fmt.Errorf("presence: may %s see %s: %w", contact, user, err)
		}
	}
	switch {
	case !allowed && p.Type == stanza.Probe:
		answer.Type = stanza.Unsubscribed
		return answer, nil
	case !allowed:
		return nil, nil
	case p.Type == stanza.Subscribe:
		answer.Type = stanza.Subscribed
		if err := s.Out.Send(ctx, answer); err != nil {
			return nil, fmt.Errorf("presence: subscribed to %s: %w", contact, err)
		}
	}
	resource := s.Resource
	if resource == "" {
		resource = "online"
	}
	full, err := jid.New(user.Local(), user.Domain(), resource)
	if err != nil {
		return nil, fmt.Errorf("presence: resource of Static: %w", err)
	}
	to := contact
	if p.Type == stanza.Probe {
		to = p.From
		if !p.To.IsBare() && p.To != full { // RFC 6121 section 4.3.2: of no other session
			return &stanza.Stanza{Kind: stanza.Presence, Type: stanza.Unavailable, From: p.To, To: to, ID: p.ID}, nil
		}
	}
	return &stanza.Stanza{Kind: stanza.Presence, From: full, To: to}, nil
}
