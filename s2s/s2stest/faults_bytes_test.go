package s2stest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s/s2stest"
)

// joined returns the two ends of a connection from here to there.
func joined(t *testing.T, n *s2stest.Network, l net.Listener) (near, far net.Conn) {
	t.Helper()
	near, err := n.Dialer(here).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// reads returns the sizes of the pieces that arrive within a second, and why
// there are no more.
func reads(c net.Conn) (sizes []int, end error) {
	c.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 100)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return sizes, err
		}
		sizes = append(sizes, n)
	}
}

// Bytes arrive in pieces, one way.
func TestSplitReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		l := n.Listen(there)
		for split, want := range map[int][]int{0: {10}, 1: {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 3: {3, 3, 3, 1}, 10: {10}} {
			n.Impair(here, there, s2stest.Impairment{Split: split})
			near, far := joined(t, n, l)
			io.WriteString(near, "0123456789")
			io.WriteString(far, "0123456789")
			if got, _ := reads(far); !slices.Equal(got, want) {
				t.Errorf("split %d: read %v, want %v", split, got, want)
			}
			if got, _ := reads(near); !slices.Equal(got, []int{10}) {
				t.Errorf("split %d, the other way: read %v", split, got)
			}
		}
	})
}

// A half-open connection passes nothing in either direction, whatever else is
// done to the way, while others work, until it is reset.
func TestHalfOpenBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		l := n.Listen(there)
		near, far := joined(t, n, l)
		n.HalfOpen(there, here)
		n.Delay(here, there, time.Millisecond)
		n.Impair(here, there, s2stest.Impairment{Split: 1})
		n.Impair(there, here, s2stest.Impairment{})
		for name, ends := range map[string][2]net.Conn{"there": {near, far}, "back": {far, near}} {
			if _, err := io.WriteString(ends[0], "hello"); err != nil {
				t.Errorf("%s: write: %v", name, err)
			}
			if got, err := reads(ends[1]); got != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: read %v, %v", name, got, err)
			}
		}
		near2, far2 := joined(t, n, l)
		io.WriteString(near2, "hello")
		if got, _ := reads(far2); !slices.Equal(got, []int{1, 1, 1, 1, 1}) {
			t.Errorf("a new connection: read %v", got)
		}
		n.Reset(here, there)
		for _, c := range []net.Conn{near, far, near2, far2} {
			if _, err := reads(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("after a reset: %v", err)
			}
		}
	})
}

// counted is a connection that knows how much was written at once.
type counted struct {
	net.Conn
	writes []int
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes = append(c.writes, len(b))
	return c.Conn.Write(b)
}

// A raw stream writes in pieces, within TLS each in a record of its own.
func TestRawStreamWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		server, p := n.RawServer(here), n.Peer(there)
		for split, want := range map[int][]int{0: {5}, 1: {1, 1, 1, 1, 1}, 2: {2, 2, 1}, 9: {5}} {
			c, err := n.Dialer(there).DialContext(t.Context(), "tcp", address(t, n, here))
			if err != nil {
				t.Fatal(err)
			}
			wire := &counted{Conn: c}
			r, s := p.Wrap(wire, here), server.Accept()
			r.Split = split
			r.Put("hello")
			if !slices.Equal(wire.writes, want) {
				t.Errorf("split %d: wrote %v, want %v", split, wire.writes, want)
			}
			s.Expect("hello")
			var both sync.WaitGroup
			both.Go(func() { s.Handshake(certificate(n.Certificate(here))) })
			r.Handshake(certificate(n.Certificate(there)))
			both.Wait()
			wire.writes = nil
			r.Put("hello")
			if len(wire.writes) != len(want) {
				t.Errorf("split %d within TLS: wrote %v, want %d records", split, wire.writes, len(want))
			}
		}
	})
}
