package payload

import (
	"encoding/xml"

	"isthmus.im/stanza"
)

// HintKind is what a sender would like to happen to a message.
type HintKind string

// The hints of XEP-0334 section 4.
const (
	NoPermanentStore HintKind = "no-permanent-store" // not in archives or logs
	NoStore          HintKind = "no-store"           // not even until the recipient is there
	NoCopy           HintKind = "no-copy"            // to nobody but the full address it is sent to
	Store            HintKind = "store"              // though it may not look worth it
)

// Hint carries one hint (XEP-0334 section 4); a message may have several.
type Hint struct {
	XMLName xml.Name `xml:"urn:xmpp:hints *"`
	Kind    HintKind // one of the four; required
}

func (h HintKind) valid() bool {
	switch h {
	case NoPermanentStore, NoStore, NoCopy, Store:
		return true
	}
	return false
}

// UnmarshalXML implements xml.Unmarshaler. A hint that is none of the four is an
// [*InvalidError].
func (h *Hint) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSHints, "*")
	*h = Hint{Kind: HintKind(x.name.Local)}
	if !h.Kind.valid() {
		*h = Hint{}
		x.fail("no hint")
	}
	return x.err
}

// MarshalXML implements xml.Marshaler. The error tells of a Kind that is none.
func (h Hint) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if !h.Kind.valid() {
		return &InvalidError{Payload: NSHints + " *", Reason: "no hint"}
	}
	return encode(e, NSHints, string(h.Kind), nil)
}

// AddHint adds hints to m, each once. It returns [ErrMisplaced] for what is no message,
// for errors, and for [NoCopy] on a message to a bare address (XEP-0334 section 4.3).
func AddHint(m *stanza.Stanza, kinds ...HintKind) error {
	if err := message(m); err != nil {
		return err
	}
	for _, k := range kinds {
		if k == NoCopy && m.To.IsBare() {
			return misplaced("no-copy to a bare address")
		}
		if HasHint(m, k) {
			continue
		}
		if err := m.Append(Hint{Kind: k}); err != nil {
			return err
		}
	}
	return nil
}

// HasHint reports whether m carries the hint. Hints of errors are ignored, for they are
// echoes (XEP-0334 section 5).
func HasHint(m *stanza.Stanza, k HintKind) bool {
	return message(m) == nil && has(m, NSHints+" "+string(k))
}
