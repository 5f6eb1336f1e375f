package dialback

import (
	"errors"

	"isthmus.im/jid"
)

// Why a request was not made, or was given up.
var (
	ErrExpired   = errors.New("dialback: no answer in time")
	ErrClosed    = errors.New("dialback: the stream is closed")
	ErrDirection = errors.New("dialback: the stream does not serve this direction or domain")
	ErrPlaintext = errors.New("dialback: the stream is not encrypted")
)

// Error says that Server Dialback failed for a pair of domains.
type Error struct {
	Local, Remote jid.JID
	Sent          bool   // this side refused the peer; otherwise this side was refused, or gave up
	Invalid       bool   // the authoritative server did not recognize the key
	Condition     string // of an error answer that was sent or received; empty for none
	Text          string // the words that came with it
	Err           error  // why there is no answer: one of the Err variables, or what [Closed] reported
}

// Error tells what happened and, where that is known, what to change.
func (e *Error) Error() string {
	local, remote := e.Local.String(), e.Remote.String()
	s := "dialback: " + remote + " refused " + local
	if e.Sent {
		s = "dialback: " + remote + " refused by " + local
	}
	switch {
	case e.Invalid && e.Sent:
		s += ": the servers of " + remote + " do not recognize the key: somebody claims its name, or its servers do not share a secret"
	case e.Invalid:
		s += ": it was told that the key is not ours: the SRV records of " + local + " have to lead here, and all replicas have to share one secret"
	case e.Err != nil:
		return "dialback: " + local + " got no authorization from " + remote + ": " + e.Err.Error()
	default:
		s += ": " + e.Condition
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	if !e.Sent {
		s += advice(e.Condition, local, remote)
	}
	return s
}

// advice says what to change about an error answer that the peer sent.
func advice(condition, local, remote string) string {
	switch condition {
	case RemoteConnectionFailed, RemoteServerTimeout, RemoteServerNotFound:
		return "; here, the SRV records of " + local + " have to lead to a server that " + remote + " can connect to and that has TLS and Server Dialback; " +
			"there, look at DNS, the firewall and the log"
	case NotAuthorized, NotAcceptable, PolicyViolation, Forbidden:
		return "; here, get a certificate for " + local + " that " + remote + " trusts; there, Server Dialback has to be allowed for " + local
	case ItemNotFound:
		return "; the server that was found does not serve " + remote + ": its SRV records, or the domains of that server, have to be put right there"
	}
	return ""
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// Bounce returns the stanza error condition with which stanzas that waited for
// the authorization go back to their senders (XEP-0220 section 2.1.1).
func (e *Error) Bounce() string {
	if e.Invalid {
		return InternalServerError
	}
	return RemoteServerTimeout
}
