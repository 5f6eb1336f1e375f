package stanza

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
)

const mixed = `<message xmlns="jabber:client">
  <body xml:lang="en">a &lt;b&gt;<![CDATA[ & c]]></body>
  <p:x xmlns:p="urn:x" p:k="1"><p:y/></p:x>
  <x xmlns="urn:x&amp;y">amp</x>
  <active xmlns="http://jabber.org/protocol/chatstates"/>
  <body xml:lang="de">zwei</body>
  <z xmlns="">none</z>
</message>`

func TestPayloads(t *testing.T) {
	s := MustParse(mixed)
	var got []string
	for name, raw := range s.Payloads() {
		got = append(got, name.Space+"|"+name.Local+"|"+string(raw))
	}
	want := []string{
		`|body|<body xml:lang="en">a &lt;b&gt;<![CDATA[ & c]]></body>`,
		`urn:x|x|<p:x xmlns:p="urn:x" p:k="1"><p:y/></p:x>`,
		`urn:x&y|x|<x xmlns="urn:x&amp;y">amp</x>`,
		`http://jabber.org/protocol/chatstates|active|<active xmlns="http://jabber.org/protocol/chatstates"/>`,
		`|body|<body xml:lang="de">zwei</body>`,
		`|z|<z xmlns="">none</z>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	for range s.Payloads() {
		break // must not run on
	}
}

func TestPayload(t *testing.T) {
	s := MustParse(mixed)
	for _, tt := range []struct{ name, want string }{
		{"body", `<body xml:lang="en">a &lt;b&gt;<![CDATA[ & c]]></body>`},
		{"jabber:client body", `<body xml:lang="en">a &lt;b&gt;<![CDATA[ & c]]></body>`},
		{"jabber:server body", `<body xml:lang="en">a &lt;b&gt;<![CDATA[ & c]]></body>`},
		{"urn:x x", `<p:x xmlns:p="urn:x" p:k="1"><p:y/></p:x>`},
		{"urn:x *", `<p:x xmlns:p="urn:x" p:k="1"><p:y/></p:x>`},
		{"urn:x&y x", `<x xmlns="urn:x&amp;y">amp</x>`},
		{"x", ""},
		{"urn:x y", ""},
		{"urn:other *", ""},
		{"", ""},
	} {
		raw, ok := s.Payload(tt.name)
		if string(raw) != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.name, raw, ok)
		}
	}
}

func TestBody(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{mixed, "a <b> & c"},
		{`<message/>`, ""},
		{`<message><body/></message>`, ""},
		{`<message><body>plain</body></message>`, "plain"},
		{"<message><body>a\r\nb\rc</body></message>", "a\nb\nc"},
		{`<message><body>a<i>no</i>b</body></message>`, "ab"},
		{`<message><html xmlns='urn:h'><body>no</body></html></message>`, ""},
	} {
		if got := MustParse(tt.in).Body(); got != tt.want {
			t.Errorf("%s: %q", tt.in, got)
		}
	}
}

func TestDecode(t *testing.T) {
	type plain struct {
		XMLName xml.Name `xml:"body"`
		Lang    string   `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
		Text    string   `xml:",chardata"`
	}
	type client struct {
		XMLName xml.Name `xml:"jabber:client body"`
		Text    string   `xml:",chardata"`
	}
	type server struct {
		XMLName xml.Name `xml:"jabber:server body"`
		Text    string   `xml:",chardata"`
	}
	type x struct {
		XMLName xml.Name  `xml:"urn:x x"`
		K       string    `xml:"urn:x k,attr"`
		Y       *struct{} `xml:"y"`
	}
	s := MustParse(mixed)
	const text = "a <b> & c"
	var p plain
	if err := s.Decode(&p); err != nil || p.Text != text || p.Lang != "en" {
		t.Errorf("plain: %+v, %v", p, err)
	}
	var c client
	if err := s.Decode(&c); err != nil || c.Text != text {
		t.Errorf("client: %+v, %v", c, err)
	}
	var v server
	if err := s.Decode(&v); err != nil || v.Text != text {
		t.Errorf("server: %+v, %v", v, err)
	}
	var y x
	if err := s.Decode(&y); err != nil || y.K != "1" || y.Y == nil {
		t.Errorf("prefixed: %+v, %v", y, err)
	}
	if err := Raw("<body>raw</body>").Decode(&c); err != nil || c.Text != "raw" {
		t.Errorf("Raw: %+v, %v", c, err)
	}
	var any struct {
		Text string `xml:",chardata"`
	}
	if err := Raw("<body>any</body>").Decode(&any); err != nil || any.Text != "any" {
		t.Errorf("Raw without a name: %+v, %v", any, err)
	}
}

func TestDecodeErrors(t *testing.T) {
	s := MustParse(`<message><n xmlns="urn:n">NaN</n></message>`)
	var missing struct {
		XMLName xml.Name `xml:"urn:n m"`
	}
	if err := s.Decode(&missing); !errors.Is(err, ErrNoPayload) || !strings.Contains(err.Error(), "urn:n m") {
		t.Errorf("no child: %v", err)
	}
	var number struct {
		XMLName xml.Name `xml:"urn:n n"`
		N       int      `xml:",chardata"`
	}
	if err := s.Decode(&number); err == nil || errors.Is(err, ErrNoPayload) {
		t.Errorf("not a number: %v", err)
	}
	var nameless struct{ N int }
	var misnamed struct {
		XMLName string `xml:"urn:n n"`
	}
	n := 0
	for _, v := range []any{nil, &n, n, &nameless, &misnamed, "x"} {
		if err := s.Decode(v); err == nil || !strings.HasPrefix(err.Error(), "stanza: ") {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestMarshal(t *testing.T) {
	type body struct {
		XMLName xml.Name `xml:"jabber:client body"`
		Text    string   `xml:",chardata"`
	}
	type nested struct {
		XMLName xml.Name `xml:"jabber:server outer"`
		Inner   body
	}
	type ping struct {
		XMLName xml.Name `xml:"urn:xmpp:ping ping"`
	}
	for _, tt := range []struct {
		v    any
		want string
	}{
		{nil, ""},
		{ping{}, `<ping xmlns="urn:xmpp:ping"></ping>`},
		{&ping{}, `<ping xmlns="urn:xmpp:ping"></ping>`},
		{body{Text: "a\x00<"}, "<body>a\uFFFD&lt;</body>"},
		{nested{}, `<outer><body xmlns="jabber:client"></body></outer>`},
		{Raw(` <a xmlns="urn:a"/> `), `<a xmlns="urn:a"/>`},
		{Raw(`<body xmlns='jabber:client'><i/></body>`), `<body><i/></body>`},
		{Raw(`<s:body xmlns:s='jabber:server'><s:i/></s:body>`), `<body><i/></body>`},
		{Raw(`<f xmlns='urn:f'><message xmlns='jabber:client'/></f>`), `<f xmlns='urn:f'><message xmlns='jabber:client'/></f>`},
		{Errorf(ItemNotFound, ""), `<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`},
	} {
		r, err := Marshal(tt.v)
		if err != nil || string(r) != tt.want {
			t.Errorf("%T: %s, %v", tt.v, r, err)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	type fragment struct {
		XMLName xml.Name `xml:"a"`
		X       string   `xml:",innerxml"`
	}
	for _, v := range []any{
		Raw(""), Raw("x"), Raw("<a>"), Raw("<a/><b/>"), Raw("<a/>x"), Raw("x<a/>"), Raw("<p:a/>"), Raw("</m><m>"),
		Raw("<a><!-- --></a>"), Raw("<![CDATA[x]]>"), Raw("<a>\x00</a>"),
		fragment{X: "</a><a>"}, fragment{X: "<b>"},
		"<a/>", []byte("<a/>"), Stanza{}, &Stanza{}, []fragment{{}, {}}, []fragment{}, (*fragment)(nil), make(chan int),
	} {
		if r, err := Marshal(v); err == nil || !strings.HasPrefix(err.Error(), "stanza: marshal: ") {
			t.Errorf("%T %v: %q, %v", v, v, r, err)
		}
	}
}

func TestAppend(t *testing.T) {
	backing := []byte("<a/>XXXX")
	s := &Stanza{Kind: Message, Inner: backing[:4]}
	if err := s.Append(Raw("<b/>")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(nil); err != nil {
		t.Fatal(err)
	}
	if string(s.Inner) != "<a/><b/>" || string(backing) != "<a/>XXXX" {
		t.Errorf("inner %s, backing array %s", s.Inner, backing)
	}
	if err := s.Append(Raw("<c>")); err == nil || string(s.Inner) != "<a/><b/>" {
		t.Errorf("after a refusal: %s, %v", s.Inner, err)
	}
}

func TestRawChildren(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`<q xmlns="urn:q"><a k="1"/><b xmlns="urn:b"/>text</q>`, `urn:q a <a xmlns='urn:q' k="1"/>|urn:b b <b xmlns="urn:b"/>|`},
		{`<p:q xmlns:p="urn:q"><p:a><p:b/></p:a></p:q>`, `urn:q a <p:a xmlns:p='urn:q'><p:b/></p:a>|`},
		{`<body><a/></body>`, ` a <a/>|`},
		{`<f xmlns="urn:f"><message xmlns="jabber:client"><body/></message></f>`, ` message <message xmlns="jabber:client"><body/></message>|`},
		{`<q/>`, ``},
		{`<q>`, ``},
	} {
		var got strings.Builder
		for name, raw := range Raw(tt.in).Children() {
			got.WriteString(name.Space + " " + name.Local + " " + string(raw) + "|")
		}
		if got.String() != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.in, got.String(), tt.want)
		}
	}
	for range Raw(`<q><a/><b/></q>`).Children() {
		break // must not run on
	}
}
