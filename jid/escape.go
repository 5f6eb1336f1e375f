package jid

import "strings"

const hexDigits = "0123456789abcdef"

// escaped tells whether b is escaped wherever it occurs in a local part.
func escaped(b byte) bool { return b == ' ' || strings.IndexByte(excluded, b) >= 0 }

// unescape returns the character that an escape sequence at the start of s
// stands for. The digits are lower case: XEP-0106 section 3.2 says that case
// is significant.
func unescape(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '\\' {
		return 0, false
	}
	hi := strings.IndexByte(hexDigits, s[1])
	lo := strings.IndexByte(hexDigits, s[2])
	if hi < 0 || lo < 0 {
		return 0, false
	}
	c = byte(hi<<4 | lo)
	return c, c == '\\' || escaped(c)
}

// EscapeLocal writes s so that it may be a local part, as XEP-0106 says: the
// characters that RFC 7622 section 3.3.1 excludes, and spaces, become
// sequences such as \40, and a backslash becomes \5c only where it would begin
// such a sequence.
//
// Spaces at the start and the end of s are dropped, for no escaped local part
// may begin or end with \20 (XEP-0106 section 4.1). For every other s,
// UnescapeLocal gives it back. The result is not normalized, and may be
// something that Parse refuses for other reasons.
func EscapeLocal(s string) string {
	s = strings.Trim(s, " ")
	n := 0
	for i := range len(s) {
		if needsEscape(s[i:]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; needsEscape(s[i:]) {
			b = append(b, '\\', hexDigits[c>>4], hexDigits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// needsEscape reports whether the first byte of s is to be escaped.
func needsEscape(s string) bool {
	if escaped(s[0]) {
		return true
	}
	_, ok := unescape(s)
	return ok
}

// UnescapeLocal undoes EscapeLocal. It leaves alone what is no escape sequence
// of XEP-0106, and \20 at the start and at the end. The result is for people
// and for systems outside of XMPP; it is no local part and must not be
// compared in place of one (XEP-0106 section 4.1).
func UnescapeLocal(s string) string {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if c, ok := unescape(s[i:]); ok && (c != ' ' || i > 0 && i+3 < len(s)) {
			b = append(b, c)
			i += 3
			continue
		}
		b = append(b, s[i])
		i++
	}
	return string(b)
}
