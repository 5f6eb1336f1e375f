package jid

import "strconv"

// Part names the part of an address an error is about.
type Part uint8

// The parts of an address.
const (
	LocalPart Part = iota + 1
	DomainPart
	ResourcePart
)

// String returns "local part", "domain part" or "resource part".
func (p Part) String() string {
	switch p {
	case LocalPart:
		return "local part"
	case DomainPart:
		return "domain part"
	case ResourcePart:
		return "resource part"
	}
	return "part " + strconv.Itoa(int(p))
}

// reason is the text of one of the errors below, without the package's name.
type reason string

func (r reason) Error() string { return "jid: " + string(r) }

// The reasons a part is refused for. A ParseError wraps one of them.
var (
	// ErrEmpty refuses a part, or a label of a domain, of no length.
	ErrEmpty error = reason("empty part")
	// ErrTooLong refuses a part that is longer than 1023 bytes once normalized.
	ErrTooLong error = reason("longer than 1023 bytes")
	// ErrDisallowed refuses a character that the part's profile excludes, or
	// one that it allows only in another context.
	ErrDisallowed error = reason("disallowed character")
	// ErrEncoding refuses what is not UTF-8.
	ErrEncoding error = reason("not UTF-8")
	// ErrBidi refuses characters written right to left in an order that the
	// Bidi Rule forbids (RFC 5893 section 2, RFC 3454 section 6).
	ErrBidi error = reason("right-to-left characters out of order")
	// ErrLabel refuses a domain label that starts or ends with a hyphen, has
	// hyphens in its third and fourth place without being an A-label, or is
	// an A-label that does not stand for a U-label.
	ErrLabel error = reason("malformed domain label")
	// ErrDomainLength refuses a domain whose name in DNS would be longer than
	// 253 bytes, or one of its labels longer than 63.
	ErrDomainLength error = reason("longer than a domain name may be")
	// ErrIPLiteral refuses brackets that do not hold an IPv6 address.
	ErrIPLiteral error = reason("malformed IP literal")
)

// ParseError reports why an address was refused.
type ParseError struct {
	Input string // what was given
	Part  Part   // where the fault is
	Err   error  // one of the Err variables of this package
}

// maxQuoted is the number of bytes of the input that an error text shows.
const maxQuoted = 128

// Error names the part, the input (shortened to 128 bytes) and the reason.
func (e *ParseError) Error() string {
	in, dots := e.Input, ""
	if len(in) > maxQuoted {
		in, dots = in[:maxQuoted], "..."
	}
	why := "unknown reason"
	if r, ok := e.Err.(reason); ok {
		why = string(r)
	} else if e.Err != nil {
		why = e.Err.Error()
	}
	return "jid: " + e.Part.String() + " of " + strconv.Quote(in) + dots + ": " + why
}

// Unwrap returns e.Err.
func (e *ParseError) Unwrap() error { return e.Err }
