package roster

import (
	"slices"

	"isthmus.im/jid"
)

// Subscription says who of user and contact may see the other's presence
// (RFC 6121 section 2.1.2.5). The numbers of its values do not change between
// versions and may be stored. Any other number counts as None.
type Subscription uint8

const (
	None Subscription = iota // neither; the zero value
	To                       // the user sees the contact's presence
	From                     // the contact sees the user's presence
	Both                     // each sees the other's
)

// String returns the value of the subscription attribute: "none", "to", "from" or
// "both".
func (s Subscription) String() string {
	switch s {
	case To:
		return "to"
	case From:
		return "from"
	case Both:
		return "both"
	}
	return "none"
}

// HasTo reports whether the user may see the contact's presence: s is To or Both.
func (s Subscription) HasTo() bool { return s == To || s == Both }

// HasFrom reports whether the contact may see the user's presence: s is From or Both.
func (s Subscription) HasFrom() bool { return s == From || s == Both }

// subscriptionOf is the subscription with the given halves.
func subscriptionOf(to, from bool) Subscription {
	switch {
	case to && from:
		return Both
	case to:
		return To
	case from:
		return From
	}
	return None
}

// Item is what one user has on one contact. The zero Item is nothing at all. Items
// are values; a copy shares only the memory of Groups.
type Item struct {
	// Contact is the address of the contact, without a resource part unless the
	// host wants otherwise. It may be that of a domain.
	Contact jid.JID
	// Name is what the user calls the contact. Empty: no name.
	Name string
	// Groups are the groups that the user put the contact in, each once and not
	// empty. Their order means nothing.
	Groups []string

	// Listed keeps the contact in the roster when nothing else here does; see
	// InRoster. False: a contact of whom nothing else is known is no contact.
	Listed bool
	// Subscription is who may see whom.
	Subscription Subscription
	// Ask tells that the user asked to see the contact's presence and the contact
	// has not answered: "Pending Out".
	Ask bool
	// Pending tells that the contact asked to see the user's presence and the user
	// has not answered: "Pending In".
	Pending bool
	// Approved tells that a request of the contact is to be granted when it comes
	// (RFC 6121 section 3.4).
	Approved bool

	// Request is the contact's request as it was received, while Pending is set,
	// for a user who is away must get it whole later (RFC 6121 section 3.1.3). The
	// caller of Apply fills it in with text of its choice and limits its size;
	// Apply only clears it. Empty: not kept.
	Request string
}

// IsZero reports whether nothing is set but the Contact. A [Store] keeps no such
// item.
func (it Item) IsZero() bool {
	return it.Name == "" && len(it.Groups) == 0 && !it.Listed && it.Subscription == None &&
		!it.Ask && !it.Pending && !it.Approved && it.Request == ""
}

// InRoster reports whether the contact is in the roster that the user sees: it is
// Listed, has a name, a group or a subscription, was asked or was approved. An item
// for which it is false is the record of a stranger's request at most.
func (it Item) InRoster() bool {
	return it.Listed || it.Name != "" || len(it.Groups) > 0 ||
		it.Subscription.HasTo() || it.Subscription.HasFrom() || it.Ask || it.Approved
}

// State returns the name of the item's state in RFC 6121 appendix A.1, such as
// "None + Pending Out+In". Approved does not show in it.
func (it Item) State() string {
	it = it.canonical()
	s := "None"
	switch it.Subscription {
	case To:
		s = "To"
	case From:
		s = "From"
	case Both:
		s = "Both"
	}
	switch {
	case it.Ask && it.Pending:
		s += " + Pending Out+In"
	case it.Ask:
		s += " + Pending Out"
	case it.Pending:
		s += " + Pending In"
	}
	return s
}

// Equal reports whether it and o have the same content. The order of groups makes no
// difference.
func (it Item) Equal(o Item) bool {
	return it.Contact == o.Contact && it.Name == o.Name && it.Listed == o.Listed &&
		it.Subscription == o.Subscription && it.Ask == o.Ask && it.Pending == o.Pending &&
		it.Approved == o.Approved && it.Request == o.Request && sameSet(it.Groups, o.Groups)
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// Removal lists the events to apply, in this order, when the user removes the
// contact: they end what either side has of the other or asked for, so that both
// sides agree once their stanzas are routed (RFC 6121 section 2.5.2, which does not
// speak of requests). The caller then stores Item{} and tells the user's clients of
// the removal instead of any Push. An item without subscription and requests has
// none.
func (it Item) Removal() []Event {
	var events []Event
	if it.Subscription.HasTo() || it.Ask {
		events = append(events, SendUnsubscribe)
	}
	if it.Subscription.HasFrom() || it.Pending {
		events = append(events, SendUnsubscribed)
	}
	return events
}

// canonical resolves what contradicts itself in items that did not come from Apply:
// what is granted is not asked for.
func (it Item) canonical() Item {
	to, from := it.Subscription.HasTo(), it.Subscription.HasFrom()
	it.Subscription = subscriptionOf(to, from)
	it.Ask = it.Ask && !to
	it.Pending = it.Pending && !from
	it.Approved = it.Approved && !from
	if !it.Pending {
		it.Request = ""
	}
	it.Listed = it.InRoster()
	return it
}
