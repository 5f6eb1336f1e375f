package payload

import (
	"encoding/xml"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Retract asks to forget a message (XEP-0424 section 3).
type Retract struct {
	XMLName xml.Name `xml:"urn:xmpp:message-retract:1 retract"`
	ID      string   `xml:"id,attr"` // of the message, in a room the id the room gave it; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *Retract) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSRetraction, "retract")
	*r = Retract{ID: x.need("id")}
	return x.err
}

// Retracted stands in an archive for a message that was retracted (XEP-0424 section 4).
type Retracted struct {
	XMLName xml.Name  `xml:"urn:xmpp:message-retract:1 retracted"`
	By      jid.JID   // who retracted it; zero: not said
	ID      string    // the id of the retraction; required
	Stamp   time.Time // when; zero: not said
}

// UnmarshalXML implements xml.Unmarshaler.
func (r *Retracted) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSRetraction, "retracted")
	*r = Retracted{By: x.address("by"), ID: x.need("id"), Stamp: x.time(x.attr("stamp"))}
	return x.err
}

// MarshalXML implements xml.Marshaler.
func (r Retracted) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return encode(e, NSRetraction, "retracted", nil, "by", r.By.String(), "id", r.ID, "stamp", FormatTime(r.Stamp))
}

// retractionText is what clients show that do not know retractions.
const retractionText = "/me retracted a previous message, but it's unsupported by your client."

// Retraction returns the message that retracts m, which is m's sender's to send: with
// the text for clients that do not know retractions, marked as such, and the hint to
// store it (XEP-0424 section 3). m is as it was sent. In a room it is as it came back,
// for the id that the room gave it counts there (XEP-0424 section 5.1). It returns
// [ErrMisplaced] for what is no message, for errors, and when m has no id to refer to.
func Retraction(m *stanza.Stanza) (*stanza.Stanza, error) {
	if err := message(m); err != nil {
		return nil, err
	}
	r := &stanza.Stanza{Kind: stanza.Message, Type: m.Type, ID: stanza.NewID(), From: m.From, To: m.To}
	id := m.ID
	if m.Type == stanza.GroupChat {
		r = answer(m)
		id, _ = StanzaIDBy(m, m.From.Bare())
	}
	if id == "" {
		return nil, misplaced("a retraction of a message without id")
	}
	err := appendAll(r, Retract{ID: id}, Fallback{For: NSRetraction})
	if err == nil {
		err = SetBody(r, retractionText)
	}
	if err == nil {
		err = AddHint(r, Store)
	}
	return r, err
}

// Tombstone returns what an archive keeps of m once the message with id retraction has
// retracted it, at the time given: its header, and [Retracted] in place of every
// payload (XEP-0424 section 4). An archive that does so announces [NSRetraction] with
// "#tombstone" behind it. It returns [ErrMisplaced] for what is no message, for errors,
// and for a retraction without id.
func Tombstone(m *stanza.Stanza, retraction string, at time.Time) (*stanza.Stanza, error) {
	if err := message(m); err != nil {
		return nil, err
	}
	if retraction == "" {
		return nil, misplaced("a tombstone without the id of the retraction")
	}
	t := *m
	t.Inner = nil
	err := t.Append(Retracted{ID: retraction, Stamp: at})
	return &t, err
}
