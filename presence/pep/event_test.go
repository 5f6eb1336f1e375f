package pep

import (
	"context"
	"fmt"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

func TestEvents(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	r.put(juliet, roster.Item{Contact: paris, Pending: true}) // has asked to see her, and that is all
	ev := func(s string) string { return `<event xmlns="` + nsEvent + `">` + s + `</event>` }
	for _, tt := range []struct {
		name, from, children string
		want                 []Event
	}{
		{"item", "romeo@montague.example", event(tune, "1", song), []Event{{Node: tune, Items: []Item{{ID: "1", Payload: stanza.Raw(song)}}}}},
		{"last item", "romeo@montague.example", event(tune, "1", song) + `<delay xmlns="urn:xmpp:delay" stamp="2002-09-10T23:08:25+02:00"/>`,
			[]Event{{Node: tune, Items: []Item{{ID: "1", Payload: stanza.Raw(song)}}, Stamp: time.Date(2002, 9, 10, 21, 8, 25, 0, time.UTC)}}},
		{"bad stamp", "romeo@montague.example", event(tune, "1", song) + `<delay xmlns="urn:xmpp:delay" stamp="yesterday"/>`,
			[]Event{{Node: tune, Items: []Item{{ID: "1", Payload: stanza.Raw(song)}}}}},
		{"no payload", "romeo@montague.example", event(tune, "1", ""), []Event{{Node: tune, Items: []Item{{ID: "1"}}}}},
		{"retract", "romeo@montague.example", ev(`<items node="n"><retract id="1"/><retract id="2"/></items>`), []Event{{Node: "n", Retracted: []string{"1", "2"}}}},
		{"purge and delete", "romeo@montague.example", ev(`<purge node="n"/><delete node="m"/>`), []Event{{Node: "n", Purged: true}, {Node: "m", Deleted: true}}},
		{"inherited namespace", "romeo@montague.example", `<e:event xmlns:e="` + nsEvent + `" xmlns:p="urn:p"><e:items node="n"><e:item id="1"><p:a/></e:item></e:items></e:event>`,
			[]Event{{Node: "n", Items: []Item{{ID: "1", Payload: stanza.Raw(`<p:a xmlns:p='urn:p'/>`)}}}}},
		{"own", "juliet@capulet.example", event(tune, "1", song), []Event{{Node: tune, Items: []Item{{ID: "1", Payload: stanza.Raw(song)}}}}},
		{"empty", "romeo@montague.example", ev(`<items node="n"/><items/><x node="n"/><items xmlns="other" node="n"><item/></items>`), nil},
		{"configuration", "romeo@montague.example", ev(`<configuration node="n"/>`), nil},
		{"a session of the owner", "romeo@montague.example/orchard", event(tune, "1", song), nil},
		{"a domain", "montague.example", event(tune, "1", song), nil},
		{"a stranger", "thief@montague.example", event(tune, "1", song), nil},
		{"one who has asked", "paris@verona.example", event(tune, "1", song), nil},
		{"no event", "romeo@montague.example", `<body>x</body>`, nil},
	} {
		m := stanza.MustParse(`<message from="` + tt.from + `" to="juliet@capulet.example/balcony" type="headline">` + tt.children + `</message>`)
		if answer, err := r.HandleStanza(t.Context(), m); answer != nil || err != nil {
			t.Errorf("%s: answered %s, %v", tt.name, answer, err)
		}
		got := r.told()
		for i := range tt.want {
			tt.want[i].User, tt.want[i].Owner = juliet, jid.MustParse(tt.from)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
	// An error that echoes an event is none.
	r.HandleStanza(t.Context(), stanza.MustParse(`<message from="romeo@montague.example" to="juliet@capulet.example" type="error">`+event(tune, "1", song)+`</message>`))
	if got := r.told(); got != nil {
		t.Errorf("an error: %+v", got)
	}
	// Strangers whom somebody wants.
	r.Accept = func(_ context.Context, user, owner jid.JID, node string) bool {
		return user == juliet && owner == paris && node == keys
	}
	for _, node := range []string{keys, tune} {
		r.HandleStanza(t.Context(), stanza.MustParse(`<message from="paris@verona.example" to="juliet@capulet.example">`+event(node, "1", song)+`</message>`))
	}
	if got := r.told(); len(got) != 1 || got[0].Node != keys || got[0].Owner != paris {
		t.Errorf("accepted %+v", got)
	}
}
