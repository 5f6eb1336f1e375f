package roster

// Effect says what the caller has to do once the item that Apply returned is stored.
// Where several fields are set, this is the order: Withdraw, Route or AutoReply,
// Announce, Deliver, Push. The zero Effect is "nothing, and drop the stanza".
type Effect struct {
	// Route: pass the stanza on to the contact, from the user's bare address.
	Route bool
	// Deliver: show the stanza to the user.
	Deliver bool
	// Push: the item changed as the user's own clients see it; tell them.
	Push bool
	// AutoReply: answer the contact on the user's behalf, from the bare address,
	// with a presence stanza of this event's Type. It is SendSubscribed,
	// SendUnsubscribed or 0, no answer, and is not to be applied to the item.
	AutoReply Event
	// Announce: the contact may see the user's presence from now on; send the
	// current presence of each of the user's sessions (RFC 6121 section 3.1.5).
	Announce bool
	// Withdraw: the contact may no longer see the user's presence; send an
	// unavailable presence for each of the user's sessions that are online (RFC
	// 6121 sections 3.2.2 and 3.3.3).
	Withdraw bool
}

// Apply is the table of RFC 6121 appendix A with the approvals in advance of section
// 3.4: it returns the item as it is after ev, and what is to be done about it. It is
// pure, and total: it takes every item and every event.
//
// Events that repeat what is known change nothing and are not delivered, so that
// stanzas may be sent again when one could be lost. A subscribe of a contact who has
// a subscription is answered again and followed by the user's presence.
//
// Contact, Name and Groups stay as they are; Groups is shared with it. Listed is set
// when the contact is in the roster, and never cleared. Request is cleared when no
// request is pending. An item that contradicts itself, such as one with To and Ask,
// is set right first: what is granted counts.
func Apply(it Item, ev Event) (Item, Effect) {
	before := it
	it = it.canonical()
	var eff Effect
	switch ev {
	case SendSubscribe, SendUnsubscribe, RecvSubscribed, RecvUnsubscribed:
		it, eff = applyTo(it, ev)
	case RecvSubscribe, RecvUnsubscribe, SendSubscribed, SendUnsubscribed:
		denied := it.Pending && ev == SendUnsubscribed
		it, eff = applyFrom(it, ev)
		eff.Push = denied // RFC 6121 section 3.2.2 wants it, though no client sees a change
	default:
		return before, Effect{}
	}
	it = it.canonical()
	eff.Push = it.InRoster() && (eff.Push || it.look() != before.look())
	return it, eff
}

// applyTo moves the half that lets the user see the contact's presence.
func applyTo(it Item, ev Event) (Item, Effect) {
	to, from := it.Subscription.HasTo(), it.Subscription.HasFrom()
	var eff Effect
	switch ev {
	case SendSubscribe:
		eff.Route = true
		it.Ask = !to
	case SendUnsubscribe:
		eff.Route = true
		it.Ask, to = false, false
	case RecvSubscribed:
		if it.Ask {
			eff.Deliver = true
			it.Ask, to = false, true
		}
	case RecvUnsubscribed:
		eff.Deliver = it.Ask || to
		it.Ask, to = false, false
	}
	it.Subscription = subscriptionOf(to, from)
	return it, eff
}

// applyFrom moves the half that lets the contact see the user's presence.
func applyFrom(it Item, ev Event) (Item, Effect) {
	to, from := it.Subscription.HasTo(), it.Subscription.HasFrom()
	var eff Effect
	switch ev {
	case RecvSubscribe:
		switch {
		case from, it.Approved:
			eff.AutoReply, eff.Announce = SendSubscribed, true
			it.Pending, it.Approved, from = false, false, true
		case !it.Pending:
			eff.Deliver = true
			it.Pending = true
		}
	case SendSubscribed:
		switch {
		case it.Pending:
			eff.Route, eff.Announce = true, true
			it.Pending, it.Approved, from = false, false, true
		case !from:
			it.Approved = true
		}
	case RecvUnsubscribe:
		if it.Pending || from {
			eff.Deliver, eff.AutoReply, eff.Withdraw = true, SendUnsubscribed, from
			it.Pending, from = false, false
		}
	case SendUnsubscribed:
		eff.Route, eff.Withdraw = it.Pending || from, from
		it.Pending, it.Approved, from = false, false, false
	}
	it.Subscription = subscriptionOf(to, from)
	return it, eff
}

// look is what a client sees of the state of an item in the roster: presence there,
// and the attributes subscription, ask and approved.
type look struct {
	inRoster, ask, approved bool
	subscription            Subscription
}

func (it Item) look() look {
	return look{it.InRoster(), it.Ask, it.Approved, it.Subscription}
}
