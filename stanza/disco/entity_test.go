package disco

import (
	"errors"
	"strings"
	"testing"

	"isthmus.im/stanza"
)

const (
	one = `<c xmlns="http://jabber.org/protocol/caps" hash="sha-1" node="urn:client" ver="QgayPKawpkPSDYmwT/WM94uAlu0="/>`
	two = `<c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2" algo="sha3-256">YQ==</hash>` +
		`<hash xmlns="urn:xmpp:hashes:2" algo="sha-256"> Yg== </hash></c>`
)

func TestReadCaps(t *testing.T) {
	for _, tt := range []struct {
		name, children string
		want           Caps
	}{
		{"none", `<show>away</show>`, Caps{}},
		{"XEP-0115", one, Caps{"urn:client#QgayPKawpkPSDYmwT/WM94uAlu0=", "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", 1}},
		{"XEP-0390", two, Caps{"urn:xmpp:caps#sha-256.Yg==", "sha-256", "Yg==", 2}},
		{"both", one + two, Caps{"urn:xmpp:caps#sha-256.Yg==", "sha-256", "Yg==", 2}},
		{"unknown functions", one + `<c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2" algo="md5">YQ==</hash></c>`,
			Caps{"urn:client#QgayPKawpkPSDYmwT/WM94uAlu0=", "sha-1", "QgayPKawpkPSDYmwT/WM94uAlu0=", 1}},
		{"empty hash", `<c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2" algo="sha-256"/></c>`, Caps{}},
		{"legacy", `<c xmlns="http://jabber.org/protocol/caps" node="urn:client" ver="1.0" ext="a b"/>`, Caps{}},
		{"other function", `<c xmlns="http://jabber.org/protocol/caps" node="n" hash="md5" ver="YQ=="/>`, Caps{"n#YQ==", "md5", "YQ==", 1}},
		{"too many hashes", `<c xmlns="urn:xmpp:caps">` + strings.Repeat(`<hash xmlns="urn:xmpp:hashes:2" algo="x">YQ==</hash>`, maxHashes) +
			`<hash xmlns="urn:xmpp:hashes:2" algo="sha-256">Yg==</hash></c>`, Caps{}},
	} {
		p := stanza.MustParse(`<presence from="romeo@montague.example/orchard">` + tt.children + `</presence>`)
		got, ok := ReadCaps(p)
		if got != tt.want || ok != (tt.want != Caps{}) {
			t.Errorf("%s: %+v, %t", tt.name, got, ok)
		}
	}
}

// What is announced is read, and fits the answer.
func TestAppendCaps(t *testing.T) {
	for _, file := range []string{"xep0115-5.3.xml", "xep0390-4.5.1.xml", "xep0390-4.5.2.xml"} {
		info := load(t, file)
		p := stanza.MustParse(`<presence from="romeo@montague.example/orchard"><show>away</show></presence>`)
		if err := info.AppendCaps(p, "https://client.example/"); err != nil {
			t.Fatal(err)
		}
		p = stanza.MustParse(p.String())
		caps, ok := ReadCaps(p)
		if !ok || caps.Version != 2 {
			t.Fatalf("%s: read %+v of %s", file, caps, p)
		}
		if _, shared, err := caps.verify(info); err != nil || !shared {
			t.Errorf("%s: XEP-0390: %t, %v", file, shared, err)
		}
		var c caps1
		if err := p.Decode(&c); err != nil {
			t.Fatal(err)
		}
		if _, _, err := (Caps{Algo: c.Hash, Value: c.Ver, Version: 1}).verify(info); err != nil {
			t.Errorf("%s: XEP-0115: %v", file, err)
		}
	}
	bad := Info{Features: []string{"a", "a"}}
	if err := bad.AppendCaps(&stanza.Stanza{Kind: stanza.Presence}, "x"); !errors.Is(err, ErrIllFormed) {
		t.Errorf("a feature twice: %v", err)
	}
}

// Answers that have the verification string of another one.
func TestAmbiguous(t *testing.T) {
	client := Identity{Category: "client", Type: "pc", Name: "Psi"}
	form := func(typ, field, value string) []stanza.Raw {
		return []stanza.Raw{stanza.Raw(`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>` + typ +
			`</value></field><field var="` + field + `"><value>` + value + `</value></field></x>`)}
	}
	for _, tt := range []struct {
		name        string
		honest, lie Info
	}{
		{"features as a form",
			Info{Identities: []Identity{client}, Features: []string{"a", "urn:x+notify", "urn:y+notify", "urn:z+notify"}},
			Info{Identities: []Identity{client}, Features: []string{"a"}, Forms: form("urn:x+notify", "urn:y+notify", "urn:z+notify")}},
		{"a feature as an identity",
			Info{Identities: []Identity{client}, Features: []string{"http://jabber.org/protocol/nick+notify", "urn:a"}},
			Info{Identities: []Identity{client, {Category: "http:", Lang: "jabber.org", Name: "protocol/nick+notify"}}, Features: []string{"urn:a"}}},
		{"an identity as a feature",
			Info{Identities: []Identity{{Category: "automation", Type: "rpc"}, client}, Features: []string{"urn:a"}},
			Info{Identities: []Identity{{Category: "automation", Type: "rpc"}}, Features: []string{"client/pc//Psi", "urn:a"}}},
		{"a name as a language",
			Info{Identities: []Identity{{Category: "client", Type: "pc", Name: "a/b"}}, Features: []string{"urn:a"}},
			Info{Identities: []Identity{{Category: "client", Type: "pc", Lang: "/a", Name: "b"}}, Features: []string{"urn:a"}}},
		{"all identities as features",
			Info{Identities: []Identity{client}, Features: []string{"urn:a"}},
			Info{Features: []string{"client/pc//Psi", "urn:a"}}},
		{"all features as a form",
			Info{Identities: []Identity{client}, Features: []string{"urn:a", "urn:b", "urn:c"}},
			Info{Identities: []Identity{client}, Forms: form("urn:a", "urn:b", "urn:c")}},
	} {
		ver, err := tt.honest.Ver()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tt.lie.Ver(); err != nil || got != ver {
			t.Fatalf("%s: the attack is none: %s and %s, %v", tt.name, got, ver, err)
		}
		if _, shared, err := (Caps{Algo: "sha-1", Value: ver, Version: 1}).verify(tt.lie); err != nil || shared {
			t.Errorf("%s: %t, %v", tt.name, shared, err)
		}
	}
	// What programs of today answer is none of this.
	for _, file := range []string{"xep0390-4.5.1.xml", "xep0390-4.5.2.xml"} {
		i := load(t, file)
		ver, _ := i.Ver()
		if _, shared, err := (Caps{Algo: "sha-1", Value: ver, Version: 1}).verify(i); err != nil || !shared {
			t.Errorf("%s: %t, %v", file, shared, err)
		}
	}
}

// Nothing is kept that was not hashed.
func TestHashedOnly(t *testing.T) {
	i := load(t, "xep0390-4.5.2.xml")
	forms := len(i.Forms)
	ver, _ := i.Ver()
	i.Lang = "ru"
	i.Node = "x"
	i.Forms = append(i.Forms, stanza.Raw(`<x xmlns="jabber:x:data"><field var="lie"/></x>`))
	i.Forms[0] = stanza.Raw(strings.Replace(string(i.Forms[0]), `var="os"`, `var="os" label="lie"`, 1))
	got, _, err := Caps{Algo: "sha-1", Value: ver, Version: 1}.verify(i)
	if err != nil || len(got.Forms) != forms || got.Lang != "" || got.Node != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if strings.Contains(string(got.Forms[0]), "lie") || !strings.Contains(string(got.Forms[0]), "Windows") {
		t.Errorf("the form became %s", got.Forms[0])
	}
	if again, _ := got.Ver(); again != ver {
		t.Errorf("its hash became %s", again)
	}
}

// FuzzCaps reads presence and answers of any kind: what verifies has the hash that was
// announced, also after it was reduced to what is hashed.
func FuzzCaps(f *testing.F) {
	query := `<query xmlns="http://jabber.org/protocol/disco#info"><identity category="client" type="pc" name="Exodus 0.9.1"/>` +
		`<feature var="http://jabber.org/protocol/caps"/><feature var="http://jabber.org/protocol/disco#info"/>` +
		`<feature var="http://jabber.org/protocol/disco#items"/><feature var="http://jabber.org/protocol/muc"/></query>`
	f.Add(one, query)
	f.Add(two, query)
	f.Add(`<c xmlns="http://jabber.org/protocol/caps" hash="md5" node="" ver="a"/>`, query)
	f.Add(one+two, `<query xmlns="http://jabber.org/protocol/disco#info"><x xmlns="jabber:x:data"><field/></x></query>`)
	f.Fuzz(func(t *testing.T, children, answer string) {
		p, err := stanza.Parse([]byte("<presence>" + children + "</presence>"))
		if err != nil {
			return
		}
		caps, ok := ReadCaps(p)
		if ok != (caps != Caps{}) {
			t.Fatalf("%+v, %t", caps, ok)
		}
		raw, err := stanza.Marshal(stanza.Raw(answer))
		if err != nil || !ok {
			return
		}
		info, err := readInfo(raw)
		if err != nil {
			return
		}
		got, shared, err := caps.verify(info)
		if err != nil || !shared {
			return
		}
		if again, shared, err := caps.verify(got); err != nil || !shared || len(again.Forms) != len(got.Forms) {
			t.Fatalf("%+v verified as %+v, and that as %+v, %v", info, got, again, err)
		}
	})
}
