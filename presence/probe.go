package presence

import (
	"context"
	"fmt"

	"isthmus.im/stanza"
)

// answerProbe answers a probe as RFC 6121 sections 4.3.2 and 4.6.6 say. Who may not
// see the user's presence is told the same whether the user is online, offline or
// nobody.
func (s *Service) answerProbe(ctx context.Context, p *stanza.Stanza) (*stanza.Stanza, error) {
	user, contact := p.To.Bare(), p.From.Bare()
	may := user == contact
	if !may {
		it, err := s.item(ctx, user, contact)
		if err != nil {
			return nil, fmt.Errorf("presence: probe from %s: %w", contact, err)
		}
		may = it.Subscription.HasFrom()
	}
	answer := &stanza.Stanza{Kind: stanza.Presence, From: user, To: p.From, ID: p.ID}

	s.mu.Lock()
	u := s.users[user]
	var ss *session
	if u != nil && !p.To.IsBare() {
		ss = u.sessions[p.To.Resource()]
	}
	online := ss != nil && available(ss.sent)
	directed := false
	if ss != nil {
		_, directed = ss.directed[p.From]
	}
	shown := u.shown()
	s.mu.Unlock()

	switch {
	case directed, may && online: // no more than that it is there
		answer.From, answer.ID = p.To, ""
		return answer, nil
	case !may:
		answer.To, answer.Type = contact, stanza.Unsubscribed
		return answer, nil
	case !p.To.IsBare():
		answer.From, answer.Type = p.To, stanza.Unavailable
		return answer, nil
	case len(shown) == 0:
		answer.Type = stanza.Unavailable
		return answer, nil
	}
	// The answer is for the contact, who sees the presence, and so goes to the bare address
	// although some servers probe from a full one, as RFC 3921 had it. Prosody looks for
	// what a session is interested in (XEP-0163) only in presence to a bare address.
	target := contact
	if user == contact {
		target = p.From
	}
	for _, pres := range shown {
		s.trySend(ctx, to(pres, target))
	}
	return nil, nil
}
