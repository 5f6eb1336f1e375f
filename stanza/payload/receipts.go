package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// ReceiptRequest asks for a receipt (XEP-0184 section 7).
type ReceiptRequest struct {
	XMLName xml.Name `xml:"urn:xmpp:receipts request"`
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *ReceiptRequest) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return read(d, start, NSReceipts, "request").err
}

// Receipt says that a message was delivered to a client (XEP-0184 section 7).
type Receipt struct {
	XMLName xml.Name `xml:"urn:xmpp:receipts received"`
	ID      string   `xml:"id,attr"` // the id of the message; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *Receipt) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSReceipts, "received")
	*r = Receipt{ID: x.need("id")}
	return x.err
}

// RequestReceipt asks for a receipt of m, and gives m an id if it has none (XEP-0184
// section 7). It returns [ErrMisplaced] for what is no message, for errors, for
// messages of a room, where every occupant would answer (XEP-0184 section 5.3), and for
// messages that are themselves receipts (XEP-0184 section 5.4). Asking twice is no
// mistake.
func RequestReceipt(m *stanza.Stanza) error {
	if err := message(m); err != nil {
		return err
	}
	if m.Type == stanza.GroupChat {
		return misplaced("a receipt for a message to a room")
	}
	if has(m, "urn:xmpp:receipts received") {
		return misplaced("a request in a receipt")
	}
	if m.ID == "" {
		m.ID = stanza.NewID()
	}
	if has(m, "urn:xmpp:receipts request") {
		return nil
	}
	return m.Append(ReceiptRequest{})
}

// ReceiptFor returns the message that acknowledges m, addressed to its sender, and
// false when m wants or can have none: nothing was asked, m has no id, is an error,
// comes from a room, or is itself a receipt.
//
// Whether to send it is for the host: a receipt tells that the recipient is there, so
// strangers get none (XEP-0184 section 8), and messages read from an archive are not
// acknowledged again (XEP-0184 section 5.5).
func ReceiptFor(m *stanza.Stanza) (*stanza.Stanza, bool) {
	if message(m) != nil || m.Type == stanza.GroupChat || m.ID == "" || m.From.IsZero() || len(m.ID) > MaxAttr {
		return nil, false
	}
	if !has(m, "urn:xmpp:receipts request") || has(m, "urn:xmpp:receipts received") {
		return nil, false
	}
	ack := answer(m)
	return ack, ack.Append(Receipt{ID: m.ID}) == nil
}
