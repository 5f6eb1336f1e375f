// Package pep gives the users of a host nodes to publish at, and reads those of users
// elsewhere: personal eventing, XEP-0163, on the publish-subscribe of XEP-0060. Keys of
// end-to-end encryption, avatars and nicknames travel this way.
//
// A [Service] serves the nodes of local users on their bare addresses, to everybody
// who may see them. It needs a [Store], which keeps the nodes, the host's
// [roster.Store], which says who may see whom, and a [stanza.Requester]:
//
//	nodes := &pep.Service{Store: store, Roster: contacts, Out: server, OnEvent: changed}
//	nodes.Register(mux)
//	people := &presence.Service{Roster: contacts, Out: server, OnPresence: nodes.Presence,
//		OnRoster: nodes.RosterChanged}
//	people.Register(mux)
//	discovery := &disco.Service{Features: mux, Info: nodes.Info, Items: nodes.Items, Client: client}
//	discovery.Register(mux)
//
// A host that wants presence and changes of the roster for itself as well sets functions
// of its own that call these. It calls DomainLost of both services
// (presence.Links knows when).
//
// # Publishing
//
// Publish, Retract, Purge, Delete and Configure are what a user's client does, by
// whatever protocol the host has with it. A host whose clients speak XMPP passes their
// requests to the mux; those to a user's own address do the same.
//
// Payloads are served as they were published, byte for byte. A node's [Config] says who
// may see it, how many items it keeps and whether the last one is sent to those who come
// online. It is made with the first item, configured as Publish wants.
//
// # Who is notified
//
// A contact's client says what it is interested in by features that end in "+notify", which
// its presence announces as a hash. The Service learns from Presence what that means
// (see [disco.Cache]: one question for each hash, and answers that do not have it are
// refused), sends the last item of each such node, and from then on what is published.
// Others subscribe, and are notified at the address with which they did.
//
// Whoever loses sight of a node, since the roster changed or the node, is no longer
// notified, and their subscription ends with the next change. Notifications are sent in
// the order of what they tell. One that cannot be sent is lost; the last item follows
// when the contact comes online again.
//
// Interests are kept in memory only. After a restart they are learnt anew from the
// presence that contacts send, at the latest when the user comes online and they are probed.
//
// Blocked contacts are the business of Out and of what stands before the mux, such as a
// gate.Gate.
//
// # Reading others' nodes
//
// OnEvent reports what contacts publish, if the presence of the user's sessions says that
// they want to know: the host adds features with "+notify" to the Client of its
// disco.Service, and announces them with [disco.Info.AppendCaps]. An event counts only if
// it comes from the bare address of the node's owner, and the owner is in the user's roster
// or Accept wants it.
//
// Fetch asks. It tells apart that there is nothing ([ErrNone]), that there may be
// something for others ([ErrNotVisible]) and that nobody could tell ([ErrUnknown]); for
// contacts whose servers do not notify it remembers answers for as long as the caller
// likes. Subscribe makes events come from contacts who do not see the user's presence.
//
// # What strangers learn
//
// An account is known to those who may see its owner's presence, or a node: one with [Open]
// access makes its owner known to everybody. To all others, requests to it and service
// discovery are answered service-unavailable, as they are for accounts that there are not.
// Who knows of an account, but may not see the presence, is told the same of nodes that
// are hidden and of nodes that there are not: to subscribe to the presence.
package pep
