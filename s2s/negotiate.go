package s2s

import (
	"context"
	"errors"
	"net"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// errQuestioned is why a stream was never authenticated whose peer asked about a
// dialback key, got its answer and left.
var errQuestioned = errors.New("s2s: the stream was there for a question")

// negotiate drives the machine until the stream is given up, or ready, or handed
// over to Server Dialback, which its last action tells. The socket's deadlines
// enforce the time limit; ctx ends it early.
func (c *conn) negotiate(ctx context.Context, m *stream.Machine) (stream.Action, error) {
	limit := time.Now().Add(c.s.limits.Negotiation)
	c.sock.SetDeadline(limit)
	stop := context.AfterFunc(ctx, func() { c.sock.Close() })
	defer stop()
	var peek [512]byte
	actions := m.Start()
	left := false // the peer has
	for {
		var answer stream.Event
		for _, a := range actions {
			switch a := a.(type) {
			case stream.Write:
				if _, err := c.transport().Write(a.Bytes); err != nil && answer == nil {
					answer = lost(err, limit)
				}
			case stream.Restart:
				c.scan.Restart()
			case stream.StartTLS:
				answer = c.secure(ctx, a.Local, limit)
			case stream.Verify:
				answer = c.verify(ctx, a)
			case stream.Question:
				answer = c.answerQuestion(a.Raw)
			case stream.Ready, stream.Handover:
				return a, nil
			case stream.Fail:
				if left && c.questioned {
					return nil, errQuestioned
				}
				c.told = a.Told
				return nil, a.Err
			}
		}
		if answer == nil {
			answer = c.event(peek[:], limit)
		}
		switch answer.(type) {
		case stream.Closed, stream.Lost:
			left = true
		}
		if c.watch != nil {
			c.watch(answer)
		}
		if err := c.notSelf(answer); err != nil {
			return stream.Ready{}, err
		}
		actions = m.Step(answer)
	}
}

// event reads the next thing the peer says.
func (c *conn) event(peek []byte, limit time.Time) stream.Event {
	tok, err := c.next(peek)
	var bad *xmlscan.Error
	switch {
	case errors.As(err, &bad):
		return stream.Broken{Condition: bad.Condition, Text: bad.Text}
	case err != nil:
		return lost(err, limit)
	default:
		return stream.EventOf(tok)
	}
}

// lost tells the end of the allowed time from other ends of a connection.
func lost(err error, limit time.Time) stream.Event {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() && !time.Now().Before(limit) {
		return stream.Expired{}
	}
	return stream.Lost{Err: err}
}

// secure runs the handshake. Plaintext that was sent behind the request for it
// must not be taken for something that was said under its protection.
func (c *conn) secure(ctx context.Context, local jid.JID, limit time.Time) stream.Event {
	if _, err := c.scan.Next(); err != xmlscan.ErrMore || c.scan.Buffered() > 0 {
		return stream.Broken{Condition: stream.PolicyViolation, Text: "data between STARTTLS and the TLS handshake"}
	}
	if err := c.handshake(ctx, local, c.remote); err != nil {
		return stream.Lost{Err: &handshakeError{err}}
	}
	return stream.Secured{}
}

// handshakeError marks an error as the handshake's.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// verify decides whether the peer is the domain that it says. Whether a stream with
// that domain is wanted is decided at the same time: once it has authenticated, a
// peer sends what it has for us, and what it sends before it reads of a refusal is
// lost unless it asks for acknowledgements.
func (c *conn) verify(ctx context.Context, v stream.Verify) stream.Verified {
	m, err := c.proof(ctx, v.Domain)
	if err != nil {
		return stream.Verified{Err: err, Disproved: errors.As(err, new(*disprovedError))}
	}
	c.method = m
	if c.out {
		return stream.Verified{}
	}
	c.local, c.remote = v.Local, v.Domain
	if err := c.s.permitsStream(ctx, c); err != nil {
		return stream.Verified{Err: err, Refused: notPermitted(c, err)}
	}
	if err := c.s.recognize(ctx, c, c.remote, m); err != nil {
		// Not policy-violation: somebody may confirm it soon, so the peer's stanzas
		// had better wait than bounce.
		return stream.Verified{Err: err, Refused: &stream.Error{Condition: stream.UndefinedCondition, Text: unrecognized(c.remote)}}
	}
	return stream.Verified{}
}
