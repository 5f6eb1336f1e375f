package s2s_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// follow collects the changes of messages' states as "id:state".
func follow(ctx context.Context, fed *s2s.Server) func() string {
	var seen []string
	changes := fed.Deliveries(ctx)
	go func() {
		for d := range changes {
			s := d.ID + ":" + d.State.String()
			if d.Err != nil {
				s += "(" + string(d.Err.Condition) + ")"
			}
			seen = append(seen, s)
		}
	}()
	return func() string {
		synctest.Wait()
		s := strings.Join(seen, " ")
		seen = nil
		return s
	}
}

func TestDeliveries(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				cfg := s2s.Config{Domains: []string{here}, Handler: mux, Deliveries: 100}
				if durable {
					cfg.Outbox = new(s2stest.MemOutbox)
				}
				fed := n.Server(cfg)
				romeo := n.Peer(there)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				changes := follow(ctx, fed)
				send := func(id, to string) {
					m := text("juliet@capulet.example/balcony", to, "x")
					m.ID = id
					if err := fed.Send(t.Context(), m); err != nil {
						t.Fatal(err)
					}
				}
				want := func(what, want string) {
					t.Helper()
					if got := changes(); got != want {
						t.Errorf("%s:\n got %s\nwant %s", what, got, want)
					}
				}
				send("1", "romeo@montague.example")
				romeo.Next()
				want("delivered to the domain", "1:queued 1:sent 1:acknowledged")

				romeo.Send(`<message from="romeo@montague.example/orchard" to="juliet@capulet.example"><received xmlns="urn:xmpp:receipts" id="1"/></message>`)
				want("receipt", "1:delivered")
				<-got
				romeo.Send(`<message from="tybalt@montague.example" to="juliet@capulet.example"><received xmlns="urn:xmpp:receipts" id="1"/></message>`)
				romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><received xmlns="urn:xmpp:receipts" id="unknown"/></message>`)
				romeo.Send(`<message id="1" type="error" from="romeo@montague.example" to="juliet@capulet.example"><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`)
				want("what concerns no message, or one that is delivered", "")
				<-got
				<-got
				<-got

				send("2", "nobody@montague.example")
				romeo.Next()
				synctest.Wait()
				romeo.Send(`<message id="2" type="error" from="nobody@montague.example" to="juliet@capulet.example/balcony"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`)
				want("refused there", "2:queued 2:sent 2:acknowledged 2:refused(service-unavailable)")
				<-got

				send("3", "romeo@nowhere.example")
				<-got
				want("no such domain", "3:queued 3:refused(remote-server-not-found)")

				n.Cut(here, there)
				synctest.Wait()
				send("4", "romeo@montague.example")
				<-got
				want("expired", "4:queued 4:expired(remote-server-timeout)")
				n.Heal(here, there)

				send("5", "nurse@capulet.example")
				<-got
				want("local", "5:queued 5:acknowledged")

				d, ok := fed.Delivery(jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there), "1")
				if !ok || d.State != s2s.StateDelivered || d.At.IsZero() || d.From.String() != "juliet@capulet.example/balcony" {
					t.Errorf("delivery of 1: %+v, %t", d, ok)
				}
				if _, ok := fed.Delivery(jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there), "2"); ok {
					t.Error("a message to somebody else is known")
				}
			})
		})
	}
}

func TestDeliveriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Deliveries: 3})
		ctx, cancel := context.WithCancel(t.Context())
		changes := fed.Deliveries(ctx) // nobody reads it yet
		for i := range 10 {
			m := text("juliet@capulet.example", "nurse@capulet.example", "x")
			m.ID = fmt.Sprint(i)
			fed.Send(t.Context(), m)
		}
		for i := range 10 {
			_, ok := fed.Delivery(jid.MustParse("juliet@"+here), jid.MustParse("nurse@"+here), fmt.Sprint(i))
			if ok != (i >= 7) {
				t.Errorf("message %d of 10 is known: %t", i, ok)
			}
		}
		time.AfterFunc(time.Hour, cancel)
		count := 0
		for range changes {
			count++
		}
		if count != 3 {
			t.Errorf("%d changes waited, want 3", count)
		}
	})
}

// The states of what an earlier process accepted are told by the next.
func TestDeliveriesOfAnOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		cfg := s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Deliveries: 10, Outbox: new(s2stest.MemOutbox)}
		fed := n.Server(cfg)
		romeo := n.Peer(there)
		n.Cut(here, there)
		m := text("juliet@capulet.example", "romeo@montague.example", "x")
		m.ID = "1"
		fed.Send(t.Context(), m)
		time.Sleep(time.Second)
		fed.Close()
		n.Heal(here, there)
		next := n.Server(cfg)
		romeo.Next()
		synctest.Wait()
		if d, ok := next.Delivery(m.From, m.To, "1"); !ok || d.State != s2s.StateAcknowledged {
			t.Errorf("%+v, %t", d, ok)
		}
	})
}
