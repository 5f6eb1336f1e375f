package payload

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Delay says that a message or a presence was sent earlier than it arrives (XEP-0203
// section 2). Anybody on its way can forge one.
type Delay struct {
	XMLName xml.Name  `xml:"urn:xmpp:delay delay"`
	From    jid.JID   // who sent the stanza or held it back; zero: not said
	Stamp   time.Time // when the stanza was sent first; required
	Reason  string    // for people; empty: none
}

// UnmarshalXML implements xml.Unmarshaler. White space around the reason is dropped.
func (y *Delay) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSDelay, "delay")
	*y = Delay{
		From:   x.address("from"),
		Stamp:  x.time(x.need("stamp")),
		Reason: x.bounded(strings.TrimSpace(x.text), MaxText, "reason"),
	}
	return x.err
}

// MarshalXML implements xml.Marshaler.
func (y Delay) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	var b strings.Builder
	xml.EscapeText(&b, []byte(y.Reason)) // a Builder does not fail
	return encode(e, NSDelay, "delay", []byte(b.String()), "from", y.From.String(), "stamp", FormatTime(y.Stamp))
}

// StampDelay says that s was sent at t and held back by from, say our own domain. A
// delay that claims to be by from already is replaced, for nobody else can have put a
// true one there (XEP-0203 section 5); those by others stay. It returns [ErrMisplaced]
// for an IQ and for a t that is zero.
func StampDelay(s *stanza.Stanza, from jid.JID, t time.Time) error {
	if s.Kind == stanza.IQ {
		return misplaced("a delay in an IQ")
	}
	if t.IsZero() {
		return misplaced("a delay without a time")
	}
	StripForgedDelays(s, from)
	return s.Append(Delay{From: from, Stamp: t})
}

// StripForgedDelays removes every delay that claims to be by one of the addresses
// given, and returns how many there were. A server does this with its own domain to what
// comes in from others (XEP-0203 section 5). Nothing else of s is touched.
func StripForgedDelays(s *stanza.Stanza, from ...jid.JID) int {
	if !has(s, NSDelay+" delay") {
		return 0
	}
	return edit(s, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		if name == (xml.Name{Space: NSDelay, Local: "delay"}) && slices.Contains(from, parse(raw).address("from")) {
			return nil
		}
		return raw
	})
}

// FormatTime writes t as XEP-0082 section 3.2 says, in UTC, so that it does not tell
// where the sender is (XEP-0082 section 6). Fractions of a second are written if there
// are any. A zero t gives "".
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// ParseTime reads a DateTime of XEP-0082 section 3.2, in any zone, and gives it in UTC.
// The years 0000 to 9999 are understood, but for the instant that is Go's zero time,
// and fractions down to a nanosecond. The error is an [*InvalidError].
func ParseTime(s string) (time.Time, error) {
	// time.Parse is more lenient than the format: it reads a comma for the point and
	// an hour of one digit.
	shape := len(s) >= len("2006-01-02T15:04:05Z") && len(s) <= 64 && s[10] == 'T' && s[13] == ':' && !strings.Contains(s, ",")
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil && shape && !t.IsZero() {
		if t = t.UTC(); t.Year() >= 0 && t.Year() <= 9999 {
			return t, nil
		}
	}
	return time.Time{}, &InvalidError{Payload: "DateTime", Reason: "not a date and time of XEP-0082"}
}

// time reads a DateTime; an absent one is zero.
func (x *element) time(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := ParseTime(s)
	if err != nil {
		x.fail("not a date and time of XEP-0082")
	}
	return t
}
