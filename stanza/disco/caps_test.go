package disco

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"isthmus.im/stanza"
)

// load reads a query element from testdata.
func load(t *testing.T, name string) Info {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stanza.Marshal(stanza.Raw(b))
	if err != nil {
		t.Fatal(err)
	}
	i, err := readInfo(raw)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestVerVectors(t *testing.T) {
	simple := Info{
		Identities: []Identity{{Category: "client", Type: "pc", Name: "Exodus 0.9.1"}},
		Features: []string{
			"http://jabber.org/protocol/muc", "http://jabber.org/protocol/disco#items",
			"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
		},
	}
	for _, tt := range []struct {
		name, want string
		info       Info
	}{
		{"XEP-0115 section 5.2", "QgayPKawpkPSDYmwT/WM94uAlu0=", simple},
		{"XEP-0115 section 5.3", "q07IKJEyjvHSyhy//CH0CxmKi8w=", load(t, "xep0115-5.3.xml")},
	} {
		if got, err := tt.info.Ver(); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v", tt.name, got, err)
		}
	}
}

func TestHashVectors(t *testing.T) {
	for _, tt := range []struct{ file, algo, want string }{
		{"xep0390-4.5.1.xml", "sha-256", "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8="},
		{"xep0390-4.5.1.xml", "sha3-256", "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="},
		{"xep0390-4.5.2.xml", "sha-256", "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY="},
		{"xep0390-4.5.2.xml", "sha3-256", "XpUJzLAc93258sMECZ3FJpebkzuyNXDzRNwQog8eycg="},
	} {
		if got, err := load(t, tt.file).Hash(tt.algo); err != nil || got != tt.want {
			t.Errorf("%s, %s: %s, %v", tt.file, tt.algo, got, err)
		}
	}
	for algo, size := range map[string]int{"sha-512": 88, "sha3-512": 88} {
		if got, err := (Info{}).Hash(algo); err != nil || len(got) != size {
			t.Errorf("%s: %s, %v", algo, got, err)
		}
	}
	if _, err := (Info{}).Hash("md5"); err == nil || errors.Is(err, ErrIllFormed) {
		t.Errorf("md5: %v", err)
	}
}

func TestHashCountsTheLanguageAround(t *testing.T) {
	around := Info{Lang: "en", Identities: []Identity{{Category: "client", Type: "pc", Name: "x"}}}
	own := Info{Identities: []Identity{{Category: "client", Type: "pc", Name: "x", Lang: "en"}}}
	a, _ := around.Hash("sha-256")
	b, _ := own.Hash("sha-256")
	if a != b {
		t.Error("the language around an identity is not counted")
	}
}

func TestVerSeparator(t *testing.T) {
	a := Info{Identities: []Identity{{Category: "client", Type: "pc", Name: "x<urn:a"}}}
	b := Info{Identities: []Identity{{Category: "client", Type: "pc", Name: "x"}}, Features: []string{"urn:a"}}
	va, _ := a.Ver()
	vb, _ := b.Ver()
	if va == vb {
		t.Error("a name can pretend to be a feature")
	}
}

const hidden = `<field var="FORM_TYPE" type="hidden"><value>urn:f</value></field>`

func TestIllFormed(t *testing.T) {
	form := func(s string) stanza.Raw { return stanza.Raw(`<x xmlns="jabber:x:data" type="result">` + s + `</x>`) }
	id := Identity{Category: "client", Type: "pc"}
	named := Identity{Category: "client", Type: "pc", Name: "x"}
	for _, tt := range []struct {
		name      string
		info      Info
		ver, hash bool // is fine
	}{
		{"empty", Info{}, true, true},
		{"identity twice", Info{Identities: []Identity{id, id}}, false, true},
		{"identity with and without name", Info{Identities: []Identity{id, named}}, true, true},
		{"feature twice", Info{Features: []string{"a", "b", "a"}}, false, true},
		{"form", Info{Forms: []stanza.Raw{form(hidden)}}, true, true},
		{"form twice", Info{Forms: []stanza.Raw{form(hidden), form(hidden)}}, false, true},
		{"form without type", Info{Forms: []stanza.Raw{form("")}}, true, false},
		{"type not hidden", Info{Forms: []stanza.Raw{form(`<field var="FORM_TYPE"><value>a</value></field>`)}}, true, false},
		{"two types", Info{Forms: []stanza.Raw{form(`<field var="FORM_TYPE" type="hidden"><value>a</value><value>b</value></field>`)}}, false, false},
		{"two type fields", Info{Forms: []stanza.Raw{form(hidden + hidden)}}, false, false},
		{"one type said twice", Info{Forms: []stanza.Raw{form(`<field var="FORM_TYPE" type="hidden"><value>a</value><value>a</value></field>`)}}, true, true},
		{"reported", Info{Forms: []stanza.Raw{form(hidden + `<reported/>`)}}, true, false},
		{"item", Info{Forms: []stanza.Raw{form(hidden + `<item/>`)}}, true, false},
		{"no form", Info{Forms: []stanza.Raw{stanza.Raw(`<y/>`)}}, false, false},
	} {
		if _, err := tt.info.Ver(); (err == nil) != tt.ver || err != nil && !errors.Is(err, ErrIllFormed) {
			t.Errorf("%s: Ver: %v", tt.name, err)
		}
		if _, err := tt.info.Hash("sha-256"); (err == nil) != tt.hash || err != nil && !errors.Is(err, ErrIllFormed) {
			t.Errorf("%s: Hash: %v", tt.name, err)
		}
	}
}

// The order in which a peer lists things must not matter.
func TestOrder(t *testing.T) {
	a := load(t, "xep0390-4.5.2.xml")
	ver, err := a.Ver()
	if err != nil {
		t.Fatal(err)
	}
	a.Features[0], a.Features[7] = a.Features[7], a.Features[0]
	a.Identities[0], a.Identities[1] = a.Identities[1], a.Identities[0]
	if got, _ := a.Ver(); got != ver {
		t.Errorf("Ver depends on the order: %s, %s", got, ver)
	}
	if got, _ := a.Hash("sha-256"); got != "u79ZroNJbdSWhdSp311mddz44oHHPsEBntQ5b1jqBSY=" {
		t.Errorf("Hash depends on the order: %s", got)
	}
}
