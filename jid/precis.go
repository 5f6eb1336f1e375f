package jid

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/bidirule"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// identifier checks that a string belongs to the IdentifierClass of RFC 8264
// section 4.2. It maps nothing but to NFC, which its input is in already.
var identifier = precis.NewIdentifier(precis.Norm(norm.NFC))

// normalLocal enforces UsernameCaseMapped (RFC 8265 section 3.3) on a local
// part and refuses the characters of RFC 7622 section 3.3.1.
//
// The steps are composed here because the profile of that name in
// golang.org/x/text applies the Bidi Rule to text without any right-to-left
// character, and lower-cases without the context of a final sigma.
func normalLocal(s string) (string, error) {
	if plainLocal(s) {
		return s, nil
	}
	s = norm.NFC.String(toLower(foldWidth(s), true))
	if plainLocal(s) {
		return s, nil
	}
	if strings.ContainsAny(s, excluded) {
		return "", ErrDisallowed
	}
	if !validBidi(s) {
		return "", ErrBidi
	}
	if !isIdentifier(s) {
		return "", ErrDisallowed
	}
	return s, nil
}

// normalResource enforces OpaqueString (RFC 8265 section 4.2) on a resource
// part. A leading space is refused: RFC 7622 section 3.5 lists
// "juliet@example.com/ foo" among the strings that are not addresses.
func normalResource(s string) (string, error) {
	if plainResource(s) {
		return s, nil
	}
	if s[0] != ' ' && allSimple(inResource, s) && norm.NFKC.IsNormalString(s) {
		return s, nil
	}
	s, err := precis.OpaqueString.String(s)
	if err != nil || s[0] == ' ' {
		return "", ErrDisallowed
	}
	return s, nil
}

// foldWidth maps fullwidth and halfwidth characters to what they decompose to.
func foldWidth(s string) string {
	wide := func(r rune) bool { return r == 0x3000 || r >= 0xFF00 && r <= 0xFFEF }
	if strings.IndexFunc(s, wide) < 0 {
		return s
	}
	return width.Fold.String(s)
}

// isIdentifier reports whether s, in NFC, belongs to the IdentifierClass.
func isIdentifier(s string) bool {
	if allSimple(inLocal, s) && norm.NFKC.IsNormalString(s) {
		return true
	}
	return inClass(identifier, s)
}

// allSimple reports whether s holds nothing but ASCII of a class, and letters
// that both string classes of RFC 8264 permit in any context unless they have
// a compatibility equivalent, so that they are not in NFKC. Most text is so,
// and the question is answered faster than by a lookup in the class.
func allSimple(class uint8, s string) bool {
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if ascii[r]&class == 0 {
				return false
			}
		case r < 0x1100, r >= 0x3041 && r <= 0x9FFF, r >= 0xAC00 && r <= 0xD7A3:
			if !unicode.IsLower(r) && !unicode.Is(unicode.Lo, r) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// inClass reports whether p changes nothing in s and refuses nothing.
func inClass(p *precis.Profile, s string) bool {
	t, err := p.String(s)
	return err == nil && t == s
}

// validBidi applies the Bidi Rule of RFC 5893 section 2 to text that has a
// right-to-left character; other text is outside of it (RFC 8265 section 3.3.1).
func validBidi(s string) bool { return !hasRTL(s) || bidirule.ValidString(s) }

// hasRTL reports whether s holds a character of bidirectional class R, AL or AN.
func hasRTL(s string) bool {
	for i := 0; i < len(s); {
		if s[i] < 0xD6 { // lead bytes of what precedes U+0580: all left-to-right or neutral
			i++
			continue
		}
		p, n := bidi.LookupString(s[i:])
		switch p.Class() {
		case bidi.R, bidi.AL, bidi.AN:
			return true
		}
		i += max(n, 1)
	}
	return false
}

// toLower is the Unicode operation toLowercase in the root locale. With sigma,
// a capital sigma that ends a word becomes a final one (Unicode, table 3-17).
func toLower(s string, sigma bool) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	changed := strings.IndexFunc(s, func(r rune) bool { return unicode.ToLower(r) != r })
	if changed < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteString(s[:changed])
	for i, r := range s[changed:] {
		switch {
		case r == 'İ': // the one letter whose lower case has two characters
			b.WriteString("i\u0307")
		case r == 'Σ' && sigma && finalSigma(s[:changed+i], s[changed+i+len("Σ"):]):
			b.WriteRune('ς')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// finalSigma reports whether a sigma between before and after ends a word: a
// cased character precedes it and none follows, case-ignorable ones skipped.
func finalSigma(before, after string) bool {
	i := strings.LastIndexFunc(before, notIgnorable)
	if i < 0 {
		return false
	}
	if r, _ := utf8.DecodeRuneInString(before[i:]); !cased(r) {
		return false
	}
	i = strings.IndexFunc(after, notIgnorable)
	if i < 0 {
		return true
	}
	r, _ := utf8.DecodeRuneInString(after[i:])
	return !cased(r)
}

// cased is the Unicode property Cased.
func cased(r rune) bool {
	return unicode.In(r, unicode.Lower, unicode.Upper, unicode.Title,
		unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// notIgnorable is the negation of the Unicode property Case_Ignorable. The
// characters listed are those with the Word_Break values MidLetter, MidNumLet
// and Single_Quote.
func notIgnorable(r rune) bool {
	return !unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) &&
		!strings.ContainsRune("':.·\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A", r)
}
