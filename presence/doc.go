// Package presence gives the users of a host contacts and presence among all of XMPP:
// who may see whom (RFC 6121 section 3), and who is there (section 4).
//
// A [Service] stands between the host, which knows its users' sessions and asks them
// what they want, and other servers. It keeps the rules: package roster has the
// states, and the Service sends and answers what they call for. It needs a
// [roster.Store] and a [stanza.Sender] and knows nothing of the network:
//
//	mux := stanza.NewMux()
//	server, err := s2s.New(s2s.Config{Handler: mux, ...})
//	people := &presence.Service{Roster: store, Out: server, OnRequest: ask, OnPresence: show}
//	people.Register(mux)
//
// A host without any such concepts uses [Static]. One with conversations instead of
// contact lists takes its roster from [roster.FromConversations].
//
// # Subscriptions
//
// Subscribe, Unsubscribe, Approve, Deny and Remove are what users do. What contacts
// do arrives through the handler: requests at OnRequest, answers and cancellations at
// OnPresence, changes of the contact list at OnRoster. Requests that were granted
// before are answered by themselves, all that repeats what is known is idempotent,
// and what the state does not call for is dropped without a word.
//
// A request of a stranger waits in the roster for the user, who is told of it at each
// login until they answer. MaxPending and MaxRequest limit what strangers can store.
// A host that wants to let everybody in calls Approve from OnRequest.
//
// # Presence
//
// The host gives each session's presence to Announce. The Service sends it to those
// who may see it, to new ones when they are approved, once more when they let the
// user see theirs, and takes it back from those who are denied. Sessions are
// resources; Sessions lists them by priority for whoever delivers messages. Other sessions of the same user are the host's to tell, and so
// are contacts at domains that its Out does not reach; local contacts are reached
// through Out like all others.
//
// Broadcasts of one session are at least Interval apart, and the last state counts:
// one that flaps costs its contacts little, and ends as what it is.
//
// # Coming and going
//
// When the first session of a user becomes available, each contact whose presence the
// user may see is probed once. The answers come to OnPresence. Every request without
// an answer is sent again then, and each Retry while the user stays, which repairs an
// answer that was lost: the contact's server repeats it. A contact who knows nothing
// of a subscription answers unsubscribed, and it ends here too.
//
// Probes of others are answered with the presence of each session, or unavailable.
// All who may not see it hear unsubscribed, whether the user is online or not, and
// whether or not there is such a user: package s2s says the same of those whom its
// directory does not know.
//
// # Links
//
// When the link with a domain breaks, presence from there is no longer known to be
// true. The host calls DomainLost and DomainBack, for which [Links] watches its streams:
//
//	links := &presence.Links{Lost: people.DomainLost, Back: people.DomainBack}
//
// Users who are online hear of it by OnUnknown. When the link is back, contacts are
// probed again, and requests without answer sent again.
//
// Presence that comes back as an error is shown to the host and never answered. No
// subscription changes by it, since errors may come from anything on the way; directed
// presence to that address is forgotten.
package presence
