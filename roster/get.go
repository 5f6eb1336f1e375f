package roster

import (
	"context"
	"errors"

	"isthmus.im/jid"
)

// Get reads the item of user for contact, by an Update that stores nothing. A contact
// without item is an [Item] that holds only Contact. The errors are those of the
// store.
func Get(ctx context.Context, store Store, user, contact jid.JID) (Item, error) {
	var item Item
	_, err := store.Update(ctx, user, contact, func(it Item) (Item, error) {
		item = it
		return it, errRead
	})
	if err != nil && !errors.Is(err, errRead) {
		return Item{}, err
	}
	return item, nil
}

// errRead ends an Update that is only to read.
var errRead = errors.New("roster: only read")
