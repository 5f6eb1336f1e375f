package s2s

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

var (
	// ErrClosed is returned after Shutdown or Close has begun.
	ErrClosed = fmt.Errorf("s2s: server closed: %w", net.ErrClosed)
	// ErrNotLocal is returned for a stanza whose From is not at a local domain.
	ErrNotLocal = errors.New("s2s: sender is not at a local domain")
	// ErrNoRecipient is returned for a stanza without To.
	ErrNoRecipient = errors.New("s2s: stanza has no recipient")
	// ErrQueueFull is returned when a route's queue is full and the domain is
	// not reachable at the moment, and where room would have to be waited for by
	// [Server.TrySend], which does not wait.
	ErrQueueFull = errors.New("s2s: the queue is full")
	// ErrTooManyRequests is returned when Limits.Requests are under way.
	ErrTooManyRequests = errors.New("s2s: too many requests under way")
	// ErrDuplicateID is returned by Request when the same address is being asked
	// under the same id already.
	ErrDuplicateID = errors.New("s2s: request with this id is under way")
	// ErrUnanswerable is returned by Request for a stanza that is not an iq of
	// type get or set.
	ErrUnanswerable = errors.New("s2s: only an iq of type get or set has an answer")
	// ErrTLSVersion is returned by ServeConn for a connection whose handshake ended
	// with less than TLS 1.2.
	ErrTLSVersion = errors.New("s2s: streams need TLS 1.2 or later")
	// ErrSessionConflict is returned by Session for an address that has one.
	ErrSessionConflict = errors.New("s2s: the address has a session")
)

// Stage is how far an attempt to reach a domain got.
type Stage uint8

const (
	StagePolicy   Stage = iota + 1 // refused by the policy
	StageDNS                       // no target could be found
	StageDial                      // no TCP connection
	StageStream                    // connected, but no XMPP stream
	StageTLS                       // the handshake failed, or TLS was not offered
	StageIdentity                  // the certificate does not speak for the domain
	StageAuth                      // the peer did not accept our certificate
	StageChange                    // Config.OnChange did not accept how the peer proved the domain
)

var stageNames = [...]string{"unknown", "policy", "dns", "dial", "stream", "tls", "identity", "auth", "change"}

func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return stageNames[0]
}

// Attempt is one target that was tried.
type Attempt struct {
	Target string // host and port as named by DNS, or what was looked up
	Addr   string // IP address and port; empty when none was reached
	Stage  Stage
	Err    error
}

func (a Attempt) String() string {
	where := a.Target
	if a.Addr != "" && a.Addr != a.Target {
		where += " (" + a.Addr + ")"
	}
	return fmt.Sprintf("%s: %s: %v", where, a.Stage, a.Err)
}

// ConnectError explains why a remote domain could not be reached.
// It unwraps to the error of every attempt.
type ConnectError struct {
	Domain   jid.JID
	Stage    Stage // of the attempt that got furthest
	Attempts []Attempt
	// Final means that trying again soon cannot help: the domain does not
	// exist or offers no service, or identity or policy refused it.
	Final bool
}

func (e *ConnectError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "s2s: cannot reach %s", e.Domain)
	for i, a := range e.Attempts {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(a.String())
	}
	return b.String()
}

// Unwrap returns the error of each attempt.
func (e *ConnectError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// Timeout reports whether every attempt ended for lack of time.
func (e *ConnectError) Timeout() bool {
	for _, a := range e.Attempts {
		var ne net.Error
		if !errors.As(a.Err, &ne) || !ne.Timeout() {
			return false
		}
	}
	return len(e.Attempts) > 0
}

// Stanza returns the error that senders are told (RFC 6120 sections 8.3.3.16
// and 8.3.3.17). Its text names the domain and the stage, not addresses.
func (e *ConnectError) Stanza() *stanza.Error {
	switch e.Stage {
	case StagePolicy:
		switch {
		case errors.As(e, new(limitError)):
			return &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait,
				Text: "there are too many streams to domains like " + e.Domain.String()}
		case errors.Is(e, ErrNotLocal):
			return &stanza.Error{Condition: stanza.NotAllowed, Type: stanza.Cancel,
				Text: "the domain of the sender is no longer served here"}
		case errors.Is(e, errOwn):
			return &stanza.Error{Condition: stanza.NotAllowed, Type: stanza.Cancel,
				Text: e.Domain.String() + " is served here since this was sent"}
		}
		return &stanza.Error{Condition: stanza.NotAllowed, Type: stanza.Cancel,
			Text: "communication with " + e.Domain.String() + " is not allowed here"}
	case StageDNS:
		if e.Final {
			return &stanza.Error{Condition: stanza.RemoteServerNotFound, Type: stanza.Cancel,
				Text: "no XMPP service found for " + e.Domain.String()}
		}
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
			Text: "the DNS look-up for " + e.Domain.String() + " failed"}
	case StageIdentity:
		if errors.As(e, new(*assuranceError)) {
			return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Cancel,
				Text: e.Domain.String() + " has not proved itself as well as this server asks"}
		}
		if !e.Final {
			return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
				Text: "whether the certificate of " + e.Domain.String() + " is valid for it could not be found out"}
		}
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Cancel,
			Text: "the certificate of " + e.Domain.String() + " is not valid for it"}
	case StageAuth:
		if e := dialbackStanza(e); e != nil {
			return e
		}
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Cancel,
			Text: e.Domain.String() + " did not accept the certificate of this server"}
	case StageChange:
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait,
			Text: unrecognized(e.Domain)}
	case StageTLS:
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Cancel,
			Text: "no encrypted connection to " + e.Domain.String() + " is possible"}
	default:
		return e.refusal()
	}
}

// refusal is what senders are told of a domain whose servers do not open a
// stream.
func (e *ConnectError) refusal() *stanza.Error {
	var se *StreamError
	switch domain := e.Domain.String(); {
	case !e.Final:
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait, Text: "no connection to " + domain}
	case errors.As(e, &se) && (se.Condition == stream.HostUnknown || se.Condition == stream.HostGone):
		return &stanza.Error{Condition: stanza.RemoteServerNotFound, Type: stanza.Cancel, Text: "the server of " + domain + " does not serve it"}
	default:
		return &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Cancel, Text: domain + " refuses streams from here"}
	}
}

// StreamError is a stream-level error (RFC 6120 section 4.9), sent or received.
type StreamError struct {
	Condition string // one of RFC 6120 section 4.9.3, such as "host-unknown"
	Text      string
	Host      string // with see-other-host: where the peer says to go instead, "domain" or "domain:port"
	Remote    bool   // the peer said it
}

func (e *StreamError) Error() string {
	who := "sent"
	if e.Remote {
		who = "received"
	}
	condition := e.Condition
	if e.Host != "" {
		condition += " " + e.Host
	}
	if e.Text == "" {
		return fmt.Sprintf("s2s: stream error %s: %s", who, condition)
	}
	return fmt.Sprintf("s2s: stream error %s: %s (%s)", who, condition, e.Text)
}

// Idle reports whether the peer ended the stream only because nothing was said on it
// (RFC 6120 section 4.9.3.4): nothing is broken, and a new stream is welcome.
func (e *StreamError) Idle() bool { return e.Remote && e.Condition == stream.ConnectionTimeout }

// Is reports whether target is a StreamError with the same Condition.
func (e *StreamError) Is(target error) bool {
	t, ok := target.(*StreamError)
	return ok && t.Condition == e.Condition
}
