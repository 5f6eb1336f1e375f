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
//	mux.HandleIQ(stanza.Get, "", box)
//	mux.HandleIQ(stanza.Set, "", box)
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
// that pretend to be the account's are removed.
//
// # Requests
//
// Requests to a full address go to that session if MayAsk says that the sender
// may know of it, calls (XEP-0166) for one; the session's client answers
// through the host's [stanza.Sender]. Results and errors go to the session that
// asked. Requests to a bare address are the account's, and are left unanswered
// for whoever is next.
package delivery
