package roster_test

import (
	"context"
	"errors"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

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

func TestGet(t *testing.T) {
	ctx := t.Context()
	store := &writes{Store: &roster.MemStore{}}
	if _, err := store.Update(ctx, juliet, romeo, set(roster.Item{Subscription: roster.Both, Name: "R"})); err != nil {
		t.Fatal(err)
	}
	for contact, want := range map[jid.JID]roster.Item{
		romeo: {Contact: romeo, Subscription: roster.Both, Name: "R"},
		nurse: {Contact: nurse},
	} {
		if it, err := roster.Get(ctx, store, juliet, contact); err != nil || !it.Equal(want) {
			t.Errorf("%s: %+v, %v, want %+v", contact, it, err, want)
		}
	}
	if store.n != 1 {
		t.Errorf("%d writes, want the first alone", store.n)
	}
	talks := roster.FromConversations(talk{romeo}, nil)
	if it, err := roster.Get(ctx, talks, juliet, romeo); err != nil || it.Subscription != roster.Both {
		t.Errorf("who shares a conversation: %+v, %v", it, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if it, err := roster.Get(ended, store, juliet, romeo); !errors.Is(err, context.Canceled) || !it.IsZero() {
		t.Errorf("too late: %+v, %v", it, err)
	}
}

// talk is who everybody shares a conversation with.
type talk []jid.JID

func (t talk) Contacts(context.Context, jid.JID) ([]jid.JID, error) { return t, nil }
