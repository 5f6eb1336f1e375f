package disco

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"isthmus.im/stanza"
)

func TestContacts(t *testing.T) {
	c := Contacts{
		"abuse-addresses": {"mailto:abuse@shakespeare.example", "xmpp:abuse@shakespeare.example"},
		"admin-addresses": {"xmpp:a&b@shakespeare.example"},
	}
	form, err := c.Form()
	if err != nil {
		t.Fatal(err)
	}
	const want = `<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>http://jabber.org/network/serverinfo</value></field>` +
		`<field var="abuse-addresses" type="list-multi"><value>mailto:abuse@shakespeare.example</value><value>xmpp:abuse@shakespeare.example</value></field>` +
		`<field var="admin-addresses" type="list-multi"><value>xmpp:a&amp;b@shakespeare.example</value></field></x>`
	if string(form) != want {
		t.Errorf("got  %s\nwant %s", form, want)
	}
	other := stanza.Raw(`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE"><value>urn:other</value></field><field var="abuse-addresses"><value>x</value></field></x>`)
	got := Info{Forms: []stanza.Raw{stanza.Raw("<broken"), other, form}}.Contacts()
	if !maps.EqualFunc(got, c, slices.Equal) {
		t.Errorf("read %v, want %v", got, c)
	}
	if got := (Info{Forms: []stanza.Raw{other}}).Contacts(); got != nil {
		t.Errorf("of another form: %v", got)
	}
	many := stanza.Raw(`<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE"><value>` + NSServerInfo + `</value></field><field var="a">` +
		strings.Repeat("<value>x</value>", 1000) + `</field></x>`)
	if got := (Info{Forms: []stanza.Raw{many}}).Contacts(); len(got["a"]) != maxContacts {
		t.Errorf("%d addresses of a thousand", len(got["a"]))
	}
}
