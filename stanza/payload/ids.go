package payload

import (
	"encoding/xml"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// StanzaID is the id that a service gave to a stanza: an account's archive, or a room
// (XEP-0359 section 2.1). It may be trusted only if that service strips forged ones,
// which it announces by [NSStanzaID] (XEP-0359 section 6).
type StanzaID struct {
	XMLName xml.Name `xml:"urn:xmpp:sid:0 stanza-id"`
	ID      string   `xml:"id,attr"` // required
	By      jid.JID  `xml:"by,attr"` // who gave it; required
}

// UnmarshalXML implements xml.Unmarshaler.
func (s *StanzaID) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSStanzaID, "stanza-id")
	*s = StanzaID{ID: x.need("id"), By: x.address("by")}
	if s.By.IsZero() {
		x.fail("no by")
	}
	return x.err
}

// OriginID is the id that the sender gave to a stanza (XEP-0359 section 2.2). Anybody
// can repeat it.
type OriginID struct {
	XMLName xml.Name `xml:"urn:xmpp:sid:0 origin-id"`
	ID      string   `xml:"id,attr"` // required
}

// UnmarshalXML implements xml.Unmarshaler.
func (o *OriginID) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSStanzaID, "origin-id")
	*o = OriginID{ID: x.need("id")}
	return x.err
}

// maxAddress is the length of the longest address, in bytes (RFC 7622 section 3.1).
const maxAddress = 3071

// address reads an attribute that holds an address; zero if there is none.
func (x *element) address(name string) jid.JID {
	v := ""
	for _, a := range x.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			v = x.bounded(a.Value, maxAddress, name)
		}
	}
	if v == "" {
		return jid.JID{}
	}
	j, _, err := jid.ParseLegacy(v)
	if err != nil {
		x.fail(name + " is no address")
	}
	return j
}

// StripForgedIDs removes every stanza-id that claims to be by one of the addresses
// given, and returns how many there were. Whoever gives ids does this to each stanza
// that comes in, even if it gives this one none: an account for messages to its bare
// address, a room for those to the room (XEP-0359 section 3). An address that older
// servers take for the same ([jid.JID.LegacyKey]) is the same. Nothing else of m is
// touched; other services' ids stay.
func StripForgedIDs(m *stanza.Stanza, by ...jid.JID) int {
	if !has(m, NSStanzaID+" stanza-id") {
		return 0
	}
	return edit(m, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		if name != (xml.Name{Space: NSStanzaID, Local: "stanza-id"}) {
			return raw
		}
		x := parse(raw)
		claimed := x.address("by")
		for _, j := range by {
			if x.err == nil && !claimed.IsZero() && (claimed == j || claimed.LegacyKey() == j.LegacyKey()) {
				return nil
			}
		}
		return raw
	})
}

// SetStanzaID gives m the id, by the service by, in place of any that claims to be by
// it: a stanza has at most one of each (XEP-0359 section 3). An origin-id stays as it
// is.
func SetStanzaID(m *stanza.Stanza, by jid.JID, id string) error {
	if id == "" || by.IsZero() {
		return misplaced("a stanza-id without an id or an address")
	}
	StripForgedIDs(m, by)
	return m.Append(StanzaID{ID: id, By: by})
}

// StanzaIDBy returns the id that by gave to m, and false when there is none. The caller
// knows that by strips forged ones (see [StanzaID]).
func StanzaIDBy(m *stanza.Stanza, by jid.JID) (string, bool) {
	for _, s := range All[StanzaID](m) {
		if s.By == by {
			return s.ID, true
		}
	}
	return "", false
}

// ReferenceID returns the id by which a reply or a reaction refers to m, and false when
// it cannot: in a room the id that the room gave it, elsewhere its origin-id or else
// its id (XEP-0461 section 4.1, XEP-0444 section 4.2).
func ReferenceID(m *stanza.Stanza) (string, bool) {
	if message(m) != nil {
		return "", false
	}
	if m.Type == stanza.GroupChat {
		return StanzaIDBy(m, m.From.Bare())
	}
	if o, err := Of[OriginID](m); err == nil {
		return o.ID, true
	}
	return m.ID, m.ID != "" && len(m.ID) <= MaxAttr
}
