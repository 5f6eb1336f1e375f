package xmlscan

import (
	"testing"
)

const streamHeader = `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='a.example' from='b.example' version='1.0'>`

func feed(s *Scanner, b []byte) {
	n := copy(s.Buffer(len(b)), b)
	s.Fill(n)
}

func TestStream(t *testing.T) {
	var s Scanner
	in := streamHeader + " \n<message to='a' from='b' id='&lt;1'><body>hi</body><x xmlns='urn:x'/></message> <stream:features/></stream:stream>"
	for i := range in {
		feed(&s, []byte(in[i:i+1]))
		tok, err := s.Next()
		if err == ErrMore {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v %s %s %q inner %q first %q %q attrs %q", tok.Kind, tok.Space, tok.Local, tok.Raw, tok.Inner, tok.FirstSpace, tok.FirstLocal, tok.Attrs)
	}
}
