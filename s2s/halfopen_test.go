package s2s_test

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// farm is a server that a test connects to from any address.
type farm struct {
	t      *testing.T
	fed    *s2s.Server
	l      *memnet.Listener
	romeo  *s2stest.Peer
	limits met
	opened []*memnet.Conn
}

func newFarm(t *testing.T, l s2s.Limits) *farm {
	f := &farm{t: t, l: memnet.NewListener(&net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 5269})}
	n := s2stest.NewNetwork(t)
	f.fed = n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Limits: l, Trace: f.limits.trace(), Logger: slog.New(slog.DiscardHandler)})
	f.romeo = n.Peer(there)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.fed.Serve(f.l)
	}()
	t.Cleanup(func() {
		for _, c := range f.opened {
			c.Close()
		}
		f.l.Close()
		<-done
	})
	return f
}

// connect connects from an address, and says nothing.
func (f *farm) connect(addr netip.Addr) *memnet.Conn {
	c, err := f.l.Dial(f.t.Context(), net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 50000)))
	if err != nil {
		f.t.Fatal(err)
	}
	f.opened = append(f.opened, c)
	return c
}

// greet opens a stream from an address, and reports how long that took.
func (f *farm) greet(addr string) time.Duration {
	begin := time.Now()
	f.romeo.Wrap(f.connect(netip.MustParseAddr(addr)), here).Authenticate()
	return time.Since(begin)
}

// open returns how many of the connections the server has not closed.
func (f *farm) open() (n int) {
	synctest.Wait()
	for _, c := range f.opened {
		c.SetReadDeadline(time.Now().Add(time.Nanosecond))
		if _, err := io.Copy(io.Discard, c); err != nil {
			n++
		}
	}
	return n
}

// Ten thousand connections from one address that say nothing cost their own
// address its places, and nobody else anything.
func TestHalfOpenConnectionsFromOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, s2s.Limits{})
		for range 10_000 {
			f.connect(netip.MustParseAddr("192.0.2.1"))
		}
		if n := f.open(); n != 256 {
			t.Errorf("%d connections are open, want 256", n)
		}
		if took := f.greet("192.0.2.2"); took != 0 {
			t.Errorf("a good stream took %v", took)
		}
		if f.limits.count("AddressNegotiating") != 10_000-256 || f.limits.count("Negotiating") != 0 {
			t.Errorf("limits met: %v", f.limits.n)
		}
		time.Sleep(31 * time.Second)
		if took := f.greet("192.0.2.1"); took != 0 {
			t.Errorf("a good stream from there took %v", took)
		}
	})
}

// The addresses of one IPv6 network of 64 bits are one.
func TestHalfOpenConnectionsFromOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, s2s.Limits{})
		a := netip.MustParseAddr("2001:db8:1:2::").As16()
		for i := range 10_000 {
			a[8], a[15] = byte(i>>8), byte(i)
			f.connect(netip.AddrFrom16(a))
		}
		if n := f.open(); n != 256 {
			t.Errorf("%d connections are open, want 256", n)
		}
		if took := f.greet("2001:db8:1:3::1"); took != 0 {
			t.Errorf("a good stream took %v", took)
		}
		if _, addresses := f.fed.Remembered(); addresses != 2 {
			t.Errorf("%d addresses are remembered", addresses)
		}
	})
}

// Half-open connections from thousands of networks make room for those that
// come after them, and are not remembered for ever.
func TestHalfOpenConnectionsFromManyNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t, s2s.Limits{})
		a := netip.MustParseAddr("2001:db8::").As16()
		for i := range 10_000 {
			a[6], a[7] = byte(i>>8), byte(i)
			f.connect(netip.AddrFrom16(a))
		}
		if n := f.open(); n != 1024 {
			t.Errorf("%d connections are open, want 1024", n)
		}
		if took := f.greet("192.0.2.2"); took != 0 {
			t.Errorf("a good stream took %v", took)
		}
		if n := f.limits.count("Negotiating"); n != 10_001-1024 {
			t.Errorf("%d made room", n)
		}
		if _, addresses := f.fed.Remembered(); addresses > 1024+1+s2s.MaxRemembered {
			t.Errorf("%d addresses are remembered", addresses)
		}
		time.Sleep(time.Minute)
		if _, addresses := f.fed.Remembered(); addresses > s2s.MaxRemembered+1 {
			t.Errorf("%d addresses are remembered later", addresses)
		}
	})
}

// The log of what was refused does not grow with it.
func TestLogOfLimitsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		log := &lines{}
		n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{AddressNegotiating: 1},
			Logger: slog.New(slog.NewTextHandler(log, nil))})
		romeo := n.Peer(there)
		for range 1000 {
			romeo.Raw(here)
		}
		synctest.Wait()
		if got := log.with("limit reached"); len(got) != 10 || !strings.Contains(got[0], "limit=AddressNegotiating") || !strings.Contains(got[0], "level=WARN") {
			t.Errorf("%d lines: %v", len(got), got)
		}
		time.Sleep(10 * time.Second)
		romeo.Raw(here)
		synctest.Wait()
		if got := log.with("limit reached"); len(got) != 11 || !strings.Contains(got[10], "more=989") {
			t.Errorf("%d lines: %v", len(got), got)
		}
	})
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) with(part string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, part) {
			list = append(list, line)
		}
	}
	return list
}
