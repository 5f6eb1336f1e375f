package roster_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/roster/rostertest"
)

// talks is a host's list of who shares a conversation with whom.
type talks map[jid.JID][]jid.JID

func (c talks) Contacts(_ context.Context, user jid.JID) ([]jid.JID, error) { return c[user], nil }

// broken is a host whose database is down.
type broken struct{ err error }

func (c broken) Contacts(context.Context, jid.JID) ([]jid.JID, error) { return nil, c.err }

func (c broken) Items(context.Context, jid.JID) ([]roster.Item, error) { return nil, c.err }

func (c broken) Update(context.Context, jid.JID, jid.JID, func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	return roster.Item{}, c.err
}

// apply runs one event through a store.
func apply(t *testing.T, s roster.Store, contact jid.JID, ev roster.Event) (roster.Item, roster.Effect, error) {
	t.Helper()
	var eff roster.Effect
	it, err := s.Update(t.Context(), juliet, contact, func(it roster.Item) (roster.Item, error) {
		it, eff = roster.Apply(it, ev)
		return it, nil
	})
	return it, eff, err
}

// Where nobody talks, everything is as in the store behind.
func TestFromConversationsRest(t *testing.T) {
	rostertest.TestStore(t, func(testing.TB) roster.Store {
		return roster.FromConversations(talks{}, &roster.MemStore{})
	})
}

func TestFromConversationsItems(t *testing.T) {
	home, err := romeo.WithResource("orchard")
	if err != nil {
		t.Fatal(err)
	}
	listed := []jid.JID{romeo, juliet, nurse, home, {}, romeo}
	given := slices.Clone(listed)
	var rest roster.MemStore
	for _, c := range []jid.JID{romeo, jid.MustParse("paris@verona.example")} {
		if _, err := rest.Update(t.Context(), juliet, c, set(roster.Item{Pending: true})); err != nil {
			t.Fatal(err)
		}
	}
	both := func(j jid.JID) roster.Item {
		return roster.Item{Contact: j, Listed: true, Subscription: roster.Both}
	}
	paris := roster.Item{Contact: jid.MustParse("paris@verona.example"), Pending: true}

	for _, tt := range []struct {
		name string
		rest roster.Store
		want []roster.Item
	}{
		{"alone", nil, []roster.Item{both(nurse), both(romeo)}},
		{"with rest", &rest, []roster.Item{both(nurse), both(romeo), paris}},
	} {
		s := roster.FromConversations(talks{juliet: given}, tt.rest)
		items, err := s.Items(t.Context(), juliet)
		if err != nil || !slices.EqualFunc(items, tt.want, roster.Item.Equal) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, items, err, tt.want)
		}
		if items, err = s.Items(t.Context(), nurse); err != nil || len(items) != 0 {
			t.Errorf("%s: a user without conversations has %+v, %v", tt.name, items, err)
		}
	}
	if !slices.Equal(given, listed) {
		t.Error("the host's list was changed")
	}
}

// Every event, for somebody the user talks with.
func TestFromConversationsShared(t *testing.T) {
	s := roster.FromConversations(talks{juliet: {romeo}}, &roster.MemStore{})
	for _, tt := range []struct {
		event roster.Event
		want  roster.Effect
		fixed bool
	}{
		{event: roster.SendSubscribe, want: roster.Effect{Route: true}},
		{event: roster.SendSubscribed},
		{event: roster.SendUnsubscribe, fixed: true},
		{event: roster.SendUnsubscribed, fixed: true},
		{event: roster.RecvSubscribe, want: roster.Effect{AutoReply: roster.SendSubscribed, Announce: true}},
		{event: roster.RecvSubscribed},
		{event: roster.RecvUnsubscribe, fixed: true},
		{event: roster.RecvUnsubscribed, fixed: true},
	} {
		it, eff, err := apply(t, s, romeo, tt.event)
		if tt.fixed {
			if err != roster.ErrFixed || !it.Equal(roster.Item{}) {
				t.Errorf("%v: %+v, %v; want ErrFixed", tt.event, it, err)
			}
		} else if err != nil || eff != tt.want || it.Subscription != roster.Both {
			t.Errorf("%v: %+v, %+v, %v; want %+v", tt.event, it, eff, err, tt.want)
		}
		items, err := s.Items(t.Context(), juliet)
		if err != nil || len(items) != 1 || items[0].State() != "Both" {
			t.Fatalf("%v: then %+v, %v", tt.event, items, err)
		}
	}
	for _, it := range []roster.Item{{}, {Name: "Romeo", Listed: true, Subscription: roster.Both}} {
		if _, err := s.Update(t.Context(), juliet, romeo, set(it)); err != roster.ErrFixed {
			t.Errorf("%+v: error %v, want ErrFixed", it, err)
		}
	}
}

// Strangers go through every state, kept in rest, and a conversation hides it.
func TestFromConversationsStranger(t *testing.T) {
	talks := talks{}
	s := roster.FromConversations(talks, &roster.MemStore{})
	seen := map[string]bool{"None": true}
	for _, ev := range []roster.Event{
		roster.SendSubscribe, roster.RecvSubscribe, roster.RecvSubscribed, roster.SendSubscribed,
		roster.SendUnsubscribe, roster.SendSubscribe, roster.RecvUnsubscribe, roster.RecvSubscribed,
		roster.RecvUnsubscribed, roster.RecvSubscribe, roster.SendSubscribed,
	} {
		it, _, err := apply(t, s, romeo, ev)
		if err != nil {
			t.Fatalf("%v: %v", ev, err)
		}
		seen[it.State()] = true
	}
	if len(seen) != 9 {
		t.Errorf("%d states, want 9: %v", len(seen), seen)
	}
	for _, want := range []string{"From", "Both", "From"} {
		items, err := s.Items(t.Context(), juliet)
		if err != nil || len(items) != 1 || items[0].State() != want {
			t.Fatalf("%+v, %v; want %s", items, err, want)
		}
		if len(talks) == 0 {
			talks[juliet] = []jid.JID{romeo}
		} else {
			delete(talks, juliet)
		}
	}
}

func TestFromConversationsWithoutRest(t *testing.T) {
	s := roster.FromConversations(talks{juliet: {nurse}}, nil)
	if it, eff, err := apply(t, s, romeo, roster.RecvUnsubscribed); err != nil || eff != (roster.Effect{}) ||
		!it.Equal(roster.Item{Contact: romeo}) {
		t.Errorf("no change: %+v, %+v, %v", it, eff, err)
	}
	if it, err := s.Update(t.Context(), juliet, romeo, set(roster.Item{})); err != nil || it.Contact != romeo {
		t.Errorf("deletion of nothing: %+v, %v", it, err)
	}
	if _, _, err := apply(t, s, romeo, roster.RecvSubscribe); err != roster.ErrFixed {
		t.Errorf("a stranger's request: %v, want ErrFixed", err)
	}
}

func TestFromConversationsErrors(t *testing.T) {
	down := errors.New("host: database is down")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	keep := func(it roster.Item) (roster.Item, error) { return it, nil }
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		store   roster.Store
		contact jid.JID
		fn      func(roster.Item) (roster.Item, error)
		items   error
		update  error
	}{
		{"conversations", t.Context(), roster.FromConversations(broken{down}, nil), romeo, keep, down, down},
		{"rest", t.Context(), roster.FromConversations(talks{}, broken{down}), romeo, keep, down, down},
		{"context", ended, roster.FromConversations(talks{juliet: {romeo}}, nil), romeo, keep, context.Canceled, context.Canceled},
		{"function", t.Context(), roster.FromConversations(talks{juliet: {romeo}}, nil), romeo,
			func(it roster.Item) (roster.Item, error) { return it, down }, nil, down},
	} {
		if _, err := tt.store.Items(tt.ctx, juliet); err != tt.items {
			t.Errorf("%s: Items: %v, want %v", tt.name, err, tt.items)
		}
		if it, err := tt.store.Update(tt.ctx, juliet, tt.contact, tt.fn); err != tt.update || !it.Equal(roster.Item{}) {
			t.Errorf("%s: Update: %+v, %v, want %v", tt.name, it, err, tt.update)
		}
	}
}
