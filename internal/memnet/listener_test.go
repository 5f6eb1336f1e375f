package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(addr("192.0.2.2:5269"))
		got := make(chan string)
		go func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				close(got)
				return
			}
			b, _ := io.ReadAll(c)
			got <- c.RemoteAddr().String() + " " + string(b)
		}()
		synctest.Wait() // blocked in Accept
		c, err := l.Dial(t.Context(), addr("192.0.2.1:1024"))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "hello")
		c.Close()
		if s := <-got; s != "192.0.2.1:1024 hello" {
			t.Errorf("accepted %q", s)
		}
	})
}

func TestListenerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(addr("192.0.2.2:5269"))
		waiting, err := l.Dial(t.Context(), addr("192.0.2.1:1024"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("connection nobody accepted: %v", err)
		}
		if _, err := l.Dial(t.Context(), addr("192.0.2.1:1024")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial: %v", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}

		blocked := NewListener(addr("192.0.2.2:5269"))
		done := make(chan error)
		go func() { _, err := blocked.Accept(); done <- err }()
		synctest.Wait()
		blocked.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked Accept: %v", err)
		}
	})
}

func TestListenerBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(addr("192.0.2.2:5269"))
		from := addr("192.0.2.1:1024")
		for range Backlog {
			if _, err := l.Dial(t.Context(), from); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, from); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Dial with a full backlog: %v", err)
		}
		done := make(chan error)
		go func() { _, err := l.Dial(t.Context(), from); done <- err }()
		synctest.Wait()
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("Dial after Accept: %v", err)
		}
	})
}
