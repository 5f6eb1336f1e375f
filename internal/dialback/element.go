package dialback

import (
	"bytes"
	"encoding/xml"

	"isthmus.im/jid"
)

// Namespaces of the elements and of the stream feature, and of what an error
// holds.
const (
	NS        = "jabber:server:dialback"
	NSFeature = "urn:xmpp:features:dialback"

	nsServer = "jabber:server"
	nsErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"
)

// Feature is the stream feature of a side that understands error answers
// (XEP-0220 section 2.4.2).
const Feature = "<dialback xmlns='" + NSFeature + "'><errors/></dialback>"

// Limits of what is read and of what is sent, in bytes.
const (
	MaxKey     = 256  // of a key
	MaxID      = 1024 // of a stream id
	MaxElement = 8192 // of a whole element
)

// Kind tells the two elements apart.
type Kind uint8

// The elements of the protocol. The zero Kind is not valid.
const (
	Result Kind = iota + 1 // <db:result/>, between the originating and the receiving server
	Verify                 // <db:verify/>, between the receiving and the authoritative server
)

// String returns "result" or "verify".
func (k Kind) String() string {
	switch k {
	case Result:
		return "result"
	case Verify:
		return "verify"
	}
	return "unknown"
}

// Type tells a request from its three answers.
type Type uint8

// The types of an element.
const (
	Request Type = iota // no type attribute; carries a key
	Valid
	Invalid
	Failure // type='error'
)

// String returns "request", "valid", "invalid" or "error".
func (t Type) String() string {
	switch t {
	case Request:
		return "request"
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	case Failure:
		return "error"
	}
	return "unknown"
}

// Element is a <db:result/> or a <db:verify/>. It is an [Event] of the stream on
// which it arrived.
type Element struct {
	Kind      Kind
	Type      Type
	From, To  jid.JID // domains
	ID        string  // Verify: the id of the stream that the key was made for
	Key       string  // Request: printable ASCII
	Condition string  // Failure: a constant of this package or another stanza error condition
	Text      string  // Failure: words for the other side's administrator; may be empty
}

// Append appends e to b, with the prefix db, which the header of the stream has
// to declare (XEP-0220 section 2). All text is escaped.
func (e Element) Append(b []byte) []byte {
	name := "db:" + e.Kind.String()
	b = append(b, "<"+name+" from='"...)
	b = appendEscaped(b, e.From.String())
	b = append(b, "' to='"...)
	b = appendEscaped(b, e.To.String())
	if e.Kind == Verify {
		b = append(b, "' id='"...)
		b = appendEscaped(b, e.ID)
	}
	switch e.Type {
	case Request:
		b = append(b, "'>"...)
		b = appendEscaped(b, e.Key)
		return append(b, "</"+name+">"...)
	case Failure:
		condition := known(e.Condition)
		kind, _ := errorType(condition)
		b = append(b, "' type='error'><error type='"+kind+"'><"+condition+" xmlns='"+nsErrors+"'/>"...)
		if e.Text != "" {
			b = append(b, "<text xmlns='"+nsErrors+"' xml:lang='en'>"...)
			b = appendEscaped(b, e.Text)
			b = append(b, "</text>"...)
		}
		return append(b, "</error></"+name+">"...)
	}
	return append(b, "' type='"+e.Type.String()+"'/>"...)
}

// answer returns the answer to e with its addresses swapped.
func (e Element) answer(t Type) Element {
	return Element{Kind: e.Kind, Type: t, From: e.To, To: e.From, ID: e.ID}
}

// failure returns the answer to e that reports an error.
func (e Element) failure(condition, text string) Element {
	a := e.answer(Failure)
	a.Condition, a.Text = condition, text
	return a
}

func appendEscaped(b []byte, s string) []byte {
	var escaped bytes.Buffer
	xml.EscapeText(&escaped, []byte(s)) // a bytes.Buffer returns no error
	return append(b, escaped.Bytes()...)
}
