// Package rostertest tests implementations of roster.Store.
//
// A host that keeps contacts in its own database calls [TestStore] from a test:
//
//	func TestContacts(t *testing.T) {
//		rostertest.TestStore(t, func(t testing.TB) roster.Store {
//			return newContacts(openEmptyDatabase(t))
//		})
//	}
//
// The tests cover what the comment of roster.Store says: every field comes back as
// it was given, Updates are atomic under concurrency, zero items are gone, errors
// and panics change nothing, memory is not shared, an ended context is heeded, users
// are apart from each other, and addresses that databases like to mix up are not.
//
// They do not pull the plug: that an Update is durable when it returns is beyond
// them, as is a limit that the store may have on the size of names and requests
// (they use names of up to 300 bytes and requests of up to 10,000).
package rostertest

import (
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// TestStore tests the stores that open returns. It calls open for each of about 20
// subtests, one after the other, and expects a store without items each time; open
// registers what is to be closed with t.Cleanup and fails with t.Fatal. The subtests
// make some 2,000 updates in all, for some 80 users whose addresses the tests choose:
// a store that keeps items only of users it knows has to let all of them in here.
func TestStore(t *testing.T, open func(t testing.TB) roster.Store) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// A check tests one rule. It takes a testing.TB so that the tests of this package
// can watch it fail.
type check struct {
	name string
	run  func(t testing.TB, s roster.Store)
}

var checks = []check{
	{"Empty", testEmpty},
	{"Fields", testFields},
	{"States", testStates},
	{"Contact", testContact},
	{"Sequence", testSequence},
	{"Delete", testDelete},
	{"Error", testError},
	{"Panic", testPanic},
	{"OwnGiven", testOwnGiven},
	{"OwnStored", testOwnStored},
	{"OwnReturned", testOwnReturned},
	{"OwnItems", testOwnItems},
	{"ContextEnded", testContextEnded},
	{"ContextEndsDuringUpdate", testContextEnds},
	{"ManyContacts", testManyContacts},
	{"ManyUsers", testManyUsers},
	{"Addresses", testAddresses},
	{"AddressesOfUsers", testAddressesOfUsers},
	{"ConcurrentUpdates", testConcurrentUpdates},
	{"ConcurrentContacts", testConcurrentContacts},
	{"ConcurrentItems", testConcurrentItems},
}

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
	nurse  = jid.MustParse("nurse@capulet.example")
)

// full is an item with everything that an item can have at once.
func full(contact jid.JID) roster.Item {
	return roster.Item{
		Contact: contact, Name: "Romeo", Groups: []string{"Friends", "Verona"}, Listed: true,
		Subscription: roster.To, Pending: true, Request: "<presence type='subscribe'/>",
	}
}

// set stores it and fails the test when that fails.
func set(t testing.TB, s roster.Store, user jid.JID, it roster.Item) {
	t.Helper()
	got, err := s.Update(t.Context(), user, it.Contact, func(roster.Item) (roster.Item, error) { return clone(it), nil })
	if err != nil {
		t.Fatalf("Update(%v, %v): %v", user, it.Contact, err)
	}
	if !got.Equal(it) {
		t.Errorf("Update(%v, %v) returned %+v, stored was %+v", user, it.Contact, got, it)
	}
}

// expect compares all items of user, in any order, and what Update is given for each.
func expect(t testing.TB, s roster.Store, user jid.JID, want ...roster.Item) {
	t.Helper()
	items, err := s.Items(t.Context(), user)
	if err != nil {
		t.Fatalf("Items(%v): %v", user, err)
	}
	left := make(map[jid.JID]roster.Item, len(want))
	for _, it := range want {
		left[it.Contact] = it
	}
	for _, it := range items {
		w, ok := left[it.Contact]
		switch {
		case !ok:
			t.Errorf("Items(%v) has %+v, which is not expected or comes twice", user, it)
		case !it.Equal(w):
			t.Errorf("Items(%v) has\n%+v, want\n%+v", user, it, w)
		}
		delete(left, it.Contact)
	}
	for _, it := range left {
		t.Errorf("Items(%v) lacks %+v", user, it)
	}
	for _, w := range want {
		if got := get(t, s, user, w.Contact); !got.Equal(w) {
			t.Errorf("Update(%v, %v) is given\n%+v, want\n%+v", user, w.Contact, got, w)
		}
	}
}

// get returns the item that Update gives to its function, and leaves it as it is.
func get(t testing.TB, s roster.Store, user, contact jid.JID) roster.Item {
	t.Helper()
	var given roster.Item
	got, err := s.Update(t.Context(), user, contact, func(it roster.Item) (roster.Item, error) {
		given = clone(it)
		return it, nil
	})
	if err != nil {
		t.Fatalf("Update(%v, %v): %v", user, contact, err)
	}
	if !got.Equal(given) {
		t.Errorf("Update(%v, %v) changed nothing, but returned\n%+v, not\n%+v", user, contact, got, given)
	}
	return given
}

// clone returns it with groups of its own.
func clone(it roster.Item) roster.Item {
	it.Groups = append([]string(nil), it.Groups...)
	return it
}
