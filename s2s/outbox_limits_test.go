package s2s_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// countingOutbox notes the most bytes that were read from it at once, but for the
// first time, and how often.
type countingOutbox struct {
	s2stest.MemOutbox
	mu    sync.Mutex
	most  int
	reads int
}

func (o *countingOutbox) Pending(ctx context.Context, r s2s.Route, after uint64, limit int) ([]s2s.Queued, error) {
	list, err := o.MemOutbox.Pending(ctx, r, after, limit)
	o.mu.Lock()
	defer o.mu.Unlock()
	size := 0
	for _, q := range list {
		size += len(q.Stanza.Inner)
	}
	if o.reads++; after > 0 {
		o.most = max(o.most, size)
	}
	return list, err
}

// What an Outbox holds is taken into memory within the limits of the queues, for
// domains that take it, that take it slowly and that are out of reach, and all of
// it arrives in the end.
func TestOutboxWithinTheLimitsOfQueues(t *testing.T) {
	const large = 10 << 10
	for _, c := range []struct {
		name   string
		limits s2s.Limits
		number int // what may be held
		bytes  int
	}{
		{"stanzas of all routes", s2s.Limits{TotalQueue: 10}, 10, 10 * (large + 2<<10)},
		{"memory of all routes", s2s.Limits{TotalQueueBytes: 256 << 10}, 24, 256 << 10},
		{"stanzas that wait on a route", s2s.Limits{Queue: 5}, 3 * 5, 15 * (large + 2<<10)},
		{"bytes that wait on a route", s2s.Limits{QueueBytes: 100 << 10}, 3 * 10, 3*100<<10 + 30<<10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				box := new(countingOutbox)
				c.limits.QueueAge = time.Hour
				fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Outbox: box, Limits: c.limits})
				domains := []string{"fast.example", "slow.example", "away.example"}
				peers := make(map[string]*s2stest.Peer)
				for _, d := range domains {
					peers[d] = n.Peer(d)
				}
				n.Delay(here, "slow.example", 500*time.Millisecond)
				away := []string{"away.example"}
				if c.limits.TotalQueue+c.limits.TotalQueueBytes == 0 {
					away = domains
				}
				for _, d := range away {
					n.Cut(here, d)
				}
				const each = 60
				for i := range each {
					for _, d := range domains {
						if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+d, fmt.Sprintf("%d %s", i, strings.Repeat("x", large)))); err != nil {
							t.Fatal(err)
						}
					}
				}
				most, mostBytes := 0, 0
				look := func() {
					held, bytes := fed.Held()
					most, mostBytes = max(most, held), max(mostBytes, bytes)
				}
				for range 600 {
					time.Sleep(50 * time.Millisecond)
					look()
				}
				for _, d := range away {
					n.Heal(here, d)
				}
				for range 2400 {
					time.Sleep(50 * time.Millisecond)
					if len(away) == 1 {
						look()
					}
				}
				if most > c.number || mostBytes > c.bytes {
					t.Errorf("%d stanzas of %d bytes were held, want no more than %d and %d", most, mostBytes, c.number, c.bytes)
				}
				synctest.Wait()
				box.mu.Lock()
				reads, read := box.reads, box.most
				box.mu.Unlock()
				if limit := c.limits.QueueBytes; limit > 0 && read > limit {
					t.Errorf("%d bytes were read at once", read)
				}
				if reads > 6*3*each {
					t.Errorf("%d reads for %d stanzas", reads, 3*each)
				}
				for _, d := range domains {
					for i := range each {
						if body, _, _ := strings.Cut(peers[d].Next().Body(), " "); body != fmt.Sprint(i) {
							t.Fatalf("%s: got %s, want %d", d, body, i)
						}
					}
				}
				if left := box.Len(); left > 0 {
					t.Errorf("%d left", left)
				}
			})
		})
	}
}

// What an Outbox has taken is known at once, all of it, and told once; what it has
// refused is not.
func TestDeliveriesKnowWhatAnOutboxHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		box := new(failingOutbox)
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Deliveries: 5000, Outbox: box})
		romeo := n.Peer(there)
		n.Cut(here, there)
		changes := make(map[string][]s2s.DeliveryState)
		list := fed.Deliveries(t.Context())
		go func() {
			for d := range list {
				changes[d.ID] = append(changes[d.ID], d.State)
			}
		}()
		var sent []*stanza.Stanza
		for i := range 1000 {
			m := text("juliet@capulet.example", "romeo@montague.example", "x")
			m.ID = fmt.Sprint(i)
			if i%2 == 0 {
				if err := fed.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			} else if r := fed.SendAll(t.Context(), m, []jid.JID{m.To}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			sent = append(sent, m)
			if d, ok := fed.Delivery(m.From, m.To, m.ID); !ok || d.State != s2s.StateQueued {
				t.Fatalf("message %d: %+v, %t", i, d, ok)
			}
		}
		box.push.Store(true)
		refused := text("juliet@capulet.example", "romeo@montague.example", "x")
		refused.ID = "refused"
		if err := fed.Send(t.Context(), refused); err == nil {
			t.Error("the store is away")
		}
		n.Heal(here, there)
		for range sent {
			romeo.Next()
		}
		synctest.Wait()
		for _, m := range sent {
			if d, _ := fed.Delivery(m.From, m.To, m.ID); d.State != s2s.StateAcknowledged {
				t.Fatalf("%+v", d)
			}
			if got := fmt.Sprint(changes[m.ID]); got != "[queued sent acknowledged]" {
				t.Fatalf("message %s: %s", m.ID, got)
			}
		}
		if _, ok := fed.Delivery(refused.From, refused.To, "refused"); ok || len(changes["refused"]) > 0 {
			t.Errorf("what was refused is known: %v", changes["refused"])
		}
	})
}
