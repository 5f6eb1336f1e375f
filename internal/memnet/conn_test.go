package memnet

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

func addr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func pipe() (*Conn, *Conn) { return Pipe(addr("192.0.2.1:1024"), addr("192.0.2.2:5269")) }

func TestConnContract(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := pipe()
		return a, b, func() { a.Close(); b.Close() }, nil
	})
}

func TestAddresses(t *testing.T) {
	a, b := pipe()
	if a.LocalAddr().String() != "192.0.2.1:1024" || a.RemoteAddr().String() != "192.0.2.2:5269" {
		t.Errorf("first end: %v -> %v", a.LocalAddr(), a.RemoteAddr())
	}
	if b.LocalAddr() != a.RemoteAddr() || b.RemoteAddr() != a.LocalAddr() {
		t.Errorf("second end: %v -> %v", b.LocalAddr(), b.RemoteAddr())
	}
}

func TestBothEndsWriteFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		for _, c := range []*Conn{a, b} {
			if n, err := c.Write(make([]byte, BufferSize)); n != BufferSize || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		a.SetWriteDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		n, err := a.Write([]byte("x"))
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write to a full buffer = %d, %v", n, err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the deadline came after %v", took)
		}
		a.SetWriteDeadline(time.Time{})
		go io.CopyN(io.Discard, b, 10)
		if n, err := a.Write(make([]byte, 10)); n != 10 || err != nil {
			t.Errorf("Write after a read = %d, %v", n, err)
		}
	})
}

func TestPartialWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pipe()
		a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, BufferSize+10))
		if n != BufferSize || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v", n, err)
		}
	})
}

func TestDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.SetReadDeadline(time.Now().Add(time.Second))
		a.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(time.Minute, func() { b.Write([]byte("ok")) })
		var buf [8]byte
		if n, err := a.Read(buf[:]); n != 2 || err != nil {
			t.Errorf("Read = %d, %v", n, err)
		}
		a.SetReadDeadline(time.Now().Add(-time.Second))
		b.Write([]byte("late"))
		if _, err := a.Read(buf[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read after the deadline: %v", err)
		}
		var ne net.Error
		if _, err := a.Read(buf[:]); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("not a timeout: %v", err)
		}
		a.SetReadDeadline(time.Time{})
		if n, err := a.Read(buf[:]); n != 4 || err != nil {
			t.Errorf("Read without a deadline = %d, %v", n, err)
		}
	})
}

func TestHalfClose(t *testing.T) {
	a, b := pipe()
	a.Write([]byte("bye"))
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write after CloseWrite: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "bye" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	b.Write([]byte("still here"))
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "still here" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.Write([]byte("left"))
		done := make(chan error)
		go func() { _, err := a.Read(make([]byte, 1)); done <- err }()
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked Read: %v", err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		if err := a.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SetDeadline: %v", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("own Write: %v", err)
		}
		if _, err := b.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("other Write: %v", err)
		}
		if got, err := io.ReadAll(b); string(got) != "left" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		a.Write(make([]byte, BufferSize))
		blocked := make(chan error)
		go func() { _, err := a.Write([]byte("x")); blocked <- err }()
		go func() { _, err := a.Read(make([]byte, 1)); blocked <- err }()
		synctest.Wait()
		b.Cut()
		for range 2 {
			if err := <-blocked; !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("blocked call: %v", err)
			}
		}
		for _, c := range []*Conn{a, b} {
			if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("Read = %d, %v", n, err)
			}
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("Write: %v", err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
}

func TestWritesStayWhole(t *testing.T) {
	a, b := pipe()
	const size, each = BufferSize / 3, 5
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range each {
				a.Write(bytes.Repeat([]byte{'a' + byte(i)}, size))
			}
		})
	}
	go func() { wg.Wait(); a.Close() }()
	block := make([]byte, size)
	blocks := 0
	for {
		if _, err := io.ReadFull(b, block); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(block, bytes.Repeat(block[:1], size)) {
			t.Fatal("two writes were mixed")
		}
		blocks++
	}
	if blocks != 4*each {
		t.Errorf("%d blocks, want %d", blocks, 4*each)
	}
}

func BenchmarkPipe(b *testing.B) {
	x, y := pipe()
	b.ReportAllocs()
	buf := make([]byte, 512)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		x.Write(buf)
		io.ReadFull(y, buf)
	}
}
