package xmlscan

import (
	"errors"
	"strconv"
)

// ErrMore says that the bytes read so far end before the next token does: call
// Buffer, read into it, call Fill and then Next again.
var ErrMore = errors.New("xmlscan: more bytes needed")

// The stream error conditions of RFC 6120 section 4.9.3 that the scanner reports.
const (
	BadFormat           = "bad-format"
	BadNamespacePrefix  = "bad-namespace-prefix"
	InvalidNamespace    = "invalid-namespace"
	NotWellFormed       = "not-well-formed"
	PolicyViolation     = "policy-violation"
	RestrictedXML       = "restricted-xml"
	UnsupportedEncoding = "unsupported-encoding"
)

// Error is the reason a stream cannot be read any further. It never contains
// bytes that the peer sent, so it may be logged and sent.
type Error struct {
	// Condition is the stream error to send, one of the constants of this package.
	Condition string
	// Text says in a few English words what was wrong.
	Text string
	// Offset counts the bytes of the stream before the place of the fault, from
	// the first byte ever given to the Scanner.
	Offset int64
}

// Error returns condition, text and offset in one line.
func (e *Error) Error() string {
	return "xmlscan: " + e.Condition + ": " + e.Text + " at byte " + strconv.FormatInt(e.Offset, 10)
}
