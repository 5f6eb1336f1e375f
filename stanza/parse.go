package stanza

import (
	"encoding/xml"
	"errors"
	"fmt"

	"isthmus.im/jid"
)

// ParseType returns the type that the attribute value s stands for on a stanza of
// kind k. A message of unknown type is a normal one (RFC 6121 section 5.2.2); on
// presence (RFC 6121 section 4.7.1) and IQs (RFC 6120 section 8.2.3) such a value is
// a [*HeaderError].
func ParseType(k Kind, s string) (Type, error) {
	t := Type(s)
	if !t.Valid(k) {
		if k == Message {
			return "", nil
		}
		return "", &HeaderError{Kind: k, Attr: "type", Value: s, Err: errType}
	}
	return t, nil
}

// Parse reads one stanza. Its content namespace may be jabber:client,
// jabber:server or not declared at all. Addresses are read as they are from the
// wire, with [jid.Parse]. The error is a [*HeaderError] when the XML is good but
// its start tag is not a stanza's.
func Parse(b []byte) (*Stanza, error) {
	var c child
	n := 0
	for c = range children(b) {
		n++
	}
	if n != 1 || len(c.raw) != len(b) {
		return nil, errors.New("stanza: parse: not one element")
	}
	var root struct {
		XMLName xml.Name
		Attrs   []xml.Attr `xml:",any,attr"`
	}
	if err := xml.Unmarshal(b, &root); err != nil {
		return nil, fmt.Errorf("stanza: parse: %w", err)
	}
	k := KindOf(string(c.local))
	if k == 0 || len(c.space) != 0 {
		return nil, &HeaderError{Value: string(c.local), Err: errors.New("not a stanza")}
	}
	s := &Stanza{Kind: k, Inner: c.inner}
	typ := ""
	var err error
	for _, a := range root.Attrs {
		switch {
		case a.Name == xml.Name{Local: "from"}:
			s.From, err = jid.Parse(a.Value)
		case a.Name == xml.Name{Local: "to"}:
			s.To, err = jid.Parse(a.Value)
		case a.Name == xml.Name{Local: "id"}:
			s.ID = a.Value
		case a.Name == xml.Name{Local: "type"}:
			typ = a.Value
		case a.Name.Local == "lang" && a.Name.Space != "":
			s.Lang = a.Value
		}
		if err != nil {
			return nil, &HeaderError{Kind: k, Attr: a.Name.Local, Value: a.Value, Err: err}
		}
	}
	if s.Type, err = ParseType(k, typ); err != nil {
		return nil, err
	}
	if k == IQ && s.ID == "" {
		return nil, &HeaderError{Kind: k, Attr: "id", Err: errors.New("missing")}
	}
	return s, nil
}

// MustParse is [Parse] for tests and literals: it panics on an error.
func MustParse(s string) *Stanza {
	st, err := Parse([]byte(s))
	if err != nil {
		panic(err)
	}
	return st
}
