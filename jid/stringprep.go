package jid

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:generate sh -c "cd ../internal/interop/genprep && go run . -o ../../../jid/stringprep_tables.go"

// nodeprep is the profile of RFC 6122 appendix A, for local parts.
func nodeprep(s string) (string, error) {
	s, err := prepare(s, true)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(s, excluded+" ") || hasControl(s) {
		return "", ErrDisallowed
	}
	return s, nil
}

// resourceprep is the profile of RFC 6122 appendix B, for resource parts.
func resourceprep(s string) (string, error) {
	s, err := prepare(s, false)
	if err != nil {
		return "", err
	}
	if hasControl(s) {
		return "", ErrDisallowed
	}
	return s, nil
}

// nameprep is the profile of RFC 3491, for labels of domains. It lets all of
// ASCII pass; checkLabel is to follow.
func nameprep(s string) (string, error) { return prepare(s, true) }

// prepare performs the steps of RFC 3454 that the three profiles share:
// mapping by table B.1 and, with fold, B.2, normalization form KC, the
// prohibited characters outside of ASCII, and bidirectional text.
func prepare(s string, fold bool) (string, error) {
	s = nfkc32(mapB(s, fold))
	var randAL, lCat bool
	for _, r := range s {
		if r < utf8.RuneSelf {
			lCat = lCat || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
			continue
		}
		if unicode.Is(prepProhibited, r) {
			return "", ErrDisallowed
		}
		randAL = randAL || unicode.Is(prepRandAL, r)
		lCat = lCat || unicode.Is(prepLCat, r)
	}
	if randAL {
		first, _ := utf8.DecodeRuneInString(s)
		last, _ := utf8.DecodeLastRuneInString(s)
		if lCat || !unicode.Is(prepRandAL, first) || !unicode.Is(prepRandAL, last) {
			return "", ErrBidi
		}
	}
	return s, nil
}

// mapB applies the tables B.1 and, with fold, B.2.
func mapB(s string, fold bool) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			if fold && 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			b.WriteByte(byte(r))
		case unicode.Is(prepNothing, r):
		default:
			if fold {
				if to, ok := foldB2(r); ok {
					b.WriteString(to)
					continue
				}
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// foldB2 looks r up in table B.2.
func foldB2(r rune) (to string, ok bool) {
	i, ok := slices.BinarySearchFunc(prepFold[:], r, func(e foldEntry, r rune) int { return int(e.from - r) })
	if !ok {
		return "", false
	}
	return prepFold[i].to, true
}

// nfkc32 normalizes to form KC as Unicode 3.2 has it: characters assigned
// later stay as they are and nothing composes across them. Five compatibility
// ideographs (U+2F868, U+2F874, U+2F91F, U+2F95F, U+2F9BF) follow Unicode's
// Corrigendum 4, which is younger than the RFC.
func nfkc32(s string) string {
	later := func(r rune) bool { return r >= utf8.RuneSelf && unicode.Is(prepUnassigned, r) }
	if strings.IndexFunc(s, later) < 0 {
		return norm.NFKC.String(s)
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexFunc(s, later)
		if i < 0 {
			b.WriteString(norm.NFKC.String(s))
			break
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		b.WriteString(norm.NFKC.String(s[:i]))
		b.WriteString(s[i : i+n])
		s = s[i+n:]
	}
	return b.String()
}

// hasControl reports whether s holds a control character of table C.2.1.
func hasControl(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F }) >= 0
}
