package xmlscan

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// containment holds elements of a stream that begins with header1, and their Inner;
// an empty inner stands for the bytes as they are.
var containment = []struct{ name, in, inner string }{
	{"as it is", "<message><body>x</body><x xmlns='urn:x'><y/></x></message>", ""},
	{"own prefix", "<message><q:x xmlns:q='urn:q'><q:y/></q:x></message>", ""},
	{"own prefix that hides the stream's", "<message><p:x xmlns:p='urn:q'><p:y/></p:x></message>", ""},
	{"content namespace deep inside", "<message><x xmlns='urn:x'><message xmlns='jabber:server'/></x></message>", ""},
	{"other content namespace", "<message><body xmlns='jabber:client'/></message>", ""},
	{"xml prefix", "<message><body xml:lang='de'/></message>", ""},
	{"text around", "<message> a &amp; b<x/><![CDATA[<p:x/>]]></message>", ""},
	{"content namespace on the stanza", "<message xmlns='jabber:server'><body/></message>", ""},
	{"client stanza", "<message xmlns='jabber:client'><body/></message>", ""},
	{"outer prefix unused inside", "<db:result>key</db:result>", ""},
	{"prefix in text only", "<message><body>p:x</body></message>", ""},

	{"prefix of the stream", "<message><p:x/></message>", "<p:x xmlns:p='urn:p'/>"},
	{"prefix of the stanza", "<message xmlns:q='urn:q'><q:x a='1'/><y/></message>", "<q:x xmlns:q='urn:q' a='1'/><y/>"},
	{"prefix of the stanza hides the stream's", "<message xmlns:p='urn:q'><p:x/></message>", "<p:x xmlns:p='urn:q'/>"},
	{"prefix of an attribute", "<message><x xmlns='urn:x' p:a='1'/></message>", "<x xmlns:p='urn:p' xmlns='urn:x' p:a='1'/>"},
	{"prefix of an attribute in the content namespace", "<message><body p:a='1'>x</body></message>", "<body xmlns:p='urn:p' p:a='1'>x</body>"},
	{"prefix used deep inside", "<message><x xmlns='urn:x'><y><p:z p:a='1'/></y></x></message>", "<x xmlns:p='urn:p' xmlns='urn:x'><y><p:z p:a='1'/></y></x>"},
	{"two prefixes", "<message><p:x><db:y/><p:z/></p:x></message>", "<p:x xmlns:p='urn:p' xmlns:db='jabber:server:dialback'><db:y/><p:z/></p:x>"},
	{"prefix declared again further in", "<message><p:x><p:y xmlns:p='urn:q'/></p:x></message>", "<p:x xmlns:p='urn:p'><p:y xmlns:p='urn:q'/></p:x>"},
	{"each child", "<message><p:x/><p:x/></message>", "<p:x xmlns:p='urn:p'/><p:x xmlns:p='urn:p'/>"},
	{"escaped namespace", "<message xmlns:q='urn:&apos;&lt;&amp;'><q:x/></message>", "<q:x xmlns:q='urn:&apos;&lt;&amp;'/>"},

	{"content namespace on a child", "<message><body xmlns='jabber:server' a='1'>x</body></message>", "<body a='1'>x</body>"},
	{"content namespace escaped on a child", "<message><body xmlns='jabber&#58;server'>x</body></message>", "<body>x</body>"},
	{"content namespace on a grandchild", "<message><error><text xmlns='jabber:server'/></error></message>", "<error><text/></error>"},
	{"content namespace after an empty child", "<message><a/><body xmlns='jabber:server'/></message>", "<a/><body/>"},
	{"content namespace after a foreign child", "<message><a xmlns='urn:a'/><body xmlns='jabber:server'/></message>", "<a xmlns='urn:a'/><body/>"},
	{"content prefix of the stream", "<s:message><s:body>x</s:body ></s:message>", "<body>x</body>"},
	{"content prefix all the way", "<s:message><s:error><s:text/><x xmlns='urn:x'/></s:error></s:message>", "<error><text/><x xmlns='urn:x'/></error>"},
	{"content prefix of the child", "<message><q:body xmlns:q='jabber:server'>x</q:body></message>", "<body>x</body>"},
	{"content prefix of the child, unused", "<message><body xmlns:q='jabber:server'>x</body></message>", "<body>x</body>"},
	{"content prefix of the child, needed inside", "<message><body xmlns:q='jabber:server'><x xmlns='urn:x'><q:y/></x></body></message>",
		"<body><x xmlns:q='jabber:server' xmlns='urn:x'><q:y/></x></body>"},
	{"content prefix on an attribute", "<message><body s:a='1'/></message>", "<body xmlns:s='jabber:server' s:a='1'/>"},
	{"content prefix within a foreign element", "<message><x xmlns='urn:x'><s:y/></x></message>", "<x xmlns:s='jabber:server' xmlns='urn:x'><s:y/></x>"},
	{"foreign prefix, content default", "<message><p:x xmlns='jabber:server'><y/></p:x></message>", "<p:x xmlns:p='urn:p'><y/></p:x>"},

	{"another default", "<iq xmlns='urn:q'><a><b/></a><c xmlns='urn:c'/></iq>", "<a xmlns='urn:q'><b/></a><c xmlns='urn:c'/>"},
	{"no default", "<iq xmlns=''><a><b/></a><c xmlns='urn:c'/></iq>", "<a xmlns=''><b/></a><c xmlns='urn:c'/>"},
	{"another default, content inside", "<iq xmlns='urn:q'><s:a b='1'><c/></s:a></iq>", "<a b='1'><c xmlns='urn:q'/></a>"},
	{"prefixed stanza, another default", "<s:iq xmlns='urn:q'><s:a/><c/></s:iq>", "<a/><c xmlns='urn:q'/>"},
	{"another default, content default inside", "<iq xmlns='urn:q'><a xmlns='jabber:server'><b/></a></iq>", "<a><b/></a>"},
}

func TestSelfContained(t *testing.T) {
	for _, c := range containment {
		t.Run(c.name, func(t *testing.T) {
			toks, used, err := scan([]byte(header1+c.in), Limits{}, 1)
			if err != ErrMore || len(toks) != 2 {
				t.Fatalf("%d tokens, %v", len(toks), err)
			}
			tok := toks[1]
			want := c.inner
			if want == "" {
				want = c.in[strings.IndexByte(c.in, '>')+1 : strings.LastIndexByte(c.in, '<')]
			}
			if string(tok.Inner) != want {
				t.Errorf("%s:\n got %s\nwant %s", c.in, tok.Inner, want)
			}
			theirs, err := oracle([]byte(header1 + c.in)[:used], true)
			if err != nil {
				t.Fatal(err)
			}
			checkContained(t, tok, theirs[0])
		})
	}
}

// TestInnerIsPartOfRaw counts how often Inner had to be written anew.
func TestInnerIsPartOfRaw(t *testing.T) {
	for _, c := range containment {
		var s Scanner
		feed(&s, []byte(header1+c.in), 1000, func(tok Token) {
			if tok.Kind != Element {
				return
			}
			from, at := uintptr(unsafe.Pointer(unsafe.SliceData(tok.Raw))), uintptr(unsafe.Pointer(unsafe.SliceData(tok.Inner)))
			if part := at >= from && at <= from+uintptr(len(tok.Raw)); part != (c.inner == "") {
				t.Errorf("%s: Inner is part of Raw: %v", c.in, part)
			}
		})
	}
}

func TestWithoutContentNamespace(t *testing.T) {
	const head = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"
	for _, c := range []struct{ in, content, inner string }{
		{"<message xmlns='jabber:server'><body/><p:x/></message>", "jabber:server", "<body/><p:x xmlns:p='urn:p'/>"},
		{"<message xmlns='jabber:client'><body/></message>", "jabber:client", "<body/>"},
		{"<features><starttls xmlns='urn:t'/><x/></features>", "jabber:server", "<starttls xmlns='urn:t'/><x xmlns='http://etherx.jabber.org/streams'/>"},
	} {
		toks, _, err := scan([]byte(head+c.in), Limits{}, 1)
		if err != ErrMore || string(toks[1].Content) != c.content || string(toks[1].Inner) != c.inner {
			t.Errorf("%s: content %s, inner %s, %v", c.in, toks[1].Content, toks[1].Inner, err)
		}
		if toks[0].Content == nil || string(toks[0].Content) != streamSpace {
			t.Errorf("default namespace of the header is %q", toks[0].Content)
		}
	}
}

// TestRewriteIsBounded declares a long namespace once and uses it often.
func TestRewriteIsBounded(t *testing.T) {
	in := header1 + "<a xmlns:q='" + strings.Repeat("q", 1000) + "'>" + strings.Repeat("<q:b/>", 1000) + "</a>"
	_, _, err := scan([]byte(in), Limits{Bytes: 10000}, 100)
	e := new(Error)
	if !errors.As(err, &e) || e.Condition != PolicyViolation {
		t.Errorf("got %v, want policy-violation", err)
	}
}

// TestChildrenOfChild walks over what is no Inner of a Token: a prefix that is
// declared further out must not be taken for the content namespace.
func TestChildrenOfChild(t *testing.T) {
	n := 0
	for c := range Children([]byte("<p:a/><a xmlns='urn:a'/><a/><xml:a/>"), "urn:c") {
		want := []string{"", "urn:a", "urn:c", xmlSpace}[n]
		if string(c.Space) != want {
			t.Errorf("%s is in %q, want %q", c.Raw, c.Space, want)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d children", n)
	}
}
