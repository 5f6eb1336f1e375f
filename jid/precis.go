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
	s = norm.NFC.String(toLower(width.Fold.String(s), true))
	if strings.ContainsAny(s, excluded) {
		return "", ErrDisallowed
	}
	if !validBidi(s) {
		return "", ErrBidi
	}
	if !inClass(identifier, s) {
		return "", ErrDisallowed
	}
	return s, nil
}

// normalResource enforces OpaqueString (RFC 8265 section 4.2) on a resource
// part. A leading space is refused: RFC 7622 section 3.5 lists
// "juliet@example.com/ foo" among the strings that are not addresses.
func normalResource(s string) (string, error) {
	s, err := precis.OpaqueString.String(s)
	if err != nil {
		return "", ErrDisallowed
	}
	if s[0] == ' ' {
		return "", ErrDisallowed
	}
	return s, nil
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
		if s[i] < utf8.RuneSelf {
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
