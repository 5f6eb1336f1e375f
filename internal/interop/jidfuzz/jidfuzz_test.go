package jidfuzz

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// seeds are spread over every part and rule.
var seeds = []string{
	"juliet@example.com/balcony", "JULIET@EXAMPLE.COM", "example.com.", "@", "a@b@c", "a/b@c/d", "a@b/",
	"fußball@example.com", "π@example.com", "Σ@example.com", "king@example.com/♚", "henryⅣ@example.com",
	"שלום@example.com", "aא@example.com", "דוגמה.example", "1.דוגמה", "l·l.example", "a·b.example",
	"xn--bcher-kva.example", "xn--74h.example", "xn--.example", "ab--cd.example", "-a.example",
	"192.0.2.1", "192.0.2.01", "[::1]", "[::ffff:192.0.2.1]", "[192.0.2.1]", "::1",
	"\xff@b", "b/\u00A0x", "ｊ@ｅｘ．com", "e\u0301@b", "\u0130.b", "\u1E9E@b", "\u1E9E.b", "\u13E3.b", "ς.b",
}

// TestExamples checks that each listed difference is one.
func TestExamples(t *testing.T) {
	for _, d := range differences {
		if d.example == "" {
			continue
		}
		o := parse(d.example)
		if o.agree() {
			t.Errorf("%s: both agree on %q", d.name, d.example)
			continue
		}
		if got, ok := explain(o); !ok || got.name != d.name {
			t.Errorf("%s: %q falls under %q", d.name, d.example, got.name)
		}
	}
}

// TestEveryRune compares on each character in each part.
func TestEveryRune(t *testing.T) {
	used := map[string]int{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		uniform := r >= 0x3400 && r < 0xA000 || r >= 0xAC00 && r < 0xF900 || r >= 0x20000 && r < 0xE0000 || r >= 0xE0200
		if uniform && r%101 != 0 || !utf8.ValidRune(r) {
			continue
		}
		for _, in := range []string{"a" + string(r) + "@b", "a" + string(r) + "b.example", "b/x" + string(r)} {
			if name := compare(t, in); name != "" {
				used[name]++
			}
		}
	}
	for name, n := range used {
		t.Logf("%6d %s", n, name)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	for _, d := range differences {
		f.Add(d.example)
	}
	f.Fuzz(func(t *testing.T, in string) { compare(t, in) })
}

// compare fails the test when the two disagree on in without an explanation,
// and returns the name of the difference otherwise.
func compare(t *testing.T, in string) string {
	t.Helper()
	o := parse(in)
	if o.agree() {
		return ""
	}
	d, ok := explain(o)
	if !ok {
		t.Errorf("%+q: ours %+q, %v; theirs %+q, %v", in, o.ours, o.ourErr, o.theirs, o.theirErr)
	}
	return d.name
}
