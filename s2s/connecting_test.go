package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// nowhere is a dialer whose connections take ten seconds to fail.
type nowhere struct {
	mu   sync.Mutex
	now  int
	most int
	all  int
}

func (d *nowhere) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	d.mu.Lock()
	d.now++
	d.all++
	d.most = max(d.most, d.now)
	d.mu.Unlock()
	time.Sleep(10 * time.Second)
	d.mu.Lock()
	d.now--
	d.mu.Unlock()
	return nil, errors.New("nobody is there")
}

func (d *nowhere) counts() (most, all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most, d.all
}

// However many domains are written to at once, no more attempts than the limit
// are made at a time, and each gets its turn and its whole time.
func TestConnectingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		d := new(nowhere)
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Dialer: d, Limits: s2s.Limits{Connecting: 8, QueueAge: time.Second, Negotiation: 15 * time.Second}})
		const domains = 80
		for i := range domains {
			domain := fmt.Sprintf("d%d.example", i)
			n.Peer(domain)
			if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+domain, "x")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(domains/8*10*time.Second - time.Second)
		if most, all := d.counts(); most != 8 || all != domains {
			t.Errorf("%d attempts at a time, %d in all", most, all)
		}
	})
}

// Names below one registered domain, of which their owner has any number, leave
// room for other domains.
func TestConnectingIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		d := new(nowhere)
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Connecting: 8},
			Dialer: dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
				if !strings.HasPrefix(address, "10.0.0.2:") {
					return d.DialContext(ctx, network, address)
				}
				return n.Dialer(here).DialContext(ctx, network, address)
			})})
		romeo := n.Peer(there) // at 10.0.0.2
		for i := range 100 {
			domain := fmt.Sprintf("d%d.mantua.example", i)
			n.Peer(domain)
			if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+domain, "x")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		begin := time.Now()
		if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "quick")); err != nil {
			t.Fatal(err)
		}
		romeo.Expect(`<message><body>quick</body></message>`)
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		if most, _ := d.counts(); most != 1 {
			t.Errorf("%d attempts at a time to one registered domain", most)
		}
	})
}

// One registered domain gets so many streams and no more, those that are open and
// those that are being opened; when one ends there is room for another.
func TestOutgoingStreamsOfADomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var limits met
		mux, got := inbox()
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: mux, Trace: limits.trace(),
			Limits: s2s.Limits{DomainOutgoing: 2, QueueAge: 10 * time.Second, Idle: time.Minute}})
		var peers []*s2stest.Peer
		send := func(i int) {
			if err := fed.Send(t.Context(), text("juliet@"+here, fmt.Sprintf("romeo@d%d.mantua.example", i), "x")); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			peers = append(peers, n.Peer(fmt.Sprintf("d%d.mantua.example", i)))
		}
		send(0)
		send(1)
		peers[0].Expect(`<message/>`)
		peers[1].Expect(`<message/>`)
		send(2)
		if m := <-got; m.Err() == nil || m.Err().Condition != stanza.ResourceConstraint || m.Err().Type != stanza.Wait {
			t.Errorf("got %s", m)
		}
		if len(fed.Streams()) != 2 || limits.count("DomainOutgoing") == 0 {
			t.Errorf("%d streams, and the limit was met %d times", len(fed.Streams()), limits.count("DomainOutgoing"))
		}
		time.Sleep(2 * time.Minute) // they are idle
		send(2)
		peers[2].Expect(`<message/>`)
	})
}
