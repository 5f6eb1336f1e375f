package rostertest

import (
	"testing"

	"isthmus.im/roster"
)

// scribble overwrites all memory that a caller was given with it, up to the capacity.
func scribble(it roster.Item) {
	groups := it.Groups[:cap(it.Groups)]
	for i := range groups {
		groups[i] = "scribbled"
	}
}

// The function may keep and change what it was given.
func testOwnGiven(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	var kept roster.Item
	_, err := s.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		kept = it
		return it, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	scribble(kept)
	expect(t, s, juliet, full(romeo))
}

// The store keeps no reference to what the function returned.
func testOwnStored(t testing.TB, s roster.Store) {
	it := full(romeo)
	got, err := s.Update(t.Context(), juliet, romeo, func(roster.Item) (roster.Item, error) { return it, nil })
	if err != nil {
		t.Fatal(err)
	}
	scribble(it)
	expect(t, s, juliet, full(romeo))
	if !got.Equal(full(romeo)) {
		t.Errorf("what Update returned shares memory with what the function returned: %+v", got)
	}
}

// What Update returns belongs to the caller, after a first and a second Update.
func testOwnReturned(t testing.TB, s roster.Store) {
	for range 2 {
		got, err := s.Update(t.Context(), juliet, romeo, func(roster.Item) (roster.Item, error) { return full(romeo), nil })
		if err != nil {
			t.Fatal(err)
		}
		scribble(got)
		expect(t, s, juliet, full(romeo))
	}
}

// What Items returns belongs to the caller.
func testOwnItems(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	set(t, s, juliet, full(nurse))
	for range 2 {
		items, err := s.Items(t.Context(), juliet)
		if err != nil {
			t.Fatal(err)
		}
		for i := range items {
			scribble(items[i])
			items[i] = roster.Item{Contact: juliet, Name: "scribbled"}
		}
		_ = append(items[:0], roster.Item{Name: "scribbled"})
		expect(t, s, juliet, full(romeo), full(nurse))
	}
}
