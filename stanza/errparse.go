package stanza

import (
	"bytes"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// Err returns the error that an error stanza carries, and nil for a stanza of any
// other type. It makes the best of what peers send: without a condition, or with
// one that RFC 6120 does not define, the condition is undefined-condition; without
// a known type the condition's default; a malformed by is left out; the numeric
// code that preceded conditions is ignored. Of several texts or application
// conditions the first counts.
func (s *Stanza) Err() *Error {
	if s.Type != TypeError {
		return nil
	}
	e := &Error{}
	if c, ok := find(s.Inner, "", "error"); ok {
		e.read(c.Raw)
	}
	e.Condition = e.condition()
	e.Type = e.errorType()
	return e
}

// read takes over what the error element raw says.
func (e *Error) read(raw []byte) {
	t, err := xmlscan.Parse(raw, nsServer, anySize)
	if err != nil {
		return
	}
	for _, a := range t.Attrs {
		switch {
		case len(a.Space) != 0:
		case string(a.Local) == "type":
			e.Type = ErrorType(a.Value)
		case string(a.Local) == "by":
			if by, _, err := jid.ParseLegacy(string(a.Value)); err == nil {
				e.By = by
			}
		}
	}
	for c := range xmlscan.Children(t.Inner, "") {
		switch {
		case string(c.Space) != nsStanzas:
			if e.App == nil && len(contentSpace(c.Space)) != 0 {
				e.App = bytes.Clone(c.Raw)
			}
		case string(c.Local) == "text":
			if e.Text == "" {
				e.Text, e.Lang = text(c.Inner), lang(c.Raw)
			}
		case e.Condition == "":
			e.Condition = Condition(c.Local)
			if e.Condition == Gone || e.Condition == Redirect {
				e.URI = string(bytes.TrimSpace([]byte(text(c.Inner))))
			}
		}
	}
}

// lang returns the xml:lang of the element raw.
func lang(raw []byte) string {
	t, err := xmlscan.Parse(raw, nsServer, anySize)
	if err != nil {
		return ""
	}
	h := t.Head()
	return string(h.Lang)
}
