package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// What was accepted by a server that died is delivered by the next.
func TestOutboxOutlivesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		box := new(s2stest.MemOutbox)
		mux, got := inbox()
		cfg := s2s.Config{Domains: []string{here}, Handler: mux, Outbox: box}
		fed := n.Server(cfg)
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		romeo.Expect(`<message><body>0</body></message>`)
		synctest.Wait()
		if left := box.Len(); left != 0 {
			t.Errorf("%d stanzas left after acknowledgement", left)
		}
		n.Cut(here, there)
		for i := 1; i <= 1000; i++ {
			if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		fed.Close()
		if left := box.Len(); left != 1000 {
			t.Errorf("%d of 1000 stanzas left", left)
		}
		n.Heal(here, there)
		n.Server(cfg)
		for i := 1; i <= 1000; i++ {
			if body := romeo.Next().Body(); body != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", body, i)
			}
		}
		synctest.Wait()
		if left := box.Len(); left != 0 {
			t.Errorf("%d stanzas left", left)
		}
		if len(got) > 0 {
			t.Errorf("bounced: %s", <-got)
		}
		romeo.Quiet(time.Hour)
	})
}

// A shutdown in good order leaves what could not be delivered to the next
// server.
func TestShutdownLeavesTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		box := new(s2stest.MemOutbox)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Outbox: box})
		n.Peer(there)
		n.Cut(here, there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "1"))
		time.Sleep(time.Minute)
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if left := box.Len(); left != 1 || len(got) > 0 {
			t.Errorf("%d left, %d bounced; want 1 and none", left, len(got))
		}
	})
}

// A dead domain's stanzas expire however many they are, a few in memory at a
// time.
func TestOutboxExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		box := new(s2stest.MemOutbox)
		var bounces atomic.Int32
		handler := stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			bounces.Add(1)
			return nil, nil
		})
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler, Outbox: box, Limits: s2s.Limits{TotalQueue: 1000}})
		n.Peer(there)
		n.Cut(here, there)
		const all = 5000
		for i := range all {
			if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(4 * time.Minute)
		if b := bounces.Load(); b != 0 {
			t.Errorf("%d bounces before the time", b)
		}
		time.Sleep(3 * time.Minute)
		if b, left := bounces.Load(), box.Len(); b != all || left != 0 {
			t.Errorf("%d bounced, %d left of %d", b, left, all)
		}
	})
}

// failingOutbox fails at what it is told to.
type failingOutbox struct {
	s2stest.MemOutbox
	push, pending, done atomic.Bool
}

var errStore = errors.New("the database is away")

func (o *failingOutbox) Push(ctx context.Context, r s2s.Route, at time.Time, list ...*stanza.Stanza) (uint64, error) {
	if o.push.Load() {
		return 0, errStore
	}
	return o.MemOutbox.Push(ctx, r, at, list...)
}

func (o *failingOutbox) Pending(ctx context.Context, r s2s.Route, after uint64, limit int) ([]s2s.Queued, error) {
	if o.pending.Load() {
		return nil, errStore
	}
	return o.MemOutbox.Pending(ctx, r, after, limit)
}

func (o *failingOutbox) Done(ctx context.Context, r s2s.Route, seqs ...uint64) error {
	if o.done.Load() {
		return errStore
	}
	return o.MemOutbox.Done(ctx, r, seqs...)
}

func TestOutboxThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		box := new(failingOutbox)
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Outbox: box})
		romeo := n.Peer(there)
		box.push.Store(true)
		if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0")); !errors.Is(err, errStore) {
			t.Errorf("Send: %v, want %v", err, errStore)
		}
		box.push.Store(false)
		box.pending.Store(true)
		if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "1")); err != nil {
			t.Error(err)
		}
		romeo.Quiet(10 * time.Second)
		box.done.Store(true)
		box.pending.Store(false)
		romeo.Expect(`<message><body>1</body></message>`)
		romeo.Quiet(10 * time.Second)
		if left := box.Len(); left != 1 {
			t.Errorf("%d left before Done works again", left)
		}
		box.done.Store(false)
		romeo.Quiet(time.Minute)
		if left := box.Len(); left != 0 {
			t.Errorf("%d left", left)
		}
	})
}

func TestSendAll(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				cfg := s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{StanzaBytes: 1000}}
				if durable {
					cfg.Outbox = new(s2stest.MemOutbox)
				}
				fed := n.Server(cfg)
				romeo := n.Peer(there)
				long, err := jid.New(fmt.Sprintf("%0900d", 1), there, "")
				if err != nil {
					t.Fatal(err)
				}
				to := []jid.JID{jid.MustParse("romeo@" + there), {}, jid.MustParse("nurse@" + here), long, jid.MustParse("benvolio@" + there)}
				results := fed.SendAll(t.Context(), text("juliet@capulet.example", "unused.example", "to all"), to)
				for i, r := range results {
					if r.To != to[i] || (r.Err == nil) != (i == 0 || i == 2 || i == 4) {
						t.Errorf("recipient %d: %q: %v", i, r.To, r.Err)
					}
				}
				if !errors.Is(results[1].Err, s2s.ErrNoRecipient) {
					t.Errorf("no recipient: %v", results[1].Err)
				}
				a, b := romeo.Next(), romeo.Next()
				if b.To == to[0] {
					a, b = b, a
				}
				c := <-got
				if a.To != to[0] || b.To != to[4] || c.To != to[2] || a.Body() != "to all" || a.ID == "" || a.ID != b.ID || a.ID != c.ID {
					t.Errorf("got %s, %s and %s", a, b, c)
				}
				for _, r := range fed.SendAll(t.Context(), text("juliet@elsewhere.example", "unused.example", "x"), to[:1]) {
					if !errors.Is(r.Err, s2s.ErrNotLocal) {
						t.Errorf("from elsewhere: %v", r.Err)
					}
				}
			})
		})
	}
}

// A full queue refuses those who do not wait, sheds what matters least, and
// holds nobody else up.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		mux.HandlePresence(stanza.TypeError, stanza.HandlerFunc(func(_ context.Context, p *stanza.Stanza) (*stanza.Stanza, error) {
			got <- p
			return nil, nil
		}))
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Queue: 3}})
		n.Peer(there)
		n.Cut(here, there)
		presence := stanza.MustParse(`<presence id="p" from="juliet@capulet.example" to="romeo@montague.example"/>`)
		if err := fed.Send(t.Context(), presence); err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // the last takes the place of the presence
			if err := fed.TrySend(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := fed.TrySend(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "3")); !errors.Is(err, s2s.ErrQueueFull) {
			t.Errorf("a fourth: %v, want %v", err, s2s.ErrQueueFull)
		}
		if p := <-got; p.Kind != stanza.Presence || p.Err() == nil || p.Err().Condition != stanza.ResourceConstraint {
			t.Errorf("shed: %s", p)
		}
	})
}

// The bound on all routes together holds however many stanzas are offered.
func TestTotalQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		limits := s2s.Limits{TotalQueue: 100, TotalQueueBytes: 1 << 20}
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Limits: limits})
		accepted, refused := 0, 0
		var peers []*s2stest.Peer
		for i := range 20 {
			domain := fmt.Sprintf("d%d.example", i)
			peers = append(peers, n.Peer(domain))
			n.Cut(here, domain)
			for range 10 {
				switch err := fed.TrySend(t.Context(), text("juliet@capulet.example", "u@"+domain, "x")); {
				case err == nil:
					accepted++
				case errors.Is(err, s2s.ErrQueueFull):
					refused++
				default:
					t.Fatal(err)
				}
			}
		}
		if accepted != 100 || refused != 100 {
			t.Errorf("%d accepted, %d refused; want 100 of each", accepted, refused)
		}
		for i := range peers {
			n.Heal(here, fmt.Sprintf("d%d.example", i))
		}
		for _, p := range peers[:10] {
			for range 10 {
				p.Next()
			}
		}
		time.Sleep(time.Minute)
		if err := fed.TrySend(t.Context(), text("juliet@capulet.example", "u@d0.example", "again")); err != nil {
			t.Errorf("after all were delivered: %v", err)
		}
		peers[0].Next()
	})
}
