// Package disco asks and answers service discovery, XEP-0030: who an address is, what
// it can do, and what it has.
//
// # Answering
//
// A [Service] is a [stanza.Handler]. It answers for a domain with the features of
// whatever it is given, usually the host's own [stanza.Mux], and leaves accounts
// alone unless the host's Info function speaks for them:
//
//	d := &disco.Service{Features: mux}
//	d.Register(mux)
//
// # Asking
//
// [GetInfo] and [GetItems] ask another address through a [stanza.Requester]. Refusals
// are the peer's [*stanza.Error].
//
// # Entity capabilities
//
// Presence says by a hash what its sender can do. [Info.AppendCaps] adds those of
// XEP-0115 ([Info.Ver]) and XEP-0390 ([Info.Hash]) to presence, and a [Service] answers
// the nodes that carry them: its own, and with Client those of all sessions.
//
// [ReadCaps] reads what others announce, and a [Cache] finds out what it means: it
// asks once for each hash, and refuses answers that do not have it.
package disco
