package s2s

import (
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Trace is a set of hooks. Nil hooks are skipped. Hooks are called from the
// goroutines that do the work, concurrently and without locks; they must not
// block and must not keep or change the stanzas that they are shown. They may call
// whatever of the Server does not wait, [Server.Streams], [Server.TrySend] and
// [Server.SetPolicy] for example. Send waits where a queue is full, which may be
// one that goes on only when the hook has returned.
type Trace struct {
	// Dial reports an attempt to reach one address of a remote domain, from
	// the TCP connection to the authenticated stream.
	Dial func(remote jid.JID, addr string, took time.Duration, err error)
	// StreamOpen and StreamClose report authenticated streams.
	StreamOpen  func(StreamInfo)
	StreamClose func(StreamInfo, error)
	// AuthFailed reports an inbound stream that did not get as far.
	AuthFailed func(remote jid.JID, addr string, err error)
	// IdentityChanged reports a surprising change in how a domain proves itself,
	// once; the error is that with which Config.OnChange refused it, or nil.
	IdentityChanged func(Change, error)
	StanzaIn        func(StreamInfo, *stanza.Stanza)
	StanzaOut       func(StreamInfo, *stanza.Stanza)
	// Handled reports that a handler is done with a stanza.
	Handled func(s *stanza.Stanza, took time.Duration, err error)
	// Bounced reports a stanza that could not be delivered.
	Bounced func(s *stanza.Stanza, why *stanza.Error)
	// Limited reports that a limit on one domain or address was met, or the one on
	// streams: the field of Limits, whose stream it was (a zero remote if that was
	// not known yet), and for how long the stream was not read or a stanza not
	// handled. Zero time means that a stream or stanza was refused.
	Limited func(limit string, remote jid.JID, addr string, took time.Duration)
	// Certificate reports, once a day, a local domain whose certificate ends
	// within Config.ExpiryWarning, or has ended; with an error one whose
	// certificate cannot be had.
	Certificate func(local jid.JID, ends time.Time, err error)
	// Dropped reports an inbound stanza that was discarded and why.
	Dropped func(remote jid.JID, why string)
}
