package memnet

import (
	"io"
	"net"
	"time"
)

// BufferSize is the number of bytes one direction of a connection holds
// before Write blocks.
const BufferSize = 256 << 10

// Conn is one end of an in-memory connection. All methods may be called
// concurrently; each Write stays in one piece.
type Conn struct {
	local, remote net.Addr
	rx, tx        *half
	far           *Conn
}

// Pipe returns the two ends of a new connection: the first has the local
// address a and the remote address b, the second the reverse.
func Pipe(a, b net.Addr) (*Conn, *Conn) {
	ab, ba := newHalf(), newHalf()
	x, y := &Conn{local: a, remote: b, rx: ba, tx: ab}, &Conn{local: b, remote: a, rx: ab, tx: ba}
	x.far, y.far = y, x
	return x, y
}

// Read reads what has arrived, at least one byte. It returns [io.EOF] after
// the last byte the other end wrote before closing.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.rx.read(p)
	if err != nil && err != io.EOF {
		err = c.wrap("read", err)
	}
	return n, err
}

// Write buffers p for the other end. It blocks while the buffer is full and
// then returns the number of bytes that fitted before it was interrupted.
func (c *Conn) Write(p []byte) (int, error) {
	n, hit, err := c.tx.write(p)
	if hit != nil {
		if c.tx.snapped() { // this end notices at once
			c.rx.cut()
		}
		hit()
	}
	if err != nil {
		err = c.wrap("write", err)
	}
	return n, err
}

// Close closes both directions. The other end still reads what was written
// before; its writes fail with EPIPE. The second Close returns [net.ErrClosed].
func (c *Conn) Close() error {
	if !c.rx.closeReader() {
		return c.wrap("close", net.ErrClosed)
	}
	c.tx.closeWriter(true)
	return nil
}

// CloseWrite closes the writing direction: the other end reads [io.EOF] after
// what was written before, and this end can still read.
func (c *Conn) CloseWrite() error {
	if !c.tx.closeWriter(false) {
		return c.wrap("close", net.ErrClosed)
	}
	return nil
}

// Cut resets the connection as a network failure does: bytes that were not
// read yet are lost, and reads and writes of both ends, also those under way,
// fail with ECONNRESET. Both ends must still be closed by their owners.
func (c *Conn) Cut() {
	c.rx.cut()
	c.tx.cut()
}

// Far returns the other end.
func (c *Conn) Far() *Conn { return c.far }

// Done reports whether the connection was closed by both ends, or is reset.
func (c *Conn) Done() bool {
	return c.rx.snapped() || c.tx.snapped() || c.rx.left() && c.tx.left()
}

// LocalAddr returns the address of this end as it was given to [Pipe].
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end as it was given to [Pipe].
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes reads, also one under way, fail with
// [os.ErrDeadlineExceeded] from t on; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !c.rx.setDeadline(&c.rx.readLimit, &c.rx.readerClosed, t) {
		return c.wrap("set", net.ErrClosed)
	}
	return nil
}

// SetWriteDeadline makes writes, also one under way, fail with
// [os.ErrDeadlineExceeded] from t on; the zero time means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if !c.tx.setDeadline(&c.tx.writeLimit, &c.tx.writerGone, t) {
		return c.wrap("set", net.ErrClosed)
	}
	return nil
}

func (c *Conn) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: network(c.remote), Source: c.local, Addr: c.remote, Err: err}
}

func network(a net.Addr) string {
	if a == nil {
		return "tcp"
	}
	return a.Network()
}
