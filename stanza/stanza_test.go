package stanza

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"isthmus.im/jid"
)

var (
	juliet = jid.MustParse("juliet@capulet.example/balcony")
	romeo  = jid.MustParse("romeo@montague.example/orchard")
)

func TestAppendXML(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    Stanza
		want string
	}{
		{"empty iq", Stanza{Kind: IQ, Type: Result, ID: "1"}, `<iq id="1" type="result"/>`},
		{"empty inner slice", Stanza{Kind: Presence, Inner: []byte{}}, `<presence/>`},
		{"all attributes", Stanza{Message, Chat, "a", romeo, juliet, "en", []byte("<body>x</body>")},
			`<message from="romeo@montague.example/orchard" to="juliet@capulet.example/balcony" id="a" type="chat" xml:lang="en"><body>x</body></message>`},
		{"markup in attributes", Stanza{Kind: IQ, Type: Get, ID: `"'<&>`, To: jid.MustParse(`a.example/"'<&>`)},
			`<iq to="a.example/&quot;&apos;&lt;&amp;&gt;" id="&quot;&apos;&lt;&amp;&gt;" type="get"/>`},
		{"line ends in attributes", Stanza{Kind: IQ, Type: Get, ID: "a\tb\r\nc"}, `<iq id="a&#x9;b&#xD;&#xA;c" type="get"/>`},
		{"what XML cannot carry", Stanza{Kind: IQ, Type: Get, ID: "a\x00\x1f\xff\uFFFE\uFFFFé😀\uFFFDz"},
			"<iq id=\"a\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDé😀\uFFFDz\" type=\"get\"/>"},
		{"inner is not touched", Stanza{Kind: Message, Inner: []byte(`<p:x xmlns:p='urn:x' p:k="1"><![CDATA[<]]></p:x>`)},
			`<message><p:x xmlns:p='urn:x' p:k="1"><![CDATA[<]]></p:x></message>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := string(tt.s.AppendXML([]byte("x"))); got != "x"+tt.want {
				t.Errorf("AppendXML does not append: %s", got)
			}
			if _, err := Parse([]byte(tt.want)); err != nil {
				t.Errorf("does not parse: %v", err)
			}
		})
	}
}

func TestAppendXMLAllocates(t *testing.T) {
	s := MustParse(`<message to="juliet@capulet.example/b&amp;w" type="chat" id="a"><body>hi</body></message>`)
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { s.AppendXML(buf) }); n != 0 {
		t.Errorf("%v allocations into a buffer with room", n)
	}
}

func TestKindAndType(t *testing.T) {
	kinds := []Kind{Message, Presence, IQ}
	valid := map[Type][]Kind{
		"": {Message, Presence}, Chat: {Message}, GroupChat: {Message}, Headline: {Message},
		Unavailable: {Presence}, Subscribe: {Presence}, Subscribed: {Presence}, Unsubscribe: {Presence},
		Unsubscribed: {Presence}, Probe: {Presence},
		Get: {IQ}, Set: {IQ}, Result: {IQ}, TypeError: {Message, Presence, IQ}, AnyType: {}, "normal": {}, "x": {},
	}
	for typ, want := range valid {
		for _, k := range append(kinds, 0, 9) {
			expect := false
			for _, w := range want {
				expect = expect || w == k
			}
			if typ.Valid(k) != expect {
				t.Errorf("%q valid for %v: %v", typ, k, !expect)
			}
		}
	}
	for _, k := range kinds {
		if KindOf(k.String()) != k {
			t.Errorf("KindOf(%q) = %v", k, KindOf(k.String()))
		}
	}
	if Kind(0).String() != "stanza" || KindOf("stanza") != 0 || KindOf("") != 0 {
		t.Error("the zero kind has an element name")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	s := Text(romeo, juliet, "but soft")
	c := s.Clone()
	copy(c.Inner, "XXXXXX")
	c.ID = "other"
	if s.Body() != "but soft" || s.ID == "other" {
		t.Errorf("the original changed: %v", s)
	}
	if (&Stanza{Kind: IQ}).Clone().Inner != nil {
		t.Error("a nil Inner became another")
	}
}

func TestTokens(t *testing.T) {
	s := MustParse(`<message xmlns="jabber:client" to="capulet.example"><body>a &amp; b</body><x xmlns="urn:x"/></message>`)
	var got []string
	r := s.Tokens()
	for {
		tok, err := r.Token()
		switch tok := tok.(type) {
		case xml.StartElement:
			got = append(got, "<"+tok.Name.Space+" "+tok.Name.Local)
		case xml.EndElement:
			got = append(got, ">"+tok.Name.Local)
		case xml.CharData:
			got = append(got, string(tok))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "< message|< body|a & b|>body|<urn:x x|>x|>message"
	if g := strings.Join(got, "|"); g != want {
		t.Errorf("got %s, want %s", g, want)
	}
}
