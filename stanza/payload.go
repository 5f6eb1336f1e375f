package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
)

// Raw is one complete, self-contained XML element, as it came from the wire or as
// [Marshal] made it.
type Raw []byte

// ErrNoPayload is what [Stanza.Decode] returns when no child matches.
var ErrNoPayload = errors.New("stanza: no such payload")

// Payloads yields the name and the bytes of each child in document order. A child
// in the content namespace, such as a message's body, has an empty Space. The
// bytes are those of Inner: they may be kept, but are not to be changed.
func (s *Stanza) Payloads() iter.Seq2[xml.Name, Raw] {
	return func(yield func(xml.Name, Raw) bool) {
		for c := range children(s.Inner) {
			if !yield(xml.Name{Space: string(c.space), Local: string(c.local)}, Raw(c.raw)) {
				return
			}
		}
	}
}

// Payload returns the first child with the given name, written as in an
// encoding/xml tag: "urn:xmpp:ping ping". "urn:xmpp:ping *" is the first child in
// that namespace. A name without a namespace, such as "body", is one in the
// content namespace; "jabber:client body" and "jabber:server body" mean the same.
func (s *Stanza) Payload(name string) (Raw, bool) {
	c, ok := s.find(parseName(name))
	return Raw(c.raw), ok
}

func (s *Stanza) find(want xml.Name) (child, bool) {
	for c := range children(s.Inner) {
		if string(c.space) == want.Space && (string(c.local) == want.Local || want.Local == "*") {
			return c, true
		}
	}
	return child{}, false
}

// parseName reads a name written as in an encoding/xml tag and maps the content
// namespaces to the empty one.
func parseName(s string) xml.Name {
	space, local, ok := strings.Cut(s, " ")
	if !ok {
		return xml.Name{Local: s}
	}
	return xml.Name{Space: contentSpace(space), Local: local}
}

// Body returns the text of the first body child, empty if there is none. A message
// may carry a body for each of several languages (RFC 6121 section 5.2.3);
// [Stanza.Payloads] shows them all.
func (s *Stanza) Body() string {
	c, ok := s.find(xml.Name{Local: "body"})
	if !ok {
		return ""
	}
	return text(c.inner)
}

// text returns the character data directly inside an element.
func text(inner []byte) string {
	if bytes.IndexAny(inner, "<&\r") < 0 {
		return string(inner)
	}
	var b strings.Builder
	d := xml.NewDecoder(bytes.NewReader(inner))
	for {
		t, err := d.Token()
		if err != nil {
			return b.String()
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.StartElement:
			if d.Skip() != nil {
				return b.String()
			}
		}
	}
}

// Decode decodes the first child that the tag of v's XMLName field names into v, a
// pointer to a struct. A tag without a namespace, such as `xml:"body"`, names a
// child in the content namespace; `xml:"jabber:client body"` and
// `xml:"jabber:server body"` mean the same. It returns [ErrNoPayload] when no child
// matches, and what encoding/xml makes of the child otherwise.
func (s *Stanza) Decode(v any) error {
	tag, err := elementTag(v)
	if err != nil {
		return err
	}
	c, ok := s.find(parseName(tag))
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoPayload, tag)
	}
	return Raw(c.raw).Decode(v)
}

// Decode decodes the element into v as xml.Unmarshal does. An element without a
// namespace of its own is in the content namespace and also fits a v whose XMLName
// tag says jabber:client or jabber:server.
func (r Raw) Decode(v any) error {
	d := xml.NewDecoder(bytes.NewReader(r))
	if tag, err := elementTag(v); err == nil {
		if space, _, ok := strings.Cut(tag, " "); ok && contentSpace(space) == "" {
			d.DefaultSpace = space
		}
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("stanza: decode payload: %w", err)
	}
	return nil
}

// elementTag returns the name in the tag of v's XMLName field.
func elementTag(v any) (string, error) {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && t.Kind() == reflect.Struct {
		if f, ok := t.FieldByName("XMLName"); ok && f.Type == reflect.TypeFor[xml.Name]() {
			if tag, _, _ := strings.Cut(f.Tag.Get("xml"), ","); tag != "" {
				return tag, nil
			}
		}
	}
	return "", fmt.Errorf("stanza: decode into %T: no XMLName field with a tag", v)
}

// Append encodes v as [Marshal] does and adds it after the other children. A nil v
// adds nothing.
func (s *Stanza) Append(v any) error {
	r, err := Marshal(v)
	if err != nil {
		return err
	}
	s.Inner = append(s.Inner[:len(s.Inner):len(s.Inner)], r...)
	return nil
}

// Marshal encodes v as one element. A [Raw] is checked and used as it is, an
// [*Error] becomes an error element, everything else goes through encoding/xml;
// nil gives nil. Declarations of the content namespaces jabber:client and
// jabber:server are dropped, so that the element fits either stream. The error
// tells of a value that does not encode to exactly one well-formed element.
func Marshal(v any) (Raw, error) {
	var b []byte
	var err error
	switch v := v.(type) {
	case nil:
		return nil, nil
	case Raw:
		b = v
	case *Error:
		return Raw(v.AppendXML(nil)), nil
	case string, []byte:
		return nil, fmt.Errorf("stanza: marshal: a %T is not an element; use Raw for XML, Text for a body", v)
	default:
		if b, err = xml.Marshal(v); err != nil {
			return nil, fmt.Errorf("stanza: marshal: %w", err)
		}
	}
	n := 0
	for c := range children(b) {
		if n++; n == 1 && len(c.raw) == len(b) {
			return Raw(c.raw), nil
		}
	}
	return nil, fmt.Errorf("stanza: marshal: %T is not one element", v)
}
