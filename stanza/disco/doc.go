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
// [Info.Ver] is the verification string of XEP-0115 and [Info.Hash] that of
// XEP-0390, for those who announce or check them; a [Service] answers the nodes that
// carry its own.
package disco
