package presence_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/roster"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// quiet keeps what servers log out of the output.
type quiet struct{ *testing.B }

func (quiet) Output() io.Writer { return io.Discard }

// crowd is a user with 1,000 contacts on 50 domains, each a server of its own.
type crowd struct {
	people  *presence.Service
	arrived atomic.Int64
	all     chan struct{} // has something when what was waited for has arrived
	want    int64
}

func newCrowd(b *testing.B) *crowd {
	c := &crowd{all: make(chan struct{}, 1)}
	network := s2stest.NewNetwork(quiet{b})
	peer, mux := network.Peer("capulet.example"), stanza.NewMux()
	peer.Handle(mux)
	c.people = &presence.Service{Roster: &roster.MemStore{}, Out: peer.Server(), Interval: -1}
	c.people.Register(mux)
	for n := range 50 {
		domain := fmt.Sprintf("d%d.example", n)
		network.Peer(domain).Handle(stanza.PresenceFunc(func(context.Context, *stanza.Stanza) error {
			if c.arrived.Add(1) == c.want {
				c.all <- struct{}{}
			}
			return nil
		}))
		for i := range 20 {
			_, err := c.people.Roster.Update(b.Context(), juliet, jid.MustParse(fmt.Sprintf("c%d@%s", i, domain)), func(it roster.Item) (roster.Item, error) {
				it.Subscription = roster.Both
				return it, nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	return c
}

// announce sends presence and returns when so many stanzas have arrived for it.
func (c *crowd) announce(b *testing.B, typ string, want int64) {
	c.want = want
	c.arrived.Store(0)
	p := stanza.MustParse(`<presence from="juliet@capulet.example/balcony" type="` + typ + `"/>`)
	if typ == "" {
		p = stanza.MustParse(`<presence from="juliet@capulet.example/balcony"><show>away</show><status>at the ball</status></presence>`)
	}
	if err := c.people.Announce(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	<-c.all
}

// BenchmarkLoginNetwork is a user with 1,000 contacts on 50 domains who logs in, over
// streams with TLS in memory: a probe and a presence to each contact. cpu-us/contact is
// the processor time of this process for one contact: the user's server with the
// roster and all 50 others, of which a host pays the first alone. Cold, no stream is
// there yet, and 50 are negotiated, handshakes of both sides included; warm, they are.
func BenchmarkLoginNetwork(b *testing.B) {
	for _, name := range []string{"cold", "warm"} {
		b.Run(name, func(b *testing.B) {
			var used time.Duration
			var c *crowd
			for b.Loop() {
				b.StopTimer()
				if c == nil || name == "cold" {
					c = newCrowd(b)
					if name == "warm" {
						c.announce(b, "", 2000)
					}
				}
				if name == "warm" {
					c.announce(b, "unavailable", 1000)
				}
				b.StartTimer()
				before := cpu(b)
				c.announce(b, "", 2000)
				used += cpu(b) - before
			}
			b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N)/1000, "cpu-us/contact")
		})
	}
}

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
