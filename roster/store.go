package roster

import (
	"context"

	"isthmus.im/jid"
)

// Store keeps the items of each local user. A host implements it on its database and
// tests it with rostertest.TestStore.
//
// Addresses are opaque keys here: two items or users are the same when their JIDs
// are ==, and under no other rule. A database must not compare them by a collation
// that ignores case, accents or trailing spaces. A user is addressed without a
// resource part; a contact may be any address but the zero JID.
//
// What is missing is no error: a user nobody heard of has no items, and a contact
// without item is an [Item] that holds only Contact. All errors leave everything
// unchanged.
//
// Methods are safe for concurrent use. They end early when ctx does, with an error
// for which errors.Is finds ctx.Err(), and do nothing when it has ended before.
type Store interface {
	// Items returns all items of user, each contact once, in any order. They
	// include every Update that returned before Items was called. The slice and
	// all it holds belong to the caller.
	Items(ctx context.Context, user jid.JID) ([]Item, error)

	// Update replaces the item of user for contact by what fn makes of it.
	//
	// It calls fn with the stored item, or with an item that holds only Contact,
	// and stores the result under contact, whatever its Contact is. A result that
	// IsZero deletes the item. Update returns, when that is durable, the item as
	// stored; after a deletion it holds only Contact.
	//
	// Update is atomic: the item given to fn is the one that its result replaces,
	// and no other Update comes between. A store may run fn again, as databases do
	// that repeat a transaction, and only the last result counts; so fn does
	// nothing but compute, sets the variables around it anew each time, and calls
	// no method of the store.
	//
	// An error from fn is returned unchanged and nothing is stored. A panic of fn
	// is passed on, nothing is stored, and the store can be used as before.
	//
	// The item given to fn belongs to fn. Update keeps no reference to the Groups
	// of the item that fn returns, nor to those of the one that it returns.
	Update(ctx context.Context, user, contact jid.JID, fn func(Item) (Item, error)) (Item, error)
}
