package roster

import (
	"context"
	"slices"
	"sync"

	"isthmus.im/jid"
)

// MemStore is a [Store] in memory. The zero MemStore is empty and ready to use. It
// must not be copied after first use.
//
// Items come in the order of their contacts' addresses (jid.JID.Compare). One lock
// is held while a function given to Update runs. There is no limit to the items it
// holds.
type MemStore struct {
	mu    sync.Mutex
	users map[jid.JID][]Item // each in the order of Contact
}

// Items returns the items of user, as [Store] says. It fails only when ctx has ended.
func (m *MemStore) Items(ctx context.Context, user jid.JID) ([]Item, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return cloneItems(m.users[user]), nil
}

// Update changes the item of user for contact, as [Store] says. Its only errors are
// those of fn and ctx. It calls fn once.
func (m *MemStore) Update(ctx context.Context, user, contact jid.JID, fn func(Item) (Item, error)) (Item, error) {
	if err := ctx.Err(); err != nil {
		return Item{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil { // it may have ended while the lock was waited for
		return Item{}, err
	}

	items := m.users[user]
	i, found := slices.BinarySearchFunc(items, contact, func(it Item, c jid.JID) int {
		return it.Contact.Compare(c)
	})
	old := Item{Contact: contact}
	if found {
		old = items[i]
		old.Groups = slices.Clone(old.Groups)
	}
	item, err := fn(old)
	if err != nil {
		return Item{}, err
	}
	item.Contact = contact
	if item.IsZero() {
		if found {
			m.put(user, slices.Delete(items, i, i+1))
		}
		return Item{Contact: contact}, nil
	}
	stored := item
	stored.Groups = slices.Clone(item.Groups)
	item.Groups = slices.Clone(item.Groups)
	if found {
		stored.Contact = items[i].Contact
		items[i] = stored
		return item, nil
	}
	stored.Contact = detach(contact)
	m.put(user, slices.Insert(items, i, stored))
	return item, nil
}

// put replaces the items of user.
func (m *MemStore) put(user jid.JID, items []Item) {
	switch {
	case len(items) == 0:
		delete(m.users, user)
		return
	case m.users == nil:
		m.users = make(map[jid.JID][]Item)
	}
	if _, ok := m.users[user]; !ok {
		user = detach(user)
	}
	m.users[user] = items
}

// cloneItems copies items, and all their groups into one array.
func cloneItems(items []Item) []Item {
	items = slices.Clone(items)
	n := 0
	for i := range items {
		n += len(items[i].Groups)
	}
	groups := make([]string, 0, n)
	for i := range items {
		start := len(groups)
		groups = append(groups, items[i].Groups...)
		items[i].Groups = groups[start:len(groups):len(groups)]
	}
	return items
}

// detach returns j in memory of its own: an address that came with a stanza may
// share that stanza's.
func detach(j jid.JID) jid.JID {
	text, _ := j.MarshalText() // never fails
	var own jid.JID
	if err := own.UnmarshalText(text); err != nil || own != j {
		return j
	}
	return own
}
