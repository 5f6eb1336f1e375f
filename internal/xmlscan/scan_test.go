package xmlscan

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// header opens a stream on which some prefixes are declared.
const header1 = `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'` +
	` xmlns:db='jabber:server:dialback' xmlns:s='jabber:server' xmlns:p='urn:p' to='a.example' from='b.example' version='1.0'>`

// feed gives b to s in pieces of at most size bytes and calls each after each
// token, until s stops.
func feed(s *Scanner, b []byte, size int, each func(Token)) error {
	for {
		tok, err := s.Next()
		switch {
		case err == nil:
			each(tok)
		case err == ErrMore && len(b) > 0:
			n := copy(s.Buffer(min(size, len(b))), b[:min(size, len(b))])
			s.Fill(n)
			b = b[n:]
		default:
			return err
		}
	}
}

// show prints all that a token says.
func show(t Token) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v {%s}%s", t.Kind, t.Space, t.Local)
	for _, a := range t.Attrs {
		fmt.Fprintf(&b, " {%s}%s=%q", a.Space, a.Local, a.Value)
	}
	for _, d := range t.Bindings {
		fmt.Fprintf(&b, " xmlns:%s=%q", d.Prefix, d.Space)
	}
	fmt.Fprintf(&b, " raw=%q inner=%q first={%s}%s content=%q", t.Raw, t.Inner, t.FirstSpace, t.FirstLocal, t.Content)
	return b.String()
}

func TestTokens(t *testing.T) {
	const header = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='b&amp;c'>"
	in := "<?xml version=\"1.0\" encoding='utf-8' ?>\n" + header +
		" \n<message to='a' id=' \t&lt;&#x31;\r\n'\n><body>hi</body><x xmlns='urn:x'/></message>" +
		"<stream:features/>\r\n<db:result xmlns:db='jabber:server:dialback' xml:lang='de' db:k='v'>key</db:result ></stream:stream >\n"
	want := []string{
		`open {http://etherx.jabber.org/streams}stream {}from="b&c" xmlns:="jabber:server" xmlns:stream="http://etherx.jabber.org/streams"` +
			` raw="` + header + `" inner="" first={} content="jabber:server"`,
		`element {jabber:server}message {}to="a" {}id="  <1 " raw="<message to='a' id=' \t&lt;&#x31;\r\n'\n><body>hi</body><x xmlns='urn:x'/></message>"` +
			` inner="<body>hi</body><x xmlns='urn:x'/>" first={jabber:server}body content="jabber:server"`,
		`element {http://etherx.jabber.org/streams}features raw="<stream:features/>" inner="" first={} content="jabber:server"`,
		`element {jabber:server:dialback}result {http://www.w3.org/XML/1998/namespace}lang="de" {jabber:server:dialback}k="v"` +
			` raw="<db:result xmlns:db='jabber:server:dialback' xml:lang='de' db:k='v'>key</db:result >" inner="key" first={} content="jabber:server"`,
		`close {http://etherx.jabber.org/streams}stream raw="</stream:stream >" inner="" first={} content=""`,
	}
	for _, size := range []int{1, 2, 3, 7, len(in)} {
		var s Scanner
		var got []string
		if err := feed(&s, []byte(in), size, func(t Token) { got = append(got, show(t)) }); err != ErrMore {
			t.Fatalf("pieces of %d: %v", size, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pieces of %d:\n got %s\nwant %s", size, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		if s.Blank() != 6 || s.Buffered() != 0 {
			t.Errorf("pieces of %d: %d blank, %d buffered, want 6 and 0", size, s.Blank(), s.Buffered())
		}
	}
}

func TestHead(t *testing.T) {
	tok, err := Parse([]byte(`<iq type='get' id='' from='a' to='b' xml:lang='en' lang='x' p:to='y' xmlns:p='urn:p'/>`), "jabber:server", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	h := tok.Head()
	for _, c := range []struct {
		name, want string
		got        []byte
	}{{"Kind", "iq", h.Kind}, {"Type", "get", h.Type}, {"ID", "", h.ID}, {"From", "a", h.From}, {"To", "b", h.To}, {"Lang", "en", h.Lang}} {
		if string(c.got) != c.want || c.got == nil {
			t.Errorf("%s = %q, want %q", c.name, c.got, c.want)
		}
	}
	tok, _ = Parse([]byte(`<presence/>`), "jabber:server", Limits{})
	if h := tok.Head(); h.Type != nil || h.ID != nil || h.From != nil || h.To != nil || h.Lang != nil {
		t.Errorf("attributes that are absent are not nil: %q", h)
	}
}

func TestRestart(t *testing.T) {
	s := New(Limits{})
	var got []string
	collect := func(t Token) { got = append(got, fmt.Sprintf("%v %s", t.Kind, t.Raw)) }
	head := "<a:stream xmlns:a='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"
	if err := feed(s, []byte(head+"<proceed xmlns='urn:x'/>"), 1, collect); err != ErrMore || s.Buffered() != 0 {
		t.Fatal(err, s.Buffered())
	}
	s.Restart()
	again := "<stream xmlns='http://etherx.jabber.org/streams'>"
	if err := feed(s, []byte("<?xml version='1.0'?>"+again+"<p:x/>"), 100, collect); err == ErrMore {
		t.Fatal("a prefix of the stream before the restart is still bound")
	}
	want := []string{"open " + head, "element <proceed xmlns='urn:x'/>", "open " + again}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := s.Next(); err == nil || err == ErrMore {
		t.Error("the error did not stay")
	}
	s = New(Limits{})
	feed(s, []byte(head), 100, collect)
	s.Restart()
	if err := feed(s, []byte("<a:stream>"), 100, collect); err == ErrMore {
		t.Error("a prefix of the stream before the restart is bound in the next header")
	}
}

func TestRestartKeepsUnreadBytes(t *testing.T) {
	s := New(Limits{})
	open := "<stream xmlns='http://etherx.jabber.org/streams'>"
	in := open + "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" + open
	s.Fill(copy(s.Buffer(len(in)), in))
	for range 2 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Buffered() != len(open) {
		t.Fatalf("%d bytes buffered, want %d", s.Buffered(), len(open))
	}
	s.Restart()
	if tok, err := s.Next(); err != nil || tok.Kind != Open {
		t.Fatal(tok.Kind, err)
	}
}

func TestRelease(t *testing.T) {
	s := New(Limits{})
	feed(s, []byte(header1), 1000, func(Token) {})
	s.Fill(copy(s.Buffer(1), "<"))
	s.Next()
	s.Release()
	if cap(s.buf) == 0 {
		t.Fatal("released a buffer that holds the beginning of a token")
	}
	s.Fill(copy(s.Buffer(1), "a"))
	s.Fill(copy(s.Buffer(1), ">"))
	s.Fill(copy(s.Buffer(4), "</a>"))
	tok, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	s.Release()
	if s.buf != nil || string(tok.Raw) != "<a></a>" {
		t.Errorf("after Release: %d bytes held, last token %q", cap(s.buf), tok.Raw)
	}
	if err := feed(s, []byte("<p:b/>"), 1, func(t Token) { tok = t }); err != ErrMore || string(tok.Space) != "urn:p" {
		t.Errorf("after Release: %v, %q", err, tok.Space)
	}
}

func TestBufferStaysSmall(t *testing.T) {
	s := New(Limits{})
	feed(s, []byte(header1), 1000, func(Token) {})
	b := []byte("<message><body>" + strings.Repeat("x", 3000) + "</body></message>")
	if err := feed(s, bytes.Repeat(b, 100), 100, func(Token) {}); err != ErrMore {
		t.Fatal(err)
	}
	if n := cap(s.buf); n > 8192 {
		t.Errorf("the buffer grew to %d for elements of %d bytes", n, len(b))
	}
}

func TestEndlessElementIsBounded(t *testing.T) {
	for _, open := range []string{"<a>", "<a b='", "<a ", "<a", "<a><![CDATA[", "<a>&#x"} {
		s := New(Limits{Bytes: 10000})
		feed(s, []byte(header1+open), 1000, func(Token) {})
		var err error = ErrMore
		for n := 0; err == ErrMore; n += 100 {
			if n > 11000 {
				t.Fatalf("%q: no end", open)
			}
			err = feed(s, bytes.Repeat([]byte("0"), 100), 100, func(Token) {})
		}
		if e := new(Error); !errors.As(err, &e) {
			t.Errorf("%q: %v", open, err)
		}
		if cap(s.buf) > 30000 {
			t.Errorf("%q: buffer of %d bytes", open, cap(s.buf))
		}
	}
}
