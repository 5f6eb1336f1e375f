package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// Markable asks to be told when a message was displayed (XEP-0333 section 4.1).
type Markable struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 markable"`
}

// UnmarshalXML implements xml.Unmarshaler.
func (k *Markable) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return read(d, start, NSMarkers, "markable").err
}

// Displayed says that a message, and all before it, were displayed (XEP-0333 section
// 4.2).
type Displayed struct {
	XMLName xml.Name `xml:"urn:xmpp:chat-markers:0 displayed"`
	ID      string   `xml:"id,attr"` // of the message; in a room the id the room gave it; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (k *Displayed) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSMarkers, "displayed")
	*k = Displayed{ID: x.need("id")}
	return x.err
}

// RequestMarker asks to be told when m was displayed, and gives m an id if it has none
// (XEP-0333 section 4.1). It returns [ErrMisplaced] for what is no message, for errors
// and for messages that are themselves markers. Asking twice is no mistake.
func RequestMarker(m *stanza.Stanza) error {
	if err := message(m); err != nil {
		return err
	}
	if has(m, "urn:xmpp:chat-markers:0 displayed") {
		return misplaced("a request in a marker")
	}
	if m.ID == "" {
		m.ID = stanza.NewID()
	}
	if has(m, "urn:xmpp:chat-markers:0 markable") {
		return nil
	}
	return m.Append(Markable{})
}

// MarkerFor returns the message that says m was displayed, and false when there is none
// to send: m is an error or itself a marker (XEP-0333 section 4.2), nobody asked, or m
// cannot be referred to. It goes to the bare address of the sender. In a room it goes
// to the room with the id that the room gave to m, and nobody needs to have asked
// (XEP-0333 section 4.3).
//
// When several messages are displayed at once, only the last deserves one. Whether a
// sender may know that somebody reads is for the host (XEP-0333 section 7).
func MarkerFor(m *stanza.Stanza) (*stanza.Stanza, bool) {
	if message(m) != nil || m.From.IsZero() || has(m, "urn:xmpp:chat-markers:0 displayed") {
		return nil, false
	}
	id := m.ID
	if m.Type == stanza.GroupChat {
		id, _ = StanzaIDBy(m, m.From.Bare())
	} else if !has(m, "urn:xmpp:chat-markers:0 markable") {
		return nil, false
	}
	if id == "" || len(id) > MaxAttr {
		return nil, false
	}
	k := answer(m)
	k.To = k.To.Bare()
	return k, k.Append(Displayed{ID: id}) == nil
}
