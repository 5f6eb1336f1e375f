package delivery

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/payload"
)

// Inbox hands what arrives for accounts to their sessions. Sessions and Deliver
// are required. An Inbox is safe for concurrent use if its functions are; do not
// change it once it handles stanzas.
type Inbox struct {
	// Sessions returns the connected sessions of a user, a bare address. An error
	// is answered as such.
	Sessions func(ctx context.Context, user jid.JID) ([]Session, error)
	// Deliver hands a stanza to the client of a session. It must not be changed, as
	// other sessions may get the same. An error means that the session is not
	// there any more.
	Deliver func(ctx context.Context, s Session, st *stanza.Stanza) error
	// Store keeps a message for a user and returns the id that it is kept under;
	// without an id the message gets none. It is called before any session gets the
	// message. An error is answered as such, and no session gets it. Nil: nothing is
	// kept, and what no session can take is refused.
	Store func(ctx context.Context, user jid.JID, m *stanza.Stanza) (id string, err error)
	// MayAsk says whether sender may send a request to the session that user
	// has under its full address, which tells that it is there (RFC 6121 section
	// 8.5.3.1). Nil: nobody may.
	MayAsk func(ctx context.Context, user, sender jid.JID) (bool, error)
	// OnMessage reports what became of a message, so that the host can wake up a
	// device or count. Errors that came back for messages of the user are
	// reported, too. Nil: nobody is told.
	OnMessage func(ctx context.Context, m *stanza.Stanza, r Result)
	// MostAvailable is as in [Policy].
	MostAvailable bool
}

var _ stanza.Handler = (*Inbox)(nil)

// Result is what became of a message.
type Result struct {
	Delivered []Session     // the sessions that took it
	Stored    bool          // it is kept
	ID        string        // under this id, if it has one
	Err       *stanza.Error // what its sender was told; nil: nothing
}

// HandleStanza implements [stanza.Handler].
func (b *Inbox) HandleStanza(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	if st.To.Local() == "" || st.Kind == stanza.IQ && st.To.IsBare() {
		return nil, nil
	}
	sessions, err := b.Sessions(ctx, st.To.Bare())
	if err != nil {
		return nil, fmt.Errorf("delivery: sessions of %s: %w", st.To.Bare(), err)
	}
	switch st.Kind {
	case stanza.Message:
		return nil, b.message(ctx, st, sessions)
	case stanza.IQ:
		return nil, b.iq(ctx, st, sessions)
	}
	if st.Type == "" || st.Type == stanza.Unavailable {
		b.deliver(ctx, st, Decide(st, sessions, Policy{}).To)
	}
	return nil, nil
}

func (b *Inbox) message(ctx context.Context, m *stanza.Stanza, sessions []Session) error {
	user := m.To.Bare()
	payload.StripForgedIDs(m, user)
	if m.From.Domain() != user.Domain() {
		payload.StripForgedDelays(m, user.Host())
	}
	d := Decide(m, sessions, Policy{Keeps: true, MostAvailable: b.MostAvailable})
	var r Result
	if b.Store != nil && (len(d.To) > 0 || d.Keep) && Lasting(m) {
		id, err := b.Store(ctx, user, m)
		if err != nil {
			return fmt.Errorf("delivery: store for %s: %w", user, err)
		}
		r.Stored, r.ID = true, id
		if id != "" {
			if err := payload.SetStanzaID(m, user, id); err != nil {
				return fmt.Errorf("delivery: id %q: %w", id, err)
			}
		}
	}
	r.Delivered = b.deliver(ctx, m, d.To)
	for len(r.Delivered) == 0 && len(d.To) > 0 { // they have just left: who else is there?
		sessions = without(sessions, d.To)
		d = Decide(m, sessions, Policy{Keeps: true, MostAvailable: b.MostAvailable})
		r.Delivered = b.deliver(ctx, m, d.To)
	}
	switch {
	case len(r.Delivered) > 0 || r.Stored:
	case d.Err != nil:
		r.Err = d.Err
	case d.Keep && says(m):
		r.Err = &stanza.Error{Condition: stanza.ServiceUnavailable}
	}
	if b.OnMessage != nil {
		b.OnMessage(ctx, m, r)
	}
	if r.Err != nil {
		return r.Err
	}
	return nil
}

// deliver returns the sessions that took a stanza.
func (b *Inbox) deliver(ctx context.Context, st *stanza.Stanza, to []Session) (took []Session) {
	for _, s := range to {
		if b.Deliver(ctx, s, st) == nil {
			took = append(took, s)
		}
	}
	return took
}

func without(all, gone []Session) []Session {
	var left []Session
	for _, s := range all {
		there := true
		for _, g := range gone {
			there = there && s.JID != g.JID
		}
		if there {
			left = append(left, s)
		}
	}
	return left
}

func (b *Inbox) iq(ctx context.Context, iq *stanza.Stanza, sessions []Session) error {
	asked := iq.Type == stanza.Get || iq.Type == stanza.Set
	d := Decide(iq, sessions, Policy{})
	if asked && d.Err == nil {
		may := false
		if b.MayAsk != nil {
			var err error
			if may, err = b.MayAsk(ctx, iq.To.Bare(), iq.From); err != nil {
				return fmt.Errorf("delivery: may %s ask %s: %w", iq.From, iq.To, err)
			}
		}
		if !may {
			d = Decision{}
		}
	}
	took := b.deliver(ctx, iq, d.To)
	switch {
	case !asked:
		return nil
	case len(took) == 0:
		return &stanza.Error{Condition: stanza.ServiceUnavailable}
	}
	return stanza.ErrDeferred // the client's to answer
}
