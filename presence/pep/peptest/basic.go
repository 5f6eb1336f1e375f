package peptest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// A new store has nothing, and looking does not make something.
func testEmpty(t testing.TB, s pep.Store) {
	expect(t, s, juliet)
	for range 2 {
		if d := differs(read(t, s, juliet, "n", all), pep.Node{Name: "n"}); d != "" {
			t.Errorf("a node that does not exist is not one that holds only Name: %s", d)
		}
		if d := differs(get(t, s, juliet, "n"), pep.Node{Name: "n"}); d != "" {
			t.Errorf("Update is given, for a node that does not exist, not one that holds only Name: %s", d)
		}
	}
	expect(t, s, juliet)
	set(t, s, juliet, pep.Node{Name: "n", Created: then}) // exists, though it has nothing
	expect(t, s, juliet, pep.Node{Name: "n", Created: then})
}

// Every configuration is kept apart from the others, also those that contradict
// themselves.
func testConfig(t testing.TB, s pep.Store) {
	var want []pep.Node
	add := func(c pep.Config) {
		n := pep.Node{Name: fmt.Sprint("node", len(want)), Created: then, Config: c}
		set(t, s, juliet, n)
		want = append(want, n)
	}
	for _, access := range []pep.Access{pep.Presence, pep.Open, pep.Roster, pep.Whitelist, 200} {
		for _, send := range []pep.SendLast{pep.OnSubAndPresence, pep.OnSub, pep.Never, 200} {
			add(pep.Config{Access: access, SendLast: send})
		}
	}
	for _, items := range []int{1, 2, 1 << 30, pep.Max} {
		add(pep.Config{MaxItems: items})
	}
	add(pep.Config{Transient: true})
	add(pep.Config{NoPayload: true})
	add(pep.Config{Groups: []string{"a", "A", "a,b", `a"b`, "a|b", "ß", "ss", " "}})
	add(pep.Config{Allowed: []jid.JID{romeo, nurse, jid.MustParse("verona.example")}})
	expect(t, s, juliet, want...)
	for i := range want {
		want[i].Config = pep.Config{}
		set(t, s, juliet, want[i])
	}
	expect(t, s, juliet, want...)
}

// texts are what databases like to change.
var texts = []string{
	"x", " ", "  leading and trailing  ", "a\tb\nc", `quote " and ' and \ and \0`, "NULL", "null", "0", "[]",
	"%_*?", "; DROP TABLE items; --", "<&]]>", "Ромео", "ロミオ", "👩‍👩‍👧‍👦", "e\u0301", "é", "\u202eoemoR",
	strings.Repeat("ß", 511),
}

// Names, ids and payloads come back byte by byte.
func testTexts(t testing.TB, s pep.Store) {
	var want []pep.Node
	for _, name := range texts {
		n := pep.Node{Name: name, Created: then}
		for _, id := range texts {
			n.Items = append(n.Items, pep.Item{ID: id, Published: then, Payload: stanza.Raw("<a xmlns='urn:a'  b = \"'\">\r\n" + id + "</a >")})
		}
		set(t, s, juliet, n)
		want = append(want, n)
	}
	expect(t, s, juliet, want...)
}

// The node belongs to the name that Update was called for.
func testName(t testing.TB, s pep.Store) {
	for _, wrong := range []string{"other", ""} {
		got, err := s.Update(t.Context(), juliet, "n", func(pep.Node) (pep.Node, error) { return full(wrong), nil })
		if err != nil || differs(got, bare(full("n"))) != "" {
			t.Errorf("Update of n with a result called %q: %+v, %v", wrong, got, err)
		}
		expect(t, s, juliet, full("n"))
	}
}

// Times come back to the millisecond, whatever the zone of the database.
func testTimes(t testing.TB, s pep.Store) {
	n := pep.Node{Name: "n", Created: time.Date(1999, 12, 31, 23, 59, 59, 1000000, time.UTC)}
	for i, at := range []time.Time{
		{}, time.UnixMilli(0), time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), // when clocks go forward
		time.Date(2026, 10, 25, 0, 30, 0, 999000000, time.UTC), time.Date(2100, 2, 28, 12, 0, 0, 0, time.UTC),
	} {
		n.Items = append(n.Items, pep.Item{ID: fmt.Sprint(i), Published: at.UTC(), Payload: item("x").Payload})
	}
	set(t, s, juliet, n)
	expect(t, s, juliet, n)
	for _, it := range read(t, s, juliet, "n", all).Items {
		if it.Published.Location() != time.UTC {
			t.Errorf("a time comes back in %v, not in UTC", it.Published.Location())
		}
	}
}

// Subscribers are a set that is replaced, and may have resource parts.
func testSubscribers(t testing.TB, s pep.Store) {
	n := full("n")
	for i := range 100 {
		n.Subscribers = append(n.Subscribers, jid.MustParse(fmt.Sprintf("user%d@domain%d.example", i, i%7)))
	}
	for _, resource := range []string{"nick", "Nick", "nick ", "ñick"} {
		j, err := romeo.WithResource(resource)
		if err != nil {
			t.Fatal(err)
		}
		n.Subscribers = append(n.Subscribers, j)
	}
	set(t, s, juliet, n)
	expect(t, s, juliet, n)
	n.Subscribers = n.Subscribers[50:53]
	set(t, s, juliet, n)
	expect(t, s, juliet, n)
	n.Subscribers = nil
	set(t, s, juliet, n)
	expect(t, s, juliet, n)
}

// The order of the items is that of the last Update.
func testOrder(t testing.TB, s pep.Store) {
	n := pep.Node{Name: "n", Created: then}
	for _, order := range []string{"3 1 2", "1 2 3", "3 2 1 0", "0 3", "4 0 5 3 6", "6 5 4", "1"} {
		n.Items = nil
		for _, id := range strings.Fields(order) {
			n.Items = append(n.Items, item(id))
		}
		set(t, s, juliet, n)
		expect(t, s, juliet, n)
	}
}

// An item of the result without payload keeps the one stored under its id, one with
// payload gets a new one, and one that is left out and comes back has none.
func testPayloads(t testing.TB, s pep.Store) {
	n := full("n")
	set(t, s, juliet, n)
	update := func(fn func(n pep.Node) pep.Node) {
		t.Helper()
		if _, err := s.Update(t.Context(), juliet, "n", func(n pep.Node) (pep.Node, error) { return fn(n), nil }); err != nil {
			t.Fatal(err)
		}
	}
	update(func(n pep.Node) pep.Node { // 1 moves to the end
		n.Items = append(n.Items[1:], n.Items[0])
		return n
	})
	n.Items = []pep.Item{item("2"), item("3"), item("1")}
	expect(t, s, juliet, n)

	other := item("3")
	other.Payload, other.Published = stanza.Raw(`<b xmlns="urn:b"/>`), then.Add(time.Hour)
	update(func(n pep.Node) pep.Node { // 3 is replaced
		n.Items = []pep.Item{n.Items[0], n.Items[2], other}
		return n
	})
	n.Items = []pep.Item{item("2"), item("1"), other}
	expect(t, s, juliet, n)

	none := pep.Item{ID: "none", Published: then}
	update(func(n pep.Node) pep.Node { n.Items = append(n.Items[1:], none); return n })
	n.Items = []pep.Item{item("1"), other, none}
	expect(t, s, juliet, n)
	update(func(n pep.Node) pep.Node { // 2 comes back
		n.Items = append(n.Items, pep.Item{ID: "2", Published: then})
		return n
	})
	n.Items = append(n.Items, pep.Item{ID: "2", Published: then})
	expect(t, s, juliet, n)
}

// Payloads may be large, and items many.
func testLarge(t testing.TB, s pep.Store) {
	n := pep.Node{Name: strings.Repeat("n", 1023), Created: then}
	n.Items = append(n.Items, pep.Item{ID: strings.Repeat("i", 1023), Published: then,
		Payload: stanza.Raw(`<a xmlns="urn:a">` + strings.Repeat("é", 100000) + `</a>`)})
	for i := range 299 {
		n.Items = append(n.Items, item(fmt.Sprint(i)))
	}
	set(t, s, juliet, n)
	expect(t, s, juliet, n)
}

// A query picks the newest of what it names.
func testQuery(t testing.TB, s pep.Store) {
	n := full("n")
	n.Items = nil
	for _, id := range []string{"e", "d", "c", "b", "a"} {
		it := item(id)
		it.Payload = bytes.Repeat([]byte("x"), 100)
		n.Items = append(n.Items, it)
	}
	set(t, s, juliet, n)
	for _, tt := range []struct {
		q    pep.Query
		want string
	}{
		{pep.Query{}, ""},
		{pep.Query{Max: 1}, "a"},
		{pep.Query{Max: 3}, "cba"},
		{pep.Query{Max: 5}, "edcba"},
		{pep.Query{Max: 1 << 30}, "edcba"},
		{pep.Query{Max: 5, IDs: []string{"a", "e", "z", "c", "a"}}, "eca"},
		{pep.Query{Max: 2, IDs: []string{"a", "e", "c"}}, "ca"},
		{pep.Query{Max: 5, IDs: []string{"z"}}, ""},
		{pep.Query{Max: 5, IDs: []string{}}, ""},
		{pep.Query{IDs: []string{"a"}}, ""},
		{pep.Query{Max: 5, Bytes: 300}, "cba"},
		{pep.Query{Max: 5, Bytes: 299}, "ba"},
		{pep.Query{Max: 5, Bytes: 1}, "a"},
		{pep.Query{Max: 1, Bytes: 1000}, "a"},
		{pep.Query{Max: 5, Bytes: 200, IDs: []string{"e", "d", "c"}}, "dc"},
	} {
		got := read(t, s, juliet, "n", tt.q)
		ids := ""
		for _, it := range got.Items {
			ids += it.ID
			if len(it.Payload) != 100 {
				t.Errorf("%+v: item %s has a payload of %d bytes", tt.q, it.ID, len(it.Payload))
			}
		}
		if ids != tt.want {
			t.Errorf("%+v picks %q, want %q", tt.q, ids, tt.want)
		}
		got.Items = n.Items
		if d := differs(got, n); d != "" {
			t.Errorf("%+v: %s", tt.q, d)
		}
	}
}

// A result that does not exist is deleted with everything in it, and may come back.
func testDelete(t testing.TB, s pep.Store) {
	for _, zero := range []pep.Node{{}, {Name: "n"}, {Name: "n", Items: []pep.Item{item("1")}, Subscribers: []jid.JID{romeo}}} {
		set(t, s, juliet, full("n"))
		set(t, s, juliet, full("m"))
		for range 2 { // the second deletes nothing
			got, err := s.Update(t.Context(), juliet, "n", func(pep.Node) (pep.Node, error) { return zero, nil })
			if d := differs(got, pep.Node{Name: "n"}); err != nil || d != "" {
				t.Errorf("deletion returned an error or another node than one that holds only Name: %v, %s", err, d)
			}
			expect(t, s, juliet, full("m"))
		}
		set(t, s, juliet, pep.Node{Name: "n", Created: then})
		expect(t, s, juliet, full("m"), pep.Node{Name: "n", Created: then})
	}
}

// lookalikes are names that a careless database takes for the same.
var lookalikes = []string{
	"strasse", "straße", "cafe", "café", "cafe\u0301", "CAFE", "i", "ı", "I", "ae", "æ", "a", "a ", "a  ", " a",
	"un_er", "under", "un%", `a\40b`, `a\\40b`, "a/b", "a//b", "a\x7fb", "1", "01", "1.0",
}

// Nodes, and items, with such names are kept apart.
func testLookalikes(t testing.TB, s pep.Store) {
	var want []pep.Node
	for i, name := range lookalikes {
		n := pep.Node{Name: name, Created: then}
		for k := range lookalikes {
			it := item(lookalikes[(i+k)%len(lookalikes)])
			it.Payload = stanza.Raw(fmt.Sprint(i, k))
			n.Items = append(n.Items, it)
		}
		set(t, s, juliet, n)
		want = append(want, n)
	}
	expect(t, s, juliet, want...)
	for i := range want {
		for _, id := range []string{"a", "cafe"} {
			if got := read(t, s, juliet, want[i].Name, pep.Query{Max: 9, IDs: []string{id}}); len(got.Items) != 1 || got.Items[0].ID != id {
				t.Errorf("item %q of %q: %+v", id, want[i].Name, got.Items)
			}
		}
	}
	for i, n := range want { // and deleted one by one
		set(t, s, juliet, pep.Node{Name: n.Name})
		if i%8 == 0 {
			expect(t, s, juliet, want[i+1:]...)
		}
	}
}

// Users whose addresses look alike are kept apart, and so is what one address and name
// have in common with another written together.
func testUsers(t testing.TB, s pep.Store) {
	users := []jid.JID{juliet, nurse, romeo}
	for _, text := range []string{
		"strasse@verona.example", "straße@verona.example", "cafe@verona.example", "café@verona.example",
		"un_er@verona.example", "under@verona.example", "un%@verona.example", "ромео@верона.example",
		"a@b", "a@bc", "a@[2001:db8::1]", "a@192.0.2.1", "a@verona.example", "a@verona.example.net",
		strings.Repeat("l", 1023) + "@verona.example", strings.Repeat("l", 1022) + "@verona.example",
	} {
		users = append(users, jid.MustParse(text))
	}
	node := func(user int, name string) pep.Node {
		n := full(name)
		it := item("1")
		it.Payload = stanza.Raw(fmt.Sprintf("%d has %s", user, name))
		n.Items = []pep.Item{it}
		return n
	}
	for i, u := range users {
		for _, name := range []string{"cd", "d", u.String()} {
			set(t, s, u, node(i, name))
		}
	}
	for i, u := range users {
		if i%2 == 0 {
			set(t, s, u, pep.Node{Name: "d"})
		}
	}
	for i, u := range users {
		want := []pep.Node{node(i, "cd"), node(i, u.String())}
		if i%2 != 0 {
			want = append(want, node(i, "d"))
		}
		expect(t, s, u, want...)
	}
}
