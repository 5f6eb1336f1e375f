package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// dials notes when a server tries to reach a domain.
type dials struct {
	mu sync.Mutex
	at []time.Time
}

func (d *dials) trace(remote jid.JID, _ string, _ time.Duration, _ error) {
	if remote.String() != there {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = append(d.at, time.Now())
}

// pauses returns the times between attempts since the last call.
func (d *dials) pauses() []time.Duration {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []time.Duration
	for i := 1; i < len(d.at); i++ {
		list = append(list, d.at[i].Sub(d.at[i-1]))
	}
	d.at = nil
	return list
}

// Attempts to reach a domain come at growing pauses, give or take a quarter, of a
// minute at most; a stream of its own ends the pause and begins anew, for all local
// domains that wait for it.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		tried := new(dials)
		fed := n.Server(s2s.Config{
			Domains: []string{here, tenant}, Handler: mux, Limits: s2s.Limits{QueueAge: 2 * time.Hour}, Trace: &s2s.Trace{Dial: tried.trace},
		})
		romeo := n.Peer(there)
		n.Cut(here, there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "waiting"))
		time.Sleep(time.Hour)
		nominal := func(i int) time.Duration { return min(time.Minute, time.Second<<min(i, 6)) }
		pauses := tried.pauses()
		even := 0
		for i, p := range pauses {
			if p < nominal(i)*3/4 || p > nominal(i)*5/4 {
				t.Errorf("pause %d is %v, want about %v", i, p, nominal(i))
			}
			if p == nominal(i) {
				even++
			}
		}
		if len(pauses) < 50 || even > 5 {
			t.Errorf("%d pauses, %d of them as even as a machine's: %v", len(pauses), even, pauses)
		}

		fed.Send(t.Context(), text("x@"+tenant, "romeo@"+there, "waiting, too"))
		time.Sleep(10 * time.Minute)
		n.Heal(here, there)
		begin := time.Now()
		raw := romeo.Raw(here)
		raw.Authenticate()
		for range 2 {
			romeo.Next()
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("they tried %v after the peer had shown up", took)
		}
		if len(got) > 0 {
			t.Errorf("got %s", <-got)
		}
	})
}

// A stanza that comes by a stream of before ends the pause as well, but does not
// make us try all the time.
func TestInboundStanzaEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		tried := new(dials)
		var down atomic.Bool
		dial := n.Dialer(here)
		fed := n.Server(s2s.Config{
			Domains: []string{here}, Handler: mux, Limits: s2s.Limits{QueueAge: time.Hour, Idle: time.Hour}, Trace: &s2s.Trace{Dial: tried.trace},
			Dialer: dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
				if down.Load() {
					return nil, syscall.ECONNREFUSED
				}
				return dial.DialContext(ctx, network, address)
			}),
		})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{Idle: time.Hour}})
		hello := func() {
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
			<-got
		}
		hello()
		down.Store(true)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "waiting"))
		time.Sleep(10 * time.Minute)
		tried.pauses()
		for range 60 {
			hello()
			time.Sleep(time.Second)
		}
		if pauses := tried.pauses(); len(pauses) < 8 || len(pauses) > 13 {
			t.Errorf("pauses between attempts while stanzas come: %v", pauses)
		}
		time.Sleep(10 * time.Second)
		down.Store(false)
		begin := time.Now()
		hello()
		romeo.Expect(`<message><body>waiting</body></message>`)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v to try again", took)
		}
	})
}

// A domain that refuses streams is asked as seldom as one that cannot be reached,
// however much there is for it, and each sender hears at once.
func TestRefusalsAreRemembered(t *testing.T) {
	for _, box := range []s2s.Outbox{nil, new(s2stest.MemOutbox)} {
		t.Run(fmt.Sprintf("durable %t", box != nil), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var bounces atomic.Int64
				var slowest atomic.Int64
				handler := stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
					if e := m.Err(); e == nil || e.Condition != stanza.RemoteServerNotFound {
						t.Errorf("got %s", m)
					}
					bounces.Add(1)
					sent, err := time.Parse(time.RFC3339Nano, m.ID)
					if err != nil {
						t.Error(err)
					}
					slowest.Store(max(slowest.Load(), int64(time.Since(sent))))
					return nil, nil
				})
				tried := new(dials)
				fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler, Outbox: box, Trace: &s2s.Trace{Dial: tried.trace}})
				w := &world{t: t, n: n}
				w.script(func(c net.Conn) { talk(c, "version", theirHeader+streamError("host-unknown")); hold(c) })
				send := func(count int) {
					for range count {
						m := text("juliet@"+here, "romeo@"+there, "?")
						m.ID = time.Now().Format(time.RFC3339Nano)
						if err := fed.Send(t.Context(), m); err != nil {
							t.Fatal(err)
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				const all = 6000
				send(all)
				if pauses := tried.pauses(); len(pauses) > 20 {
					t.Errorf("%d attempts in ten minutes: %v", len(pauses)+1, pauses)
				}
				if n := bounces.Load(); n != all || slowest.Load() > int64(50*time.Millisecond) {
					t.Errorf("%d of %d came back, the slowest after %v", n, all, time.Duration(slowest.Load()))
				}
			})
		})
	}
}

// However many messages are too old, the domain is tried no more often.
func TestDeadlinesAreNoReasonToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		tried := new(dials)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{QueueAge: 30 * time.Second}, Trace: &s2s.Trace{Dial: tried.trace}})
		n.Peer(there)
		n.Cut(here, there)
		go func() {
			for range 1200 {
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "?"))
				time.Sleep(500 * time.Millisecond)
			}
		}()
		for range 1200 {
			<-got
		}
		if pauses := tried.pauses(); len(pauses) > 20 {
			t.Errorf("%d attempts in ten minutes: %v", len(pauses)+1, pauses)
		}
	})
}

// Routes of which nothing is left to remember are forgotten, those of domains that
// do not exist, too.
func TestLinksAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var bounces atomic.Int64
		handler := stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			bounces.Add(1)
			return nil, nil
		})
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler})
		const all = 200
		for range 8 { // until the pauses are as long as they get
			for i := range all {
				fed.Send(t.Context(), text("juliet@"+here, fmt.Sprintf("romeo@d%d.example", i), "?"))
			}
			time.Sleep(4 * time.Second)
		}
		if n := fed.Links(); n != all {
			t.Errorf("%d of %d routes are remembered while they pause", n, all)
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if n := fed.Links(); n != 0 || bounces.Load() != 8*all {
			t.Errorf("%d routes are left, %d of %d messages came back", n, bounces.Load(), 8*all)
		}
	})
}

// A host may ask not to wait for a domain that is out of reach.
func TestWithImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{QueueAge: time.Hour}})
		romeo := n.Peer(there)
		n.Cut(here, there)
		now := s2s.WithImmediate(t.Context())
		if err := fed.Send(now, text("juliet@"+here, "romeo@"+there, "waiting")); err != nil {
			t.Fatalf("nobody has tried the domain yet: %v", err)
		}
		time.Sleep(10 * time.Minute)
		ping := &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(here), To: jid.MustParse(there), Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)}
		_, asked := fed.Request(now, ping)
		all := fed.SendAll(now, text("juliet@"+here, here, "x"), []jid.JID{jid.MustParse("romeo@" + there), jid.MustParse("nurse@" + here)})
		for what, err := range map[string]error{
			"Send": fed.Send(now, text("juliet@"+here, "romeo@"+there, "x")), "TrySend": fed.TrySend(now, text("juliet@"+here, "romeo@"+there, "x")),
			"Request": asked, "SendAll": all[0].Err,
		} {
			var why *s2s.ConnectError
			if !errors.As(err, &why) || why.Stage != s2s.StageDial || why.Domain.String() != there {
				t.Errorf("%s: %v", what, err)
			}
		}
		if all[1].Err != nil {
			t.Errorf("a recipient who can be reached: %v", all[1].Err)
		}
		if m := <-got; m.To.Local() != "nurse" {
			t.Errorf("got %s", m)
		}
		if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "waiting, too")); err != nil {
			t.Errorf("who can wait: %v", err)
		}
		n.Heal(here, there)
		time.Sleep(2 * time.Minute)
		romeo.Expect(`<message><body>waiting</body></message>`)
		romeo.Expect(`<message><body>waiting, too</body></message>`)
		if err := fed.Send(now, text("juliet@"+here, "romeo@"+there, "at once")); err != nil {
			t.Errorf("within reach again: %v", err)
		}
		romeo.Expect(`<message><body>at once</body></message>`)
		if len(got) > 0 {
			t.Errorf("got %s", <-got)
		}
	})
}
