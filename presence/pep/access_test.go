package pep

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza/disco"
)

// Who may see which node, by each way of looking at it.
func TestAccess(t *testing.T) {
	r := newRig(t)
	friend := jid.MustParse("friend@montague.example")
	member := jid.MustParse("member@montague.example")
	hidden := jid.MustParse("hidden@montague.example")
	r.befriend(juliet, romeo)
	r.put(juliet, roster.Item{Contact: friend, Subscription: roster.From, Groups: []string{"Friends", "Verona"}})
	r.put(juliet, roster.Item{Contact: hidden, Subscription: roster.To, Groups: []string{"Friends"}})
	for name, c := range map[string]Config{
		"open": {Access: Open}, "presence": {}, "odd": {Access: 77, Allowed: []jid.JID{member}},
		"roster":    {Access: Roster, Groups: []string{"Friends"}},
		"whitelist": {Access: Whitelist, Allowed: []jid.JID{member, hidden}},
	} {
		r.publish1(name, "current", song, &c)
	}
	const (
		stranger = "not-authorized presence-subscription-required"
		group    = "not-authorized not-in-roster-group"
		closed   = "not-allowed closed-node"
		missing  = "item-not-found"
	)
	for _, tt := range []struct {
		who                                             string
		open, presence, roster, whitelist, odd, missing string
		nodes                                           string
	}{
		{"juliet@capulet.example/balcony", "ok", "ok", "ok", "ok", "ok", missing, "odd open presence roster whitelist"},
		{"romeo@montague.example/orchard", "ok", "ok", group, closed, closed, missing, "open presence"},
		{"friend@montague.example", "ok", "ok", "ok", closed, closed, missing, "open presence roster"},
		{"member@montague.example/x", "ok", stranger, stranger, "ok", "ok", stranger, "odd open whitelist"},
		{"hidden@montague.example", "ok", stranger, stranger, "ok", stranger, stranger, "open whitelist"},
		{"paris@verona.example", "ok", stranger, stranger, stranger, stranger, stranger, "open"},
		{"verona.example", "ok", stranger, stranger, stranger, stranger, stranger, "open"},
	} {
		for node, want := range map[string]string{"open": tt.open, "presence": tt.presence, "roster": tt.roster,
			"whitelist": tt.whitelist, "odd": tt.odd, "missing": tt.missing} {
			for _, verb := range []string{
				`get <items node="%s"/>`,
				`set <subscribe node="%s" jid="` + tt.who + `"/>`,
			} {
				typ, xml, _ := strings.Cut(fmt.Sprintf(verb, node), " ")
				_, err := r.iq(tt.who, typ, juliet, pub(xml))
				if got := condition(err); got != want {
					t.Errorf("%s, %s: %s, want %s", tt.who, xml, got, want)
				}
			}
			info, err := r.Info(t.Context(), disco.Query{From: jid.MustParse(tt.who), To: juliet, Node: node}, disco.Info{})
			if err != nil || info.Is("pubsub", "leaf") != (want == "ok") {
				t.Errorf("%s, info of %s: %+v, %v", tt.who, node, info, err)
			}
			_, err = r.Items(t.Context(), disco.Query{From: jid.MustParse(tt.who), To: juliet, Node: node})
			if got := condition(err); (got == "ok") != (want == "ok") || err != nil && got != missing {
				t.Errorf("%s, items of %s: %s", tt.who, node, got)
			}
		}
		items, err := r.Items(t.Context(), disco.Query{From: jid.MustParse(tt.who), To: juliet})
		var nodes []string
		for _, it := range items {
			nodes = append(nodes, it.Node)
		}
		if got := strings.Join(nodes, " "); err != nil || got != tt.nodes {
			t.Errorf("%s sees the nodes %s, %v; want %s", tt.who, got, err, tt.nodes)
		}
	}
}

// A user whose nodes are hidden and one who does not exist are the same to strangers: as
// s2s.Server answers for accounts that its directory does not know.
func TestNobodyShows(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	r.publish1(tune, "current", song, nil)
	r.publish1(keys, "current", song, &Config{Access: Whitelist})
	nobody := jid.MustParse("nobody@capulet.example")
	for _, payload := range []string{
		`get ` + pub(`<items node="`+tune+`"/>`), `get ` + pub(`<items node="`+keys+`"/>`), `get ` + pub(`<items node="x"/>`),
		`get ` + pub(`<items/>`), `get ` + pub(`<subscriptions/>`), `get ` + pub(`<subscriptions node="`+tune+`"/>`),
		`get ` + pub(`<affiliations/>`), `get ` + pub(`<items node="`+tune+`" max_items="0"/>`), `get ` + pub(``),
		`set ` + pub(`<subscribe node="`+tune+`" jid="paris@verona.example"/>`),
		`set ` + pub(`<unsubscribe node="`+tune+`" jid="paris@verona.example"/>`),
		`set ` + pub(`<publish node="`+tune+`"><item>`+song+`</item></publish>`),
		`set ` + pub(`<retract node="`+tune+`"><item id="current"/></retract>`),
		`set ` + pub(`<create node="x"/>`),
		`set ` + owned(`<delete node="`+tune+`"/>`), `get ` + owned(`<configure node="`+tune+`"/>`), `set ` + owned(`<purge node="x"/>`),
	} {
		typ, xml, _ := strings.Cut(payload, " ")
		a, aErr := r.iq(paris.String(), typ, juliet, xml)
		b, bErr := r.iq(paris.String(), typ, nobody, xml)
		if a != b || condition(aErr) != condition(bErr) || condition(aErr) != "service-unavailable" {
			t.Errorf("%s: %q %s, and for nobody %q %s", payload, a, condition(aErr), b, condition(bErr))
		}
	}
	service := &disco.Service{Info: r.Info, Items: r.Items}
	service.Register(r.mux)
	for _, ns := range []string{disco.NSInfo, disco.NSItems} {
		for _, node := range []string{"", tune, keys, "x", "n#x"} {
			xml := `<query xmlns="` + ns + `" node="` + node + `"/>`
			a, aErr := r.iq(paris.String(), "get", juliet, xml)
			b, bErr := r.iq(paris.String(), "get", nobody, xml)
			if a != b || condition(aErr) != condition(bErr) || condition(aErr) != "service-unavailable" {
				t.Errorf("%s: %q %s, and for nobody %q %s", xml, a, condition(aErr), b, condition(bErr))
			}
		}
	}
	// Contacts and the owner see the account, and strangers once there is something open.
	visible := func(who jid.JID) bool {
		info, err := disco.GetInfo(t.Context(), loop{r}, who, juliet, "")
		return err == nil && info.Is("pubsub", "pep") && info.Is("account", "registered") && info.Has(NS+"#publish-options")
	}
	if !visible(romeo) || !visible(juliet) || visible(paris) {
		t.Errorf("visible to contact %t, owner %t, stranger %t", visible(romeo), visible(juliet), visible(paris))
	}
	r.publish1("open", "current", song, &Config{Access: Open})
	if !visible(paris) {
		t.Error("an account with an open node is hidden")
	}
}

// Addresses that have no nodes are left to others.
func TestNotAccounts(t *testing.T) {
	r := newRig(t)
	for _, to := range []string{"capulet.example", "capulet.example/x", "juliet@capulet.example/balcony"} {
		if _, err := r.iq("romeo@montague.example", "get", jid.MustParse(to), pub(`<items node="x"/>`)); condition(err) != "service-unavailable" {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, to := range []string{"capulet.example", "capulet.example/x"} {
		info := disco.Info{Features: []string{"kept"}}
		got, err := r.Info(t.Context(), disco.Query{From: romeo, To: jid.MustParse(to)}, info)
		if err != nil || !got.Has("kept") || len(got.Identities) != 0 {
			t.Errorf("%s: %+v, %v", to, got, err)
		}
		if items, err := r.Items(t.Context(), disco.Query{From: romeo, To: jid.MustParse(to)}); err != nil || items != nil {
			t.Errorf("%s: %v, %v", to, items, err)
		}
		if _, err := r.Items(t.Context(), disco.Query{From: romeo, To: jid.MustParse(to), Node: "x"}); condition(err) != "item-not-found" {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// What sessions can do is for contacts, and for their servers, which ask for them.
func TestSessions(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	r.put(juliet, roster.Item{Contact: paris, Subscription: roster.To})
	r.publish1("open", "a", song, &Config{Access: Open})
	client := interests(tune)
	p := available(t, orchard, client)
	caps, _ := disco.ReadCaps(p)
	service := &disco.Service{Info: r.Info, Items: r.Items, Client: client}
	service.Register(r.mux)
	balcony, _ := juliet.WithResource("balcony")
	for from, want := range map[string]bool{
		"romeo@montague.example": true, "romeo@montague.example/orchard": true, "montague.example": true,
		"juliet@capulet.example/chamber": true, "paris@verona.example": false, "verona.example": false, "mercutio@montague.example": false,
	} {
		for _, node := range []string{"", caps.Node} {
			info, err := disco.GetInfo(t.Context(), loop{r}, jid.MustParse(from), balcony, node)
			if (err == nil) != want || want && !info.Has(tune+"+notify") {
				t.Errorf("%s, node %q: %+v, %v", from, node, info, err)
			}
		}
		if _, err := disco.GetItems(t.Context(), loop{r}, jid.MustParse(from), balcony, ""); condition(err) != "service-unavailable" {
			t.Errorf("%s, items: %v", from, err)
		}
	}
}

// Requests and presence of others read the roster and write nothing.
func TestViewsWriteNothing(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	r.publish1(keys, "1", song, nil)
	store := &writes{Store: r.Roster}
	r.Roster = store
	for _, who := range []string{"romeo@montague.example/orchard", "paris@verona.example"} {
		r.iq(who, "get", juliet, pub(`<items node="`+keys+`"/>`))
	}
	r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
	if store.n != 0 {
		t.Errorf("%d writes", store.n)
	}
}

// writes counts the updates that store something.
type writes struct {
	roster.Store
	n int
}

func (w *writes) Update(ctx context.Context, user, contact jid.JID, fn func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	it, err := w.Store.Update(ctx, user, contact, fn)
	if err == nil {
		w.n++
	}
	return it, err
}
