// Package profile shows what a host knows of its users, their avatars, names and nicks,
// to users elsewhere, and reads theirs: User Avatar (XEP-0084), vCard-based avatars
// (XEP-0153) and vcard-temp (XEP-0054), always alike (XEP-0398), and User Nickname
// (XEP-0172).
//
// A host implements [Profiles], one method that returns a user's [Profile], and puts a
// [Service] between its store of nodes and package pep:
//
//	profiles := &profile.Service{Profiles: database}
//	nodes := &pep.Service{Store: profiles.Store(kept), ...}
//	profiles.Nodes = nodes
//	nodes.Register(mux)
//	profiles.Register(mux)
//	discovery := &disco.Service{Info: profiles.Info, Items: nodes.Items, ...}
//
// Nothing is copied: nodes and vCards are made of the profile when somebody asks, also for
// users who are offline. Those who may see the user's presence see the profile, and with
// Access everybody.
//
// When a profile changes the host calls Changed, and announces the presence of the user's
// sessions anew. It passes all their presence through Decorate before
// presence.Service.Announce, which adds the hash of the avatar. With Sender, requests for
// subscriptions carry the user's nick.
//
// # Contacts
//
// With AvatarNode+"+notify" and NickNode+"+notify" among the features of sessions (see
// package pep), contacts' servers tell of changes. [AvatarOf] and [NickIn] read these
// events, and [PhotoOf] what presence says; both lead to an id, with which the host looks
// whether it has the image, and else calls Avatar. What comes is checked against
// the id. VCard reads the rest.
//
// Images of others are bytes that somebody else chose. Their hash says that they are the
// ones announced, and no more.
package profile
