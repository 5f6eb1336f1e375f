package stanza

import (
	"crypto/rand"
	"errors"
	"fmt"

	"isthmus.im/jid"
)

// NewID returns a fresh stanza id of at least 128 random bits.
func NewID() string { return rand.Text() }

// NewMessage returns a message with a fresh id, so that a later bounce can be
// matched to it. The payloads are encoded as [Marshal] does; nil ones are left
// out. The error tells of a type that messages do not have or of a payload that
// cannot be encoded.
func NewMessage(typ Type, from, to jid.JID, payloads ...any) (*Stanza, error) {
	return build(Message, typ, from, to, NewID(), payloads)
}

// NewPresence returns a presence without an id. The payloads are encoded as
// [Marshal] does; nil ones are left out. The error tells of a type that presence
// does not have or of a payload that cannot be encoded.
func NewPresence(typ Type, from, to jid.JID, payloads ...any) (*Stanza, error) {
	return build(Presence, typ, from, to, "", payloads)
}

// NewIQ returns an IQ with a fresh id. A get or a set needs its one payload; a
// result has at most one (RFC 6120 section 8.2.3), and its id must be set to the
// request's, which [Stanza.Reply] does. The payload is encoded as [Marshal]
// does.
func NewIQ(typ Type, from, to jid.JID, payload any) (*Stanza, error) {
	s, err := build(IQ, typ, from, to, NewID(), []any{payload})
	if err != nil {
		return nil, err
	}
	if (typ == Get || typ == Set) && len(s.Inner) == 0 {
		return nil, fmt.Errorf("stanza: iq of type %s: %w", typ, errNoRequest)
	}
	return s, nil
}

var (
	errType      = errors.New("unknown type")
	errNoRequest = errors.New("a request needs a payload")
	errNotAsked  = errors.New("an error or a result is not answered")
)

func build(k Kind, typ Type, from, to jid.JID, id string, payloads []any) (*Stanza, error) {
	if !typ.Valid(k) {
		return nil, &HeaderError{Kind: k, Attr: "type", Value: string(typ), Err: errType}
	}
	s := &Stanza{Kind: k, Type: typ, ID: id, From: from, To: to}
	for _, p := range payloads {
		if err := s.Append(p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Text returns a chat message (RFC 6121 section 5.2.2) with a fresh id and body
// as its only payload. Characters that XML cannot carry become U+FFFD.
func Text(from, to jid.JID, body string) *Stanza {
	b := make([]byte, 0, len(body)+len(body)/8+16)
	b = append(b, "<body>"...)
	b = appendEscaped(b, body)
	b = append(b, "</body>"...)
	return &Stanza{Kind: Message, Type: Chat, ID: NewID(), From: from, To: to, Inner: b}
}

// Reply returns a stanza of the same kind and id with the addresses swapped. The
// payload is encoded as [Marshal] does; nil leaves the answer empty. To answer a
// request, typ is Result.
//
// An error is never answered with an error (RFC 6120 section 8.3.1), nor is an IQ
// that is itself an answer: both are refused with an error, as is a type that the
// kind does not have.
func (s *Stanza) Reply(typ Type, payload any) (*Stanza, error) {
	if !s.answerable(typ) {
		return nil, fmt.Errorf("stanza: reply to %s of type %s: %w", s.Kind, s.Type, errNotAsked)
	}
	return build(s.Kind, typ, s.To, s.From, s.ID, []any{payload})
}

// ErrorReply returns the error stanza that tells the sender of s about e: same
// kind and id, addresses swapped, e as its only child. The payload of s is not
// echoed, which RFC 6120 section 8.3.1 leaves open: nobody may depend on it, and
// it would double what an attacker can make us send. It returns nil where no error
// may be sent: when s is itself an error, or an IQ result. A nil e means
// internal-server-error.
func (s *Stanza) ErrorReply(e *Error) *Stanza {
	if !s.answerable(TypeError) {
		return nil
	}
	if e == nil {
		e = &Error{Condition: InternalServerError}
	}
	return &Stanza{Kind: s.Kind, Type: TypeError, ID: s.ID, From: s.To, To: s.From, Inner: e.AppendXML(nil)}
}

// DenyProbe returns the answer to the probe s of somebody who may not see the
// presence they ask for, or asks for an account that does not exist: unsubscribed,
// from one bare address to the other (RFC 6121 sections 4.3.2 and 8.5.1).
func (s *Stanza) DenyProbe() *Stanza {
	return &Stanza{Kind: Presence, Type: Unsubscribed, ID: s.ID, From: s.To.Bare(), To: s.From.Bare()}
}

func (s *Stanza) answerable(typ Type) bool {
	switch {
	case s.Kind == IQ:
		return s.Type == Get || s.Type == Set
	case typ == TypeError:
		return s.Type != TypeError
	}
	return true
}
