package memnet

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Backlog is the number of dialled connections a [Listener] holds until they
// are accepted; further dials wait.
const Backlog = 128

// Listener accepts the connections made with its Dial. Make one with
// [NewListener]. All methods may be called concurrently.
type Listener struct {
	addr net.Addr

	mu     sync.Mutex
	cond   sync.Cond
	queue  []*Conn
	closed bool
}

var _ net.Listener = (*Listener)(nil)

// NewListener returns a listener at addr, which is the remote address the
// dialling ends see and is not registered anywhere.
func NewListener(addr net.Addr) *Listener {
	l := &Listener{addr: addr}
	l.cond.L = &l.mu
	return l
}

// Dial connects to the listener from the given address. As with TCP it does
// not wait for Accept. It fails with ECONNREFUSED if the listener is closed
// and with the error of ctx if that ends while the backlog is full.
func (l *Listener) Dial(ctx context.Context, from net.Addr) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cond.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return nil, l.dialErr(from, err)
		}
		if l.closed {
			return nil, l.dialErr(from, syscall.ECONNREFUSED)
		}
		if len(l.queue) < Backlog {
			break
		}
		l.cond.Wait()
	}
	near, far := Pipe(from, l.addr)
	l.queue = append(l.queue, far)
	l.cond.Broadcast()
	return near, nil
}

func (l *Listener) dialErr(from net.Addr, err error) error {
	return &net.OpError{Op: "dial", Net: network(l.addr), Source: from, Addr: l.addr, Err: err}
}

// Accept waits for the next connection and returns its far end, a [*Conn].
// After Close it fails with [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: network(l.addr), Addr: l.addr, Err: net.ErrClosed}
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	l.cond.Broadcast()
	return c, nil
}

// Close ends Accept and refuses further dials. Connections nobody accepted
// are cut; accepted ones live on. A second Close returns [net.ErrClosed].
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: network(l.addr), Addr: l.addr, Err: net.ErrClosed}
	}
	l.closed = true
	for _, c := range l.queue {
		c.Cut()
		c.Close()
	}
	l.queue = nil
	l.cond.Broadcast()
	return nil
}

// Addr returns the address given to [NewListener].
func (l *Listener) Addr() net.Addr { return l.addr }
