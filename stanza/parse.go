package stanza

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

var (
	errKind = errors.New("not a stanza")
	errNoID = errors.New("an iq needs an id")
)

// ParseType returns the type that the attribute value s stands for on a stanza of
// kind k; the empty s is an absent attribute. A message of unknown type is a normal
// one (RFC 6121 section 5.2.2); on presence (RFC 6121 section 4.7.1) and IQs (RFC
// 6120 section 8.2.3) such a value is a [*HeaderError].
func ParseType(k Kind, s string) (Type, error) {
	t, known := knownType(s)
	switch {
	case known && t.Valid(k):
		return t, nil
	case k == Message:
		return "", nil
	}
	return "", &HeaderError{Kind: k, Attr: "type", Value: strings.Clone(s), Err: errType}
}

// knownType returns the constant that s spells, so that s need not be kept.
func knownType(s string) (Type, bool) {
	for _, t := range [...]Type{
		"", Chat, GroupChat, Headline,
		Unavailable, Subscribe, Subscribed, Unsubscribe, Unsubscribed, Probe,
		Get, Set, Result, TypeError,
	} {
		if string(t) == s {
			return t, true
		}
	}
	return "", false
}

// Parse reads one stanza, with nothing but white space around it. Its content
// namespace is jabber:client or jabber:server, or not declared at all. Addresses are
// read as they are from the wire, with [jid.ParseLegacy]. The stanza shares no
// memory with b.
//
// The error is a [*HeaderError] when the XML is good but its start tag is not a
// stanza's. XML is held to the rules of a stream: RFC 6120 section 11.1, at most 64
// levels deep.
func Parse(b []byte) (*Stanza, error) {
	t, err := xmlscan.Parse(b, nsServer, anySize)
	if err != nil {
		return nil, fmt.Errorf("stanza: parse: %w", err)
	}
	k := KindOf(string(t.Local))
	if k == 0 || len(contentSpace(t.Space)) != 0 {
		return nil, &HeaderError{Value: string(t.Local), Err: errKind}
	}
	h := t.Head()
	s := &Stanza{Kind: k, ID: string(h.ID), Lang: string(h.Lang)}
	if s.From, err = address(k, "from", h.From); err != nil {
		return nil, err
	}
	if s.To, err = address(k, "to", h.To); err != nil {
		return nil, err
	}
	if s.Type, err = ParseType(k, string(h.Type)); err != nil {
		return nil, err
	}
	if k == IQ && s.ID == "" {
		return nil, &HeaderError{Kind: k, Attr: "id", Err: errNoID}
	}
	if len(t.Inner) != 0 {
		s.Inner = bytes.Clone(t.Inner)
	}
	return s, nil
}

// address reads the address in the attribute attr; nil is none.
func address(k Kind, attr string, v []byte) (jid.JID, error) {
	if v == nil {
		return jid.JID{}, nil
	}
	j, _, err := jid.ParseLegacy(string(v))
	if err != nil {
		return jid.JID{}, &HeaderError{Kind: k, Attr: attr, Value: string(v), Err: err}
	}
	return j, nil
}

// MustParse is [Parse] for tests and literals: it panics on an error.
func MustParse(s string) *Stanza {
	st, err := Parse([]byte(s))
	if err != nil {
		panic(err)
	}
	return st
}
