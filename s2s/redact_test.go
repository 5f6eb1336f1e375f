package s2s

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// fillRedacted makes {xN} N bytes of text, as whoever plays a recording does.
func fillRedacted(s string) string {
	return regexp.MustCompile(`\{x[0-9]+\}`).ReplaceAllStringFunc(s, func(m string) string {
		n, _ := strconv.Atoi(m[2 : len(m)-1])
		return strings.Repeat("x", n)
	})
}

// A redacted stanza is well-formed, has no text of the original, and is what
// comes of redacting it.
func FuzzRedact(f *testing.F) {
	for _, seed := range []string{
		"", "<body>secret</body>", "<a><b/>text<c>&lt;&amp;</c></a>", "<x xmlns='urn:a' xmlns:p='urn:b' p:q='&apos;&quot;'/>",
		"<![CDATA[<&]]>", "<a jid='a@b/c' id='{x3}' var='x' name=' '/>", "<a>{x7}</a>", "<a by='b'>\n</a>", "<a stamp='x'/>",
		"<a>b<![CDATA[c]]> <![CDATA[]]></a>", "<a xml:lang='de' xml:space='preserve'> </a>", "<p:a xmlns:p='urn:x'><p:a/></p:a>", "<a to='u-0123456789@b/r-0123456789'/>",
		"<a id='a@b/c d' node='a@[::1]' var='@' role='a b' action='ß' xml:lang='x y'/>",
	} {
		f.Add(seed)
	}
	from, to := jid.MustParse("romeo@montague.example/orchard"), jid.MustParse("juliet@capulet.example")
	r := newRecorder(1)
	f.Fuzz(func(t *testing.T, inner string) {
		st := &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte(inner)}
		if _, err := newChecker(xmlscan.Limits{}).check(st); err != nil {
			return
		}
		got := r.redact(st)
		if strings.ContainsAny(got, "\n\r") {
			t.Fatalf("more than a line: %q", got)
		}
		again, err := stanza.Parse([]byte(fillRedacted(got)))
		if err != nil {
			t.Fatalf("%q became %q: %v", inner, got, err)
		}
		if twice := r.redact(again); twice != got {
			t.Fatalf("%q became\n%q, and that\n%q", inner, got, twice)
		}
		tok, err := xmlscan.Parse([]byte(got), "jabber:server", xmlscan.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if text := xmlscan.AppendText(nil, tok.Inner); len(text) > 0 && !regexp.MustCompile(`^(\{x[0-9]+\})+$`).Match(text) {
			t.Fatalf("%q became %q", inner, got)
		}
	})
}

// However many routes there are, and however long their stanzas, recordings take a
// bounded amount of memory; the one that is written to stays.
func TestRecordingsAreBounded(t *testing.T) {
	r := newRecorder(100)
	text := strings.Repeat("x", maxRedacted)
	route := func(i int) Route {
		return Route{jid.MustParse("here.example"), jid.MustParse("d" + strconv.Itoa(i) + ".example")}
	}
	for i := range 100 {
		for range 150 {
			r.note(route(i), stanzaIn, text)
		}
		if len(r.list(route(i))) != 100 {
			t.Fatalf("route %d has %d events", i, len(r.list(route(i))))
		}
	}
	sum := 0
	for at := range r.routes {
		for _, e := range r.list(at) {
			sum += len(e.text)
		}
	}
	if sum > maxRecordedBytes || sum < maxRecordedBytes/2 || sum != r.size {
		t.Errorf("%d bytes are kept, counted as %d", sum, r.size)
	}
}
