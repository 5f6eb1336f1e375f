package payload

import (
	"cmp"
	"encoding/xml"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"isthmus.im/stanza"
)

// ToEnd is the End of a [Range] that goes to the end of the text.
const ToEnd = -1

// Range is a part of a text, counted in characters as XEP-0426 counts them, which are
// Unicode code points, after XML references were resolved. Start is the first of them,
// from 0, and End the one after the last, or [ToEnd]. What lies beyond the text is
// ignored.
type Range struct{ Start, End int }

// Fallback says which parts of a message are there only for those who do not know a
// certain protocol (XEP-0428 section 2.2). Without any Body or Subject it is all of
// both.
type Fallback struct {
	XMLName xml.Name `xml:"urn:xmpp:fallback:0 fallback"`
	For     string   // the namespace of that protocol; empty: not said
	Subject []Range  // parts of the subject
	Body    []Range  // parts of the body
}

// UnmarshalXML implements xml.Unmarshaler.
func (f *Fallback) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSFallback, "fallback")
	*f = Fallback{For: x.attr("for")}
	for _, c := range x.children() {
		if c.name.Space != NSFallback {
			continue
		}
		switch c.name.Local {
		case "body":
			f.Body = append(f.Body, x.readRange(c))
		case "subject":
			f.Subject = append(f.Subject, x.readRange(c))
		}
	}
	return x.err
}

// maxChars is where numbers are cut off that no text is long enough for.
const maxChars = 1 << 30

func (x *element) readRange(c child) Range {
	y := parse(c.raw)
	r := Range{
		Start: int(min(y.number(y.attr("start"), "start", 0), maxChars)),
		End:   int(min(y.number(y.attr("end"), "end", ToEnd), maxChars)),
	}
	if x.err == nil {
		x.err = y.err
	}
	return r
}

// MarshalXML implements xml.Marshaler. A Range of the whole text is written without
// numbers.
func (f Fallback) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	var b []byte
	for _, r := range f.Subject {
		b = r.append(b, "subject")
	}
	for _, r := range f.Body {
		b = r.append(b, "body")
	}
	return encode(e, NSFallback, "fallback", b, "for", f.For)
}

func (r Range) append(b []byte, name string) []byte {
	start, end := "", ""
	if r.Start > 0 || r.End >= 0 {
		start = strconv.Itoa(max(r.Start, 0))
	}
	if r.End >= 0 {
		end = strconv.Itoa(r.End)
	}
	return appendElement(b, name, "", "start", start, "end", end)
}

// FallbackBody splits the first body of m: text is what is meant for a reader that
// knows the protocol with namespace ns, and fallback what is there for the others
// (XEP-0428 section 2.2). ok is false, and text the whole body, when nothing of it is
// marked as fallback for ns. Ranges may overlap, and are ignored where they are outside
// of the body.
func FallbackBody(m *stanza.Stanza, ns string) (text, fallback string, ok bool) {
	body := m.Body()
	var ranges []Range
	for _, f := range All[Fallback](m) {
		if f.For != ns {
			continue
		}
		if len(f.Body) == 0 && len(f.Subject) == 0 {
			f.Body = []Range{{End: ToEnd}}
		}
		ranges = append(ranges, f.Body...)
	}
	if len(ranges) == 0 {
		return body, "", false
	}
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	kept, cut := make([]byte, 0, len(body)), make([]byte, 0, len(body))
	n, end := 0, 0 // the place in characters, and where the ranges begun so far end
	for i := range body {
		for len(ranges) > 0 && ranges[0].Start <= n {
			if ranges[0].End < 0 {
				end = math.MaxInt
			}
			end = max(end, ranges[0].End)
			ranges = ranges[1:]
		}
		_, size := utf8.DecodeRuneInString(body[i:])
		if n < end {
			cut = append(cut, body[i:i+size]...)
		} else {
			kept = append(kept, body[i:i+size]...)
		}
		n++
	}
	return string(kept), string(cut), true
}

// AddFallback puts text before the body of m and marks it as fallback for the protocol
// with namespace ns (XEP-0428 section 2.2). The parts of the body that were marked
// before stay marked.
func AddFallback(m *stanza.Stanza, ns, text string) error {
	if err := message(m); err != nil {
		return err
	}
	n := utf8.RuneCountInString(text)
	var failed error
	edit(m, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		var f Fallback
		if name != (xml.Name{Space: NSFallback, Local: "fallback"}) || raw.Decode(&f) != nil || len(f.Body) == 0 {
			return raw
		}
		for i := range f.Body {
			f.Body[i].Start += n
			if f.Body[i].End >= 0 {
				f.Body[i].End += n
			}
		}
		shifted, err := stanza.Marshal(f)
		if err != nil {
			failed = err
			return raw
		}
		return shifted
	})
	if failed != nil {
		return failed
	}
	if err := SetBody(m, text+m.Body()); err != nil {
		return err
	}
	return m.Append(Fallback{For: ns, Body: []Range{{Start: 0, End: n}}})
}
