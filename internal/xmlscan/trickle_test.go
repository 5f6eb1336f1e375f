package xmlscan

import (
	"strings"
	"testing"
)

// long returns a stream whose every part arrives in many pieces when it is given
// byte by byte.
func long(n int) []byte {
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	name := strings.Repeat("n", 900)
	return []byte("<?xml version='1.0'" + strings.Repeat(" ", 200) + "?>" + fill(" \n") +
		"<stream:stream xmlns='jabber:server'" + streams + fill(" ") + " a='" + fill("v") + "'>" + fill("\n") +
		"<" + name + " a='" + fill("&amp;\u00e9\u65e5") + "' b='" + fill("b") + "' " + fill(" ") + ">" +
		fill("text \u00e9\U0001F600&#x0010FFFF; ") + "<![CDATA[" + fill("]] > ") + "]]>" + fill("<b/>") +
		"</" + name + fill(" ") + "></stream:stream" + fill(" ") + ">")
}

// TestNothingIsReadAgain checks that the scan goes on where it stopped: less than
// a reference is left behind, however long the token is.
func TestNothingIsReadAgain(t *testing.T) {
	s := New(Limits{Bytes: 1 << 20})
	kinds := ""
	for i, c := range long(3000) {
		s.Buffer(1)[0] = c
		s.Fill(1)
		tok, err := s.Next()
		if err == nil {
			kinds += tok.Kind.String() + " "
			continue
		}
		if err != ErrMore {
			t.Fatal(err)
		}
		if left := s.Buffered() - s.pos; left >= maxRef {
			t.Fatalf("byte %d: %d bytes will be read again", i, left)
		}
	}
	if kinds != "open element close " {
		t.Errorf("tokens: %s", kinds)
	}
}

// BenchmarkTrickle gives one byte at a time; the time of a byte must not depend
// on the size of the element.
func BenchmarkTrickle(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 16} {
		b.Run(map[int]string{1 << 10: "small", 1 << 16: "large"}[size], func(b *testing.B) {
			in := long(size)
			b.ReportAllocs()
			s := New(Limits{Bytes: maxBytes})
			for i := 0; i < b.N; i++ {
				k := i % len(in)
				if k == 0 {
					s.Restart()
				}
				s.Buffer(1)[0] = in[k]
				s.Fill(1)
				if _, err := s.Next(); err != nil && err != ErrMore {
					b.Fatal(err)
				}
			}
		})
	}
}
