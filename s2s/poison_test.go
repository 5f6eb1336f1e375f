package s2s_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const (
	withAcks = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>"
	nowAcks  = "<enabled xmlns='urn:xmpp:sm:3'/>"
)

// scripted is a peer that looks at each message, by its body, before the next.
// With acks it acknowledges each at once, too. The function reports whether the
// stream goes on.
func (w *world) scripted(acks bool, message func(s net.Conn, body string) bool) {
	features := noFeatures
	if acks {
		features = withAcks
	}
	w.script(func(c net.Conn) {
		s := w.acceptWith(c, features)
		var buf [64 << 10]byte
		var unread string
		handled := 0
		for {
			k, err := s.Read(buf[:])
			if err != nil {
				return
			}
			unread += string(buf[:k])
			if strings.Contains(unread, "<enable ") {
				unread = strings.Replace(unread, "<enable ", "", 1)
				io.WriteString(s, nowAcks)
			}
			for {
				m, rest, ok := strings.Cut(unread, "</message>")
				if !ok {
					break
				}
				unread = rest
				_, body, _ := strings.Cut(m, "<body>")
				body, _, _ = strings.Cut(body, "</body>")
				if !message(s, body) {
					return
				}
				if handled++; acks {
					fmt.Fprintf(s, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", handled)
				}
			}
		}
	})
}

// What the peer calls bad each time is given up after four streams, wherever it
// stands among others, which arrive.
func TestPoisonIsGivenUp(t *testing.T) {
	for _, condition := range []string{"not-well-formed", "policy-violation", "unsupported-stanza-type"} {
		for _, acks := range []bool{false, true} {
			for _, place := range []int{0, 5, 99} {
				t.Run(fmt.Sprintf("%s, acks %t, place %d", condition, acks, place), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						n := s2stest.NewNetwork(t)
						mux, got := inbox()
						fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
						w := &world{t: t, n: n}
						var list []string
						spoilt := 0
						w.scripted(acks, func(s net.Conn, body string) bool {
							if body == "poison" {
								spoilt++
								io.WriteString(s, streamError(condition))
								return false
							}
							if len(list) == 0 || list[len(list)-1] < body {
								list = append(list, body)
							}
							return true
						})
						begin := time.Now()
						for i := range 100 {
							body := fmt.Sprintf("%03d", i)
							if i == place {
								body = "poison"
							}
							fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, body))
						}
						e := bounced(t, got, stanza.RemoteServerTimeout, stanza.Wait)
						if took := time.Since(begin); took > 2*time.Minute || !strings.Contains(e.Text, "each time") {
							t.Errorf("after %v: %s", took, e.Text)
						}
						time.Sleep(2 * time.Minute)
						synctest.Wait()
						if len(list) != 99 || len(got) > 0 || spoilt < 4 || spoilt > 12 {
							t.Errorf("%d of 99 arrived, %d more came back, %d streams were spoilt", len(list), len(got), spoilt)
						}
					})
				})
			}
		}
	}
}

// A peer whose streams break before they are of use is given more and more time,
// and what waits has until its deadline: that it was on its way says nothing
// about it.
func TestStreamsOfNoUse(t *testing.T) {
	for _, c := range []struct {
		name     string
		features string
		end      func(io.Writer)
	}{
		{"cut", noFeatures, func(io.Writer) {}},
		{"cut although it offers acknowledgements", withAcks, func(io.Writer) {}},
		{"closed", noFeatures, func(s io.Writer) { io.WriteString(s, "</stream:stream>") }},
		{"reset", noFeatures, func(s io.Writer) { io.WriteString(s, streamError("reset")) }},
		{"system-shutdown", noFeatures, func(s io.Writer) { io.WriteString(s, streamError("system-shutdown")) }},
	} {
		for _, box := range []s2s.Outbox{nil, new(s2stest.MemOutbox)} {
			t.Run(fmt.Sprintf("%s, durable %t", c.name, box != nil), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					mux, got := inbox()
					fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Outbox: box})
					w := &world{t: t, n: n}
					var streams []time.Time
					w.script(func(conn net.Conn) {
						s := w.acceptWith(conn, c.features)
						streams = append(streams, time.Now())
						c.end(s)
					})
					begin := time.Now()
					for range 3 {
						fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "?"))
					}
					time.Sleep(5 * time.Minute)
					if len(got) > 0 {
						t.Errorf("came back before the deadline: %s", <-got)
					}
					time.Sleep(time.Second)
					if len(got) != 3 || (<-got).Err().Condition != stanza.RemoteServerTimeout {
						t.Errorf("%d of 3 came back", len(got))
					}
					var pauses []time.Duration
					for i := 1; i < len(streams); i++ {
						pauses = append(pauses, streams[i].Sub(streams[i-1]))
					}
					if len(streams) < 8 || len(streams) > 16 || streams[len(streams)-1].Sub(begin) < 3*time.Minute {
						t.Errorf("%d streams, with pauses of %v", len(streams), pauses)
					}
				})
			})
		}
	}
}

// A peer that agrees to acknowledge and never does is no reason to wait for
// longer than the deadline.
func TestQueueAgeWithAPeerThatNeverAcknowledges(t *testing.T) {
	for _, box := range []s2s.Outbox{nil, new(s2stest.MemOutbox)} {
		t.Run(fmt.Sprintf("durable %t", box != nil), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var back atomic.Int32
				handler := stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
					back.Add(1)
					return nil, nil
				})
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: handler, Outbox: box, Limits: s2s.Limits{QueueAge: time.Minute}})
				w := &world{t: t, n: n}
				w.script(func(c net.Conn) {
					s := w.acceptWith(c, withAcks)
					talk(s, "<enable ", nowAcks)
					hold(s)
				})
				const all = 1000
				for i := range all {
					fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "?"))
					if i == 100 {
						time.Sleep(time.Second) // the peer has agreed
					}
				}
				time.Sleep(59 * time.Second)
				if n := back.Load(); n > 0 {
					t.Errorf("%d came back before the deadline", n)
				}
				time.Sleep(time.Minute)
				if n := back.Load(); n != all {
					t.Errorf("%d of %d came back", n, all)
				}
			})
		})
	}
}
