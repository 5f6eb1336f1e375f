package pep

import (
	"slices"
	"strings"
	"testing"

	"isthmus.im/jid"
)

func options(form string, fields ...string) string {
	s := `<x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>` + form + `</value></field>`
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		s += `<field var="` + name + `">`
		for _, v := range strings.Split(value, "|") {
			s += `<value>` + v + `</value>`
		}
		s += `</field>`
	}
	return s + `</x>`
}

// What the owner's clients ask for.
func TestOwner(t *testing.T) {
	const me = "juliet@capulet.example/balcony"
	publish := func(node, id, opts string) string {
		if opts != "" {
			opts = `<publish-options>` + opts + `</publish-options>`
		}
		return pub(`<publish node="` + node + `"><item id="` + id + `">` + song + `</item></publish>` + opts)
	}
	open := options(formPublish, "pubsub#access_model=open", "pubsub#max_items=max", "pubsub#persist_items=true")
	r := newRig(t)
	r.befriend(juliet, romeo)
	config := func(node string) Config {
		n, err := r.Store.Read(t.Context(), juliet, node, Query{})
		if err != nil {
			t.Fatal(err)
		}
		return n.Config
	}
	for _, tt := range []struct {
		name, typ, payload, want, answer string
	}{
		{"publish", "set", publish("a", "1", ""), "ok", pub(`<publish node="a"><item id="1"></item></publish>`)},
		{"with options", "set", publish("b", "1", open), "ok", ""},
		{"with options met", "set", publish("b", "2", open), "ok", ""},
		{"with one option met", "set", publish("b", "3", options(formPublish, "pubsub#access_model=open")), "ok", ""},
		{"with options not met", "set", publish("a", "2", open), "conflict precondition-not-met", ""},
		{"with an unknown option", "set", publish("c", "1", options(formPublish, "pubsub#colour=red")), "conflict precondition-not-met", ""},
		{"with an impossible option", "set", publish("c", "1", options(formPublish, "pubsub#access_model=authorize")), "conflict precondition-not-met", ""},
		{"with options that are so", "set", publish("c", "1", options(formPublish, "pubsub#publish_model=publishers", "pubsub#notify_retract=1")), "ok", ""},
		{"with another form", "set", publish("c", "2", options(formConfig)), "conflict precondition-not-met", ""},
		{"with no form", "set", pub(`<publish node="c"><item/></publish><publish-options/>`), "conflict precondition-not-met", ""},
		{"with groups", "set", publish("g", "1", options(formPublish, "pubsub#access_model=roster", "pubsub#roster_groups_allowed=A|B")), "ok", ""},
		{"with groups in another order", "set", publish("g", "1", options(formPublish, "pubsub#roster_groups_allowed=B|A")), "ok", ""},
		{"with other groups", "set", publish("g", "1", options(formPublish, "pubsub#roster_groups_allowed=B")), "conflict precondition-not-met", ""},
		{"too many items", "set", publish("d", "1", options(formPublish, "pubsub#max_items=1000")), "not-acceptable payload-too-big", ""},
		{"two payloads", "set", pub(`<publish node="a"><item><a xmlns="u"/><b xmlns="u"/></item></publish>`), "bad-request invalid-payload", ""},
		{"two items", "set", pub(`<publish node="a"><item/><item/></publish>`), "bad-request item-required", ""},
		{"no item", "set", pub(`<publish node="a"/>`), "bad-request item-required", ""},
		{"no node", "set", pub(`<publish><item/></publish>`), "bad-request nodeid-required", ""},
		{"retract", "set", pub(`<retract node="b" notify="true"><item id="1"/></retract>`), "ok", ""},
		{"retract again", "set", pub(`<retract node="b"><item id="1"/></retract>`), "item-not-found", ""},
		{"retract nothing", "set", pub(`<retract node="b"><item/></retract>`), "bad-request item-required", ""},
		{"create", "set", pub(`<create node="n"/><configure/>`), "ok", ""},
		{"create again", "set", pub(`<create node="n"/>`), "conflict", ""},
		{"create without name", "set", pub(`<create/>`), "bad-request nodeid-required", ""},
		{"create and configure", "set", pub(`<create node="m"/><configure>` + options(formConfig, "pubsub#access_model=whitelist") + `</configure>`), "ok", ""},
		{"create and misconfigure", "set", pub(`<create node="o"/><configure>` + options(formConfig, "pubsub#x=y") + `</configure>`), "not-acceptable", ""},
		{"configure", "set", owned(`<configure node="a">` + options(formConfig, "pubsub#access_model=open", "pubsub#send_last_published_item=never", "pubsub#deliver_payloads=0", "pubsub#max_items=7") + `</configure>`), "ok", ""},
		{"misconfigure", "set", owned(`<configure node="a">` + options(formConfig, "pubsub#max_items=0") + `</configure>`), "not-acceptable", ""},
		{"cancel", "set", owned(`<configure node="a"><x xmlns="jabber:x:data" type="cancel"/></configure>`), "not-acceptable", ""},
		{"configure nothing", "set", owned(`<configure node="nothing">` + options(formConfig) + `</configure>`), "item-not-found", ""},
		{"whitelist", "set", owned(`<affiliations node="m"><affiliation jid="romeo@montague.example/x" affiliation="member"/><affiliation jid="paris@verona.example" affiliation="member"/></affiliations>`), "ok", ""},
		{"whitelist less", "set", owned(`<affiliations node="m"><affiliation jid="paris@verona.example" affiliation="none"/></affiliations>`), "ok", ""},
		{"other affiliations", "set", owned(`<affiliations node="m"><affiliation jid="romeo@montague.example" affiliation="owner"/></affiliations>`), "not-acceptable", ""},
		{"affiliations", "get", owned(`<affiliations node="m"/>`), "ok", owned(`<affiliations node="m"><affiliation jid="juliet@capulet.example" affiliation="owner"></affiliation><affiliation jid="romeo@montague.example" affiliation="member"></affiliation></affiliations>`)},
		{"purge", "set", owned(`<purge node="b"/>`), "ok", ""},
		{"delete", "set", owned(`<delete node="b"/>`), "ok", ""},
		{"delete again", "set", owned(`<delete node="b"/>`), "item-not-found", ""},
		{"subscriptions", "get", owned(`<subscriptions node="a"/>`), "feature-not-implemented", ""},
		{"no node to manage", "get", owned(`<configure/>`), "bad-request nodeid-required", ""},
		{"mixed namespaces", "set", pub(`<delete xmlns="` + nsOwner + `" node="a"/>`), "bad-request", ""},
	} {
		inner, err := r.iq(me, tt.typ, juliet, tt.payload)
		if got := condition(err); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if tt.answer != "" && inner != tt.answer {
			t.Errorf("%s: answered\n%s, want\n%s", tt.name, inner, tt.answer)
		}
		// Nobody else may, and there is no difference between what exists and what not.
		if tt.typ == "set" || strings.Contains(tt.payload, nsOwner) {
			if _, err := r.iq("romeo@montague.example", tt.typ, juliet, tt.payload); condition(err) != "forbidden" && tt.name != "mixed namespaces" {
				t.Errorf("%s, by somebody else: %v", tt.name, err)
			}
		}
	}
	if c := config("a"); !c.Equal(Config{Access: Open, SendLast: Never, NoPayload: true, MaxItems: 7}) {
		t.Errorf("a is %+v", c)
	}
	if c := config("g"); c.Access != Roster || !slices.Equal(c.Groups, []string{"A", "B"}) {
		t.Errorf("g is %+v", c)
	}
	if c := config("m"); c.Access != Whitelist || !slices.Equal(c.Allowed, []jid.JID{romeo}) {
		t.Errorf("m is %+v", c)
	}
	// The form that shows a configuration is one that sets it.
	inner, err := r.iq(me, "get", juliet, owned(`<configure node="a"/>`))
	if err != nil {
		t.Fatal(err)
	}
	back := strings.Replace(inner, `type="form"`, `type="submit"`, 1)
	if _, err := r.iq(me, "set", juliet, back); err != nil || !config("a").Equal(Config{Access: Open, SendLast: Never, NoPayload: true, MaxItems: 7}) {
		t.Errorf("%s: %v, %+v", back, err, config("a"))
	}
	if r.ids("n") != "" || r.ids("c") != "1" || r.ids("g") != "1" {
		t.Errorf("n: %s, c: %s, g: %s", r.ids("n"), r.ids("c"), r.ids("g"))
	}
}

// Notifications of the owner's requests, only those asked for.
func TestOwnerRetractNotifies(t *testing.T) {
	r := newRig(t)
	r.publish1(keys, "1", song, &Config{Access: Open, MaxItems: Max, SendLast: Never})
	r.publish1(keys, "2", song, nil)
	if _, err := r.iq("paris@verona.example", "set", juliet, pub(`<subscribe node="`+keys+`" jid="paris@verona.example"/>`)); err != nil {
		t.Fatal(err)
	}
	for id, n := range map[string]int{`"1"`: 0, `"2" notify="1"`: 1} {
		id, notify, _ := strings.Cut(id, " ")
		if _, err := r.iq("juliet@capulet.example/x", "set", juliet, pub(`<retract node="`+keys+`" `+notify+`><item id=`+id+`/></retract>`)); err != nil {
			t.Fatal(err)
		}
		if got := r.take(); len(got) != n {
			t.Errorf("%s: %s", id, got)
		}
	}
}
