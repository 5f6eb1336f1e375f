package s2s

import (
	"context"
	"errors"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
)

// end sends a stream error, if there is one, and the closing tag. Once sent,
// the peer has Limits.Close to send its own. It may be called more than once.
func (c *conn) end(e *stream.Error) {
	c.ending.Store(true)
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.footer {
		return
	}
	var b []byte
	if e != nil {
		b = stream.AppendError(b, e)
	}
	err := c.writeLocked(append(b, stream.Footer...))
	c.footer = true
	if err != nil {
		c.sock.Close()
		return
	}
	c.sock.SetReadDeadline(time.Now().Add(c.s.limits.Close))
}

// replace ends a stream that another has resumed (XEP-0198 section 5). Its reader
// stops at once, so that the other can begin, and leave tells the peer. Where
// something is being written, which may be stuck, the connection is closed without
// a word.
func (c *conn) replace() {
	if !c.wmu.TryLock() {
		c.sock.Close()
		return
	}
	defer c.wmu.Unlock()
	if c.footer {
		c.sock.Close()
		return
	}
	c.footer = true
	c.ending.Store(true)
	c.replaced.Store(true)
	if err := c.sock.SetReadDeadline(time.Now()); err != nil {
		c.sock.Close()
	}
}

// errReplaced is what the peer of such a stream is told.
func errReplaced() *stream.Error {
	return &stream.Error{Condition: stream.Conflict, Text: "another stream has resumed this one"}
}

// tellReplaced tells it. The connection is probably dead, and gets no more time
// than the peer has to close the stream.
func (c *conn) tellReplaced() error {
	if err := c.sock.SetWriteDeadline(time.Now().Add(c.s.limits.Close)); err != nil {
		return err
	}
	_, err := c.transport().Write(append(stream.AppendError(nil, errReplaced()), stream.Footer...))
	return err
}

// breakOff ends the stream with an error of ours.
func (c *conn) breakOff(e *stream.Error) error {
	c.end(e)
	c.told = true
	return publicError(e)
}

// parting reads on after our closing tag, and drops what it reads, until the peer
// has sent its own, closes the connection, or its time is up (RFC 6120 section
// 4.4). A connection that is closed with something unread is reset, and then the
// peer may never learn why. It reports whether there was a closing tag.
func (c *conn) parting(peek []byte) (clean bool) {
	for {
		tok, err := c.next(peek)
		switch {
		case errors.As(err, new(*xmlscan.Error)):
			for err = nil; err == nil; {
				_, err = c.transport().Read(peek)
			}
			return false
		case err != nil:
			return false
		case tok.Kind == xmlscan.Close:
			return true
		}
	}
}

// leaveLater is leave for those who do not wait for it.
func (c *conn) leaveLater() {
	if !c.told || !c.s.begin() {
		c.sock.Close()
		return
	}
	go func() {
		defer c.s.running.Done()
		c.leave()
	}()
}

// leave closes the connection of a stream that has ended, at once unless the peer
// was told why and is given time to read it.
func (c *conn) leave() {
	defer c.sock.Close()
	if !c.told {
		return
	}
	stop := context.AfterFunc(c.s.ctx, func() { c.sock.Close() })
	defer stop()
	if c.replaced.Load() && c.tellReplaced() != nil {
		return
	}
	c.sock.SetReadDeadline(time.Now().Add(c.s.limits.Close))
	var peek [128]byte
	if c.parting(peek[:]) {
		c.transport().Close() // and TLS before it, RFC 6120 section 4.4
	}
}
