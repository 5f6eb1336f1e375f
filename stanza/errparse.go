package stanza

import "isthmus.im/jid"

// Err returns the error that an error stanza carries, and nil for a stanza of any
// other type. It makes the best of what peers send: without a condition, or with
// one that RFC 6120 does not define, the condition is undefined-condition; without
// a known type the condition's default; a malformed by is left out; the numeric
// code that preceded conditions is ignored. Of several texts the first counts.
func (s *Stanza) Err() *Error {
	if s.Type != TypeError {
		return nil
	}
	e := &Error{}
	raw, _ := s.Payload("error")
	var head struct {
		Type string `xml:"type,attr"`
		By   string `xml:"by,attr"`
	}
	if len(raw) != 0 && raw.Decode(&head) == nil {
		e.Type = ErrorType(head.Type)
		if by, err := jid.Parse(head.By); err == nil {
			e.By = by
		}
	}
	if c, ok := firstChild(raw); ok {
		e.read(c.inner)
	}
	e.Condition = e.condition()
	e.Type = e.errorType()
	return e
}

func firstChild(b []byte) (child, bool) {
	for c := range children(b) {
		return c, true
	}
	return child{}, false
}

func (e *Error) read(inner []byte) {
	for c := range children(inner) {
		switch {
		case string(c.space) != nsStanzas:
			if e.App == nil && len(c.space) != 0 {
				e.App = Raw(c.raw)
			}
		case string(c.local) == "text":
			if e.Text == "" {
				e.Text = text(c.inner)
			}
		case e.Condition == "":
			e.Condition = Condition(c.local)
			e.URI = text(c.inner)
		}
	}
}
