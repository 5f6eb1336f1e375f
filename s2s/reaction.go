package s2s

import (
	"errors"

	"isthmus.im/internal/stream"
)

// reaction is what the end of an outgoing stream by a stream error of the peer
// (RFC 6120 section 4.9.3) means for its route.
type reaction struct {
	// final: as the answer to an attempt to open a stream it will not change
	// soon, and what waits is bounced.
	final bool
	// pause: how many failed attempts the error of an open stream counts for
	// before the next is made; zero: none, it can be made at once.
	pause int
	// spoilt: something that was written to the stream may be the reason.
	spoilt bool
}

// reactionTo looks a condition up. An open stream that ends is always opened
// again if something waits, and what was written last goes again; only a refusal
// of the new stream is final.
func reactionTo(condition string) reaction {
	switch condition {
	case stream.HostGone, stream.HostUnknown, stream.NotAuthorized,
		stream.SeeOtherHost, stream.UnsupportedFeature,
		stream.UnsupportedVersion, stream.UnsupportedEncoding:
		return reaction{final: true, pause: 1}
	case stream.InvalidFrom, stream.InvalidNamespace, stream.BadNamespacePrefix:
		return reaction{final: true, pause: 1, spoilt: true}
	case stream.PolicyViolation: // a stanza that is too large, with many servers
		return reaction{final: true, pause: 3, spoilt: true}
	case stream.ResourceConstraint:
		return reaction{pause: 4}
	case stream.SystemShutdown, stream.InternalServerError, stream.RemoteConnectionFailed, stream.UndefinedCondition:
		return reaction{pause: 1}
	case "", stream.Reset, stream.Conflict, stream.ConnectionTimeout:
		return reaction{}
	default: // not-well-formed and the like
		return reaction{spoilt: true}
	}
}

// finalError reports whether a peer's stream error, as the answer to an attempt
// to open a stream, will not change soon.
func finalError(err error) bool {
	var e *StreamError
	return errors.As(err, &e) && e.Remote && reactionTo(e.Condition).final
}
