package xmlscan

import (
	"unicode"
	"unicode/utf8"
)

//go:generate go run gen.go

// Classes of an ASCII byte.
const (
	nameStart = 1 << iota // may begin a name
	nameByte              // may stand in a name
	space                 // white space
)

// class holds the classes of the ASCII bytes. The colon is in none: it
// separates prefix and local name.
var class = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c] = nameStart | nameByte
		t[c-'a'+'A'] = nameStart | nameByte
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = nameByte
	}
	t['_'] = nameStart | nameByte
	t['-'], t['.'] = nameByte, nameByte
	t[' '], t['\t'], t['\n'], t['\r'] = space, space, space, space
	return t
}()

func isSpace(c byte) bool { return class[c]&space != 0 }

// readName goes on reading the qualified name that began at s.nameOff, from i. It
// returns the place after the name, or a negative number when the scan has to
// stop, with s.pos or s.err set.
func (s *Scanner) readName(b []byte, i int) int {
	for {
		if i == s.nameOff || (s.colon > 0 && i == s.nameOff+s.colon+1) {
			if i >= len(b) {
				return s.more(i)
			}
			if c := b[i]; c < utf8.RuneSelf {
				if class[c]&nameStart == 0 {
					return s.fail(NotWellFormed, "malformed name", i)
				}
				i++
			}
		}
		for i < len(b) && class[b[i]]&nameByte != 0 {
			i++
		}
		if i >= len(b) {
			return s.more(i)
		}
		switch c := b[i]; {
		case c == ':':
			if s.colon > 0 {
				return s.fail(NotWellFormed, "more than one colon in a name", i)
			}
			s.colon = i - s.nameOff
			i++
		case c >= utf8.RuneSelf:
			if !utf8.FullRune(b[i:]) {
				return s.more(i)
			}
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return s.fail(UnsupportedEncoding, "invalid UTF-8", i)
			}
			first := i == s.nameOff || (s.colon > 0 && i == s.nameOff+s.colon+1)
			if !isNameRune(r, first) {
				return s.fail(NotWellFormed, "character not allowed in a name", i)
			}
			i += n
		default:
			if i-s.nameOff > s.lim.Name {
				return s.fail(PolicyViolation, "name too long", i)
			}
			return i
		}
	}
}

// isNameRune reports whether the non-ASCII character r may stand in a name, or
// begin one.
func isNameRune(r rune, first bool) bool {
	if first {
		return unicode.Is(firstRunes, r)
	}
	return unicode.Is(nameRunes, r)
}
