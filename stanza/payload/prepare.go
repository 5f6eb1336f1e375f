package payload

import (
	"encoding/xml"
	"fmt"

	"isthmus.im/stanza"
)

// Prepare makes m fit for a recipient that announces certain features: extensions whose
// namespace it announces stay, in place of every other extension comes what its Codec's
// Render makes of it. For a message to a room, announced answers for the room and
// everybody in it. A nil announced is a recipient that announces nothing.
//
// m itself is not changed, so it can be prepared for one recipient after the other; the
// result is m when there is nothing to do. It is nil when nothing is left to send: m is
// a message that had extensions only, beside hints and ids, and nothing stands for
// them. An IQ, which is a request for its payload, stays as it is. The error is a
// Codec's.
func (r *Registry) Prepare(m *stanza.Stanza, announced func(ns string) bool) (*stanza.Stanza, error) {
	if m.Kind == stanza.IQ {
		return m, nil
	}
	type private struct {
		*extension
		raw stanza.Raw
	}
	var list []private
	p := *m
	edit(&p, func(name xml.Name, raw stanza.Raw) stanza.Raw {
		x := r.extension(name)
		if x == nil || announced != nil && announced(name.Space) {
			return raw
		}
		list = append(list, private{x, raw})
		return nil
	})
	if len(list) == 0 {
		return m, nil
	}
	for _, x := range list {
		if x.render == nil {
			continue
		}
		v, err := x.decode(x.raw)
		if err == nil {
			err = x.render(v, &p)
		}
		if err != nil {
			return nil, fmt.Errorf("payload: render %s %s: %w", x.name.Space, x.name.Local, err)
		}
	}
	if p.Kind == stanza.Message && !content(&p) {
		return nil, nil
	}
	return &p, nil
}

// content reports whether m has more than hints and ids.
func content(m *stanza.Stanza) bool {
	for name := range m.Payloads() {
		if name.Space != NSHints && name.Space != NSStanzaID {
			return true
		}
	}
	return false
}
