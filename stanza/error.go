package stanza

import (
	"bytes"
	"fmt"
	"strings"

	"isthmus.im/jid"
)

// nsStanzas qualifies conditions and their text (RFC 6120 section 8.3.2).
const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// Error is a stanza error, received or to be sent (RFC 6120 section 8.3). A
// handler returns one to have it sent; [Stanza.Err] and a [Requester] return the
// one that arrived, so errors.As tells "the peer said no" from every other
// failure. An Error is not changed once it was handed on.
type Error struct {
	Type      ErrorType // zero: Condition's [Condition.DefaultType]
	Condition Condition // zero: undefined-condition
	Text      string    // for people and logs, never for programs; empty: none
	Lang      string    // the language of Text; zero: "en"
	By        jid.JID   // who noticed; zero: not said
	URI       string    // the new address, for Gone and Redirect only; empty: none
	App       Raw       // application-specific condition; nil: none
}

// Errorf returns an error with condition c, its default type, and a text made by
// fmt.Sprintf.
func Errorf(c Condition, format string, args ...any) *Error {
	return &Error{Type: c.DefaultType(), Condition: c, Text: fmt.Sprintf(format, args...)}
}

// Error implements error. The string names the condition, the type and, where
// there is one, who noticed and the text.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("stanza: ")
	b.WriteString(string(e.condition()))
	b.WriteString(" (")
	b.WriteString(string(e.errorType()))
	b.WriteString(")")
	if !e.By.IsZero() {
		b.WriteString(" by ")
		b.WriteString(e.By.String())
	}
	if e.URI != "" {
		b.WriteString(" at ")
		b.WriteString(e.URI)
	}
	if e.Text != "" {
		b.WriteString(": ")
		b.WriteString(e.Text)
	}
	return b.String()
}

// Is reports whether target is an *Error all of whose set fields e has too, so
// that errors.Is(err, &Error{Condition: ItemNotFound}) asks for the condition
// alone. Lang is not compared.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || t == nil || e == nil {
		return false
	}
	return (t.Condition == "" || t.Condition == e.condition()) &&
		(t.Type == "" || t.Type == e.errorType()) &&
		(t.Text == "" || t.Text == e.Text) &&
		(t.By.IsZero() || t.By == e.By) &&
		(t.URI == "" || t.URI == e.URI) &&
		(t.App == nil || bytes.Equal(t.App, e.App))
}

func (e *Error) condition() Condition {
	if e.Condition.Defined() {
		return e.Condition
	}
	return UndefinedCondition
}

func (e *Error) errorType() ErrorType {
	switch e.Type {
	case Auth, Cancel, Continue, Modify, Wait:
		return e.Type
	}
	return e.condition().DefaultType()
}

// AppendXML appends the error element to b and returns the extended slice. What
// RFC 6120 does not define is not written: another condition becomes
// undefined-condition, another type the condition's default. An App that is not one
// well-formed element is left out.
func (e *Error) AppendXML(b []byte) []byte {
	c := e.condition()
	b = append(b, "<error"...)
	b = appendAttr(b, ` by="`, e.By.String())
	b = appendAttr(b, ` type="`, string(e.errorType()))
	b = append(b, "><"...)
	b = append(b, c...)
	b = append(b, ` xmlns="`+nsStanzas+`"`...)
	if e.URI != "" && (c == Gone || c == Redirect) {
		b = append(b, '>')
		b = appendEscaped(b, e.URI)
		b = append(b, "</"...)
		b = append(b, c...)
		b = append(b, '>')
	} else {
		b = append(b, "/>"...)
	}
	if e.Text != "" {
		lang := e.Lang
		if lang == "" {
			lang = "en"
		}
		b = append(b, `<text xmlns="`+nsStanzas+`"`...)
		b = appendAttr(b, ` xml:lang="`, lang)
		b = append(b, '>')
		b = appendEscaped(b, e.Text)
		b = append(b, "</text>"...)
	}
	if app, ok := single(e.App); ok {
		b = append(b, app...)
	}
	return append(b, "</error>"...)
}
