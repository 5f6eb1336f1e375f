package payload

import (
	"errors"
	"slices"
	"testing"

	"isthmus.im/stanza"
)

func TestAttachURL(t *testing.T) {
	const oob = `<x xmlns="jabber:x:oob"><url>https://a.example/?a&amp;b</url></x>`
	for in, want := range map[string]string{
		`<message/>`:                           `<body>https://a.example/?a&amp;b</body>` + oob,
		`<message><body>look</body></message>`: `<body>look</body>` + oob,
		`<presence/>`:                          oob,
	} {
		s := stanza.MustParse(in)
		if err := AttachURL(s, "https://a.example/?a&b"); err != nil || string(s.Inner) != want {
			t.Errorf("%s: %s, %v", in, s.Inner, err)
		}
	}
	if err := AttachURL(stanza.MustParse(`<message/>`), ""); !errors.Is(err, ErrMisplaced) {
		t.Errorf("nothing: %v", err)
	}
	if err := AttachURL(stanza.MustParse(`<iq type='get' id='1'><a xmlns='urn:a'/></iq>`), "u:a"); !errors.Is(err, ErrMisplaced) {
		t.Errorf("in an IQ: %v", err)
	}
}

func TestEncryption(t *testing.T) {
	m := stanza.MustParse(`<message><body>?OTR?v23?...</body></message>`)
	if err := MarkEncrypted(m, "urn:own", "Own"); err != nil {
		t.Fatal(err)
	}
	if e, err := Of[Encryption](m); err != nil || e.Label() != "Own" {
		t.Errorf("%+v, %v", e, err)
	}
	for ns, label := range map[string]string{
		"urn:xmpp:otr:0": "OTR", "jabber:x:encrypted": "Legacy OpenPGP", "urn:xmpp:openpgp:0": "OpenPGP for XMPP",
		"eu.siacs.conversations.axolotl": "OMEMO", "urn:xmpp:omemo:1": "OMEMO 1", "urn:xmpp:omemo:2": "OMEMO 2",
	} {
		if err := MarkEncrypted(m, ns, "Trust me"); err != nil || string(m.Inner) != `<body>?OTR?v23?...</body><encryption xmlns="urn:xmpp:eme:0" namespace="`+ns+`"></encryption>` {
			t.Errorf("%s, %v", m.Inner, err)
		}
		if got := (Encryption{Namespace: ns, Name: "Trust me"}).Label(); got != label {
			t.Errorf("%s is called %q", ns, got)
		}
	}
	if got := (Encryption{Namespace: "urn:own"}).Label(); got != "urn:own" {
		t.Errorf("%q", got)
	}
	for _, in := range []string{`<presence/>`, `<message type='error'/>`} {
		if err := MarkEncrypted(stanza.MustParse(in), "urn:own", ""); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if err := MarkEncrypted(m, "", ""); !errors.Is(err, ErrMisplaced) {
		t.Error(err)
	}
}

func TestCall(t *testing.T) {
	audio := stanza.Raw(`<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>`)
	video := stanza.Raw(`<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/>`)
	file := stanza.Raw(`<description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/>`)
	propose := Call{Action: Propose, ID: "ca3cf894", Descriptions: []stanza.Raw{audio, file, video}}
	m, err := NewCall(romeo, juliet.Bare(), propose)
	if err != nil {
		t.Fatal(err)
	}
	want := `<message from="romeo@montague.example/orchard" to="juliet@capulet.example" type="chat"><propose xmlns="urn:xmpp:jingle-message:0" id="ca3cf894">` +
		string(audio) + string(file) + string(video) + `</propose><store xmlns="urn:xmpp:hints"></store></message>`
	if outcome(t, m) != want {
		t.Errorf("%s, want\n%s", m, want)
	}
	if got := propose.Media(); !slices.Equal(got, []string{"audio", "video"}) {
		t.Errorf("media %q", got)
	}
	if condition, text := propose.Why(); condition != "" || text != "" {
		t.Errorf("%q, %q", condition, text)
	}

	busy, err := CallReason("busy", "Busy & gone")
	if err != nil || string(busy) != `<reason xmlns="urn:xmpp:jingle:1"><busy></busy><text>Busy &amp; gone</text></reason>` {
		t.Errorf("%s, %v", busy, err)
	}
	if r, err := CallReason("not a name", ""); err == nil {
		t.Errorf("%s", r)
	}
	for _, a := range []Action{Ringing, Accept, Proceed, Reject, RetractCall, Finish} {
		m, err := NewCall(juliet, romeo, Call{Action: a, ID: "1", Reason: busy})
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		c, err := Of[Call](m)
		condition, text := c.Why()
		if err != nil || c.Action != a || condition != "busy" || text != "Busy & gone" {
			t.Errorf("%s: %+v, %v", m, c, err)
		}
	}
	c := Call{Reason: stanza.Raw(`<reason xmlns="urn:xmpp:jingle:1"><x xmlns="urn:x"/><text>t</text><gone/><busy/></reason>`)}
	if condition, text := c.Why(); condition != "gone" || text != "t" {
		t.Errorf("%q, %q", condition, text)
	}
	for _, c := range []Call{{Action: Ringing}, {Action: Propose, ID: "1"}} {
		if m, err := NewCall(romeo, juliet, c); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%+v: %s, %v", c, m, err)
		}
	}
	if m, err := NewCall(romeo, juliet, Call{Action: "hold", ID: "1"}); err == nil {
		t.Errorf("%s", m)
	}
}
