package dialback

import (
	"bytes"
	"strings"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// ParseError says that an element of the dialback namespace cannot be read. It
// cannot be answered either, so it ends the stream.
type ParseError struct {
	Condition string // the stream error to send (RFC 6120 section 4.9.3)
	Text      string // what is wrong, without bytes of the peer's
}

// Error returns both.
func (e *ParseError) Error() string { return "dialback: " + e.Condition + ": " + e.Text }

func malformed(text string) error { return &ParseError{"bad-format", text} }

// Parse reads an element of a stream. Nothing in the result refers to the
// token's bytes. White space around a key does not count, nor does what an answer
// holds beside its error: some servers repeat the key there. The error is a
// *ParseError.
func Parse(t xmlscan.Token) (Element, error) {
	var e Element
	switch {
	case t.Kind != xmlscan.Element || string(t.Space) != NS:
		return e, malformed("not an element of Server Dialback")
	case len(t.Raw) > MaxElement:
		return e, &ParseError{"policy-violation", "an element of Server Dialback is too long"}
	case string(t.Local) == "result":
		e.Kind = Result
	case string(t.Local) == "verify":
		e.Kind = Verify
	default:
		return e, &ParseError{"unsupported-stanza-type", "Server Dialback has no such element"}
	}
	if err := e.readAttrs(t.Attrs); err != nil {
		return Element{}, err
	}
	switch e.Type {
	case Request:
		if err := e.readKey(t); err != nil {
			return Element{}, err
		}
	case Failure:
		e.readError(t)
	}
	return e, nil
}

// ParseBytes reads an element that has been cut out of its stream and declares
// every namespace it uses, but may take jabber:server for granted. The error is
// a *ParseError or an *xmlscan.Error.
func ParseBytes(raw []byte) (Element, error) {
	t, err := xmlscan.Parse(raw, nsServer, xmlscan.Limits{Bytes: MaxElement})
	if err != nil {
		return Element{}, err
	}
	return Parse(t)
}

func (e *Element) readAttrs(attrs []xmlscan.Attr) error {
	var hasType bool
	for _, a := range attrs {
		if len(a.Space) > 0 {
			continue
		}
		value, ok := string(a.Value), true
		switch string(a.Local) {
		case "from":
			e.From, ok = domain(value)
		case "to":
			e.To, ok = domain(value)
		case "id":
			if e.Kind == Verify {
				e.ID = value
			}
		case "type":
			hasType = true
			switch value {
			case "valid":
				e.Type = Valid
			case "invalid":
				e.Type = Invalid
			case "error":
				e.Type = Failure
			}
		}
		if !ok {
			return &ParseError{"improper-addressing", "an address of Server Dialback is not a domain"}
		}
	}
	switch {
	case e.From.IsZero() || e.To.IsZero():
		return &ParseError{"improper-addressing", "an element of Server Dialback lacks from or to"}
	case hasType && e.Type == Request:
		return malformed("an element of Server Dialback has an unknown type")
	case e.Kind == Verify && (e.ID == "" || len(e.ID) > MaxID):
		return malformed("a <verify/> has no id, or one that is too long")
	}
	return nil
}

// domain reads the address of a server.
func domain(s string) (jid.JID, bool) {
	j, _, err := jid.ParseLegacy(s)
	return j, err == nil && j == j.Host()
}

func (e *Element) readKey(t xmlscan.Token) error {
	if t.FirstLocal != nil {
		return malformed("a key of Server Dialback holds an element")
	}
	key := bytes.Trim(xmlscan.AppendText(nil, t.Inner), " \t\r\n")
	if !isKey(key) {
		return malformed("a key of Server Dialback is empty, too long or not printable ASCII")
	}
	e.Key = string(key)
	return nil
}

func isKey(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return 0 < len(b) && len(b) <= MaxKey
}

// readError reads the error of an answer. One that is missing or unknown is
// undefined-condition, for the answer is an error all the same.
func (e *Element) readError(t xmlscan.Token) {
	e.Condition = undefined
	content := string(t.Content)
	for c := range xmlscan.Children(t.Inner, content) {
		if string(c.Local) != "error" {
			continue
		}
		inner, err := xmlscan.Parse(c.Raw, content, xmlscan.Limits{Bytes: MaxElement})
		if err != nil {
			continue
		}
		for d := range xmlscan.Children(inner.Inner, string(inner.Content)) {
			switch {
			case string(d.Space) != nsErrors:
			case string(d.Local) == "text":
				e.Text = strings.TrimSpace(string(xmlscan.AppendText(nil, d.Inner)))
			default:
				e.Condition = known(string(d.Local))
			}
		}
		return
	}
}

// OffersErrors reports whether a <dialback/> feature, which declares its
// namespace, says that the peer understands error answers.
func OffersErrors(raw []byte) bool {
	t, err := xmlscan.Parse(raw, NSFeature, xmlscan.Limits{Bytes: MaxElement})
	if err != nil || string(t.Space) != NSFeature || string(t.Local) != "dialback" {
		return false
	}
	for c := range xmlscan.Children(t.Inner, string(t.Content)) {
		if string(c.Space) == NSFeature && string(c.Local) == "errors" {
			return true
		}
	}
	return false
}

// Announced reports whether the header of a stream announces Server Dialback,
// which it does by declaring its namespace (XEP-0220 section 2.4.1).
func Announced(header xmlscan.Token) bool {
	for _, b := range header.Bindings {
		if string(b.Space) == NS {
			return true
		}
	}
	return false
}
