package rostertest

import (
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// lookalikes are users' addresses that a careless database takes for the same, or
// does not take at all.
var lookalikes = []string{
	"strasse@verona.example", "straße@verona.example",
	"cafe@verona.example", "café@verona.example",
	"i@verona.example", "ı@verona.example",
	"ae@verona.example", "æ@verona.example",
	"un_er@verona.example", "under@verona.example", "un%@verona.example",
	`a\40b@verona.example`, `a\\40b@verona.example`,
	"ромео@верона.example", "罗密欧@维罗纳.example", "روميو@verona.example",
	"verona.example", "a@verona.example", "a@verona.example.net", "example",
	"a@[2001:db8::1]", "[2001:db8::1]", "192.0.2.1",
	"a@b", "a@bc", "cd", "d", // user and contact written without a separator are ambiguous
	"drop-table;--@verona.example", "{a}@verona.example",
}

// fullAddresses are contacts with resource parts, which are compared by case, accents
// and spaces.
var fullAddresses = []string{
	"a@verona.example/nick", "a@verona.example/Nick", "a@verona.example/nick ", "a@verona.example/nick  ",
	"a@verona.example/ñick", "a@verona.example/nick/nick", "a@verona.example/O'Hara", `a@verona.example/"`,
	"a@verona.example/😀", "verona.example/nick",
}

func longest() []jid.JID {
	domain := strings.Repeat(strings.Repeat("d", 60)+".", 4) + "example"
	local := strings.Repeat("l", 1023)
	return []jid.JID{
		jid.MustParse(local + "@" + domain),
		jid.MustParse(local[1:] + "@" + domain),
	}
}

func parseAll(texts []string) []jid.JID {
	jids := make([]jid.JID, 0, len(texts))
	for _, text := range texts {
		jids = append(jids, jid.MustParse(text))
	}
	return jids
}

// Contacts with unusual addresses are kept apart.
func testAddresses(t testing.TB, s roster.Store) {
	contacts := append(parseAll(lookalikes), longest()...)
	contacts = append(contacts, parseAll(fullAddresses)...)
	resource := strings.Repeat("r", 1023)
	for _, j := range longest() {
		withResource, err := j.WithResource(resource)
		if err != nil {
			t.Fatal(err)
		}
		contacts = append(contacts, withResource)
	}
	var want []roster.Item
	for i, c := range contacts {
		it := roster.Item{Contact: c, Name: fmt.Sprint(i)}
		set(t, s, juliet, it)
		want = append(want, it)
	}
	expect(t, s, juliet, want...)
	for i := range want { // and deleted one by one
		set(t, s, juliet, roster.Item{Contact: contacts[i]})
		if i%8 == 0 || i > len(want)-4 {
			expect(t, s, juliet, want[i+1:]...)
		}
	}
}

// Users with unusual addresses are kept apart, also from contacts of that address.
func testAddressesOfUsers(t testing.TB, s roster.Store) {
	users := append(parseAll(lookalikes), longest()...)
	item := func(user, contact int) roster.Item {
		return roster.Item{Contact: users[contact], Name: fmt.Sprintf("%d has %d", user, contact)}
	}
	contacts := func(user int) []int { // a few of the users, in a ring
		return []int{(user + 1) % len(users), (user + len(users) - 1) % len(users), (user + 2) % len(users)}
	}
	for i, u := range users {
		for _, c := range contacts(i) {
			set(t, s, u, item(i, c))
		}
	}
	for i, u := range users {
		var want []roster.Item
		for _, c := range contacts(i) {
			want = append(want, item(i, c))
		}
		expect(t, s, u, want...)
	}
}

// What one user does with a contact is nothing to another user.
func testManyUsers(t testing.TB, s roster.Store) {
	users := make([]jid.JID, 50)
	for i := range users {
		users[i] = jid.MustParse(fmt.Sprintf("user%d@capulet.example", i))
		it := full(romeo)
		it.Name = users[i].String()
		set(t, s, users[i], it)
	}
	for i, u := range users {
		if i%2 == 0 {
			set(t, s, u, roster.Item{Contact: romeo})
		}
	}
	for i, u := range users {
		if i%2 == 0 {
			expect(t, s, u)
			continue
		}
		it := full(romeo)
		it.Name = u.String()
		expect(t, s, u, it)
	}
}
