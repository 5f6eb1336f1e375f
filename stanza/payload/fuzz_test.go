package payload

import (
	"reflect"
	"testing"
	"unicode/utf8"

	"isthmus.im/stanza"
)

// What was read of a stanza and is written again is read alike, and the bytes are equal
// from then on. Nothing panics, whatever a peer sends.
func FuzzPayloads(f *testing.F) {
	for _, form := range append(forms, fileForms...) {
		f.Add(form.in)
		f.Add(form.canonical)
	}
	f.Add("<body>> a\nb</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback>")
	f.Add("<a:file-sharing xmlns:a='urn:xmpp:sfs:0' xmlns:b='urn:xmpp:file:metadata:0'><b:file><b:x/></b:file><a:sources><c:d xmlns:c='urn:c'/></a:sources></a:file-sharing>")
	f.Fuzz(func(t *testing.T, inner string) {
		s, err := stanza.Parse([]byte("<message from='a@b.example/c' to='d@e.example' id='1' type='chat'>" + inner + "</message>"))
		if err != nil {
			return
		}
		var r Registry
		for v, err := range r.Payloads(s) {
			if _, raw := v.(stanza.Raw); raw || err != nil {
				continue
			}
			first, again := rewrite(t, v)
			if !keeps(v) && !reflect.DeepEqual(again, v) {
				t.Fatalf("%q: %+v was written as %q and read as %+v", inner, v, first, again)
			}
			second, third := rewrite(t, again)
			if !reflect.DeepEqual(third, again) || !keeps(v) && first != second {
				t.Fatalf("%q: %q became %q", inner, first, second)
			}
			if last, _ := rewrite(t, third); last != second {
				t.Fatalf("%q: %q became %q", inner, second, last)
			}
		}
		act(t, s)
	})
}

// rewrite writes v and reads what was written.
func rewrite(t *testing.T, v any) (string, any) {
	t.Helper()
	out, err := stanza.Marshal(v)
	if err != nil {
		t.Fatalf("%+v is not written: %v", v, err)
	}
	again, err := unmarshal(string(out), v)
	if err != nil {
		t.Fatalf("%+v was written as %q: %v", v, out, err)
	}
	return string(out), again
}

// keeps reports whether v keeps children as they came. One that is written with a
// prefix gets what it inherits declared on itself the first time.
func keeps(v any) bool {
	switch v.(type) {
	case File, FileSharing, Sources, Call:
		return true
	}
	return false
}

// act does to s all that can be done to a message from a peer.
func act(t *testing.T, s *stanza.Stanza) {
	for _, ns := range []string{NSReply, ""} {
		text, fallback, ok := FallbackBody(s, ns)
		if whole := s.Body(); len(text)+len(fallback) != len(whole) || !ok && text != whole {
			t.Fatalf("%s: %q and %q are not its body", s, text, fallback)
		}
	}
	ReceiptFor(s)
	MarkerFor(s)
	for _, answer := range []func(*stanza.Stanza) (*stanza.Stanza, error){
		Retraction,
		func(m *stanza.Stanza) (*stanza.Stanza, error) { return React(m, "👋") },
		func(m *stanza.Stanza) (*stanza.Stanza, error) { return ReplyTo(m, "body") },
	} {
		a, err := answer(s)
		if err != nil {
			continue
		}
		if _, err := stanza.Parse([]byte(a.String())); err != nil {
			t.Fatalf("%s is answered by %s: %v", s, a, err)
		}
		if text, _, _ := FallbackBody(a, NSReply); len(text) > 0 && text != "body" && !has(a, NSRetraction+" retract") {
			t.Fatalf("%s is answered by %s with the text %q", s, a, text)
		}
	}
	body := s.Body()
	if err := AddFallback(s, "urn:fuzz", "😀> x\n"); err != nil {
		t.Fatal(err)
	}
	if text, _, ok := FallbackBody(s, "urn:fuzz"); utf8.ValidString(body) && len(All[Fallback](s)) < MaxItems && (!ok || text != body) {
		t.Fatalf("%s without the fallback just added has the text %q, not %q", s, text, body)
	}
	StripForgedIDs(s, room, romeo)
	for _, id := range All[StanzaID](s) {
		if id.By == room || id.By == romeo {
			t.Fatalf("%s kept %+v", s, id)
		}
	}
	if err := StampDelay(s, room, night); err != nil {
		t.Fatal(err)
	}
	if _, err := stanza.Parse([]byte(s.String())); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
}

// Only an instant is a DateTime, and it is written the way it was read.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"1969-07-21T02:56:15Z", "1969-07-20T21:56:15-05:00", "2002-09-10T23:08:25.120Z", "2002-09-10", "20020910T23:08:25"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseTime(s)
		if err != nil {
			return
		}
		out := FormatTime(a)
		b, err := ParseTime(out)
		if err != nil || !a.Equal(b) {
			t.Fatalf("%q was written as %q and read as %v, %v", s, out, b, err)
		}
	})
}
