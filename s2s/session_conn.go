package s2s

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/stanza"
)

var _ net.Conn = (*session)(nil)

// Read hands out what waits for the session, at most one stanza at a time: what
// was handed out cannot be taken back when the session ends.
func (c *session) Read(b []byte) (int, error) {
	timeout := c.read.context().Done()
	for len(b) > 0 {
		c.mu.Lock()
		if len(c.rest) == 0 {
			c.next()
		}
		n := copy(b, c.rest)
		c.rest = c.rest[n:]
		ending := c.ending
		c.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if ending {
			return 0, io.EOF
		}
		select {
		case <-c.news:
		case <-timeout:
			return 0, os.ErrDeadlineExceeded
		}
	}
	return 0, nil
}

// next takes the next stanza off the queue, or the tail. c.mu is held.
func (c *session) next() {
	if len(c.queue) == 0 {
		c.rest, c.tail = c.tail, nil
		return
	}
	u := c.queue[0]
	c.queue[0] = unread{}
	c.queue = c.queue[1:]
	c.size -= len(u.xml) + overhead
	c.rest = u.xml
	if u.head.Type == stanza.Get || u.head.Type == stanza.Set {
		c.asked = &u.head
	}
}

// Write takes what the session writes, in whatever pieces, and sends each stanza
// that is complete. It fails only once the session is over, for mellium's
// session cannot write any more after a write that failed.
func (c *session) Write(b []byte) (int, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.closed(); err != nil && string(b) == stream.Footer {
		return len(b), nil // it is closed already
	} else if err != nil {
		return 0, err
	}
	for rest := b; len(rest) > 0; {
		n := copy(c.scan.Buffer(readSize), rest[:min(len(rest), readSize)])
		c.scan.Fill(n)
		rest = rest[n:]
		if err := c.parse(); err == io.EOF {
			return len(b), nil
		} else if err != nil {
			return 0, err
		}
	}
	if c.scan.Buffered() == 0 {
		c.scan.Release()
	}
	return len(b), nil
}

// parse deals with what was written so far. The end of the stream is io.EOF.
func (c *session) parse() error {
	for {
		tok, err := c.scan.Next()
		var bad *xmlscan.Error
		switch {
		case err == xmlscan.ErrMore:
			return nil
		case errors.As(err, &bad):
			return c.fault(&stream.Error{Condition: bad.Condition, Text: bad.Text})
		case tok.Kind == xmlscan.Element:
			if err := c.element(&tok); err != nil {
				return err
			}
		case tok.Kind == xmlscan.Close:
			c.finish(nil)
			return io.EOF
		default:
			return c.fault(&stream.Error{Condition: stream.BadFormat, Text: "a second stream header"})
		}
	}
}

// fault ends the session for what it wrote.
func (c *session) fault(e *stream.Error) error {
	c.finish(e)
	return publicError(e)
}

// closed returns why nothing can be written any more, if so.
func (c *session) closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.over:
		return nil
	case c.cause != nil:
		return c.cause
	}
	return net.ErrClosed
}

// Close ends the session without a word: nothing more can be read.
func (c *session) Close() error {
	c.finish(nil)
	c.mu.Lock()
	c.rest, c.tail = nil, nil
	c.mu.Unlock()
	return nil
}

func (c *session) LocalAddr() net.Addr  { return sessionAddr(c.address.String()) }
func (c *session) RemoteAddr() net.Addr { return sessionAddr(c.address.Domain()) }

func (c *session) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return nil
}

func (c *session) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

func (c *session) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return nil
}

// sessionAddr is an address as a [net.Addr].
type sessionAddr string

func (sessionAddr) Network() string  { return "xmpp" }
func (a sessionAddr) String() string { return string(a) }

// deadline is one of a connection's, as a context.
type deadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	ended  bool
}

// context returns one that ends at the deadline.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil {
		d.renew()
	}
	return d.ctx
}

func (d *deadline) renew() { d.ctx, d.cancel = context.WithCancel(context.Background()) }

// set moves the deadline, also for those who wait already. mellium's session
// interrupts a write by a deadline in the past that it takes back at once.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ended {
		return
	}
	if d.ctx == nil || d.ctx.Err() != nil {
		d.renew()
	}
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		d.cancel()
	default:
		d.timer = time.AfterFunc(left, d.cancel)
	}
}

// end is a deadline that cannot be moved.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.ctx == nil {
		d.renew()
	}
	d.ended = true
	d.cancel()
}
