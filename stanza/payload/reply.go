package payload

import (
	"encoding/xml"
	"strings"
	"unicode/utf8"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Reply says which message another one answers (XEP-0461 section 3).
type Reply struct {
	XMLName xml.Name `xml:"urn:xmpp:reply:0 reply"`
	To      jid.JID  // who wrote that message; zero: not said
	ID      string   // what [ReferenceID] gives for it; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *Reply) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSReply, "reply")
	*r = Reply{To: x.address("to"), ID: x.need("id")}
	return x.err
}

// MarshalXML implements xml.Marshaler.
func (r Reply) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return encode(e, NSReply, "reply", nil, "to", r.To.String(), "id", r.ID)
}

// maxQuote is the number of characters of a message that a reply quotes.
const maxQuote = 1024

// ReplyTo returns a message with body as its text that answers m, a message received.
// For clients that do not know replies it quotes the first 1024 characters of m before
// the body, and marks the quotation as fallback (XEP-0461 section 3.1); quotations in m
// itself are not repeated. [FallbackBody] with [NSReply] gives the body alone. It
// returns [ErrMisplaced] for what is no message, for errors, and when m has no id to
// refer to, which in a room is the one the room gave it (XEP-0461 section 4.1).
func ReplyTo(m *stanza.Stanza, body string) (*stanza.Stanza, error) {
	id, ok := ReferenceID(m)
	if !ok {
		return nil, misplaced("a reply to a message without id")
	}
	a := answer(m)
	if err := SetBody(a, body); err != nil {
		return nil, err
	}
	if err := a.Append(Reply{To: m.From, ID: id}); err != nil {
		return nil, err
	}
	said, _, _ := FallbackBody(m, NSReply)
	if said = strings.TrimSpace(said); said == "" {
		return a, nil
	}
	return a, AddFallback(a, NSReply, quote(said))
}

func quote(s string) string {
	if utf8.RuneCountInString(s) > maxQuote {
		n := 0
		for i := range s {
			if n == maxQuote {
				s = s[:i] + "…"
				break
			}
			n++
		}
	}
	return "> " + strings.ReplaceAll(s, "\n", "\n> ") + "\n"
}
