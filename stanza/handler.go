package stanza

import (
	"context"
	"errors"
)

// ErrDeferred is returned by a [Handler] that answers a request later: it, or
// somebody it told, sends the answer through a [Sender], to the request's From, from
// its To and with its ID. Nothing is answered for it meanwhile, and the stanzas
// behind the request do not wait. Whoever defers a request owes its sender exactly
// one answer.
var ErrDeferred = errors.New("stanza: answered later")

// Handler takes one inbound stanza.
//
// A returned stanza is sent back. A returned [*Error] becomes an error stanza
// unless the inbound stanza was itself an error or a result. Any other error is
// logged and answered as internal-server-error. A get or set left with neither
// is answered service-unavailable: a request always gets exactly one reply. A
// message or presence left with neither was handled or is dropped in silence. A
// handler that will answer later, by a Sender, returns [ErrDeferred].
//
// Stanzas with the same From and To arrive one at a time and in order; other
// pairs run concurrently. A handler may Send and Request freely, and owns s.
// ctx ends with the server or with the time limit on handlers, whichever is
// first.
//
// Middleware is a func(Handler) Handler; there is nothing to register it with.
type Handler interface {
	HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error)
}

// HandlerFunc is a function used as a [Handler].
type HandlerFunc func(ctx context.Context, s *Stanza) (*Stanza, error)

// HandleStanza calls f.
func (f HandlerFunc) HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error) {
	return f(ctx, s)
}

// MessageFunc handles messages of every type, errors included, and leaves every
// other kind unhandled.
type MessageFunc func(ctx context.Context, m *Stanza) error

// HandleStanza calls f if s is a message.
func (f MessageFunc) HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error) {
	if s.Kind != Message {
		return nil, nil
	}
	return nil, f(ctx, s)
}

// PresenceFunc handles presence of every type, errors included, and leaves every
// other kind unhandled.
type PresenceFunc func(ctx context.Context, p *Stanza) error

// HandleStanza calls f if s is a presence.
func (f PresenceFunc) HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error) {
	if s.Kind != Presence {
		return nil, nil
	}
	return nil, f(ctx, s)
}

// IQFunc answers a get or set. The payload is encoded as [Marshal] does; a nil
// payload with a nil error is an empty result.
type IQFunc func(ctx context.Context, iq *Stanza) (payload any, err error)

// HandleStanza calls f if s is a get or a set and makes the result of what it
// returns.
func (f IQFunc) HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error) {
	if s.Kind != IQ || s.Type != Get && s.Type != Set {
		return nil, nil
	}
	payload, err := f(ctx, s)
	if err != nil {
		return nil, err
	}
	return s.Reply(Result, payload)
}

// Sender accepts stanzas for delivery to their To address.
//
// A nil error means accepted: a later failure comes back as an error stanza, as
// for any XMPP sender. The stanza belongs to the Sender from then on and must not be
// changed or sent again; send a [Stanza.Clone] to keep one. A Sender is safe for
// concurrent use.
type Sender interface {
	Send(ctx context.Context, s *Stanza) error
}

// Requester sends a get or set and waits for its answer.
//
// Request returns the result, or the peer's refusal as an [*Error], or ctx's error
// when ctx ends first. The answer must come from the address asked. A request
// without an id is given one. A Requester is safe for concurrent use.
type Requester interface {
	Sender
	Request(ctx context.Context, iq *Stanza) (*Stanza, error)
}
