package jid

import (
	"errors"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// seeds are spellings that some implementation of addresses has stumbled on.
var seeds = []string{
	"", "a@b/c", "@", "/", "a@", "@b", "b/", "a@b@c/d@e/f", "A@B.", "b..", "例え。。", "a@b/ c",
	"josé_@b", "é.@b", "1é@b", "_é@b", "日本語-@b", "ΑΣ.@b", "\u0130@b", "Straße@b", "☺@b", "ﬁx@b", "Ⅳ@b", "\u200Da@b",
	"ﬁ\u1E9E@b", "xn--bcher-kva.de", "XN--74H.de", "xn--.de", "xn--a", "ab--c", "-a", "a_b", "[::1]", "[FE80::1%25x]", "[1.2.3.4]", "[",
	"1.2.3.4", "1.2.3.04", "שלום1@b", "1.דוגמה", "דוגמה.1a", "\u13E3\uAB70.b", "\u1100\u1161@b", "a\u0345\u0301@b", "b/\u00A0", "b/❤\uFE0F",
	"\xff@b", "b/\xed\xa0\x80", "ｘｎ－－ｂcher-kva.b", "l·l.b", "a\u3000@b/\u3000", "\u2100@b", "a…b", "\U0001F916@b",
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := Parse(s)
		old, profile, oldErr := ParseLegacy(s)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Input != s || pe.Part.String() == "" || err.Error() == "" {
				t.Fatalf("Parse(%q): %#v", s, err)
			}
		} else {
			if oldErr != nil || old != j || profile != RFC7622 {
				t.Fatalf("Parse(%q) = %q, but ParseLegacy gives %q, %v, %v", s, j, old, profile, oldErr)
			}
			if again, err := Parse(j.String()); err != nil || again != j {
				t.Fatalf("Parse(%q) = %q, and parsed again %q, %v", s, j, again, err)
			}
		}
		if oldErr != nil {
			return
		}
		again, _, err := ParseLegacy(old.String())
		if err != nil || again != old {
			t.Fatalf("ParseLegacy(%q) = %q, and parsed again %q, %v", s, old, again, err)
		}
		checkParts(t, old)
	})
}

// checkParts checks what holds for every JID.
func checkParts(t *testing.T, j JID) {
	if !utf8.ValidString(j.String()) || len(j.Local()) > 1023 || len(j.Domain()) > 1023 || len(j.Resource()) > 1023 {
		t.Fatalf("%q is not UTF-8 or too long", j)
	}
	if again := join(j.Local(), j.Domain(), j.Resource()); again != j {
		t.Fatalf("the parts of %q make %q", j, again)
	}
	a := j.ASCIIDomain()
	if !isASCII(a) || a == "" || !j.IsIPLiteral() && len(a) > maxDomain {
		t.Fatalf("%q has the ASCII domain %q", j, a)
	}
	if h, _, err := ParseLegacy(a); err != nil || h != j.Host() {
		t.Fatalf("%q has the ASCII domain %q, which is %q, %v", j, a, h, err)
	}
	if j.Bare().LegacyKey() == "" {
		t.Fatalf("%q has no legacy key", j)
	}
}

// TestEveryRune checks idempotence for each character alone and between two
// others. Of the large blocks of uniform characters it takes samples.
func TestEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		uniform := r >= 0x3400 && r < 0xA000 || r >= 0xAC00 && r < 0xF900 || r >= 0x20000 && r < 0xE0000 || r >= 0xE0200
		if uniform && r%101 != 0 || !utf8.ValidRune(r) {
			continue
		}
		for _, s := range []string{string(r), "a" + string(r) + "z"} {
			for _, address := range []string{s + "@b", s + ".b", "b/" + s} {
				j, _, err := ParseLegacy(address)
				if err != nil {
					continue
				}
				again, _, err := ParseLegacy(j.String())
				if err != nil || again != j {
					t.Errorf("%+q becomes %+q, and then %+q, %v", address, j, again, err)
				}
			}
		}
	}
}

// TestSimple compares the short cut through allSimple with the string classes.
func TestSimple(t *testing.T) {
	n := 0
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		s := string(r)
		if !allSimple(inLocal, s) {
			continue
		}
		n++
		if got, want := isIdentifier(s), inClass(identifier, s); got != want {
			t.Errorf("%U is in the IdentifierClass: %t, by the short cut %t", r, want, got)
		}
		slow, err := precis.OpaqueString.String(s)
		fast, fastErr := normalResource(s)
		if fast != slow || (err == nil) != (fastErr == nil) {
			t.Errorf("%U as a resource part: %q, %v, by the short cut %q, %v", r, slow, err, fast, fastErr)
		}
	}
	if n < 10000 {
		t.Errorf("only %d simple characters", n)
	}
}
