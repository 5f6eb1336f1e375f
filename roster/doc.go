// Package roster keeps who is whose contact: the items of RFC 6121 section 2, the
// subscription states of its appendix A, and a place to store them.
//
// It does no I/O, knows nothing of stanzas and imports only package jid. Package
// presence drives it for whole servers; a host that has its own idea of presence
// can use it alone.
//
// # Items and states
//
// An [Item] is what one local user has on one contact. Its subscription has two
// halves that move on their own. To: may the user see the contact's presence? The
// half is off, asked for (Ask) or on. From: may the contact see the user's? It is
// off, approved in advance (Approved), asked for (Pending) or on. Three times three
// states make the nine of RFC 6121 appendix A.1, which [Item.State] names; an
// approval in advance (section 3.4) counts as off there.
//
// A contact is in the user's roster or it is not ([Item.InRoster]). A stranger's
// request is stored in an item that is not: the user does not see it in the contact
// list before approving it (section 3.1.3). An item that was in the roster stays
// there, whatever the contact does, until the user removes it.
//
// # Events
//
// [Apply] is the table of appendix A: an item and an [Event] give the item after it
// and an [Effect], what the caller has to do. It is called inside [Store.Update], so
// that no two events of one contact cross:
//
//	var effect roster.Effect
//	item, err := store.Update(ctx, user, contact, func(it roster.Item) (roster.Item, error) {
//		it, effect = roster.Apply(it, roster.RecvSubscribe)
//		return it, nil
//	})
//	if err != nil {
//		return err // nothing changed: do nothing of the effect
//	}
//	// Now do what effect says.
//
// A user removes a contact by way of the events that [Item.Removal] lists, after
// which the function returns Item{}.
//
// Where sections 3 and appendix A of RFC 6121 differ, the appendix is followed. The
// difference is an unsubscribe that withdraws a request not yet answered: section
// 3.3.3 drops it in silence, table 7 delivers and answers it.
//
// # Lost stanzas
//
// Servers fail between storing a state and delivering the stanza that tells the
// other side. Nothing in the protocol acknowledges these stanzas, but each may be
// sent again at any time, for a receiver that is in the right state already neither
// changes it nor bothers its user:
//
//   - An item with Ask set: send subscribe again, at login and after some time
//     (section 3.1.2). Should the contact have approved and the answer be lost, its
//     server answers subscribed at once.
//   - A subscription To or Both: the probe sent at login finds out. A contact who
//     does not know of the subscription answers unsubscribed (section 4.3.2).
//   - Neither, and presence of the contact keeps arriving: send unsubscribe again.
//
// Whatever the two sides believed before, they agree after one such round. One order
// of events needs it although nothing is lost: a subscribe sent right after an
// unsubscribe can be ended by the automatic unsubscribed that answers the latter, as
// stanzas of both directions cross. A caller that wants both waits for the answer
// or, with servers that give none, sends the request again.
//
// # Stores
//
// A host keeps items in its own database behind [Store], which has two methods, and
// tests it with package rostertest. [Get] reads one item and writes nothing.
// [MemStore] keeps them in memory. A host without
// contact lists gives its conversations to [FromConversations].
//
// Only strangers' requests let a remote party add items. How many may wait for one
// user is for the caller of Apply to limit (package presence does): a Store takes
// what it is given. The same holds for the size of Item.Request.
//
// # Privacy
//
// Apply turns the From half on in two cases only: the user says subscribed to a
// request, or a request finds an approval in advance, which it uses up. Everything
// the contact sends on its own can but turn it off.
package roster
