// Package delivery decides who gets what arrives for an account: which of its
// sessions, the archive, or the sender, as an error (RFC 6121 section 8.5).
//
// The rules are a function without state, [Decide], of the stanza, the sessions
// and whether messages can be kept. [Inbox] is a [stanza.Handler] that applies
// them for a host:
//
//	box := &delivery.Inbox{
//		Sessions: sessions,  // who is connected
//		Deliver:  toClient,  // hands a stanza to one of them
//		Store:    archive,   // keeps a message; nil: nothing is kept
//		OnMessage: func(ctx context.Context, m *stanza.Stanza, r delivery.Result) {
//			if len(r.Delivered) == 0 && r.Stored {
//				push(m) // wake the phone
//			}
//		},
//	}
//	mux.HandleMessage("", box)
//	for _, typ := range []stanza.Type{stanza.Get, stanza.Set, stanza.Result, stanza.TypeError} {
//		mux.HandleIQ(typ, "", box)
//	}
//
// # Sessions
//
// A session is what XMPP calls a connected resource. A host whose clients all
// get everything gives each the priority 0; one of negative priority gets only
// what is addressed to it. Package presence knows the sessions that have
// announced themselves. Sessions that arrive later get what they missed from the
// host, which has stored it.
//
// # What is stored
//
// A message is stored before it is delivered, whether sessions are there or
// not, if it says anything that lasts: see [Lasting] and the hints of XEP-0334.
// The id that Store returns is added to what the sessions get (XEP-0359); ids
// that pretend to be the account's are removed, and so are delays (XEP-0203) in
// messages of other domains that pretend to be the account's domain's.
//
// # Requests
//
// Requests to a full address go to that session if MayAsk says that the sender
// may know of it, calls (XEP-0166) for one; the session's client answers
// through the host's [stanza.Sender]. Results and errors go to the session that
// asked by that Sender, for which the box is registered for them as well: without
// it a call that a session begins is never answered. Requests to a bare address are
// the account's, and are left unanswered for whoever is next.
//
// # Calls
//
// What comes before a call (XEP-0353) is messages: a proposal to the account goes to
// every session whose priority is not negative. What a device of the callee says goes
// to the session of the caller that it names; a host tells its user's other sessions
// of it in OnMessage, as of what their own user sends. The call itself is requests
// between two sessions.
package delivery
