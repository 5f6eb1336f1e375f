package payload

import (
	"encoding/xml"
	"reflect"
	"strings"

	"isthmus.im/stanza"
)

// Of returns the first payload of type T that s carries, T being a type of this package
// or any other struct with a tagged XMLName:
//
//	r, err := payload.Of[payload.Reply](m)
//
// The error is [stanza.ErrNoPayload] when there is none, and an [*InvalidError] when
// the first one breaks its specification. An error stanza may echo the payload of what
// it is about; look at its type first.
func Of[T any](s *stanza.Stanza) (T, error) {
	var v T
	if err := s.Decode(&v); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// All returns the payloads of type T that s carries, in order, [MaxItems] at most.
// Those that break their specification are left out.
func All[T any](s *stanza.Stanza) []T {
	f, ok := reflect.TypeFor[T]().FieldByName("XMLName")
	if !ok {
		return nil
	}
	space, local, _ := strings.Cut(f.Tag.Get("xml"), " ")
	var list []T
	for name, raw := range s.Payloads() {
		if name.Space != space || name.Local != local && local != "*" {
			continue
		}
		var v T
		if raw.Decode(&v) == nil {
			list = append(list, v)
		}
		if len(list) == MaxItems {
			break
		}
	}
	return list
}

// SetBody makes text the body of m: in place of the first body it has, or as another
// payload. The other payloads stay as they are.
func SetBody(m *stanza.Stanza, text string) error {
	body, err := stanza.Marshal(struct {
		XMLName xml.Name `xml:"body"`
		Text    string   `xml:",chardata"`
	}{Text: text})
	if err != nil {
		return err
	}
	done := false
	edit(m, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		if done || name != bodyName {
			return raw
		}
		done = true
		return body
	})
	if !done {
		return m.Append(body)
	}
	return nil
}

var bodyName = xml.Name{Local: "body"}

// edit replaces each payload of m by what f makes of it; nil removes it. White space
// between the payloads of a stanza that was changed is dropped.
func edit(m *stanza.Stanza, f func(xml.Name, stanza.Raw) stanza.Raw) (changed int) {
	inner := make([]byte, 0, len(m.Inner))
	for name, raw := range m.Payloads() {
		r := f(name, raw)
		if len(r) != len(raw) || len(r) > 0 && &r[0] != &raw[0] {
			changed++
		}
		inner = append(inner, r...)
	}
	if changed > 0 {
		m.Inner = inner
	}
	return changed
}

// has reports whether m carries a payload, named as in an encoding/xml tag.
func has(m *stanza.Stanza, name string) bool {
	_, ok := m.Payload(name)
	return ok
}

// message checks that m is a message and no error.
func message(m *stanza.Stanza) error {
	if m.Kind != stanza.Message {
		return misplaced("no message")
	}
	if m.Type == stanza.TypeError {
		return misplaced("an error")
	}
	return nil
}

// answer returns an empty message to the sender of m, or in a room to everybody, with a
// fresh id and the type of m.
func answer(m *stanza.Stanza) *stanza.Stanza {
	to := m.From
	if m.Type == stanza.GroupChat {
		to = to.Bare()
	}
	return &stanza.Stanza{Kind: stanza.Message, Type: m.Type, ID: stanza.NewID(), From: m.To, To: to}
}

// appendAll appends payloads to m.
func appendAll(m *stanza.Stanza, payloads ...any) error {
	for _, p := range payloads {
		if err := m.Append(p); err != nil {
			return err
		}
	}
	return nil
}
