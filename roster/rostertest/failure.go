package rostertest

import (
	"context"
	"errors"
	"testing"

	"isthmus.im/roster"
)

// hostError is an error that no store knows. It is compared by address.
type hostError struct{ text string }

func (e *hostError) Error() string { return e.text }

// An error of the function is returned unchanged and nothing is stored, neither what
// came with the error nor what was done to the item given.
func testError(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	refused := &hostError{"rostertest: refused"}
	for _, it := range []roster.Item{full(romeo), {Contact: nurse}} {
		for _, result := range []roster.Item{{}, {Contact: it.Contact, Name: "changed", Subscription: roster.Both}} {
			_, err := s.Update(t.Context(), juliet, it.Contact, func(given roster.Item) (roster.Item, error) {
				scribble(given)
				return result, refused
			})
			if err != error(refused) {
				t.Errorf("Update returned the error %#v, not that of the function", err)
			}
			expect(t, s, juliet, full(romeo))
		}
	}
}

// A panic of the function is passed on, stores nothing and leaves the store usable.
func testPanic(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	const boom = "rostertest: boom"
	func() {
		defer func() {
			if got := recover(); got != boom {
				t.Errorf("recovered %v, not what the function panicked with", got)
			}
		}()
		_, err := s.Update(t.Context(), juliet, romeo, func(given roster.Item) (roster.Item, error) {
			scribble(given)
			panic(boom)
		})
		t.Errorf("Update returned %v although the function panicked", err)
	}()
	expect(t, s, juliet, full(romeo))
	set(t, s, juliet, full(nurse))
	expect(t, s, juliet, full(romeo), full(nurse))
}

// With a context that has ended nothing is done.
func testContextEnded(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if items, err := s.Items(ctx, juliet); !errors.Is(err, context.Canceled) {
		t.Errorf("Items returned %d items and the error %v, want context.Canceled", len(items), err)
	}
	for _, it := range []roster.Item{full(romeo), full(nurse)} {
		it.Name = "changed"
		_, err := s.Update(ctx, juliet, it.Contact, func(roster.Item) (roster.Item, error) { return it, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Update returned the error %v, want context.Canceled", err)
		}
	}
	expect(t, s, juliet, full(romeo))
}

// When the context ends while the function runs, the Update happens or it does not,
// and its error tells which.
func testContextEnds(t testing.TB, s roster.Store) {
	set(t, s, juliet, full(romeo))
	changed := full(romeo)
	changed.Name = "changed"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.Update(ctx, juliet, romeo, func(roster.Item) (roster.Item, error) {
		cancel()
		return clone(changed), nil
	})
	switch {
	case err == nil:
		expect(t, s, juliet, changed)
	case errors.Is(err, context.Canceled):
		expect(t, s, juliet, full(romeo))
	default:
		t.Errorf("Update returned the error %v, want none or context.Canceled", err)
	}
}
