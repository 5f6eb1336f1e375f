package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// Replace says that a message corrects an earlier one, all of whose payloads it
// replaces (XEP-0308 section 3).
type Replace struct {
	XMLName xml.Name `xml:"urn:xmpp:message-correct:0 replace"`
	ID      string   `xml:"id,attr"` // the id of the first version; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *Replace) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSCorrection, "replace")
	*r = Replace{ID: x.need("id")}
	return x.err
}

// Correct says that m corrects the message with the given id, and gives m an id of its
// own if it has none or the same (XEP-0308 section 3). m repeats every payload that the
// corrected message had. When a message is corrected again, id is still that of its
// first version (XEP-0308 section 4). It returns [ErrMisplaced] for what is no message,
// for errors, for an m that corrects another message already, and when id is empty.
func Correct(m *stanza.Stanza, id string) error {
	if err := message(m); err != nil {
		return err
	}
	if id == "" {
		return misplaced("a correction of a message without id")
	}
	if r, err := Of[Replace](m); err == nil && r.ID == id {
		return nil
	}
	if has(m, "urn:xmpp:message-correct:0 replace") {
		return misplaced("two corrections in one message")
	}
	if m.ID == "" || m.ID == id {
		m.ID = stanza.NewID()
	}
	return m.Append(Replace{ID: id})
}

// SameSender reports whether m, a correction or retraction, may act on original: both
// have the same kind of addresses and were sent by the same entity. In a room that is
// the full address, elsewhere the bare one (XEP-0308 section 4, XEP-0424 section 5).
//
// It sees the two stanzas and no more. A private message by way of a room is of type
// chat, and its sender is to be compared with its resource, by the host that knows of
// the room; so is, in a room, whether the nickname passed to somebody else in between.
func SameSender(original, m *stanza.Stanza) bool {
	if original.Kind != stanza.Message || m.Kind != stanza.Message || original.From.IsZero() {
		return false
	}
	if original.Type == stanza.TypeError || m.Type == stanza.TypeError {
		return false
	}
	if original.Type == stanza.GroupChat || m.Type == stanza.GroupChat {
		return original.Type == m.Type && original.From == m.From
	}
	return original.From.Bare() == m.From.Bare()
}
