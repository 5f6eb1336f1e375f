package pep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// What is published is served byte for byte.
func TestPublishedBytes(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	payloads := []string{
		song,
		`<p:a xmlns:p="urn:p" xmlns='urn:d' p:k="&#x41;"><p:b/><c xmlns=""/></p:a>`,
		"<a xmlns='urn:a'\n\tb = 'x'  >\n<![CDATA[<&]]>&#13;&lt;</a >",
		`<a xmlns="urn:a">ロミオ<body xmlns="jabber:client"/></a>`,
	}
	for i, p := range payloads {
		id := fmt.Sprint("i", i)
		r.publish1(keys, id, p, &Config{Access: Open, MaxItems: Max})
		inner, err := r.iq("romeo@montague.example/orchard", "get", juliet, pub(`<items node="`+keys+`"><item id="`+id+`"/></items>`))
		if want := `<item id="` + id + `">` + p + `</item>`; err != nil || !strings.Contains(inner, want) {
			t.Errorf("served %s, %v; want %s", inner, err, want)
		}
	}
	// By way of a request, too.
	for i, p := range payloads {
		if _, err := r.iq("juliet@capulet.example/balcony", "set", juliet, pub(`<publish node="`+tune+`"><item id='x'>`+p+`</item></publish>`)); err != nil {
			t.Fatal(err)
		}
		n, err := r.Store.Read(t.Context(), juliet, tune, Query{Max: 10})
		if err != nil || len(n.Items) != 1 || string(n.Items[0].Payload) != p {
			t.Errorf("%d: stored %+v, %v; want %s", i, n.Items, err, p)
		}
	}
	_, err := r.iq("juliet@capulet.example/balcony", "set", juliet, `<q:pubsub xmlns:q="`+NS+`" xmlns:p="urn:p"><q:publish node="`+tune+`"><q:item><p:a><p:b/></p:a></q:item></q:publish></q:pubsub>`)
	if condition(err) != "ok" && condition(err) != "bad-request invalid-payload" {
		t.Errorf("inherited prefixes: %v", err)
	}
}

func TestPublishErrors(t *testing.T) {
	r := newRig(t)
	r.MaxItem, r.MaxNodes, r.MaxItems = 100, 3, 5
	r.publish1(keys, "a", song, &Config{Access: Open})
	long := strings.Repeat("n", maxName+1)
	ok := stanza.Raw(`<a xmlns="u"/>`)
	for _, tt := range []struct {
		name  string
		owner jid.JID
		node  string
		item  Item
		want  *Config
		err   error
	}{
		{"payload too large", juliet, keys, Item{Payload: stanza.Raw(`<a xmlns="u">` + strings.Repeat("x", 100) + `</a>`)}, nil, ErrLimit},
		{"id too long", juliet, keys, Item{ID: long, Payload: ok}, nil, ErrLimit},
		{"name too long", juliet, long, Item{Payload: ok}, nil, ErrLimit},
		{"no name", juliet, "", Item{Payload: ok}, nil, ErrLimit},
		{"no owner", jid.JID{}, keys, Item{Payload: ok}, nil, ErrAddress},
		{"a domain", juliet.Host(), keys, Item{Payload: ok}, nil, ErrAddress},
		{"no namespace", juliet, keys, Item{Payload: stanza.Raw(`<a/>`)}, nil, ErrPayload},
		{"content namespace", juliet, keys, Item{Payload: stanza.Raw(`<a xmlns="jabber:server"/>`)}, nil, ErrPayload},
		{"prefix only", juliet, keys, Item{Payload: stanza.Raw(`<p:a xmlns:p="u"><b/></p:a>`)}, nil, ErrPayload},
		{"two elements", juliet, keys, Item{Payload: slices.Concat(ok, ok)}, nil, ErrPayload},
		{"text", juliet, keys, Item{Payload: stanza.Raw(`x`)}, nil, ErrPayload},
		{"not well-formed", juliet, keys, Item{Payload: stanza.Raw(`<a xmlns="u">`)}, nil, ErrPayload},
		{"breaks out", juliet, keys, Item{Payload: stanza.Raw(`<a xmlns="u"/></item><item>`)}, nil, ErrPayload},
		{"other configuration", juliet, keys, Item{Payload: ok}, &Config{}, ErrConfig},
		{"too many items wanted", juliet, "b", Item{Payload: ok}, &Config{MaxItems: 6}, ErrLimit},
		{"as configured", juliet, keys, Item{Payload: ok}, &Config{Access: Open, MaxItems: 1}, nil},
		{"without payload", juliet, keys, Item{ID: "bare"}, nil, nil},
		{"second node", juliet, "b", Item{Payload: ok}, nil, nil},
		{"third node", juliet, "c", Item{Payload: ok}, nil, nil},
		{"fourth node", juliet, "d", Item{Payload: ok}, nil, ErrLimit},
		{"others have their own", nurse, "d", Item{Payload: ok}, nil, nil},
	} {
		it, err := r.Publish(t.Context(), tt.owner, tt.node, tt.item, tt.want)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err == nil && (it.ID == "" || it.Published.IsZero()) {
			t.Errorf("%s: returned %+v", tt.name, it)
		}
	}
	down := &downStore{}
	r.Store = down
	for _, err := range []error{
		func() error { _, err := r.Publish(t.Context(), juliet, keys, Item{Payload: ok}, nil); return err }(),
		r.Configure(t.Context(), juliet, keys, Config{}), r.Retract(t.Context(), juliet, keys, "a"),
		r.Purge(t.Context(), juliet, keys), r.Delete(t.Context(), juliet, keys), r.Notify(t.Context(), juliet, keys),
	} {
		if !errors.Is(err, errDown) {
			t.Errorf("a store that is down: %v", err)
		}
	}
}

var errDown = errors.New("database on fire")

// downStore is a store that is down.
type downStore struct{ MemStore }

func (*downStore) Nodes(context.Context, jid.JID) ([]Node, error) { return nil, errDown }

func (*downStore) Read(context.Context, jid.JID, string, Query) (Node, error) { return Node{}, errDown }

func (*downStore) Update(context.Context, jid.JID, string, func(Node) (Node, error)) (Node, error) {
	return Node{}, errDown
}

// ids lists the items of a node.
func (r *rig) ids(node string) string {
	r.t.Helper()
	n, err := r.Store.Read(r.t.Context(), juliet, node, Query{Max: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for _, it := range n.Items {
		ids = append(ids, it.ID)
	}
	return strings.Join(ids, " ")
}

func TestItemsKept(t *testing.T) {
	r := newRig(t)
	r.MaxItems = 4
	for _, tt := range []struct {
		node   string
		config *Config
		want   string
	}{
		{"one", nil, "f"},
		{"two", &Config{MaxItems: 2}, "b f"},
		{"max", &Config{MaxItems: Max}, "d e b f"},
		{"transient", &Config{Transient: true}, ""},
	} {
		for _, id := range []string{"a", "b", "c", "d", "e", "b", "f"} {
			r.publish1(tt.node, id, song, tt.config)
		}
		if got := r.ids(tt.node); got != tt.want {
			t.Errorf("%s keeps %s, want %s", tt.node, got, tt.want)
		}
	}
	if err := r.Configure(t.Context(), juliet, "max", Config{MaxItems: 2}); err != nil || r.ids("max") != "b f" {
		t.Errorf("with fewer: %s, %v", r.ids("max"), err)
	}
	if err := r.Configure(t.Context(), juliet, "max", Config{Transient: true}); err != nil || r.ids("max") != "" {
		t.Errorf("transient: %s, %v", r.ids("max"), err)
	}
	if err := r.Configure(t.Context(), juliet, "new", Config{Access: Open}); err != nil {
		t.Error(err)
	}
	if n, _ := r.Store.Read(t.Context(), juliet, "new", Query{}); !n.Exists() || n.Config.Access != Open {
		t.Errorf("configured before the first item: %+v", n)
	}
}

// 200 bundles are kept, listed by id, and fetched one by one or by number.
func TestManyItems(t *testing.T) {
	r := newRig(t)
	for i := range 200 {
		r.publish1(keys, fmt.Sprint(i), fmt.Sprintf(`<bundle xmlns="urn:b">%d</bundle>`, i), &Config{Access: Open, MaxItems: Max})
	}
	get := func(attrs, ids string) []Item {
		t.Helper()
		inner, err := r.iq("paris@verona.example", "get", juliet, pub(`<items node="`+keys+`"`+attrs+`>`+ids+`</items>`))
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range stanza.Raw(inner).Children() {
			items, _ := readItems(raw, NS)
			return items
		}
		t.Fatalf("no items in %s", inner)
		return nil
	}
	if items := get("", ""); len(items) != 200 || items[0].ID != "0" || items[199].ID != "199" {
		t.Errorf("%d items", len(items))
	}
	if items := get(` max_items="3"`, ""); len(items) != 3 || items[2].ID != "199" || items[0].ID != "197" {
		t.Errorf("the last three: %v", items)
	}
	if items := get("", `<item id="17"/><item id="nine"/><item id="3"/><item id="17"/>`); len(items) != 2 || items[0].ID != "3" ||
		string(items[1].Payload) != `<bundle xmlns="urn:b">17</bundle>` {
		t.Errorf("by id: %v", items)
	}
	if items := get("", `<item id="none"/>`); len(items) != 0 {
		t.Errorf("an id that there is not: %v", items)
	}
	r.MaxAnswer = 110
	if items := get("", ""); len(items) != 3 || items[2].ID != "199" {
		t.Errorf("no more than fits: %v", items)
	}
	set := func(inner string) string {
		t.Helper()
		answer, err := r.iq("paris@verona.example", "get", juliet, pub(`<items node="`+keys+`"`+inner))
		if err != nil {
			t.Fatal(err)
		}
		_, set, _ := strings.Cut(answer, "<set ")
		return set
	}
	const rest = `xmlns="http://jabber.org/protocol/rsm"><first index="197">197</first><last>199</last><count>200</count></set></pubsub>`
	if got := set(`/>`); got != rest {
		t.Errorf("of what is left out the reader is told %q, want %q", got, rest)
	}
	if got := set(`><item id="1"/><item id="2"/><item id="3"/><item id="4"/><item id="none"/></items>`); !strings.Contains(got, "<count>4</count>") {
		t.Errorf("of items by id that are left out the reader is told %q", got)
	}
	for _, all := range []string{` max_items="3"/>`, `><item id="1"/><item id="2"/></items>`, `><item id="1"/><item id="none"/></items>`} {
		if got := set(all); got != "" {
			t.Errorf("%s: nothing is left out, and the reader is told %q", all, got)
		}
	}
	r.MaxAnswer = 1
	if items := get("", ""); len(items) != 1 || items[0].ID != "199" {
		t.Errorf("one always fits: %v", items)
	}
	for payload, want := range map[string]string{
		pub(`<items node="` + keys + `" max_items="0"/>`):           "bad-request",
		pub(`<items node="` + keys + `" max_items="-1"/>`):          "bad-request",
		pub(`<items node="` + keys + `" max_items="x"/>`):           "bad-request",
		pub(`<items node="` + keys + `" max_items="99999999999"/>`): "bad-request",
		pub(`<items node="` + keys + `"><item/></items>`):           "bad-request item-required",
		pub(`<items/>`): "bad-request nodeid-required",
		pub(`<items node="` + keys + `">` + strings.Repeat(`<item id="a"/>`, 257) + `</items>`): "policy-violation",
		pub(``):                    "bad-request",
		pub(`<options node="x"/>`): "feature-not-implemented unsupported",
		pub(`<items xmlns="urn:other" node="` + keys + `"/>`): "bad-request",
	} {
		if _, err := r.iq("paris@verona.example", "get", juliet, payload); condition(err) != want {
			t.Errorf("%s: %s, want %s", payload, condition(err), want)
		}
	}
}

func TestWithdraw(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	if _, err := r.iq("romeo@montague.example", "set", juliet, pub(`<subscribe node="`+keys+`" jid="romeo@montague.example"/>`)); condition(err) != "item-not-found" {
		t.Errorf("subscribed to nothing: %v", err)
	}
	r.publish1(keys, "a", song, &Config{MaxItems: Max})
	r.publish1(keys, "b", song, nil)
	if _, err := r.iq("romeo@montague.example", "set", juliet, pub(`<subscribe node="`+keys+`" jid="romeo@montague.example"/>`)); err != nil {
		t.Fatal(err)
	}
	r.take()
	const ev = `romeo@montague.example <event xmlns="` + nsEvent + `">`
	if err := r.Retract(t.Context(), juliet, keys, "a"); err != nil {
		t.Error(err)
	}
	same(t, "retract", r.take(), ev+`<items node="urn:example:keys"><retract id="a"></retract></items></event>`)
	if err := r.Retract(t.Context(), juliet, keys, "a"); !errors.Is(err, ErrNone) || r.ids(keys) != "b" {
		t.Errorf("again: %v", err)
	}
	if err := r.Purge(t.Context(), juliet, keys); err != nil || r.ids(keys) != "" {
		t.Errorf("purge: %v", err)
	}
	same(t, "purge", r.take(), ev+`<purge node="urn:example:keys"></purge></event>`)
	if err := r.Notify(t.Context(), juliet, keys); !errors.Is(err, ErrNone) {
		t.Errorf("notify of nothing: %v", err)
	}
	if err := r.Delete(t.Context(), juliet, keys); err != nil {
		t.Errorf("delete: %v", err)
	}
	same(t, "delete", r.take(), ev+`<delete node="urn:example:keys"></delete></event>`)
	for name, err := range map[string]error{"retract": r.Retract(t.Context(), juliet, keys, "b"), "purge": r.Purge(t.Context(), juliet, keys),
		"delete": r.Delete(t.Context(), juliet, keys), "notify": r.Notify(t.Context(), juliet, keys)} {
		if !errors.Is(err, ErrNone) {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
	r.publish1(keys, "c", song, nil)
	same(t, "whoever subscribed to what was deleted has no subscription", r.take())
	if r.kept() != 0 {
		t.Errorf("%d users are remembered", r.kept())
	}
}
