package jid

import (
	"strings"
	"testing"
)

func TestEscapeLocal(t *testing.T) {
	tests := []struct{ text, escaped string }{
		// XEP-0106 section 5.1
		{"space cadet", `space\20cadet`},
		{`call me "ishmael"`, `call\20me\20\22ishmael\22`},
		{"at&t guy", `at\26t\20guy`},
		{"d'artagnan", `d\27artagnan`},
		{"/.fanboy", `\2f.fanboy`},
		{"::foo::", `\3a\3afoo\3a\3a`},
		{"<foo>", `\3cfoo\3e`},
		{"user@host", `user\40host`},
		{`c:\net`, `c\3a\net`},
		{`c:\\net`, `c\3a\\net`},
		{`c:\cool stuff`, `c\3a\cool\20stuff`},
		{`c:\5commas`, `c\3a\5c5commas`},
		// sections 4.2 and 4.3
		{`\3and\2is\5cool`, `\5c3and\2is\5c5cool`},
		{`\2plus\2is\4`, `\2plus\2is\4`},
		{`foo\bar`, `foo\bar`},
		{`foob\41r`, `foob\41r`},

		{"", ""},
		{"plain", "plain"},
		{`\`, `\`},
		{`\\`, `\\`},
		{`\4`, `\4`},
		{`\40`, `\5c40`},
		{`\\40`, `\\5c40`},
		{`\2F`, `\2F`},
		{`\20x\20`, `\5c20x\5c20`},
		{`\5c40`, `\5c5c40`},
		{`\ 20`, `\\2020`},
		{"é ☺", `é\20☺`},
		{"\xff @", "\xff\\20\\40"},
	}
	for _, tt := range tests {
		if got := EscapeLocal(tt.text); got != tt.escaped {
			t.Errorf("EscapeLocal(%q) = %q, want %q", tt.text, got, tt.escaped)
		}
		if got := UnescapeLocal(tt.escaped); got != tt.text {
			t.Errorf("UnescapeLocal(%q) = %q, want %q", tt.escaped, got, tt.text)
		}
	}
}

// TestEscapeSpaces holds what does not come back: no escaped local part begins
// or ends with \20, and such sequences at the ends are no escapes.
func TestEscapeSpaces(t *testing.T) {
	for in, want := range map[string]string{" a ": "a", "   ": "", "  a b": `a\20b`} {
		if got := EscapeLocal(in); got != want {
			t.Errorf("EscapeLocal(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`\20a\20b\20`: `\20a b\20`, `\20`: `\20`, `\20\20`: `\20\20`, `\2`: `\2`, `a\`: `a\`, `a\4`: `a\4`,
		`call\20me\20`: `call me\20`, `a\2F\3A`: `a\2F\3A`,
	} {
		if got := UnescapeLocal(in); got != want {
			t.Errorf("UnescapeLocal(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscapeLocal(f *testing.F) {
	for _, s := range []string{"", " a b ", `\40\20`, `c:\5commas`, `\\5c20`, "\xff\\", `call\20me\20`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := EscapeLocal(s)
		if strings.ContainsAny(e, excluded+" ") {
			t.Errorf("EscapeLocal(%q) = %q holds a character to be escaped", s, e)
		}
		if strings.HasPrefix(e, `\20`) || strings.HasSuffix(e, `\20`) {
			t.Errorf("EscapeLocal(%q) = %q begins or ends with a space", s, e)
		}
		if got, want := UnescapeLocal(e), strings.Trim(s, " "); got != want {
			t.Errorf("%q escaped is %q, unescaped %q", s, e, got)
		}
		UnescapeLocal(s)
	})
}
