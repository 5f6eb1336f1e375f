package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"

	"isthmus.im/internal/xmlscan"
)

// Raw is one complete, self-contained XML element, as it came from the wire or as
// [Marshal] made it.
type Raw []byte

// ErrNoPayload is what [Stanza.Decode] returns when no child matches.
var ErrNoPayload = errors.New("stanza: no such payload")

// Payloads yields the name and the bytes of each child in document order. A child
// in the content namespace, such as a message's body, has an empty Space, and so
// has one that undeclares its namespace. The bytes are those of Inner: they may be
// kept, but are not to be changed.
func (s *Stanza) Payloads() iter.Seq2[xml.Name, Raw] {
	return func(yield func(xml.Name, Raw) bool) {
		for c := range xmlscan.Children(s.Inner, "") {
			if !yield(xml.Name{Space: string(contentSpace(c.Space)), Local: string(c.Local)}, c.Raw) {
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
	n := parseName(name)
	c, ok := find(s.Inner, n.Space, n.Local)
	return c.Raw, ok
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
	c, ok := find(s.Inner, "", "body")
	if !ok {
		return ""
	}
	return text(c.Inner)
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
	raw, ok := s.Payload(tag)
	if !ok {
		return fmt.Errorf("%w: %s", ErrNoPayload, tag)
	}
	return raw.Decode(v)
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

// Children yields the name and the bytes of each child of the element in document
// order, named as by [Stanza.Payloads]. What a child inherits from the element, such
// as its namespace, is declared on the child again where needed, so that each is
// complete in itself. An element that is not well-formed has no children.
func (r Raw) Children() iter.Seq2[xml.Name, Raw] {
	return func(yield func(xml.Name, Raw) bool) {
		t, err := xmlscan.Parse(r, nsServer, anySize)
		if err != nil {
			return
		}
		for c := range xmlscan.Children(t.Inner, "") {
			if !yield(xml.Name{Space: string(contentSpace(c.Space)), Local: string(c.Local)}, c.Raw) {
				return
			}
		}
	}
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
// tells of a value that does not encode to exactly one element that a stream may
// carry (RFC 6120 section 11.1, at most 63 levels deep).
func Marshal(v any) (Raw, error) {
	var b []byte
	var err error
	switch v := v.(type) {
	case nil:
		return nil, nil
	case Raw:
		b = v
	case *Error:
		b = v.AppendXML(nil)
	case string, []byte, Stanza, *Stanza:
		return nil, fmt.Errorf("stanza: marshal: a %T is not a payload", v)
	default:
		if b, err = xml.Marshal(v); err != nil {
			return nil, fmt.Errorf("stanza: marshal: %w", err)
		}
	}
	r, ok := single(b)
	if !ok {
		return nil, fmt.Errorf("stanza: marshal: %T is not one well-formed element", v)
	}
	return r, nil
}
