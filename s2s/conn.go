package s2s

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// conn is one stream and the only code that owns a socket. Reading belongs to
// one goroutine at a time: the negotiation, then the read loop. Writing is
// serialized by wmu.
type conn struct {
	s    *Server
	out  bool // we opened it
	sock net.Conn
	tls  *tls.Conn // nil until the handshake, unless it was made by whoever accepted sock
	scan *xmlscan.Scanner

	// Set once, by the negotiation.
	id            string
	local, remote jid.JID
	mechanism     string
	lang          string // of what the peer sends without saying so itself
	since         time.Time
	target        locate.Target // of an outgoing stream: the server that DNS named
	method        Method        // how the peer proved its domain
	assurance     Assurance     // the same, with the rest; set by open

	dialback   atomic.Pointer[dialbackStream] // nil: off, still negotiating, or not needed yet
	questioned bool                           // the peer asked about a key while negotiating
	told       bool                           // we have ended the stream with an error; belongs to the reader

	watch func(stream.Event) // sees the negotiation; nil: nobody does

	bidi     bool   // stanzas may travel both ways
	link     *link  // the route of a stream that is written to
	closing  bool   // no more stanzas are written to it; under link.mu
	acks     acks   // of such a stream; under link.mu
	preamble []byte // to be written before the first stanza; under link.mu
	maxBytes int    // largest stanza the peer accepts; zero: not said
	idleTime time.Duration

	negotiation *negotiation // of an inbound stream, until it has authenticated
	domain      *domainUse   // of an open stream
	address     *addressUse  // of an inbound stream; nil if it has no address
	heldAt      atomic.Int64 // when the reader last waited for a limit, Unix nanoseconds; math.MaxInt64: it does now

	// What was read and not accounted for yet; belongs to the reader.
	paying                                   bool // the stream is open
	unpaidReads, unpaidBytes, unpaidElements int

	counting atomic.Bool   // stream management is on; set by the reader
	handled  uint32        // stanzas received since; belongs to the reader
	tally    *tally        // outlives the stream so that it can be resumed; nil: it cannot
	counted  chan struct{} // closed when handled is final

	wmu    waitLock
	footer bool // our closing tag was sent; under wmu

	active   atomic.Int64 // last activity, Unix nanoseconds
	lastRead int64        // the same of what was read; belongs to the reader
	stirred  int64        // when links were last told; belongs to the reader
	silence  silence
	in, sent atomic.Uint64
	ending   atomic.Bool // our closing tag is sent or about to be
	replaced atomic.Bool // another stream has resumed it, and leave says so
}

func (s *Server) newConn(sock net.Conn, out bool) *conn {
	setSocketOptions(sock)
	c := &conn{s: s, out: out, sock: sock, scan: xmlscan.New(s.preAuthLimits()), idleTime: s.limits.Idle}
	c.scan.Arena = &s.arena
	return c
}

func (s *Server) preAuthLimits() xmlscan.Limits {
	return xmlscan.Limits{Bytes: s.limits.PreAuthBytes, Depth: min(s.limits.Depth, 16)}
}

func (s *Server) stanzaLimits() xmlscan.Limits {
	return xmlscan.Limits{Bytes: s.limits.StanzaBytes, Depth: s.limits.Depth}
}

// transport is the connection as seen by the stream.
func (c *conn) transport() net.Conn {
	if c.tls != nil {
		return c.tls
	}
	return c.sock
}

// readSize is the least free space that is read into while a stream is busy.
const readSize = 4 << 10

// fill reads more input into the scanner. An idle stream waits with a few
// bytes of buffer; only when those are not enough does it take a large one.
func (c *conn) fill(peek []byte) error {
	if c.paying {
		c.pay()
	}
	if c.scan.Buffered() == 0 {
		c.scan.Release()
		n, err := c.transport().Read(peek)
		if n > 0 {
			c.filled(n)
			copy(c.scan.Buffer(readSize), peek[:n])
			c.scan.Fill(n)
			return nil
		}
		return err
	}
	n, err := c.transport().Read(c.scan.Buffer(readSize))
	if n > 0 {
		c.filled(n)
		c.scan.Fill(n)
		return nil
	}
	return err
}

// filled notes that something was read.
func (c *conn) filled(n int) {
	c.lastRead = time.Now().UnixNano()
	c.active.Store(c.lastRead)
	c.unpaidReads++
	c.unpaidBytes += n
}

// next returns the next token, reading as much as it takes.
func (c *conn) next(peek []byte) (xmlscan.Token, error) {
	for {
		tok, err := c.scan.Next()
		if err != xmlscan.ErrMore {
			return tok, err
		}
		if err := c.fill(peek); err != nil {
			return xmlscan.Token{}, err
		}
	}
}

// write sends bytes that make up whole elements.
func (c *conn) write(b []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.footer {
		return net.ErrClosed
	}
	c.active.Store(time.Now().UnixNano())
	return c.writeLocked(b)
}

func (c *conn) writeLocked(b []byte) error {
	if err := c.sock.SetWriteDeadline(time.Now().Add(c.s.limits.Write)); err != nil {
		return err
	}
	_, err := c.transport().Write(b)
	return err
}

// handshake runs TLS over the socket.
func (c *conn) handshake(ctx context.Context, local, remote jid.JID) error {
	if c.out {
		c.tls = tls.Client(c.sock, c.s.clientTLS(local, remote))
		return c.tls.HandshakeContext(ctx)
	}
	if c.tls != nil {
		return c.completeTLS(ctx)
	}
	t := &turn{c.sock, c.s.handshakes}
	c.tls = tls.Server(t, c.s.serverTLS(local))
	t.take()
	defer t.end()
	return c.tls.HandshakeContext(ctx)
}

// addr is the peer's address and port; invalid when the socket has none.
func (c *conn) addr() netip.AddrPort { return addrOf(c.sock) }

func addrOf(sock net.Conn) netip.AddrPort {
	var ap netip.AddrPort
	if a, ok := sock.RemoteAddr().(*net.TCPAddr); ok {
		ap = a.AddrPort()
	} else {
		ap, _ = netip.ParseAddrPort(sock.RemoteAddr().String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// open makes the stream one of the server's. The error is ErrClosed or, for an
// inbound stream, a limitError.
func (c *conn) open() error {
	c.scan.SetLimits(c.s.stanzaLimits())
	return c.enlist()
}

// enlist is open without the scanner, which belongs to the reader.
func (c *conn) enlist() error {
	c.since = time.Now()
	c.active.Store(c.since.UnixNano())
	c.sock.SetDeadline(time.Time{})
	cs := c.tls.ConnectionState()
	c.assurance = assure(c.method, &cs, c.since)
	if err := c.s.addConn(c); err != nil {
		return err
	}
	c.watchSilence()
	c.s.recorder.opened(c)
	if t := c.s.trace.StreamOpen; t != nil {
		t(c.info())
	}
	c.s.log.Info("stream opened", c.attrs()...)
	return nil
}

// read takes what the peer sends until the stream ends. It runs in a goroutine
// of its own, whose stack never saw a handshake, or in that of ServeConn's caller.
func (c *conn) read() {
	defer c.s.running.Done()
	var peek [128]byte
	cause, clean := c.readAll(peek[:])
	c.closed(cause, clean)
}

// readAll returns why the stream ended, and whether in good order: with the
// peer's closing tag.
func (c *conn) readAll(peek []byte) (cause error, clean bool) {
	c.paying = true
	for {
		tok, err := c.next(peek)
		if err != nil {
			var bad *xmlscan.Error
			if errors.As(err, &bad) {
				return c.breakOff(&stream.Error{Condition: bad.Condition, Text: bad.Text}), false
			}
			return err, false
		}
		switch tok.Kind {
		case xmlscan.Element:
			if err := c.element(&tok); err != nil {
				return c.fault(err), false
			}
		case xmlscan.Close:
			if c.link != nil {
				doubt := cleanDoubt
				if c.ending.Load() {
					doubt = 0 // the peer has read everything before our closing tag
				}
				c.link.lost(c, doubt)
			}
			c.end(nil)
			return nil, true
		default:
			return c.breakOff(&stream.Error{Condition: stream.BadFormat, Text: "a second stream header"}), false
		}
	}
}

// fault ends the stream over an error found in what the peer sent, or over one
// that the peer reports.
func (c *conn) fault(err error) error {
	var e *stream.Error
	if !errors.As(err, &e) {
		return err
	}
	if !e.Remote {
		return c.breakOff(e)
	}
	if c.link != nil {
		c.link.endedBy(c, e.Condition)
	}
	c.end(nil)
	return publicError(e)
}

// closed tidies up after the read loop.
func (c *conn) closed(cause error, clean bool) {
	c.silence.timer.Stop()
	c.s.removeConn(c)
	c.s.tallies.end(c, !clean && !c.ending.Load())
	if c.replaced.Load() && !clean {
		c.told, cause = true, publicError(errReplaced())
	}
	if !clean && c.ending.Load() {
		var se *StreamError
		if !errors.As(cause, &se) {
			cause = nil // what breaks after our closing tag is no news
		}
	}
	switch {
	case clean:
		c.transport().Close() // and TLS before it, RFC 6120 section 4.4
	case !c.told:
		c.sock.Close()
	}
	if d := c.dialback.Load(); d != nil {
		d.close(cause)
	}
	if c.link != nil {
		c.link.lost(c, brokenDoubt)
	}
	c.s.recorder.closed(c, cause)
	if t := c.s.trace.StreamClose; t != nil {
		t(c.info(), cause)
	}
	attrs := append(c.attrs(), "took", time.Since(c.since), "in", c.in.Load(), "out", c.sent.Load())
	if cause != nil {
		attrs = append(attrs, "err", cause)
	}
	c.s.log.Info("stream closed", attrs...)
	c.leave()
	c.s.depart(c)
}

func (c *conn) attrs() []any {
	direction := "in"
	if c.out {
		direction = "out"
	}
	return []any{"local", c.local, "remote", c.remote, "stream", c.id, "direction", direction}
}

// publicError turns a negotiator's stream error into the exported type.
func publicError(err error) error {
	var e *stream.Error
	if errors.As(err, &e) {
		return &StreamError{Condition: e.Condition, Text: e.Text, Host: e.Host, Remote: e.Remote}
	}
	return err
}
