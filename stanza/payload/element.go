package payload

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"

	"isthmus.im/stanza"
)

// element is what the UnmarshalXML of a payload sees of it. The first fault sticks;
// what is read after it is empty.
type element struct {
	name  xml.Name
	attrs []xml.Attr
	text  string // character data at the top
	inner []byte
	err   error
}

// read consumes the element that start opens, which must have the given name; a
// local name of "*" fits all.
func read(d *xml.Decoder, start xml.StartElement, space, local string) *element {
	x := new(element)
	if err := x.UnmarshalXML(d, start); err != nil {
		x.err = err
		return x
	}
	if x.name.Space != space || x.name.Local != local && local != "*" {
		x.name = xml.Name{Space: space, Local: local}
		x.fail("another element")
	}
	return x
}

// parse reads a child.
func parse(r stanza.Raw) *element {
	x := new(element)
	if err := r.Decode(x); err != nil {
		x.err = err
	}
	return x
}

// UnmarshalXML reads any element.
func (x *element) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var v struct {
		Text  string `xml:",chardata"`
		Inner []byte `xml:",innerxml"`
	}
	start = start.Copy()
	if err := d.DecodeElement(&v, &start); err != nil {
		return err
	}
	*x = element{name: start.Name, attrs: start.Attr, text: v.Text, inner: v.Inner}
	return nil
}

func (x *element) fail(reason string) {
	if x.err == nil {
		x.err = &InvalidError{Payload: x.name.Space + " " + x.name.Local, Reason: reason}
	}
}

// attr returns an attribute without a namespace, empty if there is none.
func (x *element) attr(name string) string {
	for _, a := range x.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return x.bounded(a.Value, MaxAttr, name)
		}
	}
	return ""
}

// need is attr for an attribute that must not be empty.
func (x *element) need(name string) string {
	v := x.attr(name)
	if v == "" {
		x.fail("no " + name)
	}
	return v
}

// lang returns xml:lang.
func (x *element) lang() string {
	for _, a := range x.attrs {
		if a.Name.Local == "lang" && (a.Name.Space == "xml" || a.Name.Space == nsXML) {
			return x.bounded(a.Value, MaxAttr, "xml:lang")
		}
	}
	return ""
}

const nsXML = "http://www.w3.org/XML/1998/namespace"

func (x *element) bounded(s string, limit int, what string) string {
	if len(s) > limit {
		x.fail(what + " longer than " + strconv.Itoa(limit) + " bytes")
		return ""
	}
	return s
}

// textOf returns the character data of a child.
func (x *element) textOf(c child, limit int) string {
	y := parse(c.raw)
	if y.err != nil && x.err == nil {
		x.err = y.err
	}
	return x.bounded(y.text, limit, c.name.Local)
}

// number reads digits; an absent s gives absent.
func (x *element) number(s, what string, absent int64) int64 {
	if s = strings.TrimSpace(s); s == "" {
		return absent
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		x.fail(what + " is no number")
		return absent
	}
	return n
}

// child is one child element.
type child struct {
	name xml.Name
	raw  stanza.Raw
}

// children returns the children, each complete in itself.
func (x *element) children() []child {
	if x.err != nil || bytes.IndexByte(x.inner, '<') < 0 {
		return nil
	}
	outer, err := stanza.Marshal(stanza.Raw(x.wrap()))
	if err != nil {
		x.fail("not complete in itself")
		return nil
	}
	var list []child
	for name, raw := range outer.Children() {
		if len(list) == MaxItems {
			x.fail("more than " + strconv.Itoa(MaxItems) + " children")
			return nil
		}
		list = append(list, child{name, raw})
	}
	return list
}

// wrap puts the content back between tags that declare the same prefixes. An element
// that declares its own namespace nowhere inherited it as the default one.
func (x *element) wrap() []byte {
	var b bytes.Buffer
	b.WriteString("<e")
	declared := false
	for _, a := range x.attrs {
		switch {
		case a.Name.Space == "xmlns":
			b.WriteString(" xmlns:" + a.Name.Local)
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			b.WriteString(" xmlns")
			declared = true
		default:
			continue
		}
		declared = declared || a.Value == x.name.Space
		writeValue(&b, a.Value)
	}
	if !declared && x.name.Space != "" {
		b.WriteString(" xmlns")
		writeValue(&b, x.name.Space)
	}
	b.WriteByte('>')
	b.Write(x.inner)
	b.WriteString("</e>")
	return b.Bytes()
}

func writeValue(b *bytes.Buffer, v string) {
	b.WriteString(`="`)
	xml.EscapeText(b, []byte(v)) // a Buffer does not fail
	b.WriteByte('"')
}

// encode writes an element with content that is XML already. Attributes with an empty
// value are left out.
func encode(e *xml.Encoder, space, local string, inner []byte, attrs ...string) error {
	start := xml.StartElement{Name: xml.Name{Space: space, Local: local}}
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
		}
	}
	return e.EncodeElement(struct {
		Inner []byte `xml:",innerxml"`
	}{inner}, start)
}

// appendText appends an element that holds text, unless that is empty.
func appendText(b []byte, name, text string, attrs ...string) []byte {
	if text == "" {
		return b
	}
	return appendElement(b, name, text, attrs...)
}

// appendElement appends an element that holds text. Attributes with an empty value
// are left out.
func appendElement(b []byte, name, text string, attrs ...string) []byte {
	buf := bytes.NewBuffer(b)
	buf.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			buf.WriteString(" " + attrs[i])
			writeValue(buf, attrs[i+1])
		}
	}
	buf.WriteByte('>')
	xml.EscapeText(buf, []byte(text))
	buf.WriteString("</" + name + ">")
	return buf.Bytes()
}

// appendRaw appends elements as they are, having checked that each is one.
func appendRaw(b []byte, list ...stanza.Raw) ([]byte, error) {
	for _, r := range list {
		r, err := stanza.Marshal(r)
		if err != nil {
			return nil, err
		}
		b = append(b, r...)
	}
	return b, nil
}
