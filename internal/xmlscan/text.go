package xmlscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipText returns the place of the first byte from i on that needs a closer
// look in character data: '<', '&', '>', a control character or non-ASCII.
func skipText(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		angle := (w | ones*2) ^ ones*'>'
		amp := w ^ ones*'&'
		m := ((angle-ones)&^angle | (amp-ones)&^amp | (w-ones*' ')&^w | w) & highs
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) {
		switch c := b[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '<', c == '>', c == '&':
			return i
		}
		i++
	}
	return i
}

// skipValue does the same for an attribute value in the quotes q, where '>' is
// an ordinary character.
func skipValue(b []byte, i int, q byte) int {
	quotes := ones * uint64(q)
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ quotes
		lt := w ^ ones*'<'
		amp := w ^ ones*'&'
		m := ((quote-ones)&^quote | (lt-ones)&^lt | (amp-ones)&^amp | (w-ones*' ')&^w | w) & highs
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) {
		switch c := b[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '<', c == '&', c == q:
			return i
		}
		i++
	}
	return i
}

// chars steps over the non-ASCII characters from i on.
func (s *Scanner) chars(b []byte, i int) int {
	for i < len(b) && b[i] >= utf8.RuneSelf {
		switch c := b[i]; {
		case c < 0xE0:
			if c >= 0xC2 && i+1 < len(b) && b[i+1]&0xC0 == 0x80 {
				i += 2
				continue
			}
		case c > 0xE0 && c < 0xEF && c != 0xED:
			// No overlong form, surrogate or noncharacter begins so.
			if i+2 < len(b) && b[i+1]&0xC0 == 0x80 && b[i+2]&0xC0 == 0x80 {
				i += 3
				continue
			}
		}
		if !utf8.FullRune(b[i:]) {
			return s.more(i)
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return s.fail(UnsupportedEncoding, "invalid UTF-8", i)
		}
		if !isChar(r) {
			return s.fail(NotWellFormed, "character not allowed in XML", i)
		}
		i += n
	}
	return i
}

// maxRef bounds a reference, so that one which arrives in pieces is read again
// only over a constant distance. The longest useful one is "&#x0010FFFF;".
const maxRef = 16

// ref steps over the reference at i.
func (s *Scanner) ref(b []byte, i int) int {
	j := i + 1
	for j < len(b) && j-i < maxRef && b[j] != ';' && (class[b[j]]&nameByte != 0 || (b[j] == '#' && j == i+1)) {
		j++
	}
	switch {
	case j-i >= maxRef:
		if b[i+1] == '#' {
			return s.fail(PolicyViolation, "character reference too long", i)
		}
		return s.fail(RestrictedXML, "entity reference", i)
	case j >= len(b):
		return s.more(i)
	case b[j] != ';' || j == i+1:
		return s.fail(NotWellFormed, "malformed reference", i)
	}
	if b[i+1] != '#' {
		switch string(b[i+1 : j]) {
		case "lt", "gt", "amp", "quot", "apos":
			return j + 1
		}
		if class[b[i+1]]&nameStart == 0 {
			return s.fail(NotWellFormed, "malformed reference", i)
		}
		return s.fail(RestrictedXML, "entity reference", i)
	}
	if _, ok := charRef(b[i+2 : j]); !ok {
		return s.fail(NotWellFormed, "malformed character reference", i)
	}
	return j + 1
}

// charRef returns the character that the digits between "&#" and ";" stand for,
// if they do and XML allows it.
func charRef(d []byte) (rune, bool) {
	base := rune(10)
	if len(d) > 0 && d[0] == 'x' {
		base, d = 16, d[1:]
	}
	if len(d) == 0 {
		return 0, false
	}
	var r rune
	for _, c := range d {
		var v rune
		switch {
		case c >= '0' && c <= '9':
			v = rune(c - '0')
		case base == 16 && c >= 'a' && c <= 'f':
			v = rune(c-'a') + 10
		case base == 16 && c >= 'A' && c <= 'F':
			v = rune(c-'A') + 10
		default:
			return 0, false
		}
		if r = r*base + v; r > utf8.MaxRune {
			return 0, false
		}
	}
	return r, isChar(r)
}

// isChar is the Char production of XML 1.0.
func isChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	}
	return r >= 0xE000 && r <= utf8.MaxRune && r != 0xFFFE && r != 0xFFFF
}

// appendRef appends the character that the reference at the start of b stands
// for, and returns how long the reference is. The reference is valid.
func appendRef(dst, b []byte) ([]byte, int) {
	j := 1
	for b[j] != ';' {
		j++
	}
	switch string(b[1:j]) {
	case "lt":
		dst = append(dst, '<')
	case "gt":
		dst = append(dst, '>')
	case "amp":
		dst = append(dst, '&')
	case "quot":
		dst = append(dst, '"')
	case "apos":
		dst = append(dst, '\'')
	default:
		r, _ := charRef(b[2:j])
		dst = utf8.AppendRune(dst, r)
	}
	return dst, j + 1
}

// appendValue appends the valid attribute value v, unescaped and with its white
// space normalised.
func appendValue(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		switch c := v[i]; c {
		case '&':
			var n int
			dst, n = appendRef(dst, v[i:])
			i += n
		case '\r', '\n', '\t':
			dst = append(dst, ' ')
			if c == '\r' && i+1 < len(v) && v[i+1] == '\n' {
				i++
			}
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
