package payload

import (
	"errors"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

func TestStripForgedIDs(t *testing.T) {
	me, host := jid.MustParse("strasse@capulet.example"), jid.MustParse("capulet.example")
	const foreign = `<stanza-id xmlns='urn:xmpp:sid:0' id='2' by='room@muc.example.com'/>`
	const others = "<body>a</body>" + foreign + `<origin-id xmlns='urn:xmpp:sid:0' id='3' by='strasse@capulet.example'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:1' id='4' by='strasse@capulet.example'/><f xmlns='urn:f'><stanza-id xmlns='urn:xmpp:sid:0' id='5' by='strasse@capulet.example'/></f>` +
		`<p:stanza-id xmlns:p='urn:xmpp:sid:0' id='6' p:by='strasse@capulet.example'/><stanza-id xmlns='urn:xmpp:sid:0' id='7' by='@'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' id='8' by='strasse@capulet.example/phone'/>`
	forged := []string{
		`<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='strasse@capulet.example'/>`,
		`<stanza-id by='STRASSE@Capulet.example' xmlns='urn:xmpp:sid:0'/>`,
		`<s:stanza-id xmlns:s='urn:xmpp:sid:0' id='1' by='strasse@capulet.example'><a/></s:stanza-id>`,
		`<stanza-id xmlns='urn:xmpp:sid:0' by='strasse@capulet.example' xmlns:p='urn:p' p:by='other@b.example'/>`,
		`<stanza-id xmlns='urn:xmpp:sid:0' xmlns:p='urn:p' p:by='other@b.example' by='strasse@capulet.example'/>`,
		`<stanza-id xmlns='urn:xmpp:sid:0' by='str&#x61;sse@capulet.example'/>`,
		`<stanza-id xmlns='urn:xmpp:s&#x69;d:0' by='strasse@capulet.example'/>`,
		`<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='straße@capulet.example'/>`, // the same to RFC 6122
		`<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='capulet.example'/>`,
	}
	for _, f := range forged {
		m := stanza.MustParse("<message>" + f + others + f + "</message>")
		if n := StripForgedIDs(m, me, host); n != 2 || string(m.Inner) != others {
			t.Errorf("%s: %d removed, left is %s", f, n, m.Inner)
		}
	}
	m := stanza.MustParse("<message> " + others + " </message>")
	before := string(m.Inner)
	if n := StripForgedIDs(m, me, host); n != 0 || string(m.Inner) != before {
		t.Errorf("%d removed from what has none: %s", n, m.Inner)
	}
	if n := StripForgedIDs(m, jid.JID{}); n != 0 {
		t.Errorf("%d removed for nobody", n)
	}
}

func TestStanzaID(t *testing.T) {
	m := stanza.MustParse(`<message type='groupchat' from='coven@chat.shakespeare.example/firstwitch'><origin-id xmlns='urn:xmpp:sid:0' id='o'/>` +
		`<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='coven@chat.shakespeare.example'/></message>`)
	if err := SetStanzaID(m, room, "s"); err != nil {
		t.Fatal(err)
	}
	if want := `<origin-id xmlns='urn:xmpp:sid:0' id='o'/><stanza-id xmlns="urn:xmpp:sid:0" id="s" by="coven@chat.shakespeare.example"></stanza-id>`; string(m.Inner) != want {
		t.Errorf("%s", m.Inner)
	}
	if id, ok := StanzaIDBy(m, room); id != "s" || !ok {
		t.Errorf("%q, %v", id, ok)
	}
	if id, ok := StanzaIDBy(m, romeo); id != "" || ok {
		t.Errorf("%q, %v", id, ok)
	}
	if id, ok := ReferenceID(m); id != "s" || !ok {
		t.Errorf("%q, %v", id, ok)
	}
	if err := SetStanzaID(m, room, ""); !errors.Is(err, ErrMisplaced) {
		t.Error(err)
	}
	if err := SetStanzaID(m, jid.JID{}, "1"); !errors.Is(err, ErrMisplaced) {
		t.Error(err)
	}
}
