package s2s_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// originID returns the id by which a repetition of a message can be told
// (XEP-0359); empty if it has none.
func originID(m *stanza.Stanza) string {
	var o struct {
		XMLName xml.Name `xml:"urn:xmpp:sid:0 origin-id"`
		ID      string   `xml:"id,attr"`
	}
	if m.Decode(&o) != nil {
		return ""
	}
	return o.ID
}

// arrivals are the bodies that came, without repetitions by origin-id.
type arrivals struct {
	mu     sync.Mutex
	seen   map[string]bool
	bodies []string
	errors int
	again  int
}

func (a *arrivals) handler() stanza.Handler {
	return stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		id := originID(m)
		if m.Err() != nil || id == "" {
			a.errors++
		} else if a.seen[id] {
			a.again++
		} else {
			a.seen[id] = true
			a.bodies = append(a.bodies, m.Body())
		}
		return nil, nil
	})
}

// Ten thousand messages each way, while the connections are cut six times, come
// in order and are none too few, on streams of their own, where those that break
// are resumed and nothing comes twice, and on one for both.
func TestTenThousandThroughCuts(t *testing.T) {
	const n, cuts = 10_000, 6
	for _, bidi := range []bool{false, true} {
		t.Run(fmt.Sprintf("both ways on one stream %t", bidi), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := s2stest.NewNetwork(t)
				boxes := map[string]*arrivals{here: {seen: make(map[string]bool)}, there: {seen: make(map[string]bool)}}
				servers := make(map[string]*s2s.Server)
				for domain, box := range boxes {
					servers[domain] = net.Server(s2s.Config{Services: []string{domain}, Handler: box.handler(), Bidi: bidi})
				}
				var senders sync.WaitGroup
				send := func(from, to string) {
					a, b := jid.MustParse("a@"+from), jid.MustParse("b@"+to)
					for i := range n {
						if err := servers[from].Send(t.Context(), stanza.Text(a, b, fmt.Sprint(i))); err != nil {
							t.Errorf("message %d: %v", i, err)
						}
						if i%100 == 99 {
							time.Sleep(10 * time.Millisecond)
						}
					}
				}
				senders.Go(func() { send(here, there) })
				senders.Go(func() { send(there, here) })
				for range cuts {
					time.Sleep(137 * time.Millisecond)
					net.Cut(here, there)
					time.Sleep(50 * time.Millisecond)
					net.Heal(here, there)
				}
				senders.Wait()
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				for domain, box := range boxes {
					if len(box.bodies) != n || box.errors > 0 {
						t.Errorf("%s: %d of %d messages, %d errors", domain, len(box.bodies), n, box.errors)
					}
					if !bidi && box.again > 0 {
						t.Errorf("%s: %d messages came again", domain, box.again)
					}
					for i, body := range box.bodies {
						if body != fmt.Sprint(i) {
							t.Errorf("%s: message %s at place %d", domain, body, i)
							break
						}
					}
				}
			})
		})
	}
}
