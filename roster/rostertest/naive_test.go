package rostertest

import (
	"context"
	"sync"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// record is a row of a naiveStore.
type record struct {
	user, contact jid.JID
	item          roster.Item
}

// naiveStore is a list of rows, and a correct roster.Store when all its hooks are
// nil. Each hook takes the place of one thing it does.
type naiveStore struct {
	mu   sync.Mutex
	rows []record

	same    func(user, user2, contact, contact2 jid.JID) bool   // compares keys
	sameTo  func(user, user2 jid.JID) bool                      // compares users in Items
	save    func(it roster.Item) roster.Item                    // what is kept of an item
	copy    func(where string, it roster.Item) roster.Item      // at "given", "stored", "returned", "items"
	list    func(items []roster.Item) []roster.Item             // what Items returns
	run     func(fn change, it roster.Item) (item, error, bool) // calls fn; true: stores the result
	finish  func(ctx context.Context, given, it item) (item, error)
	noCtx   bool // the context is not looked at
	noAtom  bool // fn runs without the lock
	inTwo   bool // a row is written in two steps
	keepOld bool // zero results are not deleted
}

type (
	item   = roster.Item
	change = func(item) (item, error)
)

func (n *naiveStore) Items(ctx context.Context, user jid.JID) ([]item, error) {
	if err := ctx.Err(); err != nil && !n.noCtx {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var items []item
	for _, r := range n.rows {
		if r.user == user || n.sameTo != nil && n.sameTo(r.user, user) {
			items = append(items, n.clone("items", r.item))
		}
	}
	if n.list != nil {
		items = n.list(items)
	}
	return items, nil
}

func (n *naiveStore) Update(ctx context.Context, user, contact jid.JID, fn change) (item, error) {
	if err := ctx.Err(); err != nil && !n.noCtx {
		return item{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	given := item{Contact: contact}
	if i := n.find(user, contact); i >= 0 {
		given = n.rows[i].item
	}
	it, err, store := n.call(fn, n.clone("given", given))
	if !store {
		return item{}, err
	}
	it.Contact = contact
	returned := n.clone("returned", it)
	if n.save != nil {
		it = n.save(it)
	}
	n.write(user, contact, n.clone("stored", it))
	if n.finish != nil {
		returned, err = n.finish(ctx, given, returned)
	}
	return returned, err
}

// call runs fn, and reports whether its result is to be stored.
func (n *naiveStore) call(fn change, given item) (item, error, bool) {
	if n.noAtom {
		n.mu.Unlock()
		defer n.mu.Lock()
	}
	if n.run != nil {
		return n.run(fn, given)
	}
	it, err := fn(given)
	return it, err, err == nil
}

func (n *naiveStore) write(user, contact jid.JID, it item) {
	i := n.find(user, contact)
	switch {
	case it.IsZero() && n.keepOld:
	case it.IsZero() && i >= 0:
		n.rows = append(n.rows[:i], n.rows[i+1:]...)
	case it.IsZero():
	case i < 0:
		n.rows = append(n.rows, record{user, contact, it})
	case n.inTwo:
		n.rows[i].item.Name = it.Name
		n.mu.Unlock()
		for range 3 { // let somebody look
			yield()
		}
		n.mu.Lock()
		if i = n.find(user, contact); i >= 0 {
			n.rows[i].item = it
		}
	default:
		n.rows[i].item = it
	}
}

func (n *naiveStore) find(user, contact jid.JID) int {
	for i, r := range n.rows {
		if r.user == user && r.contact == contact || n.same != nil && n.same(r.user, user, r.contact, contact) {
			return i
		}
	}
	return -1
}

func (n *naiveStore) clone(where string, it item) item {
	if n.copy != nil {
		return n.copy(where, it)
	}
	return clone(it)
}
