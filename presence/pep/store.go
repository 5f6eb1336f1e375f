package pep

import (
	"context"

	"isthmus.im/jid"
)

// Query picks items of a node. The zero Query picks none.
type Query struct {
	// IDs picks the items with these ids, in the order in which they were published;
	// those that there are not are left out. Nil: the newest items.
	IDs []string
	// Max is how many items are picked at most, the newest of them.
	Max int
	// Bytes ends the picking, from the newest item back, before the payloads exceed so
	// many bytes together. One item is always picked. Zero: no bound.
	Bytes int
}

// Store keeps the nodes of each local user. A host implements it on its database and
// tests it with peptest.TestStore.
//
// Addresses, node names and item ids are opaque keys: they are the same when they are ==,
// and under no other rule. A database must not compare them by a collation that ignores
// case, accents or trailing spaces. An owner is addressed without a resource part.
//
// What is missing is no error: a user nobody heard of has no nodes, and a node that
// does not exist is a [Node] that holds only Name. All errors leave everything unchanged.
//
// Methods are safe for concurrent use. They end early when ctx does, with an error
// for which errors.Is finds ctx.Err(), and do nothing when it has ended before.
type Store interface {
	// Nodes returns all nodes of owner, without their Items and Subscribers, in any
	// order. They include every Update that returned before Nodes was called. What is
	// returned belongs to the caller.
	Nodes(ctx context.Context, owner jid.JID) ([]Node, error)

	// Read returns a node of owner with its Subscribers and, of its Items, those that
	// q picks, in the order of their publication. It shows a state between two
	// Updates. What is returned belongs to the caller, except the bytes of payloads,
	// which nobody changes.
	Read(ctx context.Context, owner jid.JID, node string, q Query) (Node, error)

	// Update replaces a node by what fn makes of it.
	//
	// It calls fn with the stored node and all its items, which have no Payload then,
	// and stores the result under the name node, whatever its Name is. An item of the
	// result without Payload keeps the payload stored under its ID, if there is one.
	// The order of Items in the result is the order of their publication from then on.
	// A result that does not exist deletes the node with everything in it. Update
	// returns, when that is durable, the node as stored, again without payloads.
	//
	// Update is atomic: the node given to fn is the one that its result replaces, and
	// no other Update of it comes between. A store may run fn again, as databases do
	// that repeat a transaction, and only the last result counts; so fn does nothing
	// but compute, sets the variables around it anew each time, and calls no method of
	// the store.
	//
	// An error from fn is returned unchanged and nothing is stored. A panic of fn is
	// passed on, nothing is stored, and the store can be used as before. What is given
	// to fn belongs to fn; Update keeps no reference to the lists that fn returns.
	Update(ctx context.Context, owner jid.JID, node string, fn func(Node) (Node, error)) (Node, error)
}
