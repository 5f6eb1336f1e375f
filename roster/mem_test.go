package roster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/roster/rostertest"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
	nurse  = jid.MustParse("nurse@capulet.example")
)

// set returns a function for Update that stores it.
func set(it roster.Item) func(roster.Item) (roster.Item, error) {
	return func(roster.Item) (roster.Item, error) { return it, nil }
}

func TestMemStore(t *testing.T) {
	rostertest.TestStore(t, func(testing.TB) roster.Store { return &roster.MemStore{} })
}

func TestMemStoreOrder(t *testing.T) {
	var m roster.MemStore
	for _, s := range []string{"b@z.example", "c@a.example", "a@z.example", "z.example", "a@a.example"} {
		if _, err := m.Update(t.Context(), juliet, jid.MustParse(s), set(roster.Item{Ask: true})); err != nil {
			t.Fatal(err)
		}
	}
	items, err := m.Items(t.Context(), juliet)
	if err != nil || len(items) != 5 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	for i := 1; i < len(items); i++ {
		if items[i-1].Contact.Compare(items[i].Contact) >= 0 {
			t.Errorf("%v comes before %v", items[i-1].Contact, items[i].Contact)
		}
	}
}

func TestMemStoreEndedWhileWaiting(t *testing.T) {
	var m roster.MemStore
	ctx, cancel := context.WithCancel(t.Context())
	started, done := make(chan struct{}), make(chan error)
	_, err := m.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		go func() {
			close(started)
			_, err := m.Update(ctx, juliet, nurse, set(roster.Item{Ask: true}))
			done <- err
		}()
		<-started
		cancel()
		return it, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func BenchmarkMemStoreUpdate(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			var m roster.MemStore
			contacts := fill(b, &m, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, err := m.Update(b.Context(), juliet, contacts[i%n], func(it roster.Item) (roster.Item, error) {
					it, _ = roster.Apply(it, roster.RecvSubscribe)
					return it, nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMemStoreItems(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("contacts=%d", n), func(b *testing.B) {
			var m roster.MemStore
			fill(b, &m, n)
			b.ReportAllocs()
			for b.Loop() {
				if items, err := m.Items(b.Context(), juliet); err != nil || len(items) != n {
					b.Fatal(len(items), err)
				}
			}
		})
	}
}

func fill(b *testing.B, m *roster.MemStore, n int) []jid.JID {
	contacts := make([]jid.JID, n)
	for i := range contacts {
		contacts[i] = jid.MustParse(fmt.Sprintf("user%d@domain%d.example", i, i%50))
		it := roster.Item{Subscription: roster.Both, Groups: []string{"Friends"}}
		if _, err := m.Update(b.Context(), juliet, contacts[i], set(it)); err != nil {
			b.Fatal(err)
		}
	}
	return contacts
}

func BenchmarkApply(b *testing.B) {
	it := roster.Item{Contact: romeo}
	b.ReportAllocs()
	for b.Loop() {
		it, _ = roster.Apply(it, roster.RecvSubscribe)
		it, _ = roster.Apply(it, roster.SendUnsubscribed)
	}
}
