package stanza

import "errors"

// ErrDeferred is returned by a [Handler] that answers a request later: it, or
// somebody it told, sends the answer through a [Sender], to the request's From,
// from its To and with its ID. Nothing is answered for it meanwhile. A gateway
// that passes a request on to a session of its own returns it, so that the
// stanzas behind the request do not wait for the session's answer.
//
// Whoever defers a request owes its sender exactly one answer.
var ErrDeferred = errors.New("stanza: answered later")
