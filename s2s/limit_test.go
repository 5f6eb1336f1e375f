package s2s

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
)

func TestBucketSlowsDown(t *testing.T) {
	var b bucket
	r := perSecond(10)
	for i, c := range []struct {
		now  time.Duration
		take int
		wait time.Duration
	}{
		{0, 20, 0}, // twice the rate at once
		{0, 1, 100 * time.Millisecond},
		{0, 9, time.Second},                      // whoever comes next waits longer
		{time.Second, 0, 0},                      // the debt is paid
		{time.Second, 1, 100 * time.Millisecond}, // and nothing is left
		{2 * time.Second, 9, 0},
		{time.Hour, 20, 0}, // however long it was
		{time.Hour, 10, time.Second},
	} {
		if got := b.take(c.now, r, c.take); got != c.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, c.wait)
		}
	}
	if got := new(bucket).take(0, perSecond(math.MaxInt32), math.MaxInt32); got != 0 {
		t.Errorf("the greatest rate makes wait %v", got)
	}
}

func TestBucketRefuses(t *testing.T) {
	var b bucket
	r := refusing(6, time.Minute)
	for i := range 60 {
		if !b.try(0, r) {
			t.Fatalf("refused number %d", i)
		}
	}
	for now, want := range map[time.Duration]bool{0: false, 9 * time.Second: false} {
		if b.try(now, r) != want {
			t.Errorf("after %v: %t", now, !want)
		}
	}
	if !b.try(10*time.Second, r) || b.try(10*time.Second, r) {
		t.Error("what was refused was charged, or nothing was")
	}
}

// Goroutines that share a bucket get what one alone would.
func TestBucketIsShared(t *testing.T) {
	var b bucket
	var passed atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 1000 {
				if b.try(0, refusing(100, time.Second)) {
					passed.Add(1)
				}
			}
		})
	}
	work.Wait()
	if n := passed.Load(); n != 1000 {
		t.Errorf("%d passed, want 1000", n)
	}
}

func TestGateLetsAFewIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		var in, most int
		var mu sync.Mutex
		var work sync.WaitGroup
		begin := time.Now()
		for range 100 {
			work.Go(func() {
				if !g.enter() {
					g.wait(nil)
				}
				mu.Lock()
				in++
				most = max(most, in)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				in--
				mu.Unlock()
				g.leave()
			})
		}
		work.Wait()
		if took := time.Since(begin); took != 50*time.Second || most != 2 {
			t.Errorf("took %v with up to %d inside", took, most)
		}
		if g.n.Load() != 0 || len(g.turns) != 0 {
			t.Errorf("%d are left, and %d turns", g.n.Load(), len(g.turns))
		}
	})
}

func TestGateGivesUp(t *testing.T) {
	g := newGate(1)
	if !g.enter() || g.enter() {
		t.Fatal("not one")
	}
	done := make(chan struct{})
	close(done)
	g.wait(done)
}

type offence struct{ clear time.Duration }

func newOffences() *table[int, offence] {
	return newTable(func(int) *offence { return new(offence) }, func(r *offence) time.Duration { return r.clear })
}

func TestTable(t *testing.T) {
	tab := newOffences()
	a := tab.use(1)
	if tab.use(1) != a {
		t.Error("two entries for a key")
	}
	a.clear = 10
	tab.done(1, 0)
	tab.done(1, 0)
	if tab.use(1) != a {
		t.Error("an entry was forgotten that makes a difference")
	}
	tab.done(1, 10)
	if n := tab.len(); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}

// Nobody gets rid of a bad record, and nobody loses an entry that is in use, by
// way of any number of others; and those take only so much memory.
func TestTableIsBounded(t *testing.T) {
	tab := newOffences()
	used := tab.use(-1)
	bad := tab.use(-2)
	bad.clear = time.Hour
	tab.done(-2, 0)
	for i := range 1_000_000 {
		tab.use(i).clear = time.Minute + time.Duration(i%1000)
		tab.done(i, 0)
		if n := tab.len(); n > maxResting+1 {
			t.Fatalf("%d entries", n)
		}
	}
	if tab.use(-2) != bad {
		t.Error("the worst record was forgotten")
	}
	if tab.use(-1) != used {
		t.Error("an entry was forgotten that is used")
	}
}

// What no longer matters makes room for what does.
func TestTableForgetsWhatIsPast(t *testing.T) {
	tab := newOffences()
	for i := range maxResting {
		tab.use(i).clear = time.Minute
		tab.done(i, 0)
	}
	for i := range maxResting {
		tab.use(-i - 1).clear = time.Hour
		tab.done(-i-1, 2*time.Minute)
	}
	kept := 0
	for i := range maxResting {
		if tab.resting[-i-1] != nil {
			kept++
		}
	}
	if kept < maxResting*9/10 {
		t.Errorf("%d of %d were kept", kept, maxResting)
	}
}

func TestRegistered(t *testing.T) {
	for domain, want := range map[string]string{
		"montague.example":              "montague.example",
		"rooms.of.the.montague.example": "montague.example",
		"a.b.co.uk":                     "b.co.uk",
		"one.github.io":                 "one.github.io",
		"github.io":                     "github.io",
		"localhost":                     "localhost",
		"192.0.2.1":                     "192.0.2.1",
		"[2001:db8::1]":                 "[2001:db8::1]",
		"räume.bücher.example":          "xn--bcher-kva.example",
	} {
		if got := registered(jid.MustParse(domain)); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}

func TestPrefixOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":                      "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":           "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff:ffff:ffff:ff": "2001:db8:1:2::/64",
		"2001:db8:1:3::":                 "2001:db8:1:3::/64",
		"fe80::1%eth0":                   "fe80::/64",
	} {
		if got := prefixOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

type namedConn struct {
	net.Conn
	addr net.Addr
}

func (c namedConn) RemoteAddr() net.Addr { return c.addr }

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

// One and the same address is one, however a listener writes it; sockets that
// have none are not limited by theirs.
func TestAddrOf(t *testing.T) {
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 7}, "192.0.2.1:7"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1").To16(), Port: 7}, "192.0.2.1:7"},
		{textAddr("[::ffff:192.0.2.1]:7"), "192.0.2.1:7"},
		{textAddr("[2001:db8::1]:7"), "[2001:db8::1]:7"},
		{&net.UnixAddr{Name: "/run/proxy", Net: "unix"}, "invalid AddrPort"},
	} {
		if got := addrOf(namedConn{addr: c.addr}); got.String() != c.want || got.IsValid() == (c.want == "invalid AddrPort") {
			t.Errorf("%v: %v, want %s", c.addr, got, c.want)
		}
	}
}

// An entry of a domain of which something still waits for the handler is not
// forgotten, or else its streams could come and go and fill any number of
// queues.
func TestBusyDomainIsRemembered(t *testing.T) {
	s := &Server{limits: Limits{DomainQueue: 1, DomainHandlers: 1}}
	d := s.newDomainUse("montague.example")
	if d.clear() != 0 {
		t.Error("a new entry has to be remembered")
	}
	d.queue.enter()
	if d.clear() != math.MaxInt64 {
		t.Error("a busy one does not")
	}
	d.queue.leave()
	d.asked.try(0, refusing(1, time.Minute))
	if d.clear() != time.Minute {
		t.Errorf("clear at %v", d.clear())
	}
}

// Streams of any number of domains come and go, and the memory of them stays
// small; a domain that has used up its streams is not let in again by that.
func TestManyDomainsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes
		s := &Server{limits: Limits{DomainNewStreams: 1}, ctx: t.Context(), conns: make(map[*conn]struct{}), born: time.Now()}
		if err := s.limits.fill(); err != nil {
			t.Fatal(err)
		}
		s.limiter.domains = newTable(s.newDomainUse, (*domainUse).clear)
		visit := func(domain string) error {
			c := &conn{remote: jid.MustParse(domain)}
			err := s.addConn(c)
			s.removeConn(c)
			return err
		}
		for range 10 {
			if err := visit("montague.example"); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20_000 {
			if err := visit(fmt.Sprintf("d%d.example", i)); err != nil {
				t.Fatal(err)
			}
			if domains, _ := s.Remembered(); domains > MaxRemembered {
				t.Fatalf("%d domains are remembered", domains)
			}
		}
		for _, domain := range []string{"montague.example", "rooms.montague.example"} {
			if err := visit(domain); err != limitError("DomainNewStreams") {
				t.Errorf("%s: %v", domain, err)
			}
		}
		if len(s.conns) != 0 || s.inbound != 0 {
			t.Errorf("%d streams are left, counted as %d", len(s.conns), s.inbound)
		}
	})
}

func BenchmarkTableFull(b *testing.B) {
	tab := newTable(newAddressUse, (*addressUse).clear)
	for i := 0; b.Loop(); i++ {
		p := prefixOf(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}))
		a := tab.use(p)
		a.opened.try(0, refusing(100, time.Second))
		tab.done(p, 0)
	}
	if len(tab.resting) > maxResting {
		b.Fatal(fmt.Sprint(len(tab.resting)))
	}
}
