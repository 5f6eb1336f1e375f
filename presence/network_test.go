package presence_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/roster"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

// host is a server with a Service, and what the latter reported.
type host struct {
	*presence.Service
	mux *stanza.Mux

	mu   sync.Mutex
	seen []string
}

func newHost(network *s2stest.Network, domain string) *host {
	h := &host{mux: stanza.NewMux()}
	note := func(format string, args ...any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, fmt.Sprintf(format, args...))
	}
	h.Service = &presence.Service{
		Roster:    &roster.MemStore{},
		OnRequest: func(_ context.Context, _, contact jid.JID, _ *stanza.Stanza) { note("request of %s", contact) },
		OnPresence: func(_ context.Context, _, contact jid.JID, p *stanza.Stanza) {
			note("%s %s", contact, p.Type)
		},
		OnUnknown: func(_ context.Context, _, contact jid.JID) { note("%s unknown", contact) },
	}
	peer := network.Peer(domain)
	peer.Handle(h.mux)
	h.Out = peer.Server()
	h.Register(h.mux)
	return h
}

// take returns what was reported since it was called last, once all is quiet, and
// sorted: stanzas from different addresses come in any order.
func (h *host) take() string {
	time.Sleep(10 * time.Second)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	slices.Sort(seen)
	return fmt.Sprint(seen)
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func announce(t *testing.T, h *host, xml string) {
	t.Helper()
	must(t, h.Announce(t.Context(), stanza.MustParse(xml)))
}

// Two hosts: their users find each other, come and go, and part.
func TestTwoHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet, montague := newHost(network, "capulet.example"), newHost(network, "montague.example")
		ctx := t.Context()
		announce(t, capulet, `<presence from="juliet@capulet.example/balcony"/>`)
		announce(t, montague, `<presence from="romeo@montague.example/orchard"/>`)

		must(t, montague.Subscribe(ctx, romeo, juliet))
		expect(t, "juliet is asked", capulet.take(), "[request of romeo@montague.example]")
		must(t, capulet.Approve(ctx, juliet, romeo))
		expect(t, "romeo sees her", montague.take(), "[juliet@capulet.example subscribed juliet@capulet.example/balcony ]")
		must(t, capulet.Subscribe(ctx, juliet, romeo))
		expect(t, "romeo is asked", montague.take(), "[request of juliet@capulet.example]")
		must(t, montague.Approve(ctx, romeo, juliet))
		expect(t, "juliet sees him", capulet.take(), "[romeo@montague.example subscribed romeo@montague.example/orchard ]")
		expect(t, "romeo sees her, now that both do", montague.take(), "[juliet@capulet.example/balcony ]")

		announce(t, montague, `<presence from="romeo@montague.example/orchard" type="unavailable"/>`)
		expect(t, "he goes", capulet.take(), "[romeo@montague.example/orchard unavailable]")
		announce(t, montague, `<presence from="romeo@montague.example/tomb"/>`)
		expect(t, "he is back", capulet.take(), "[romeo@montague.example/tomb ]")
		expect(t, "she is still there", montague.take(), "[juliet@capulet.example/balcony ]")

		must(t, capulet.Deny(ctx, juliet, romeo))
		expect(t, "she parts", montague.take(), "[juliet@capulet.example unsubscribed juliet@capulet.example/balcony unavailable]")
		must(t, capulet.Unsubscribe(ctx, juliet, romeo))
		expect(t, "altogether", montague.take(), "[juliet@capulet.example unsubscribe]")
		expect(t, "and does not see him", capulet.take(), "[romeo@montague.example/tomb unavailable]")
		for who, h := range map[jid.JID]*host{juliet: capulet, romeo: montague} {
			items, err := h.Roster.Items(ctx, who)
			must(t, err)
			if len(items) != 1 || items[0].State() != "None" {
				t.Errorf("%s: %+v", who, items)
			}
		}
	})
}

// The answer to a request is lost. The next login repairs it.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet, montague := newHost(network, "capulet.example"), newHost(network, "montague.example")
		ctx := t.Context()
		must(t, montague.Subscribe(ctx, romeo, juliet))
		capulet.take()
		_, err := capulet.Roster.Update(ctx, juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it, _ = roster.Apply(it, roster.SendSubscribed) // and the server crashed
			return it, nil
		})
		must(t, err)
		expect(t, "nothing", montague.take(), "[]")
		announce(t, montague, `<presence from="romeo@montague.example/orchard"/>`)
		expect(t, "repaired", montague.take(), "[juliet@capulet.example subscribed]")

		// She forgot about him, and he finds out.
		must(t, func() error {
			_, err := capulet.Roster.Update(ctx, juliet, romeo, func(roster.Item) (roster.Item, error) { return roster.Item{}, nil })
			return err
		}())
		announce(t, montague, `<presence from="romeo@montague.example/orchard" type="unavailable"/>`)
		montague.take()
		announce(t, montague, `<presence from="romeo@montague.example/orchard"/>`)
		expect(t, "repaired", montague.take(), "[juliet@capulet.example unsubscribed]")
	})
}

// The link breaks and comes back.
func TestLinkLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet := newHost(network, "capulet.example")
		peer := network.Peer("montague.example")
		_, err := capulet.Roster.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.To
			return it, nil
		})
		must(t, err)
		announce(t, capulet, `<presence from="juliet@capulet.example/balcony"/>`)
		probe := `<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`
		peer.Expect(probe)
		peer.Send(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`)
		expect(t, "answer", capulet.take(), "[romeo@montague.example/orchard ]")
		network.Cut("capulet.example", "montague.example")
		capulet.DomainLost(romeo.Host()) // as Trace.StreamClose of a host would
		expect(t, "lost", capulet.take(), "[romeo@montague.example unknown]")
		network.Heal("capulet.example", "montague.example")
		capulet.DomainBack(romeo.Host())
		peer.Expect(probe)
		peer.Send(`<presence from="romeo@montague.example/tomb" to="juliet@capulet.example"/>`)
		expect(t, "known again", capulet.take(), "[romeo@montague.example/tomb ]")
	})
}

// A peer does what strangers do.
func TestPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet := newHost(network, "capulet.example")
		peer := network.Peer("montague.example")
		announce(t, capulet, `<presence from="juliet@capulet.example/balcony"/>`)
		for _, user := range []string{"juliet", "nobody"} {
			peer.Send(`<presence from="romeo@montague.example" to="` + user + `@capulet.example" type="probe" id="p"/>`)
			peer.Expect(`<presence from="` + user + `@capulet.example" to="romeo@montague.example" type="unsubscribed" id="p"/>`)
		}
		for _, typ := range []string{"error", "unavailable", "subscribed", "unsubscribe", "unsubscribed"} {
			peer.Send(`<presence from="romeo@montague.example" to="juliet@capulet.example" type="` + typ + `"/>`)
		}
		expect(t, "the host sees", capulet.take(), "[romeo@montague.example error romeo@montague.example unavailable]")
		announce(t, capulet, `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example/orchard"/>`)
		peer.Expect(`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example/orchard" type=""/>`)
		announce(t, capulet, `<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
		peer.Expect(`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example/orchard" type="unavailable"/>`)
		peer.Quiet(time.Minute)
	})
}

// A user with 1,000 contacts on 50 domains logs in: one link for each domain, one probe
// for each contact, however long it takes.
func TestManyDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		peer := network.Peer("capulet.example")
		mux := stanza.NewMux()
		peer.Handle(mux)
		people := &presence.Service{Roster: &roster.MemStore{}, Out: peer.Server()}
		people.Register(mux)

		var mu sync.Mutex
		probes := map[jid.JID]int{}
		for n := range 50 {
			domain := fmt.Sprintf("d%d.example", n)
			network.Peer(domain).Handle(stanza.PresenceFunc(func(_ context.Context, p *stanza.Stanza) error {
				mu.Lock()
				defer mu.Unlock()
				if p.Type == stanza.Probe {
					probes[p.To]++
				}
				return nil
			}))
			for c := range 20 {
				contact := jid.MustParse(fmt.Sprintf("c%d@%s", c, domain))
				_, err := people.Roster.Update(t.Context(), juliet, contact, func(it roster.Item) (roster.Item, error) {
					it.Subscription = roster.Both
					return it, nil
				})
				must(t, err)
			}
		}
		must(t, people.Announce(t.Context(), stanza.MustParse(`<presence from="juliet@capulet.example/balcony"/>`)))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(peer.Server().Streams()); n > 50 {
			t.Errorf("%d links, want at most 50", n)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(probes) != 1000 {
			t.Errorf("%d contacts probed, want 1000", len(probes))
		}
		for contact, n := range probes {
			if n != 1 {
				t.Errorf("%d probes of %s", n, contact)
			}
		}
	})
}
