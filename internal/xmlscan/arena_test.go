package xmlscan

import (
	"fmt"
	"strings"
	"testing"
)

// Streams that share an Arena, each busy while the others are idle, see what
// they would see alone.
func TestArena(t *testing.T) {
	var arena Arena
	const header = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"
	streams := make([]*Scanner, 5)
	feed := func(s *Scanner, text string) Token {
		t.Helper()
		for {
			n := copy(s.Buffer(7), text)
			s.Fill(n)
			text = text[n:]
			tok, err := s.Next()
			if err == nil {
				return tok
			}
			if err != ErrMore || text == "" {
				t.Fatalf("%v with %q left", err, text)
			}
		}
	}
	for i := range streams {
		streams[i] = New(Limits{})
		streams[i].Arena = &arena
		feed(streams[i], header)
		streams[i].Release()
	}
	for round := range 20 {
		for i, s := range streams {
			body := strings.Repeat(fmt.Sprint(i, round), 1+round*i*100)
			tok := feed(s, fmt.Sprintf("<message a='%d' b='&lt;%d'><p:x q='%d'>%s</p:x></message>", i, round, i, body))
			want := fmt.Sprintf(`<p:x xmlns:p="urn:p" q='%d'>%s</p:x>`, i, body)
			got := strings.ReplaceAll(string(tok.Inner), "xmlns:p='urn:p'", `xmlns:p="urn:p"`)
			if len(tok.Attrs) != 2 || string(tok.Attrs[1].Value) != fmt.Sprintf("<%d", round) || len(got) != len(want) || !strings.Contains(got, body) {
				t.Fatalf("stream %d, round %d: %v %s", i, round, tok.Attrs, tok.Inner)
			}
			s.Release()
			if s.buf != nil || s.work != nil {
				t.Fatal("an idle Scanner holds memory")
			}
		}
	}
}
