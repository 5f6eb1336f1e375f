package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// stuck is a handler that does nothing until it is let go.
type stuck struct {
	let chan struct{}
	got chan *stanza.Stanza
}

func newStuck() *stuck { return &stuck{make(chan struct{}), make(chan *stanza.Stanza, 100)} }

func (h *stuck) HandleStanza(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	<-h.let
	h.got <- st
	return nil, nil
}

// TrySend does not wait for a local recipient for whom too much waits: what it
// does not accept is nobody's, and goes once there is room. Send waits as long as
// its context lasts.
func TestTrySendToFullLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		h := newStuck()
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: h, Deliveries: 10, Limits: s2s.Limits{Lane: 3}})
		for i := range 3 {
			if err := fed.TrySend(t.Context(), text("juliet@"+here, "nurse@"+here, fmt.Sprint(i))); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		begin := time.Now()
		extra := text("juliet@"+here, "nurse@"+here, "extra")
		extra.ID = "extra"
		if err := fed.TrySend(t.Context(), extra); !errors.Is(err, s2s.ErrQueueFull) {
			t.Errorf("TrySend: %v, want ErrQueueFull", err)
		}
		for _, r := range fed.SendAll(canceled(t), extra, []jid.JID{jid.MustParse("nurse@" + here), jid.MustParse("peter@" + here)}) {
			if want := r.To.Local() == "peter"; (r.Err == nil) != want {
				t.Errorf("SendAll to %s: %v", r.To, r.Err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited %v", took)
		}
		if d, ok := fed.Delivery(extra.From, jid.MustParse("nurse@"+here), "extra"); ok {
			t.Errorf("what was not accepted is %s", d.State)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := fed.Send(ctx, extra); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("Send: %v after %v", err, time.Since(begin))
		}
		close(h.let)
		synctest.Wait()
		if err := fed.TrySend(t.Context(), extra); err != nil {
			t.Errorf("when there is room: %v", err)
		}
		synctest.Wait()
		if len(h.got) != 5 {
			t.Errorf("%d messages were handled, want 5", len(h.got))
		}
		if d, ok := fed.Delivery(extra.From, jid.MustParse("nurse@"+here), "extra"); !ok || d.State != s2s.StateAcknowledged {
			t.Errorf("delivered: %v", d.State)
		}
	})
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// Nor does it wait for those whose stanzas give way to what it sends, and they
// are told all the same.
func TestTrySendDoesNotWaitForBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		h := newStuck()
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: h, Limits: s2s.Limits{Lane: 1, Queue: 1}})
		n.Peer(there)
		n.Cut(here, there)
		begin := time.Now()
		for _, st := range []string{`<presence id="1"/>`, `<iq type="get" id="2"><x xmlns="y"/></iq>`, `<message id="3"/>`} {
			m := stanza.MustParse(st)
			m.From, m.To = jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there)
			if err := fed.TrySend(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("waited %v", took)
		}
		close(h.let)
		for _, id := range []string{"1", "2"} {
			if st := <-h.got; st.ID != id || st.Type != stanza.TypeError {
				t.Errorf("got %s, want the error of %s", st, id)
			}
		}
	})
}
