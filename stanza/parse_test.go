package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`<message/>`, `<message/>`},
		{" \r\n<message/>\n", `<message/>`},
		{`<message type='normal'/>`, `<message/>`},
		{`<message type='unheard-of'><body/></message>`, `<message><body/></message>`},
		{`<message type=''/>`, `<message/>`},
		{`<presence xml:lang='de' type="probe"/>`, `<presence type="probe" xml:lang="de"/>`},
		{`<iq id='&#34;&amp;' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq id="&quot;&amp;" type="get"><ping xmlns='urn:xmpp:ping'/></iq>`},
		{`<message xmlns='jabber:client'><body>x</body></message>`, `<message><body>x</body></message>`},
		{`<message xmlns='jabber:server'><body>x</body></message>`, `<message><body>x</body></message>`},
		{`<s:message xmlns:s='jabber:server' to='A.Example'><s:body>x</s:body></s:message>`, `<message to="a.example"><body>x</body></message>`},
		{`<message xmlns='jabber:client'><body xmlns='jabber:client'>x</body></message>`, `<message><body>x</body></message>`},
		{`<message xmlns:p='urn:p'><p:x/></message>`, `<message><p:x xmlns:p='urn:p'/></message>`},
		{`<message from='☺@a.example'/>`, `<message from="☺@a.example"/>`},
		{`<message other='1' stamp='2'>text<a/></message>`, `<message>text<a/></message>`},
	} {
		s, err := Parse([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if s.String() != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.in, s, tt.want)
		}
	}
}

func TestParseHeaderErrors(t *testing.T) {
	for _, tt := range []struct {
		in, attr, value string
		kind            Kind
		condition       Condition
	}{
		{`<message from='@bad'/>`, "from", "@bad", Message, JIDMalformed},
		{`<presence to='a b@c.example'/>`, "to", "a b@c.example", Presence, JIDMalformed},
		{`<message to=''/>`, "to", "", Message, JIDMalformed},
		{`<presence type='chat'/>`, "type", "chat", Presence, BadRequest},
		{`<iq id='1'/>`, "type", "", IQ, BadRequest},
		{`<iq id='1' type='subscribe'/>`, "type", "subscribe", IQ, BadRequest},
		{`<iq type='get'/>`, "id", "", IQ, BadRequest},
		{`<iq type='get' id=''/>`, "id", "", IQ, BadRequest},
		{`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`, "", "starttls", 0, BadRequest},
		{`<message xmlns='urn:other'/>`, "", "message", 0, BadRequest},
	} {
		_, err := Parse([]byte(tt.in))
		var h *HeaderError
		if !errors.As(err, &h) {
			t.Errorf("%s: %v is no HeaderError", tt.in, err)
			continue
		}
		if h.Attr != tt.attr || h.Value != tt.value || h.Kind != tt.kind || h.Condition() != tt.condition {
			t.Errorf("%s: %+v, condition %s", tt.in, h, h.Condition())
		}
		if !strings.HasPrefix(err.Error(), "stanza: ") {
			t.Errorf("text without the package's name: %v", err)
		}
		var p *jid.ParseError
		if isAddress := tt.condition == JIDMalformed; errors.As(err, &p) != isAddress {
			t.Errorf("%s: wraps a jid.ParseError: %v", tt.in, !isAddress)
		}
	}
	long := &HeaderError{Kind: IQ, Attr: "type", Value: strings.Repeat("x", 5000), Err: errType}
	if n := len(long.Error()); n > 300 {
		t.Errorf("error text of %d bytes", n)
	}
}

func TestParseRefusesXML(t *testing.T) {
	for _, in := range []string{
		"", "x", "<message>", "<message></presence>", "<message/><message/>", "<message/>x",
		"<message><!-- --></message>", "<message><?x?></message>", "<message>&nbsp;</message>",
		"<message><p:x/></message>", "<!DOCTYPE message><message/>", "</message>",
		strings.Repeat("<message>", 100) + strings.Repeat("</message>", 100),
	} {
		_, err := Parse([]byte(in))
		var x *xmlscan.Error
		if !errors.As(err, &x) || !strings.HasPrefix(err.Error(), "stanza: parse: ") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestParseKeepsNothing(t *testing.T) {
	b := []byte(`<message id='1' from='a.example'><body>hello</body></message>`)
	s, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if got := s.String(); got != `<message from="a.example" id="1"><body>hello</body></message>` {
		t.Errorf("changed with its source: %q", got)
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustParse("<message>")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<message from='romeo@montague.example/orchard' to='juliet@capulet.example' id='1' type='chat' xml:lang='en'><body>hi</body></message>`,
		`<presence type='subscribe' to='a@b.example'/>`,
		`<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
		`<iq xmlns='jabber:client' type='error' id='1'><error type='wait' by='x'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>a</text></error></iq>`,
		`<s:message xmlns:s='jabber:server' xmlns:p='urn:p' id='&#x9;&amp;'>t<s:body p:k='1'><![CDATA[<&]]></s:body><p:x><s:y/></p:x></s:message>`,
		`<message xmlns='jabber:server'><x xmlns=''><message xmlns='jabber:client'/></x></message>`,
		`<message xmlns:p='jabber:server' p:k='1'><p:a xmlns='urn:z'><b/></p:a></message>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			return
		}
		out := s.AppendXML(nil)
		again, err := Parse(out)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", b, out, err)
		}
		if again.Kind != s.Kind || again.Type != s.Type || again.ID != s.ID || again.From != s.From ||
			again.To != s.To || again.Lang != s.Lang || !bytes.Equal(again.Inner, s.Inner) {
			t.Fatalf("%q became %q", s, again)
		}
		var any struct{ XMLName xml.Name }
		if err := xml.Unmarshal(out, &any); err != nil || any.XMLName.Local != s.Kind.String() {
			t.Fatalf("encoding/xml reads %q as %v, %v", out, any, err)
		}
		var names []xml.Name
		for name, raw := range s.Payloads() {
			names = append(names, name)
			if r, err := Marshal(raw); err != nil {
				t.Fatalf("child %q of %q: %v (%q)", raw, out, err, r)
			}
			if name.Local == "" {
				t.Fatalf("nameless child of %q", out)
			}
		}
		if len(names) > 0 {
			first := names[0]
			if _, ok := s.Payload(strings.TrimPrefix(first.Space+" "+first.Local, " ")); !ok && !strings.Contains(first.Space, " ") {
				t.Fatalf("payload %v of %q not found", first, out)
			}
		}
		_, _ = s.Body(), s.Err()
	})
}

func TestParseTypeKeepsNothing(t *testing.T) {
	b := []byte("unsubscribed")
	if n := testing.AllocsPerRun(100, func() {
		if typ, err := ParseType(Presence, string(b)); typ != Unsubscribed || err != nil {
			t.Fatal(typ, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a type read from bytes", n)
	}
}
