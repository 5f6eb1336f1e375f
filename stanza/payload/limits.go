package payload

import (
	"errors"
	"fmt"
)

// What a peer may put into one payload. Whatever exceeds a limit is refused with an
// [*InvalidError], however it is read: with [stanza.Stanza.Decode], [Of] or a
// [Registry]. The bytes of a whole stanza are limited by the stream that carried it.
const (
	// MaxItems is the number of children that one element may have, such as the
	// reactions to a message, what is known of a file, or the places it can be had
	// from, and the number of payloads that [All] returns.
	MaxItems = 64
	// MaxAttr is the length in bytes of an id or any other attribute; an address is
	// as long as RFC 7622 section 3.1 allows, 3071 bytes.
	MaxAttr = 1024
	// MaxReaction is the length in bytes of one reaction; the longest emoji of
	// today take 41.
	MaxReaction = 64
	// MaxURI is the length in bytes of the address of a file.
	MaxURI = 4096
	// MaxText is the length in bytes of a description, a file name or a reason.
	MaxText = 16384
)

// ErrMisplaced is what helpers return, wrapped with the rule in question, when a
// specification does not allow a payload in the stanza at hand.
var ErrMisplaced = errors.New("payload: not allowed in this stanza")

// InvalidError reports an element that is not what its specification says, or more
// of it than the limits of this package allow. The stanza is fine otherwise: its other
// payloads can be read.
type InvalidError struct {
	Payload string // namespace and local name, as in an encoding/xml tag
	Reason  string // what is wrong; it never quotes the peer
}

// Error names the payload and the reason.
func (e *InvalidError) Error() string { return "payload: " + e.Payload + ": " + e.Reason }

func misplaced(rule string) error { return fmt.Errorf("%w: %s", ErrMisplaced, rule) }
