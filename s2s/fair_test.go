package s2s_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// met counts which limits were met.
type met struct {
	mu sync.Mutex
	n  map[string]int
}

func (m *met) trace() *s2s.Trace {
	m.n = make(map[string]int)
	return &s2s.Trace{Limited: func(limit string, _ jid.JID, _ string, _ time.Duration) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.n[limit]++
	}}
}

func (m *met) count(limit string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n[limit]
}

// While one peer floods a server in every way at once, another one notices
// nothing: its streams open as fast, its pings are answered as fast and its
// messages arrive as fast as on a calm day.
func TestFloodDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const far = 10 * time.Millisecond
		n := s2stest.NewNetwork(t)
		n.Delay(here, bystander, far)
		n.Delay(here, "mantua.example", far)
		arrived := make(chan time.Time, 1)
		var flooded atomic.Int64
		handler := stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
			switch {
			case st.From.Domain() == there:
				time.Sleep(20 * time.Millisecond) // something slow
				flooded.Add(1)
			case st.Kind == stanza.Message:
				arrived <- time.Now()
			}
			return nil, nil
		})
		var limits met
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler, Trace: limits.trace(), Logger: slog.New(slog.DiscardHandler),
			Limits: s2s.Limits{DomainNewStreams: 1, AddressNewStreams: 10}})
		romeo, prince, balthasar := n.Peer(there), n.Peer(bystander), n.Peer("mantua.example")
		romeo.Ignore()

		day := func(p *s2stest.Peer, begins bool) (took [3]time.Duration) {
			ping := fmt.Sprintf(`<iq type="get" id="1" from="x@%s" to="%s"><ping xmlns="urn:xmpp:ping"/></iq>`, p.JID("x").Domain(), here)
			if begins {
				begin := time.Now()
				p.Request(ping)
				took[0] = time.Since(begin)
			}
			begin := time.Now()
			p.Request(ping)
			took[1] = time.Since(begin)
			begin = time.Now()
			p.Send(fmt.Sprintf(`<message from="x@%s" to="juliet@%s"/>`, p.JID("x").Domain(), here))
			took[2] = (<-arrived).Sub(begin)
			return took
		}
		calm := day(prince, true)
		if calm[1] != 2*far || calm[2] != far {
			t.Fatalf("on a calm day: %v", calm)
		}

		const flood = 40_000
		for i := range 4 {
			raw := romeo.Raw(here)
			raw.Authenticate()
			var b strings.Builder
			for j := range flood / 4 {
				if j%2 == 0 {
					fmt.Fprintf(&b, "<message from='%d@%s' to='juliet@%s'/>", j, there, here)
				} else {
					fmt.Fprintf(&b, "<iq type='get' id='%d' from='%d.%d@%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", j, i, j, there, here)
				}
				if j%100 == 0 {
					fmt.Fprintf(&b, "<presence type='subscribe' from='%d@%s' to='juliet@%s'/>", j, there, here)
				}
			}
			raw.SetDeadline(time.Now().Add(time.Hour))
			go raw.Write([]byte(b.String()))
		}
		for range 1000 {
			romeo.Raw(here) // and say nothing
		}
		for range 100 { // until long after the flood
			time.Sleep(100 * time.Millisecond)
			if took := day(prince, false); took[1] != calm[1] || took[2] != calm[2] {
				t.Fatalf("in the flood: %v", took)
			}
			if flooded.Load() < flood/4 && balthasar != nil {
				if took := day(balthasar, true); took != calm {
					t.Fatalf("a new peer in the flood: %v, want %v", took, calm)
				}
				balthasar = nil
			}
		}
		if balthasar != nil {
			t.Error("the flood was over before a new peer came")
		}
		for _, name := range []string{"DomainStanzas", "DomainHandlers", "AddressNewStreams"} {
			if limits.count(name) == 0 {
				t.Errorf("%s was not met", name)
			}
		}
		// Nothing was lost of what the peer sent.
		if got := flooded.Load(); got < flood {
			t.Errorf("%d of %d were handled", got, flood)
		}
		_ = fed
	})
}

// A handler that needs something scarce is not taken by one domain: another's
// stanza waits for no more of them than may run for a domain.
func TestHandlersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const few, turn, running = 4, 10 * time.Millisecond, 12
		scarce := make(chan struct{}, few)
		arrived := make(chan time.Time, 1)
		var flooded atomic.Int64
		n := s2stest.NewNetwork(t)
		n.Server(s2s.Config{Services: []string{here}, Limits: s2s.Limits{DomainHandlers: running}, Logger: slog.New(slog.DiscardHandler),
			Handler: stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
				scarce <- struct{}{}
				time.Sleep(turn)
				<-scarce
				if st.From.Domain() == there {
					flooded.Add(1)
				} else {
					arrived <- time.Now()
				}
				return nil, nil
			})})
		prince := n.Peer(bystander)
		said := func() time.Duration {
			begin := time.Now()
			prince.Send("<message from='prince@" + bystander + "' to='juliet@" + here + "'/>")
			return (<-arrived).Sub(begin)
		}
		if took := said(); took != turn {
			t.Fatalf("on a calm day: %v", took)
		}
		raw := n.Peer(there).Raw(here)
		raw.Authenticate()
		var b strings.Builder
		const flood = 4000
		for i := range flood {
			fmt.Fprintf(&b, "<message from='%d@%s' to='juliet@%s'/>", i, there, here)
		}
		raw.Put(b.String())
		for flooded.Load() < flood*3/4 {
			if took := said(); took > (running/few+1)*turn {
				t.Errorf("in the flood: %v", took)
			}
		}
		for flooded.Load() < flood {
			time.Sleep(time.Second)
		}
	})
}

// What a domain sends too fast is read as fast as is allowed, and none of it is
// lost.
func TestReadingIsSlowedDown(t *testing.T) {
	const size = 1000
	for _, c := range []struct {
		name   string
		limits s2s.Limits
		limit  string
		rate   int // messages a second
	}{
		{"stanzas", s2s.Limits{DomainStanzas: 100}, "DomainStanzas", 100},
		{"bytes", s2s.Limits{DomainBytes: 100 * size}, "DomainBytes", 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var limits met
				var got atomic.Int64
				n := s2stest.NewNetwork(t)
				n.Server(s2s.Config{Services: []string{here}, Limits: c.limits, Trace: limits.trace(),
					Handler: stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
						got.Add(1)
						return nil, nil
					})})
				peer := n.Peer(there)
				message := "<message from='romeo@" + there + "' to='juliet@" + here + "'><body></body></message>"
				message = strings.Replace(message, "<body>", "<body>"+strings.Repeat("x", size-len(message)), 1)
				begin := time.Now()
				for range 2 { // by two streams
					raw := peer.Raw(here)
					raw.Authenticate()
					raw.SetDeadline(time.Now().Add(time.Hour))
					go raw.Write([]byte(strings.Repeat(message, 1000)))
				}
				for got.Load() < 2000 {
					time.Sleep(100 * time.Millisecond)
				}
				// The first two seconds' worth and the last read are for nothing.
				took := time.Since(begin)
				if fastest, slowest := 17*time.Second, 18500*time.Millisecond; took < fastest || took > slowest {
					t.Errorf("2000 messages took %v", took)
				}
				if limits.count(c.limit) < 10 {
					t.Errorf("%s was met %d times", c.limit, limits.count(c.limit))
				}
			})
		})
	}
}

// A stream that is read slowly is neither idle nor dead, however long that takes.
func TestSlowReadingKeepsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		closed := make(chan error, 8)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: true,
			Limits: s2s.Limits{DomainStanzas: 1, Ack: 5 * time.Second, Idle: time.Minute},
			Trace:  &s2s.Trace{StreamClose: func(_ s2s.StreamInfo, err error) { closed <- err }}})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: true, Limits: s2s.Limits{Ack: time.Hour, Idle: 24 * time.Hour}})
		const flood = 1000
		for i := range flood {
			romeo.Send(fmt.Sprintf(`<message from="romeo@%s" to="juliet@%s"><body>%d</body></message>`, there, here, i))
		}
		for i := range flood {
			if m := <-got; m.Body() != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m, i)
			}
			if i == 10 { // asks to be acknowledged on the stream that is read slowly
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "slowly, please"))
				romeo.Expect(`<message><body>slowly, please</body></message>`)
			}
		}
		if len(closed) > 0 {
			t.Fatalf("a stream was closed: %v", <-closed)
		}
		if s := fed.Streams(); len(s) != 1 || !s[0].Bidi || s[0].In != flood {
			t.Errorf("streams: %+v", s)
		}
	})
}

// A server that shuts down does not wait for those who have been slowed down.
func TestShutdownDuringBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, _ := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{DomainStanzas: 1}})
		raw := n.Peer(there).Raw(here)
		raw.Authenticate()
		raw.Put(strings.Repeat("<presence from='romeo@"+there+"' to='juliet@"+here+"'/>", 100))
		time.Sleep(time.Second)
		begin := time.Now()
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Requests for subscriptions beyond the rate are refused, all else goes on.
func TestSubscriptionRequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var limits met
		var asked, others atomic.Int64
		n.Server(s2s.Config{Services: []string{here}, Limits: s2s.Limits{DomainSubscriptions: 3}, Trace: limits.trace(),
			Handler: stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
				if st.Type == stanza.Subscribe {
					asked.Add(1)
				} else {
					others.Add(1)
				}
				return nil, nil
			})})
		romeo := n.Peer(there)
		ask := func(from string) {
			romeo.Send(fmt.Sprintf(`<presence type="subscribe" id="a" from="%s" to="juliet@%s"/>`, from, here))
			romeo.Send(fmt.Sprintf(`<presence from="%s" to="juliet@%s"/>`, from, here))
		}
		for i := range 30 {
			ask(fmt.Sprintf("r%d@%s", i, there))
		}
		time.Sleep(time.Second)
		ask("late@" + there)
		romeo.Expect(`<presence type="error" id="a" from="juliet@capulet.example" to="late@montague.example">
			<error type="wait"><resource-constraint xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></presence>`)
		time.Sleep(19 * time.Second)
		ask("later@" + there)
		synctest.Wait()
		if asked.Load() != 31 || others.Load() != 32 || limits.count("DomainSubscriptions") != 1 {
			t.Errorf("%d requests and %d others passed, the limit was met %d times", asked.Load(), others.Load(), limits.count("DomainSubscriptions"))
		}
		romeo.Quiet(time.Minute)
	})
}

// The streams of a domain, and of those below it, are bounded in number and rate.
func TestStreamsOfADomainAreLimited(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits s2s.Limits
		limit  string
		want   int
	}{
		{"number", s2s.Limits{DomainStreams: 3}, "DomainStreams", 3},
		{"rate", s2s.Limits{DomainNewStreams: 1}, "DomainNewStreams", 10},
		{"number of the address", s2s.Limits{AddressStreams: 4}, "AddressStreams", 4},
		{"rate of the address", s2s.Limits{AddressNewStreams: 1}, "AddressNewStreams", 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var limits met
				fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Limits: c.limits, Trace: limits.trace()})
				peers := []*s2stest.Peer{n.Peer(there), n.Peer("rooms." + there)}
				if strings.HasPrefix(c.limit, "Address") {
					peers = peers[:1] // the other one has an address of its own
				}
				var raws []*s2stest.RawStream
				for i := range c.want {
					raw := peers[i%len(peers)].Raw(here)
					raw.Authenticate()
					raws = append(raws, raw)
					synctest.Wait()
				}
				raw := peers[0].Raw(here)
				if strings.HasPrefix(c.limit, "Domain") {
					raw.Authenticate() // before that there is no telling who it is
				}
				if rest := raw.Rest(); !strings.Contains(rest, "<resource-constraint") || !strings.Contains(rest, "</stream:stream>") {
					t.Errorf("one too many got %s", rest)
				}
				other := n.Peer(bystander).Raw(here)
				other.Authenticate()
				synctest.Wait()
				if limits.count(c.limit) != 1 || len(fed.Streams()) != c.want+1 {
					t.Errorf("met %d times, %d streams", limits.count(c.limit), len(fed.Streams()))
				}
				raws[0].Put("</stream:stream>")
				raws[0].Rest()
				time.Sleep(10 * time.Second)
				again := peers[0].Raw(here)
				again.Authenticate()
				synctest.Wait()
				if limits.count(c.limit) != 1 {
					t.Error("it was not let in later")
				}
			})
		})
	}
}

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
