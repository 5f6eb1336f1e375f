package stanza

import (
	"errors"
	"testing"

	"isthmus.im/jid"
)

func TestBuilders(t *testing.T) {
	a, b := Raw(`<a xmlns="urn:a"/>`), Raw(`<b xmlns="urn:b"/>`)
	m, err := NewMessage(GroupChat, romeo, juliet, a, nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind != Message || m.Type != GroupChat || m.From != romeo || m.To != juliet || len(m.ID) < 22 ||
		string(m.Inner) != string(a)+string(b) {
		t.Errorf("message: %v", m)
	}
	p, err := NewPresence("", romeo, juliet)
	if err != nil || p.Kind != Presence || p.ID != "" || p.Inner != nil {
		t.Errorf("presence: %v, %v", p, err)
	}
	q, err := NewIQ(Get, romeo, juliet, a)
	if err != nil || q.Kind != IQ || q.Type != Get || len(q.ID) < 22 || string(q.Inner) != string(a) {
		t.Errorf("iq: %v, %v", q, err)
	}
	if r, err := NewIQ(Result, romeo, juliet, nil); err != nil || len(r.Inner) != 0 {
		t.Errorf("empty result: %v, %v", r, err)
	}
	if m.ID == q.ID {
		t.Error("the same id twice")
	}
}

func TestBuildersRefuse(t *testing.T) {
	var h *HeaderError
	if _, err := NewMessage(Subscribe, romeo, juliet); !errors.As(err, &h) || h.Attr != "type" || h.Kind != Message {
		t.Errorf("message of type subscribe: %v", err)
	}
	if _, err := NewPresence(AnyType, romeo, juliet); !errors.As(err, &h) || h.Kind != Presence {
		t.Errorf("presence of type *: %v", err)
	}
	if _, err := NewIQ("", romeo, juliet, nil); !errors.As(err, &h) || h.Kind != IQ {
		t.Errorf("iq without type: %v", err)
	}
	for _, typ := range []Type{Get, Set} {
		if _, err := NewIQ(typ, romeo, juliet, nil); err == nil {
			t.Errorf("%s without payload", typ)
		}
	}
	if _, err := NewMessage("", romeo, juliet, "text"); err == nil {
		t.Error("a string as payload")
	}
}

func TestText(t *testing.T) {
	for _, body := range []string{"", "hi", "a <b> & \"c\" 'd' ]]>", "tab\tnew\r\nline", "é😀"} {
		s := Text(romeo, juliet, body)
		again := MustParse(s.String())
		if got := again.Body(); got != body || again.Type != Chat || again.ID == "" {
			t.Errorf("%q came back as %q in %s", body, got, s)
		}
	}
	if got := Text(romeo, juliet, "a\x00b\xff").Body(); got != "a\uFFFDb\uFFFD" {
		t.Errorf("not XML: %q", got)
	}
}

func TestReply(t *testing.T) {
	iq := MustParse(`<iq from="romeo@montague.example/orchard" to="capulet.example" id="7" type="get" xml:lang="en"><a xmlns="urn:a"/></iq>`)
	for _, tt := range []struct {
		in      *Stanza
		typ     Type
		payload any
		want    string
	}{
		{iq, Result, nil, `<iq from="capulet.example" to="romeo@montague.example/orchard" id="7" type="result"/>`},
		{iq, Result, Raw("<b/>"), `<iq from="capulet.example" to="romeo@montague.example/orchard" id="7" type="result"><b/></iq>`},
		{iq, TypeError, &Error{Condition: Conflict}, `<iq from="capulet.example" to="romeo@montague.example/orchard" id="7" type="error"><error type="cancel"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`},
		{iq, Chat, nil, ""},
		{iq, Result, "text", ""},
		{MustParse(`<iq id="1" type="result"/>`), Result, nil, ""},
		{MustParse(`<iq id="1" type="error"/>`), TypeError, nil, ""},
		{MustParse(`<message from="a.example" id="1"/>`), Chat, Raw("<body/>"), `<message to="a.example" id="1" type="chat"><body/></message>`},
		{MustParse(`<message from="a.example" type="error"/>`), TypeError, nil, ""},
		{MustParse(`<presence from="a.example" type="subscribe"/>`), Subscribed, nil, `<presence to="a.example" type="subscribed"/>`},
	} {
		got, err := tt.in.Reply(tt.typ, tt.payload)
		if (err == nil) != (tt.want != "") || err == nil && got.String() != tt.want {
			t.Errorf("%s, %s: %v, %v", tt.in, tt.typ, got, err)
		}
	}
}

func TestErrorReply(t *testing.T) {
	const bad = `<error type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`
	e := &Error{Condition: BadRequest}
	for _, tt := range []struct{ in, want string }{
		{`<iq from="a.example" to="b.example" id="1" type="set"><x xmlns="urn:x"/></iq>`, `<iq from="b.example" to="a.example" id="1" type="error">` + bad + `</iq>`},
		{`<message from="a.example" id="1"><body>x</body></message>`, `<message to="a.example" id="1" type="error">` + bad + `</message>`},
		{`<presence from="a.example" type="subscribe"/>`, `<presence to="a.example" type="error">` + bad + `</presence>`},
		{`<iq id="1" type="result"/>`, ""},
		{`<iq id="1" type="error"/>`, ""},
		{`<message type="error"/>`, ""},
		{`<presence type="error"/>`, ""},
	} {
		got := MustParse(tt.in).ErrorReply(e)
		if (got != nil) != (tt.want != "") || got != nil && got.String() != tt.want {
			t.Errorf("%s: %v", tt.in, got)
		}
	}
	s := &Stanza{Kind: Message, From: jid.MustParse("a.example")}
	if got := s.ErrorReply(nil).Err(); got.Condition != InternalServerError {
		t.Errorf("nil error: %v", got)
	}
}
