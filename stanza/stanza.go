package stanza

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"isthmus.im/jid"
)

// Kind tells the three stanzas of RFC 6120 section 8 apart. The zero Kind is
// no stanza at all.
type Kind uint8

// The kinds of stanza.
const (
	Message  Kind = iota + 1 // pushed, answered at most by an error (RFC 6120 section 8.2.1)
	Presence                 // broadcast to subscribers (RFC 6120 section 8.2.2)
	IQ                       // a request or its one answer (RFC 6120 section 8.2.3)
)

// KindOf returns the kind whose element is called name, or the zero Kind.
func KindOf(name string) Kind {
	switch name {
	case "message":
		return Message
	case "presence":
		return Presence
	case "iq":
		return IQ
	}
	return 0
}

// String returns the kind's element name, or "stanza" for the zero Kind.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Presence:
		return "presence"
	case IQ:
		return "iq"
	}
	return "stanza"
}

// Type is a stanza's type attribute. The empty Type is a normal message or
// available presence; no IQ has it.
type Type string

// The types of RFC 6121 sections 5.2.2 (messages) and 4.7.1 (presence) and
// RFC 6120 section 8.2.3 (IQ). TypeError belongs to all three kinds.
const (
	Chat      Type = "chat"
	GroupChat Type = "groupchat"
	Headline  Type = "headline"

	Unavailable  Type = "unavailable"
	Subscribe    Type = "subscribe"
	Subscribed   Type = "subscribed"
	Unsubscribe  Type = "unsubscribe"
	Unsubscribed Type = "unsubscribed"
	Probe        Type = "probe"

	Get    Type = "get"
	Set    Type = "set"
	Result Type = "result"

	TypeError Type = "error"

	// AnyType stands for every type in [Mux.HandlePresence]; no stanza has it.
	AnyType Type = "*"
)

// Valid reports whether a stanza of kind k may have type t.
func (t Type) Valid(k Kind) bool {
	switch k {
	case Message:
		switch t {
		case "", Chat, GroupChat, Headline, TypeError:
			return true
		}
	case Presence:
		switch t {
		case "", Unavailable, Subscribe, Subscribed, Unsubscribe, Unsubscribed, Probe, TypeError:
			return true
		}
	case IQ:
		switch t {
		case Get, Set, Result, TypeError:
			return true
		}
	}
	return false
}

// Stanza is a parsed header and the raw bytes of its children.
//
// The header fields are the only truth about the start tag: it is written from
// them and from nothing else. Inner is well-formed, complete in itself as to
// namespace prefixes, and never declares the content namespace (jabber:client
// or jabber:server), so the same bytes fit a client's stream and a server's. A
// host that changes Inner itself keeps these promises itself; [Stanza.Append]
// keeps them for it, while methods that read Inner trust it and may panic if it is
// malformed.
//
// A Stanza is a plain value that may be stored, queued and, as a [Stanza.Clone],
// sent more than once. It is not safe for use by several goroutines while one of
// them changes it.
type Stanza struct {
	Kind     Kind
	Type     Type    // empty: a normal message, available presence
	ID       string  // empty: the attribute is absent
	From, To jid.JID // zero: the attribute is absent
	Lang     string  // xml:lang; empty: absent
	Inner    []byte  // the children; empty: an empty element
}

// Clone returns a copy that shares nothing with s.
func (s *Stanza) Clone() *Stanza {
	c := *s
	c.Inner = bytes.Clone(s.Inner)
	return &c
}

// AppendXML appends the stanza to b and returns the extended slice. The start
// tag is written from the header alone, with the attributes in the order from,
// to, id, type, xml:lang and without a namespace declaration: the stream's
// content namespace applies. Characters that XML cannot carry become U+FFFD.
// Nothing is allocated when b has room.
func (s *Stanza) AppendXML(b []byte) []byte {
	name := s.Kind.String()
	b = append(b, '<')
	b = append(b, name...)
	b = appendAttr(b, ` from="`, s.From.String())
	b = appendAttr(b, ` to="`, s.To.String())
	b = appendAttr(b, ` id="`, s.ID)
	b = appendAttr(b, ` type="`, string(s.Type))
	b = appendAttr(b, ` xml:lang="`, s.Lang)
	if len(s.Inner) == 0 {
		return append(b, "/>"...)
	}
	b = append(b, '>')
	b = append(b, s.Inner...)
	b = append(b, "</"...)
	b = append(b, name...)
	return append(b, '>')
}

// String returns the stanza as [Stanza.AppendXML] writes it, content included.
func (s *Stanza) String() string {
	return string(s.AppendXML(make([]byte, 0, 128+len(s.Inner))))
}

// Tokens returns the whole stanza as a token stream, for code written against
// encoding/xml or a library built on it. Names in the content namespace have an
// empty Space.
func (s *Stanza) Tokens() xml.TokenReader {
	return xml.NewDecoder(strings.NewReader(s.String()))
}

// HeaderError reports a start tag that is not a valid stanza header. It costs
// the stanza and nothing else; [HeaderError.Condition] is what its sender is
// told.
type HeaderError struct {
	Kind  Kind   // the stanza's kind; zero when the element is not a stanza
	Attr  string // "from", "to", "id" or "type"; empty when the element's name is at fault
	Value string // the offending value
	Err   error  // why; a *jid.ParseError for an address
}

// maxQuoted is the number of bytes of a value that an error text shows.
const maxQuoted = 128

// Error names the attribute, the value (shortened to 128 bytes) and the reason.
func (e *HeaderError) Error() string {
	what := "element"
	if e.Attr != "" {
		what = e.Attr + " of " + e.Kind.String()
	}
	if len(e.Value) > maxQuoted {
		return fmt.Sprintf("stanza: %s %q...: %v", what, e.Value[:maxQuoted], e.Err)
	}
	return fmt.Sprintf("stanza: %s %q: %v", what, e.Value, e.Err)
}

// Unwrap returns Err.
func (e *HeaderError) Unwrap() error { return e.Err }

// Condition returns the condition to answer with: jid-malformed for an address
// (RFC 6120 section 8.3.3.8), else bad-request (RFC 6120 section 8.3.3.1).
func (e *HeaderError) Condition() Condition {
	if e.Attr == "from" || e.Attr == "to" {
		return JIDMalformed
	}
	return BadRequest
}
