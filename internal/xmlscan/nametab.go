package xmlscan

import "unicode"

func isNameRune(r rune, first bool) bool {
	return unicode.IsLetter(r) || (!first && unicode.IsDigit(r))
}
