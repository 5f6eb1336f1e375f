package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"isthmus.im/jid"
)

var (
	// ErrExists is returned by AddUser when the address, or one that an older
	// server cannot tell from it, is taken.
	ErrExists = errors.New("store: user exists")
	// ErrNoUser is returned when there is no such user.
	ErrNoUser = errors.New("store: no such user")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

// TokenHash is the SHA-256 digest of a user's bearer token. Tokens are 128
// random bits, so a plain digest is as hard to invert as they are to guess.
type TokenHash [sha256.Size]byte

// HashToken returns the digest under which token is kept.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// The values of Event.Type.
const (
	TypeMessage    = "message"    // From wrote Body
	TypeError      = "error"      // the message InReplyTo was not delivered, because of Condition
	TypeCorrection = "correction" // Body replaces what From wrote in the message InReplyTo
	TypeReceipt    = "receipt"    // the message InReplyTo reached From
	TypeRequest    = "request"    // From asks to see the user's presence; Text is their nick
	TypePresence   = "presence"   // From is there, or not: Condition is how, Text says more
	TypeContact    = "contact"    // the user's contact From has changed: Detail
)

// Event is one thing a user must hear of. Which fields it has depends on its Type.
type Event struct {
	// ID is given by Append: 1 for a user's first event, 2 for the next.
	ID   int64  `json:"id"`
	Type string `json:"type"`
	From string `json:"from"`
	To   string `json:"to"`

	Body     string `json:"body"`
	StanzaID string `json:"stanza_id"`

	InReplyTo string `json:"in_reply_to"`
	Condition string `json:"condition"`
	Text      string `json:"text"`
	Detail    string `json:"detail"` // a JSON object, or empty

	At time.Time `json:"at"`
}

// Store keeps users and their events. Implementations are safe for concurrent
// use. An error leaves nothing changed.
type Store interface {
	// AddUser makes a user with a bare address. ErrExists: the address is taken,
	// or equal to one that is taken in the eyes of a server that still compares
	// addresses by stringprep (RFC 6122); such a server could reach only one of
	// the two.
	AddUser(ctx context.Context, user jid.JID, token TokenHash) error

	// UserExists reports whether the bare form of addr is a user's. It makes
	// every Store an s2s.Directory.
	UserExists(ctx context.Context, addr jid.JID) (bool, error)

	// UserByToken returns the user whose token it is, or ErrNoUser.
	UserByToken(ctx context.Context, token TokenHash) (jid.JID, error)

	// Append adds e to the events of the user that the bare form of addr names,
	// and returns its number. It returns when e is as durable as the store makes
	// things. Calls that follow one another keep their order. ErrNoUser: there
	// is no such user.
	Append(ctx context.Context, addr jid.JID, e Event) (int64, error)

	// Events returns at most limit events of user with an ID above after, oldest
	// first. The slice is the caller's. No events, or no user: an empty slice.
	Events(ctx context.Context, user jid.JID, after int64, limit int) ([]Event, error)

	// Watch returns a channel that has something to receive after each Append
	// for user; several may be announced as one. stop ends the watch.
	Watch(user jid.JID) (wake <-chan struct{}, stop func())

	People

	// Close ends the store. What was appended before is kept.
	Close() error
}
