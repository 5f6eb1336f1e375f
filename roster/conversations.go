package roster

import (
	"context"
	"errors"
	"slices"

	"isthmus.im/jid"
)

// ErrFixed is returned by Update of a [FromConversations] store for a change that it
// cannot keep. The state stays as it was and nothing of the effect is to be done.
var ErrFixed = errors.New("roster: conversations decide on this contact")

// Conversations tells who a host's users talk with, for hosts that keep
// conversations and no contact lists.
type Conversations interface {
	// Contacts returns who shares a conversation with user, in any order. The user
	// and addresses that occur again are left out by the caller, and resource
	// parts are dropped. Nobody, or a user who does not exist, is an empty list.
	// The caller does not change the list. Contacts is safe for concurrent use.
	Contacts(ctx context.Context, user jid.JID) ([]jid.JID, error)
}

// FromConversations returns a [Store] that makes a roster of who shares a
// conversation: everybody who does is a contact with the subscription Both. Such an
// item has no name, no groups and no requests, appears with the first conversation
// and is gone after the last.
//
// Update leaves these items alone. It accepts results that change nothing, and
// returns [ErrFixed] for all others. With [Apply] this means: a request of such a
// contact is answered subscribed at once and needs no approval; the user's own
// request is routed, and so reaches the contact's server, which knows nothing of
// conversations; answers to it find nothing to change; and whoever ends the
// subscription (SendUnsubscribe, SendUnsubscribed, RecvUnsubscribe,
// RecvUnsubscribed) gets ErrFixed, as a contact's server does with the unsubscribed
// that answers a probe. Callers drop a received stanza for which Update returned
// ErrFixed, without an error to its sender.
//
// All other contacts are in rest, which goes through all states: a stranger's
// request waits there for the user's decision. What rest holds on somebody is hidden
// while they share a conversation with the user, and untouched. With a nil rest
// there are no other contacts, and Update returns ErrFixed for what would make one.
//
// Methods call Contacts once, outside of any lock and transaction. Errors of c and
// rest are returned unchanged. c is required.
func FromConversations(c Conversations, rest Store) Store {
	return &fromConversations{c, rest}
}

type fromConversations struct {
	conversations Conversations
	rest          Store // may be nil
}

// Items returns who shares a conversation, then the others, in the order of rest.
func (f *fromConversations) Items(ctx context.Context, user jid.JID) ([]Item, error) {
	contacts, err := f.contacts(ctx, user)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(contacts))
	for _, c := range contacts {
		items = append(items, shared(c))
	}
	if f.rest == nil {
		return items, nil
	}
	others, err := f.rest.Items(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, it := range others {
		if _, found := slices.BinarySearchFunc(contacts, it.Contact, jid.JID.Compare); !found {
			items = append(items, it)
		}
	}
	return items, nil
}

// Update lets fn change only items of rest.
func (f *fromConversations) Update(ctx context.Context, user, contact jid.JID, fn func(Item) (Item, error)) (Item, error) {
	contacts, err := f.contacts(ctx, user)
	if err != nil {
		return Item{}, err
	}
	old := Item{Contact: contact}
	if _, found := slices.BinarySearchFunc(contacts, contact, jid.JID.Compare); found {
		old = shared(contact)
	} else if f.rest != nil {
		return f.rest.Update(ctx, user, contact, fn)
	}
	item, err := fn(old)
	if err != nil {
		return Item{}, err
	}
	item.Contact = contact
	if !item.Equal(old) {
		return Item{}, ErrFixed
	}
	return old, nil
}

// contacts returns who shares a conversation with user, sorted and each once.
func (f *fromConversations) contacts(ctx context.Context, user jid.JID) ([]jid.JID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	list, err := f.conversations.Contacts(ctx, user)
	if err != nil {
		return nil, err
	}
	contacts := make([]jid.JID, 0, len(list))
	for _, c := range list {
		if c = c.Bare(); !c.IsZero() && c != user.Bare() {
			contacts = append(contacts, c)
		}
	}
	slices.SortFunc(contacts, jid.JID.Compare)
	return slices.Compact(contacts), nil
}

// shared is the item of somebody who shares a conversation with the user.
func shared(contact jid.JID) Item {
	return Item{Contact: contact, Listed: true, Subscription: Both}
}
