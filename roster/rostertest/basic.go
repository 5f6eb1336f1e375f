package rostertest

import (
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// A new store has nothing, and looking does not make something.
func testEmpty(t testing.TB, s roster.Store) {
	expect(t, s, juliet)
	if got := get(t, s, juliet, romeo); !got.Equal(roster.Item{Contact: romeo}) {
		t.Errorf("a contact without item is given as %+v, not as an item that holds only Contact", got)
	}
	expect(t, s, juliet)
}

// Texts come back byte by byte.
func testFields(t testing.TB, s roster.Store) {
	texts := []string{
		"Romeo", " ", "  leading and trailing  ", "a\tb\nc", `quote " and ' and \ and \0`, "NULL", "null", "0", "[]",
		"%_*?", "; DROP TABLE items; --", "<&]]>", "Ромео", "ロミオ", "روميو", "👩‍👩‍👧‍👦", "e\u0301", "é", "\u202eoemoR",
		strings.Repeat("ß", 150),
	}
	var want []roster.Item
	for i, text := range texts {
		it := roster.Item{
			Contact: jid.MustParse(fmt.Sprintf("romeo%d@montague.example", i)),
			Name:    text,
			Groups:  []string{text, "a,b", "A,B"},
			Pending: true,
			Request: "<presence>" + strings.Repeat(text, 10000/len(text)-10) + "</presence>",
		}
		set(t, s, juliet, it)
		want = append(want, it)
	}
	expect(t, s, juliet, want...)
	for i := range want {
		want[i] = roster.Item{Contact: want[i].Contact, Groups: []string{"one"}}
		set(t, s, juliet, want[i]) // every other field is emptied
	}
	expect(t, s, juliet, want...)
}

// Every combination of subscription and flags, also those that roster.Apply never
// makes, is kept apart from the others.
func testStates(t testing.TB, s roster.Store) {
	var want []roster.Item
	for sub := roster.None; sub <= roster.Both; sub++ {
		for flags := range 16 {
			it := roster.Item{
				Contact:      jid.MustParse(fmt.Sprintf("%v-%d@montague.example", sub, flags)),
				Subscription: sub,
				Listed:       flags&1 != 0,
				Ask:          flags&2 != 0,
				Pending:      flags&4 != 0,
				Approved:     flags&8 != 0,
			}
			if it.IsZero() {
				continue
			}
			set(t, s, juliet, it)
			want = append(want, it)
		}
	}
	expect(t, s, juliet, want...)
}

// The item belongs to the contact that Update was called for.
func testContact(t testing.TB, s roster.Store) {
	for _, wrong := range []jid.JID{nurse, {}} {
		got, err := s.Update(t.Context(), juliet, romeo, func(roster.Item) (roster.Item, error) { return full(wrong), nil })
		if err != nil || !got.Equal(full(romeo)) {
			t.Errorf("Update for %v with a result for %q: %+v, %v", romeo, wrong, got, err)
		}
		expect(t, s, juliet, full(romeo))
	}
}

// Each Update builds on the one before.
func testSequence(t testing.TB, s roster.Store) {
	want := roster.Item{Contact: romeo}
	for _, ev := range []roster.Event{
		roster.RecvSubscribe, roster.SendSubscribe, roster.SendSubscribed, roster.RecvSubscribed, roster.RecvUnsubscribe,
	} {
		want, _ = roster.Apply(want, ev)
		got, err := s.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it, _ = roster.Apply(it, ev)
			return it, nil
		})
		if err != nil || !got.Equal(want) {
			t.Errorf("%v: Update returned %+v, %v; want %+v", ev, got, err, want)
		}
		expect(t, s, juliet, want)
	}
}

// A zero result is deleted, with or without the address in it, and may come back.
func testDelete(t testing.TB, s roster.Store) {
	for _, zero := range []roster.Item{{}, {Contact: romeo}, {Contact: nurse, Groups: []string{}}} {
		set(t, s, juliet, full(romeo))
		set(t, s, juliet, full(nurse))
		for range 2 { // the second deletes nothing
			got, err := s.Update(t.Context(), juliet, romeo, func(roster.Item) (roster.Item, error) { return zero, nil })
			if err != nil || !got.Equal(roster.Item{Contact: romeo}) {
				t.Errorf("deletion returned %+v, %v, not an item that holds only Contact", got, err)
			}
			expect(t, s, juliet, full(nurse))
		}
		if got := get(t, s, juliet, romeo); !got.Equal(roster.Item{Contact: romeo}) {
			t.Errorf("a deleted item is given as %+v", got)
		}
	}
}

// Not one of many items is missing, however the store reads them.
func testManyContacts(t testing.TB, s roster.Store) {
	var want []roster.Item
	for i := range 300 {
		it := full(jid.MustParse(fmt.Sprintf("user%d@domain%d.example", i, i%7)))
		it.Name = fmt.Sprint(i)
		set(t, s, juliet, it)
		want = append(want, it)
	}
	expect(t, s, juliet, want...)
}
