package posh

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

func b64(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

func TestParse(t *testing.T) {
	der := []byte("a certificate")
	s256, s384, s512 := sha256.Sum256(der), sha512.Sum384(der), sha512.Sum512(der)
	good := b64(s256[:])
	one := func(members string) string { return `{"fingerprints":[{` + members + `}],"expires":60}` }

	for _, c := range []struct {
		name, text string
		ok, is     bool
	}{
		{"SHA-256", one(`"sha-256":"` + good + `"`), true, true},
		{"SHA-384", one(`"sha-384":"` + b64(s384[:]) + `"`), true, true},
		{"SHA-512", one(`"sha-512":"` + b64(s512[:]) + `"`), true, true},
		{"both", one(`"sha-256":"` + good + `","sha-512":"` + b64(s512[:]) + `"`), true, true},
		{"both, one of them wrong", one(`"sha-256":"` + good + `","sha-512":"` + b64(s512[1:]) + `"`), true, false},
		{"without padding", one(`"sha-256":"` + strings.TrimRight(good, "=") + `"`), true, true},
		{"padding bits", one(`"sha-256":"` + good[:42] + `9="`), true, false},
		{"capitals", one(`"SHA-256":"` + good + `"`), true, true},
		{"twice", one(`"SHA-256":"` + good + `","sha-256":"` + good + `"`), true, false},
		{"no base64", one(`"sha-256":"!"`), true, false},
		{"empty", one(`"sha-256":""`), true, false},
		{"beside what is not understood", one(`"sha-256":"` + good + `","sha3-256":"?"`), true, true},
		{"not understood", one(`"sha-1":"` + good + `"`), false, false},
		{"the second", `{"fingerprints":[{"sha-256":""},{"md5":""},{"sha-256":"` + good + `"}],"expires":1,"more":{}}`, true, true},
		{"none", `{"fingerprints":[],"expires":60}`, false, false},
		{"neither", `{"expires":60}`, false, false},
		{"no end", `{"fingerprints":[{"sha-256":"` + good + `"}]}`, false, false},
		{"over", `{"fingerprints":[{"sha-256":"` + good + `"}],"expires":0}`, false, false},
		{"negative", `{"fingerprints":[{"sha-256":"` + good + `"}],"expires":-1}`, false, false},
		{"fraction", `{"fingerprints":[{"sha-256":"` + good + `"}],"expires":1.5}`, false, false},
		{"a word", `{"fingerprints":[{"sha-256":"` + good + `"}],"expires":"60"}`, false, false},
		{"both kinds", `{"fingerprints":[{"sha-256":"` + good + `"}],"url":"https://a.example/","expires":60}`, false, false},
		{"rest", one(`"sha-256":"`+good+`"`) + " {}", false, false},
		{"no object", `[]`, false, false},
		{"nothing", ``, false, false},
		{"too many", `{"fingerprints":[` + strings.Repeat(`{},`, maxFingerprints) + `{"sha-256":"` + good + `"}],"expires":60}`, false, false},
	} {
		d, err := Parse([]byte(c.text))
		is := false
		for _, f := range d.Fingerprints {
			is = is || f.Is(der)
		}
		if (err == nil) != c.ok || is != c.is || d.URL != "" {
			t.Errorf("%s: matches: %t, %+v, %v", c.name, is, d, err)
		}
	}
}

func TestParseReference(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://hosting.example/.well-known/posh/spice.json": true,
		"https://hosting.example:8443/x?y":                    true,
		"http://hosting.example/":                             false,
		"//hosting.example/":                                  false,
		"https:///x":                                          false,
		"https://user@hosting.example/":                       false,
		"file:///etc/passwd":                                  false,
		"":                                                    false,
	} {
		d, err := Parse(fmt.Appendf(nil, `{"url":%q,"expires":86400}`, url))
		if (err == nil) != ok || ok && (d.URL != url || d.Expires != 24*time.Hour || d.Fingerprints != nil) {
			t.Errorf("%s: %+v, %v", url, d, err)
		}
	}
}

// The examples of RFC 7711 sections 3.1 and 3.2; in one of them a sign is
// missing at the end of a digest.
func TestParseExamples(t *testing.T) {
	for text, n := range map[string]int{
		`{"fingerprints": [{
		   "sha-256": "4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ=",
		   "sha-512": "25N+1hB2Vo42l9lSGqw+n3BKFhDHsyork8ou+D9B43TXeJ1J81mdQEDqm39oR/EHkPBDDG1y5+AG94Kec0xVqA=="
		 }], "expires": 604800}`: 1,
		`{"fingerprints": [
		 {"sha-256": "4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ"},
		 {"sha-256": "otyLADSKjRDjVpj8X7/hmCAD5C7Qe+PedcmYV7cUncE="}
		 ], "expires": 806400}`: 2,
	} {
		d, err := Parse([]byte(text))
		if err != nil || len(d.Fingerprints) != n {
			t.Fatalf("%+v, %v", d, err)
		}
		for _, f := range d.Fingerprints {
			if len(f["sha-256"]) != sha256.Size {
				t.Errorf("%x", f)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"fingerprints":[{"sha-256":"4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ="}],"expires":604800}`,
		`{"fingerprints":[{"sha-1":""},{"sha-512":"","SHA-512":"AAAA"}],"expires":1e3}`,
		`{"url":"https://hosting.example/","expires":86400}`,
		`{"url":"https://a@b/","expires":-0}`,
		`{"fingerprints":null,"url":null,"expires":1e300}`,
		`[`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			if d.URL != "" || d.Fingerprints != nil {
				t.Errorf("%q: %+v with %v", text, d, err)
			}
			return
		}
		if d.Expires <= 0 || (d.URL == "") == (len(d.Fingerprints) == 0) || d.URL != "" && !strings.HasPrefix(strings.ToLower(d.URL), "https:") {
			t.Errorf("%q: %+v", text, d)
		}
		for _, f := range d.Fingerprints {
			if len(f) == 0 || f.Is([]byte("what nobody lists")) {
				t.Errorf("%q: %x", text, f)
			}
		}
	})
}
