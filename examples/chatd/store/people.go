package store

import (
	"context"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/roster"
)

// People is what a Store keeps of users besides their events.
type People interface {
	// Contacts are the users' contact lists. They do not ask who is a user.
	Contacts() roster.Store

	// Nodes are the users' nodes of personal eventing. They do not ask who is a user.
	Nodes() pep.Store

	// Blocked returns whom a user has blocked, in any order; SetBlocked changes it.
	// They make every Store a gate.BlockStore.
	Blocked(ctx context.Context, user jid.JID) ([]jid.JID, error)
	SetBlocked(ctx context.Context, user jid.JID, blocked bool, addresses ...jid.JID) error

	// UserProfile returns the profile of a user; the zero Profile if there is none.
	UserProfile(ctx context.Context, user jid.JID) (Profile, error)
	// SetUserProfile replaces it. ErrNoUser: there is no such user.
	SetUserProfile(ctx context.Context, user jid.JID, p Profile) error

	// SetPresence notes that a user is available, or no longer. ErrNoUser: there is
	// no such user.
	SetPresence(ctx context.Context, user jid.JID, p Presence) error
	// Online returns the users who are available.
	Online(ctx context.Context) (map[jid.JID]Presence, error)
}

// Profile is what others may see of a user.
type Profile struct {
	Name, Nick string
	AvatarType string // media type
	Avatar     []byte // empty: none
	Changed    time.Time
}

// Presence is whether and how a user is there.
type Presence struct {
	Available bool
	Show      string // "", "chat", "away", "xa" or "dnd"
	Status    string // in the user's words
}
