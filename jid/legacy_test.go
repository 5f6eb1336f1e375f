package jid

import "testing"

func TestLegacyKey(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"straße@example.net", "strasse@example.net", true},
		{"ς@example.net", "σ@example.net", true},
		{"a@faß.example", "a@fass.example", true},
		{"a@b/ﬁ", "a@b/fi", true},
		{"a@b/X", "a@b/x", false},
		{"a@example.net", "b@example.net", false},
		{"a@b", "a@b/c", false},
		{"straße@example.net", "straße@example.org", false},
		{"ᾳ@b", "αι@b", true},
		{"🤖@b", "🤖@b", true},
	}
	for _, tt := range tests {
		a, _, err := ParseLegacy(tt.a)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := ParseLegacy(tt.b)
		if err != nil {
			t.Fatal(err)
		}
		if same := a.LegacyKey() == b.LegacyKey(); same != tt.same {
			t.Errorf("%q and %q have the keys %q and %q", a, b, a.LegacyKey(), b.LegacyKey())
		}
	}
}

// TestLegacyKeyOfRefused checks that a part which stringprep refuses counts as
// it is: the Bidi Rule is more liberal than RFC 3454 here.
func TestLegacyKeyOfRefused(t *testing.T) {
	j := MustParse("שלום1@b")
	if _, err := nodeprep(j.Local()); err == nil {
		t.Fatal("nodeprep takes a right-to-left name that ends in a digit")
	}
	if got := j.LegacyKey(); got != j.String() {
		t.Errorf("key %q of %q", got, j)
	}
}

// TestStringprep checks the three profiles on their own.
func TestStringprep(t *testing.T) {
	tests := []struct {
		name    string
		profile rule
		in, out string
		err     error
	}{
		{"capitals", nodeprep, "JÜRGEN", "jürgen", nil},
		{"capitals stay", resourceprep, "JÜRGEN", "JÜRGEN", nil},
		{"sharp s", nodeprep, "ß", "ss", nil},
		{"mapped to nothing", resourceprep, "a\u00AD\u200B\uFE0F\u1806b", "ab", nil},
		{"compatibility", resourceprep, "①ﬀ", "1ff", nil},
		{"fold needs normalization", nodeprep, "\u2121", "tel", nil},
		{"unassigned stays", nodeprep, "\u1E9E", "\u1E9E", nil},
		{"nothing composes across", nodeprep, "e\U0001F916\u0301", "e\U0001F916\u0301", nil},
		{"space", nodeprep, "a b", "", ErrDisallowed},
		{"ideographic space", nodeprep, "a\u3000b", "", ErrDisallowed},
		{"ideographic space becomes one", resourceprep, "a\u3000b", "a b", nil},
		{"slash made by normalization", nodeprep, "\u2100", "", ErrDisallowed},
		{"control", resourceprep, "\x01", "", ErrDisallowed},
		{"control above ascii", resourceprep, "\u0085", "", ErrDisallowed},
		{"private use", resourceprep, "\uE000", "", ErrDisallowed},
		{"noncharacter", nodeprep, "\uFFFE", "", ErrDisallowed},
		{"replacement character", resourceprep, "\uFFFD", "", ErrDisallowed},
		{"description character", resourceprep, "\u2FF0", "", ErrDisallowed},
		{"direction mark", resourceprep, "\u200E", "", ErrDisallowed},
		{"tag", resourceprep, "\U000E0041", "", ErrDisallowed},
		{"right to left", nodeprep, "\u05D01\u05D1", "\u05D01\u05D1", nil},
		{"right to left, then a digit", nodeprep, "\u05D01", "", ErrBidi},
		{"both directions", nodeprep, "\u05D0a\u05D1", "", ErrBidi},
		{"both directions beyond ascii", nameprep, "\u05D0é\u05D1", "", ErrBidi},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := tt.profile(tt.in)
			if out != tt.out || err != tt.err {
				t.Errorf("%q: got %q, %v; want %q, %v", tt.in, out, err, tt.out, tt.err)
			}
		})
	}
}
