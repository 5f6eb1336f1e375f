package s2s

import (
	"context"
	"errors"
	"fmt"
	"net"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/stanza"
)

// dialbackError says that a stream could not be authenticated by Server Dialback,
// after SASL EXTERNAL had come to nothing.
type dialbackError struct {
	external error // an *stream.AuthError
	err      error
}

func (e *dialbackError) Error() string {
	return fmt.Sprintf("%v; and by Server Dialback: %v", e.external, e.err)
}

func (e *dialbackError) Unwrap() []error { return []error{e.external, e.err} }

// dialbackStanza is what senders are told when Server Dialback failed; nil if
// nobody tried it (XEP-0220 section 2.1.1).
func dialbackStanza(e *ConnectError) *stanza.Error {
	var failed *dialback.Error
	if !errors.As(e, &failed) {
		return nil
	}
	se := &stanza.Error{Condition: stanza.Condition(failed.Bounce()), Type: stanza.Cancel,
		Text: e.Domain.String() + " did not accept this server, neither by certificate nor by Server Dialback"}
	if !e.Final {
		se.Type = stanza.Wait
	}
	return se
}

// undecided reports whether an attempt failed before the peer had decided about
// us, so that another may succeed.
func undecided(err error) bool {
	var failed *dialback.Error
	if !errors.As(err, &failed) || failed.Err == nil {
		return false
	}
	var se *StreamError
	if !errors.As(failed.Err, &se) || !se.Remote {
		return true
	}
	switch se.Condition {
	case stream.ConnectionTimeout, stream.InternalServerError, stream.RemoteConnectionFailed, stream.Reset, stream.ResourceConstraint, stream.SystemShutdown:
		return true
	}
	return false
}

// handedOver takes a stream of ours over from its negotiation. The peer of one
// that serves a link is asked to authenticate us; the others are ready to ask the
// peer something.
func (c *conn) handedOver(ctx context.Context, h stream.Handover) error {
	c.id, c.lang, c.bidi, c.maxBytes = h.StreamID, h.Lang, h.Bidi, h.Limits.MaxBytes
	c.keepIdle(h.Limits)
	if h.Identity != nil {
		c.method = MethodDialback
	}
	d := c.withDialback(h.Announced)
	if h.External == nil {
		return nil
	}
	c.mechanism = mechanismDialback
	stop := context.AfterFunc(ctx, func() { c.sock.Close() })
	defer stop()
	d.turn.Lock()
	d.perform(d.m.Start(c.local, c.remote))
	d.turn.Unlock()
	err := d.until(func() bool { return len(d.started) > 0 })
	var se *stream.Error
	if err != nil {
		if errors.As(err, &se) && !se.Remote {
			c.end(se)
		}
		d.close(publicError(err))
	}
	if err = <-d.started; err == nil {
		return nil
	}
	c.end(nil)
	return &dialbackError{h.External, err}
}

// until reads what the peer of a stream on which nobody has authenticated says,
// until done reports true.
func (d *dialbackStream) until(done func() bool) error {
	var peek [512]byte
	for !done() {
		tok, err := d.c.next(peek[:])
		if err == nil {
			err = d.token(&tok)
		}
		if err != nil {
			return brokenOr(err)
		}
	}
	return nil
}

// brokenOr turns what the scanner refuses into a stream error.
func brokenOr(err error) error {
	var bad *xmlscan.Error
	if errors.As(err, &bad) {
		return &stream.Error{Condition: bad.Condition, Text: bad.Text}
	}
	return err
}

// prove reads an inbound stream that was handed over, until a domain has been
// proved, and then as any other. It keeps the stream's place among those that
// have not authenticated. The negotiation's deadline still runs. It returns why
// no domain was proved.
func (c *conn) prove(first []byte) error {
	defer c.s.running.Done()
	stop := context.AfterFunc(c.s.ctx, func() { c.sock.Close() })
	d := c.dialback.Load()
	var peek [128]byte
	err := d.begun(first)
	for err == nil {
		tok, scanErr := c.scan.Next()
		if err = scanErr; err == nil {
			err = d.token(&tok)
			continue
		}
		if err == xmlscan.ErrMore {
			err = c.fill(peek[:])
		}
		// The peer was told before it could send more.
		if d.proved.Load() {
			stop()
			c.scan.SetLimits(c.s.stanzaLimits())
			cause, clean := c.readAll(peek[:])
			c.closed(cause, clean)
			return nil
		}
	}
	stop()
	return c.unproved(brokenOr(err))
}

// begun takes the element that ended the negotiation.
func (d *dialbackStream) begun(first []byte) error {
	t, err := xmlscan.Parse(first, stream.NSServer, xmlscan.Limits{Bytes: dialback.MaxElement})
	if err != nil {
		return err
	}
	return d.hear(&t)
}

// unproved ends an inbound stream on which no domain was proved, and returns why.
func (c *conn) unproved(err error) error {
	d := c.dialback.Load()
	proved, refused := d.close(err)
	if proved { // at the last moment
		c.end(nil)
		c.closed(err, false)
		return nil
	}
	c.remote = d.claimed
	var se *stream.Error
	var ne net.Error
	switch {
	case errors.As(err, &se) && !se.Remote:
		c.end(se)
		c.told = true
	case errors.As(err, &ne) && ne.Timeout() && !c.ending.Load():
		se = &stream.Error{Condition: stream.ConnectionTimeout, Text: "no domain was proved by Server Dialback in time"}
		err = se
		c.end(se)
	default:
		c.end(nil)
	}
	if refused != nil && se == nil {
		err = refused
	}
	if err = publicError(err); d.external != nil {
		err = &dialbackError{d.external, err}
	}
	return c.s.refuse(c, err)
}
