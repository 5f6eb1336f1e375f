package stanza

import "unicode/utf8"

// escapes maps each ASCII byte to what stands for it in an attribute value or in
// character data: nothing for itself.
var escapes = func() (t [utf8.RuneSelf]string) {
	for c := range t {
		if c < 0x20 {
			t[c] = "\uFFFD"
		}
	}
	t['\t'], t['\n'], t['\r'] = "&#x9;", "&#xA;", "&#xD;"
	t['&'], t['<'], t['>'], t['"'], t['\''] = "&amp;", "&lt;", "&gt;", "&quot;", "&apos;"
	return t
}()

// plain tells the bytes that stand for themselves everywhere.
var plain = func() (t [256]bool) {
	for c, with := range escapes {
		t[c] = with == ""
	}
	return t
}()

// appendAttr appends one attribute, open being everything up to the opening
// quotation mark, unless its value is empty.
func appendAttr(b []byte, open, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, open...)
	b = appendEscaped(b, value)
	return append(b, '"')
}

// appendEscaped appends s as character data or as part of a quoted attribute
// value. Line ends and tabs are written as references, since XML 1.0 section
// 3.3.3 would make them spaces in an attribute. What is not an XML 1.0 Char
// becomes U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	i := 0
	for i < len(s) && plain[s[i]] {
		i++
	}
	if i == len(s) {
		return append(b, s...)
	}
	done := 0
	for i < len(s) {
		size, with := 1, ""
		if c := s[i]; c < utf8.RuneSelf {
			with = escapes[c]
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF {
				with = "\uFFFD"
			}
		}
		if with != "" {
			b = append(b, s[done:i]...)
			b = append(b, with...)
			done = i + size
		}
		i += size
	}
	return append(b, s[done:]...)
}
