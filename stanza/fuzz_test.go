package stanza

import (
	"encoding/xml"
	"testing"
)

// carried is what of s XML can carry.
func carried(s string) string {
	out := []rune{}
	for _, r := range s {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xFFFD, r >= 0x10000:
			out = append(out, r)
		default:
			out = append(out, 0xFFFD)
		}
	}
	return string(out)
}

// Whatever a host puts into a header or a body arrives there and nowhere else.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a", `"'<&>`, "]]>", "a\tb\r\nc\rd\n", "\x00\x1f\x7f\u0085\u2028", "\uFFFE\uFFFF\xff\xed\xa0\x80", "é😀", "' to='x", "&amp;lt;"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, id, lang, body string) {
		s := Text(romeo, juliet, body)
		s.ID, s.Lang = id, lang
		out := s.AppendXML(nil)
		got, err := Parse(out)
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if got.ID != carried(id) || got.Lang != carried(lang) || got.Body() != carried(body) || got.From != romeo || got.To != juliet {
			t.Fatalf("%q, %q, %q became %q", id, lang, body, got)
		}
		var std struct {
			ID   string `xml:"id,attr"`
			Body string `xml:"body"`
		}
		if err := xml.Unmarshal(out, &std); err != nil || std.ID != carried(id) || std.Body != carried(body) {
			t.Fatalf("encoding/xml reads %q as %+v, %v", out, std, err)
		}
	})
}

// An error that was sent says the same when it arrives.
func FuzzError(f *testing.F) {
	f.Add("gone", "wait", "text", "de", "xmpp:a@b.example", `<a xmlns="urn:a"/>`)
	f.Add("", "", "", "", "", "")
	f.Add("x<y", "\"", "&\x00", "'", " <", "</error>")
	f.Add("conflict", "auth", "t", "", "", `<p:a xmlns:p="urn:ietf:params:xml:ns:xmpp-stanzas"/>`)
	f.Fuzz(func(t *testing.T, condition, typ, text, lang, uri, app string) {
		e := &Error{Type: ErrorType(typ), Condition: Condition(condition), Text: text, Lang: lang, URI: uri, App: Raw(app)}
		out := (&Stanza{Kind: Message}).ErrorReply(e).String()
		s, err := Parse([]byte(out))
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		got := s.Err()
		if got.Condition != e.condition() || got.Type != e.errorType() {
			t.Fatalf("%+v became %+v", e, got)
		}
		if want := carried(text); got.Text != want && app == "" {
			t.Fatalf("text %q became %q", want, got.Text)
		}
	})
}
