package disco

import (
	"slices"
	"testing"

	"isthmus.im/stanza"
)

// What was read and is sent on is read alike, and hashed alike.
func FuzzInfo(f *testing.F) {
	for _, s := range []string{
		`<query xmlns="http://jabber.org/protocol/disco#info" node="n" xml:lang="en"><identity category="a" type="b" name="c" xml:lang="d"/><feature var="e"/></query>`,
		`<query xmlns="http://jabber.org/protocol/disco#info"><x xmlns="jabber:x:data"><field var="FORM_TYPE" type="hidden"><value>v</value></field><field/></x></query>`,
		`<d:query xmlns:d="http://jabber.org/protocol/disco#info" xmlns:f="jabber:x:data"><f:x><f:field/></f:x><feature/></d:query>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		raw, err := stanza.Marshal(stanza.Raw(s))
		if err != nil {
			return
		}
		a, err := readInfo(raw)
		if err != nil {
			return
		}
		out, err := stanza.Marshal(a)
		if err != nil {
			t.Fatalf("%q was read as %+v: %v", raw, a, err)
		}
		b, err := readInfo(out)
		if err != nil || a.Node != b.Node || a.Lang != b.Lang || len(a.Forms) != len(b.Forms) ||
			!slices.Equal(a.Identities, b.Identities) || !slices.Equal(a.Features, b.Features) {
			t.Fatalf("%q: %+v was sent as %q and read as %+v, %v", raw, a, out, b, err)
		}
		va, _ := a.Ver()
		vb, _ := b.Ver()
		ha, _ := a.Hash("sha-256")
		hb, _ := b.Hash("sha-256")
		if va != vb || ha != hb {
			t.Fatalf("%q: %q, %q", raw, va, vb)
		}
	})
}
