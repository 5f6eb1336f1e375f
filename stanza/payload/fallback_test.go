package payload

import (
	"errors"
	"strings"
	"testing"

	"isthmus.im/stanza"
)

func TestFallbackBody(t *testing.T) {
	mark := func(ranges string) string {
		return `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>` + ranges + `</fallback>`
	}
	tests := []struct {
		inner, text, fallback string
		ok                    bool
	}{
		// The examples of XEP-0428 section 2.2 and XEP-0461 section 3.1.
		{"<body>&gt; Anna wrote:\n&gt; Hi, how are you?\nGreat</body>" + mark(`<body start='0' end='33' />`), "Great", "> Anna wrote:\n> Hi, how are you?\n", true},
		{"<body>> Anna wrote:\n> We should bake a cake\nGreat idea!</body>" + mark(`<body start="0" end="38" />`), "Great idea!", "> Anna wrote:\n> We should bake a cake\n", true},
		{"<body>abc</body>", "abc", "", false},
		{"<body>abc</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:other'/>", "abc", "", false},
		{"<body>abc</body><fallback xmlns='urn:xmpp:fallback:0'/>", "abc", "", false},
		{"<body>abc</body>" + mark(""), "", "abc", true},
		{"<body>abc</body>" + mark("<body/>"), "", "abc", true},
		{"<body>abc</body>" + mark("<subject/>"), "abc", "", false},
		{"<body>abc</body>" + mark("<body start='1'/>"), "a", "bc", true},
		{"<body>abc</body>" + mark("<body end='1'/>"), "bc", "a", true},
		{"<body>abc</body>" + mark("<body start='0' end='0'/>"), "abc", "", true},
		{"<body>abc</body>" + mark("<body start='2' end='1'/>"), "abc", "", true},
		{"<body>abc</body>" + mark("<body start='7' end='9'/>"), "abc", "", true},
		{"<body>abc</body>" + mark("<body start='2' end='4294967295'/>"), "ab", "c", true},
		{"<body>abcdef</body>" + mark("<body start='4' end='5'/><body start='0' end='2'/><body start='1' end='3'/>"), "df", "abce", true},
		{"<body>abcdef</body>" + mark("<body start='1' end='5'/><body start='2' end='3'/>"), "af", "bcde", true},
		{"<body>abcd</body>" + mark("<body end='1'/>") + mark("<body start='3'/>"), "bc", "ad", true},
		// Characters are code points, not bytes, UTF-16 units or what is drawn.
		{"<body>é😀👍🏽x</body>" + mark("<body start='0' end='3'/>"), "🏽x", "é😀👍", true},
		{"<body>&lt;&amp;<![CDATA[<b>]]>x</body>" + mark("<body start='0' end='3'/>"), "b>x", "<&<", true},
		{mark(""), "", "", true},
		{"<body>abc</body>" + mark("<body start='x'/>"), "abc", "", false},
	}
	for _, test := range tests {
		m := stanza.MustParse("<message>" + test.inner + "</message>")
		text, fallback, ok := FallbackBody(m, NSReply)
		if text != test.text || fallback != test.fallback || ok != test.ok {
			t.Errorf("%s: %q, %q, %v", test.inner, text, fallback, ok)
		}
	}
}

func TestAddFallback(t *testing.T) {
	m := stanza.MustParse(`<message><x xmlns="urn:x"/><body>déjà&amp;</body><body xml:lang="de">vu</body></message>`)
	if err := AddFallback(m, "urn:one", "😀1"); err != nil {
		t.Fatal(err)
	}
	if err := AddFallback(m, "urn:two", "<2>\r\n"); err != nil {
		t.Fatal(err)
	}
	want := `<x xmlns="urn:x"/><body>&lt;2&gt;&#xD;&#xA;😀1déjà&amp;</body><body xml:lang="de">vu</body>` +
		`<fallback xmlns="urn:xmpp:fallback:0" for="urn:one"><body start="5" end="7"></body></fallback>` +
		`<fallback xmlns="urn:xmpp:fallback:0" for="urn:two"><body start="0" end="5"></body></fallback>`
	if string(m.Inner) != want {
		t.Errorf("%s\nwant %s", m.Inner, want)
	}
	for ns, want := range map[string]string{"urn:one": "<2>\r\ndéjà&", "urn:two": "😀1déjà&"} {
		if text, _, ok := FallbackBody(m, ns); !ok || text != want {
			t.Errorf("without %s: %q", ns, text)
		}
	}

	m = stanza.MustParse(`<message/>`)
	if err := AddFallback(m, "urn:one", "all"); err != nil || m.Body() != "all" {
		t.Errorf("%s, %v", m, err)
	}
	for _, in := range []string{`<presence/>`, `<message type='error'/>`} {
		if err := AddFallback(stanza.MustParse(in), "urn:one", "a"); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestReplyTo(t *testing.T) {
	const header = `<message to='anna@example.com' from='max@example.com/x' id='message-id1' type='chat'>`
	const reply = `<message from="anna@example.com" to="max@example.com/x" type="chat">`
	const element = `<reply xmlns="urn:xmpp:reply:0" to="max@example.com/x" id="message-id1"></reply>`
	tests := []struct{ in, want string }{
		{header + "<body>We should\nbake a cake</body></message>",
			reply + `<body>&gt; We should&#xA;&gt; bake a cake&#xA;Great!</body>` + element + `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="26"></body></fallback></message>`},
		{header + "<body>> older\nnew</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback></message>",
			reply + `<body>&gt; new&#xA;Great!</body>` + element + `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="6"></body></fallback></message>`},
		{header + `</message>`, reply + `<body>Great!</body>` + element + `</message>`},
		{`<message from='r@r.example/n' to='a@a.example/x' id='1' type='groupchat'><stanza-id xmlns='urn:xmpp:sid:0' by='r@r.example' id='s1'/></message>`,
			`<message from="a@a.example/x" to="r@r.example" type="groupchat"><body>Great!</body><reply xmlns="urn:xmpp:reply:0" to="r@r.example/n" id="s1"></reply></message>`},
		{`<message from='r@r.example/n' id='1' type='groupchat'/>`, ""},
		{`<message from='a@a.example'/>`, ""},
	}
	for _, test := range tests {
		a, err := ReplyTo(stanza.MustParse(test.in), "Great!")
		if test.want == "" {
			if !errors.Is(err, ErrMisplaced) {
				t.Errorf("%s: %s, %v", test.in, a, err)
			}
			continue
		}
		if err != nil || outcome(t, a) != test.want {
			t.Errorf("%s:\n%s, %v, want\n%s", test.in, a, err, test.want)
		}
		if text, _, _ := FallbackBody(a, NSReply); text != "Great!" {
			t.Errorf("%s is read as %q", a, text)
		}
	}
	long := stanza.Text(romeo, juliet, strings.Repeat("é", 5000))
	a, err := ReplyTo(long, "short")
	if err != nil || a.Body() != "> "+strings.Repeat("é", maxQuote)+"…\nshort" {
		t.Errorf("%d bytes, %v", len(a.Body()), err)
	}
}

func TestSetBody(t *testing.T) {
	for in, want := range map[string]string{
		`<message/>`: `<body>a&lt;</body>`,
		`<message><a xmlns='urn:a'/> <body>x</body><body xml:lang='de'>y</body><body xmlns='urn:b'/></message>`: `<a xmlns='urn:a'/><body>a&lt;</body><body xml:lang='de'>y</body><body xmlns='urn:b'/>`,
	} {
		m := stanza.MustParse(in)
		if err := SetBody(m, "a<"); err != nil || string(m.Inner) != want {
			t.Errorf("%s: %s, %v", in, m.Inner, err)
		}
	}
}
