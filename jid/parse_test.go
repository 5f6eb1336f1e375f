package jid

import (
	"errors"
	"strings"
	"testing"
)

// TestParse holds good addresses and their normal forms.
func TestParse(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	tests := []struct{ name, in, local, domain, resource string }{
		// RFC 7622 section 3.5, table 1
		{"example 1", "juliet@example.com", "juliet", "example.com", ""},
		{"example 2", "juliet@example.com/foo", "juliet", "example.com", "foo"},
		{"example 3", "juliet@example.com/foo bar", "juliet", "example.com", "foo bar"},
		{"example 4", "juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"},
		{"example 5", `foo\20bar@example.com`, `foo\20bar`, "example.com", ""},
		{"example 6", "fussball@example.com", "fussball", "example.com", ""},
		{"example 7", "fu\u00DFball@example.com", "fu\u00DFball", "example.com", ""},
		{"example 8", "\u03C0@example.com", "\u03C0", "example.com", ""},
		{"example 9", "\u03A3@example.com/foo", "\u03C3", "example.com", "foo"},
		{"example 10", "\u03C3@example.com/foo", "\u03C3", "example.com", "foo"},
		{"example 11", "\u03C2@example.com/foo", "\u03C2", "example.com", "foo"},
		{"example 12", "king@example.com/\u265A", "king", "example.com", "\u265A"},
		{"example 13", "example.com", "", "example.com", ""},
		{"example 14", "example.com/foobar", "", "example.com", "foobar"},
		{"example 15", "a.example.com/b@example.net", "", "a.example.com", "b@example.net"},

		{"capitals", "JuLiet@Example.COM/Balcony", "juliet", "example.com", "Balcony"},
		{"width", "ｊｕｌｉｅｔ@ｅｘａｍｐｌｅ．com", "juliet", "example.com", ""},
		{"composition", "e\u0301@example.com/e\u0301", "\u00E9", "example.com", "\u00E9"},
		{"space of another kind", "a@b/x\u00A0y\u3000z", "a", "b", "x y z"},
		{"ends in a space", "a@b/x ", "a", "b", "x "},
		{"slash in resource", "a@b/c/d", "a", "b", "c/d"},
		{"long local part", strings.Repeat("x", 1023) + "@b", strings.Repeat("x", 1023), "b", ""},
		{"long resource part", "b/" + strings.Repeat("x", 1023), "", "b", strings.Repeat("x", 1023)},
		{"dotted capital i", "\u0130@b", "i\u0307", "b", ""},

		// no right-to-left character: outside of the Bidi Rule
		{"ends neutral", "josé_@b", "josé_", "b", ""},
		{"ends in a dot", "é.@b", "é.", "b", ""},
		{"starts with a digit", "1é@b", "1é", "b", ""},
		{"starts neutral", "_é@b", "_é", "b", ""},
		{"ends in a hyphen", "日本語-@b", "日本語-", "b", ""},
		{"hebrew", "שלום1@b", "שלום1", "b", ""},

		// final sigma
		{"final sigma", "ΟΔΥΣΣΕΥΣ@b", "οδυσσευς", "b", ""},
		{"final sigma before a neutral", "ΟΔΥΣΣΕΥΣ_1@b", "οδυσσευς_1", "b", ""},
		{"sigma before an ignorable", "ΑΣ.Β@b", "ασ.β", "b", ""},
		{"sigma after an ignorable", "Α.Σ@b", "α.ς", "b", ""},
		{"sigma alone after a neutral", "_Σ@b", "_σ", "b", ""},
		{"no final sigma in a domain", "ΑΣ.gr", "", "ασ.gr", ""},

		// domains
		{"u-label", "Bücher.example", "", "bücher.example", ""},
		{"a-label", "xn--bcher-kva.example", "", "bücher.example", ""},
		{"a-label in capitals", "XN--BCHER-KVA.example", "", "bücher.example", ""},
		{"sharp s is a letter", "xn--strae-oqa.de", "", "straße.de", ""},
		{"final dot", "example.com.", "", "example.com", ""},
		{"final ideographic stop", "例え。テスト。", "", "例え.テスト", ""},
		{"underscore", "exa_mple.net", "", "exa_mple.net", ""},
		{"underscore beside a u-label", "_bücher.example", "", "_bücher.example", ""},
		{"label of 63", label63 + ".example", "", label63 + ".example", ""},
		{"name of 253", strings.Repeat(label63+".", 3) + strings.Repeat("b", 61), "", strings.Repeat(label63+".", 3) + strings.Repeat("b", 61), ""},
		{"right to left", "דוגמה.example", "", "דוגמה.example", ""},
		{"middle dot in context", "l·l.example", "", "l·l.example", ""},
		{"cherokee", "\u13E3\u13B3\u13A9.example", "", "\u13E3\u13B3\u13A9.example", ""},
		{"one label", "localhost", "", "localhost", ""},
		{"ipv4", "192.0.2.1", "", "192.0.2.1", ""},
		{"ipv6", "a@[2001:DB8:0:0:0:0:0:1]/r", "a", "[2001:db8::1]", "r"},
		{"ipv6 with a zone", "[fe80::0001%25eth0]", "", "[fe80::1%25eth0]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource {
				t.Errorf("Parse(%q) = %q, %q, %q; want %q, %q, %q", tt.in,
					j.Local(), j.Domain(), j.Resource(), tt.local, tt.domain, tt.resource)
			}
			again, err := Parse(j.String())
			if err != nil || again != j {
				t.Errorf("Parse(%q) = %q, %v; want the same again", j, again, err)
			}
			if built, err := New(tt.local, tt.domain, tt.resource); err != nil || built != j {
				t.Errorf("New(%q, %q, %q) = %q, %v; want %q", tt.local, tt.domain, tt.resource, built, err, j)
			}
			old, profile, err := ParseLegacy(tt.in)
			if err != nil || old != j || profile != RFC7622 {
				t.Errorf("ParseLegacy(%q) = %q, %v, %v; want %q, %v", tt.in, old, profile, err, j, RFC7622)
			}
		})
	}
}

// TestParseRefuses holds what RFC 7622 does not take for an address. Where
// legacy is not empty, it is what ParseLegacy makes of it.
func TestParseRefuses(t *testing.T) {
	label64 := strings.Repeat("a", 64)
	tests := []struct {
		name, in string
		part     Part
		err      error
		legacy   string
	}{
		// RFC 7622 section 3.5, table 2
		{"example 16", `"juliet"@example.com`, LocalPart, ErrDisallowed, ""},
		{"example 17", "foo bar@example.com", LocalPart, ErrDisallowed, ""},
		{"example 18", "juliet@example.com/ foo", ResourcePart, ErrDisallowed, "juliet@example.com/ foo"},
		{"example 19", "@example.com/", ResourcePart, ErrEmpty, ""},
		{"example 20", "henry\u2163@example.com", LocalPart, ErrDisallowed, "henryiv@example.com"},
		{"example 21", "\u265A@example.com", LocalPart, ErrDisallowed, "\u265A@example.com"},
		{"example 22", "juliet@", DomainPart, ErrEmpty, ""},
		{"example 23", "/foobar", DomainPart, ErrEmpty, ""},

		{"nothing", "", DomainPart, ErrEmpty, ""},
		{"empty local part", "@example.com", LocalPart, ErrEmpty, ""},
		{"empty resource part", "a@b/", ResourcePart, ErrEmpty, ""},
		{"second at sign", "a@b@c", DomainPart, ErrDisallowed, ""},
		{"wide at sign in local part", "a＠b@c", LocalPart, ErrDisallowed, ""},
		{"account of", "\u2100@c", LocalPart, ErrDisallowed, ""},
		{"long local part", strings.Repeat("x", 1024) + "@b", LocalPart, ErrTooLong, ""},
		{"long resource part", "b/" + strings.Repeat("x", 1024), ResourcePart, ErrTooLong, ""},
		{"local part long when normal", strings.Repeat("é", 512) + "@b", LocalPart, ErrTooLong, ""},
		{"far too long", strings.Repeat("é", 9000) + "@b", LocalPart, ErrTooLong, ""},
		{"not utf-8 in local part", "\xff@b", LocalPart, ErrEncoding, ""},
		{"not utf-8 in domain part", "a@b\xc3", DomainPart, ErrEncoding, ""},
		{"not utf-8 in resource part", "a@b/\xed\xa0\x80", ResourcePart, ErrEncoding, ""},
		{"control in resource part", "a@b/x\ny", ResourcePart, ErrDisallowed, ""},
		{"delete in resource part", "a@b/\x7f", ResourcePart, ErrDisallowed, ""},
		{"control in local part", "a\x00b@b", LocalPart, ErrDisallowed, ""},
		{"hebrew after latin", "aא@b", LocalPart, ErrBidi, ""},
		{"right-to-left domain with a digit first", "1.דוגמה", DomainPart, ErrBidi, "1.דוגמה"},
		{"middle dot out of context", "a·b.example", DomainPart, ErrDisallowed, "a·b.example"},

		// valid for servers on stringprep
		{"smiley", "☺@b", LocalPart, ErrDisallowed, "☺@b"},
		{"ligature", "ﬁx@b", LocalPart, ErrDisallowed, "fix@b"},
		{"roman numeral", "Ⅳ@b", LocalPart, ErrDisallowed, "iv@b"},
		{"title case digraph", "\u01C5@b", LocalPart, ErrDisallowed, "\u0064\u017E@b"},
		{"joiner first", "\u200Da@b", LocalPart, ErrDisallowed, "a@b"},
		{"todo soft hyphen", "a\u1806b@b", LocalPart, ErrDisallowed, "ab@b"},
		{"nothing is left", "\u200D@b", LocalPart, ErrDisallowed, ""},
		{"robot, unassigned in Unicode 3.2", "🤖@b/🤖", LocalPart, ErrDisallowed, "🤖@b/🤖"},
		{"variation selector", "a@b/❤\uFE0F", ResourcePart, ErrDisallowed, "a@b/❤"},
		{"ligature beside a capital sharp s", "ﬁ\u1E9E@b", LocalPart, ErrDisallowed, "fiß@b"},
		{"emoji domain", "☺.example", DomainPart, ErrDisallowed, "☺.example"},
		{"emoji a-label", "xn--74h.example", DomainPart, ErrDisallowed, "☺.example"},
		{"ligature domain", "ﬁx.example", DomainPart, ErrDisallowed, "fix.example"},
		{"armenian ligature", "\u0587.example", DomainPart, ErrDisallowed, "\u0565\u0582.example"},
		{"soft hyphen in a domain", "ex\u00ADample.com", DomainPart, ErrDisallowed, "example.com"},
		{"a-label of a capital letter", "xn--bcher-2pa.example", DomainPart, ErrDisallowed, "xn--bcher-2pa.example"},
		{"combining mark for symbols", "a\u20D0.example", DomainPart, ErrDisallowed, "a\u20D0.example"},

		// malformed domains
		{"empty label", "a..b", DomainPart, ErrEmpty, ""},
		{"leading dot", ".example", DomainPart, ErrEmpty, ""},
		{"dot", ".", DomainPart, ErrEmpty, ""},
		{"two final dots", "example.com..", DomainPart, ErrEmpty, ""},
		{"two ideographic stops", "example.com。。", DomainPart, ErrEmpty, ""},
		{"label of 64", label64 + ".example", DomainPart, ErrDomainLength, ""},
		{"u-label too long as an a-label", strings.Repeat("é", 60) + ".example", DomainPart, ErrDomainLength, ""},
		{"name of 254", strings.Repeat(label64[1:]+".", 3) + label64[2:], DomainPart, ErrDomainLength, ""},
		{"hyphen first", "-a.example", DomainPart, ErrLabel, ""},
		{"hyphen last", "a-.example", DomainPart, ErrLabel, ""},
		{"hyphens third and fourth", "ab--cd.example", DomainPart, ErrLabel, "ab--cd.example"},
		{"a-label that decodes to ascii", "xn--abc-.example", DomainPart, ErrLabel, ""},
		{"a-label that does not decode", "xn--99999999.example", DomainPart, ErrLabel, "xn--99999999.example"},
		{"space", "exa mple.com", DomainPart, ErrDisallowed, ""},
		{"colon", "example.com:5269", DomainPart, ErrDisallowed, ""},
		{"apostrophe in a u-label", "bü'cher.example", DomainPart, ErrDisallowed, ""},
		{"ellipsis", "a…b", DomainPart, ErrDisallowed, ""},
		{"bare ipv6", "::1", DomainPart, ErrDisallowed, ""},
		{"open bracket", "[::1", DomainPart, ErrIPLiteral, ""},
		{"ipv4 in brackets", "[192.0.2.1]", DomainPart, ErrIPLiteral, ""},
		{"empty brackets", "[]", DomainPart, ErrIPLiteral, ""},
		{"unescaped zone", "[fe80::1%eth0]", DomainPart, ErrIPLiteral, ""},
		{"empty zone", "[fe80::1%25]", DomainPart, ErrIPLiteral, ""},
		{"text behind brackets", "[::1]x", DomainPart, ErrIPLiteral, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j, err := Parse(tt.in)
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Part != tt.part || !errors.Is(err, tt.err) {
				t.Errorf("Parse(%q) = %q, %v; want %v in the %v", tt.in, j, err, tt.err, tt.part)
			} else if pe.Input != tt.in || !j.IsZero() {
				t.Errorf("Parse(%q) = %q with input %q", tt.in, j, pe.Input)
			}
			j, profile, err := ParseLegacy(tt.in)
			switch {
			case tt.legacy == "":
				if !errors.Is(err, tt.err) {
					t.Errorf("ParseLegacy(%q) = %q, %v; want %v", tt.in, j, err, tt.err)
				}
			case err != nil || j.String() != tt.legacy:
				t.Errorf("ParseLegacy(%q) = %q, %v; want %q", tt.in, j, err, tt.legacy)
			case profile != RFC6122:
				t.Errorf("ParseLegacy(%q): profile %v, want %v", tt.in, profile, RFC6122)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	_, err := Parse("a\x00" + strings.Repeat("b", 500) + "@c")
	want := `jid: local part of "a\x00` + strings.Repeat("b", 126) + `"...: disallowed character`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if got := ErrEmpty.Error(); got != "jid: empty part" {
		t.Errorf("ErrEmpty is %q", got)
	}
}
