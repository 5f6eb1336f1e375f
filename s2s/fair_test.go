package s2s_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
