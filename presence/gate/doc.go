// Package gate decides who reaches a user at all: it keeps out those whom the
// user has blocked (XEP-0191), those on shared block lists, and more strangers
// than anybody wants, before the host sees anything of them.
//
// A [Gate] is a [stanza.Handler] in front of the host's own, and a
// [stanza.Sender] behind it:
//
//	mux := stanza.NewMux()
//	g := &gate.Gate{Next: mux, Blocks: blocks, Known: gate.Contacts(rosters)}
//	fed, err := s2s.New(s2s.Config{Handler: g, ...})
//	g.Out = fed
//	people := &presence.Service{Roster: rosters, Out: g}
//	people.Register(mux)
//
// # Blocking
//
// What a blocked address sends is answered as for a user who is away: messages
// and requests with service-unavailable, presence with nothing (XEP-0191 section
// 3.3). What the user sends there is refused with [ErrBlocked], and broadcasts of
// presence leave them out. [Gate.Block] takes the user's presence back first,
// [Gate.Unblock] shows it again and asks for theirs. [Matches] has the rules of which
// addresses a block covers.
//
// # Strangers
//
// A stranger is whom Known does not know: neither a contact, nor somebody whom
// the user has written to. Their messages and requests for subscription are
// counted, for each of them and for each domain, and what is more than
// StrangerRate and DomainRate is refused, in the words that senders to nobody hear.
// With Hold set, messages of strangers go there and nowhere else, as message
// requests that the host shows its user when it sees fit. [Strangers] decides
// otherwise for each kind of stanza: it can be passed, throttled, held or dropped.
//
// # Block lists
//
// A [List] follows a list that a service publishes (a pubsub node whose items
// are hashes of addresses and domains). What it lists is kept out from
// all users.
//
// # Reports
//
// Reports of abuse (XEP-0377) go out by [Gate.Report], to the contact that the
// other domain names (XEP-0157), and come in at OnReport.
package gate
