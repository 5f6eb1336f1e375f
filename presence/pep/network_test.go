package pep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/presence/pep"
	"isthmus.im/roster"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

const devices = "urn:example:devices"

// client is what sessions of all hosts can do.
var client = disco.Info{
	Identities: []disco.Identity{{Category: "client", Type: "web"}},
	Features:   []string{disco.NSInfo, devices + "+notify"},
}

// host is a server with contacts, presence and nodes.
type host struct {
	people *presence.Service
	nodes  *pep.Service
	infos  int // disco#info requests to sessions

	mu   sync.Mutex
	seen []string
}

func newHost(network *s2stest.Network, domain string) *host {
	h := &host{}
	mux := stanza.NewMux()
	peer := network.Peer(domain)
	contacts := &roster.MemStore{}
	h.nodes = &pep.Service{Store: &pep.MemStore{}, Roster: contacts, Out: peer.Server(), OnEvent: func(_ context.Context, e pep.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, it := range e.Items {
			h.seen = append(h.seen, fmt.Sprintf("%s %s %s %s", e.Owner, e.Node, it.ID, it.Payload))
		}
	}}
	h.people = &presence.Service{Roster: contacts, Out: peer.Server(), OnPresence: h.nodes.Presence, OnRoster: h.nodes.RosterChanged}
	h.nodes.Register(mux)
	h.people.Register(mux)
	d := &disco.Service{Features: mux, Info: h.nodes.Info, Items: h.nodes.Items, Client: client}
	d.Register(mux)
	peer.Handle(stanza.HandlerFunc(func(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
		if _, ok := s.Payload(disco.NSInfo + " query"); ok && s.To.Resource() != "" && s.Type == stanza.Get {
			h.mu.Lock()
			h.infos++
			h.mu.Unlock()
		}
		return mux.HandleStanza(ctx, s)
	}))
	return h
}

// announce sends the presence of a session, with capabilities unless it goes.
func (h *host) announce(t *testing.T, full, typ string) {
	t.Helper()
	p := &stanza.Stanza{Kind: stanza.Presence, Type: stanza.Type(typ), From: jid.MustParse(full)}
	if typ == "" {
		must(t, client.AppendCaps(p, "https://isthmus.example/"))
	}
	must(t, h.people.Announce(t.Context(), p))
}

func (h *host) publish(t *testing.T, owner jid.JID, id string) {
	t.Helper()
	_, err := h.nodes.Publish(t.Context(), owner, devices, pep.Item{ID: id, Payload: stanza.Raw(list(id))}, &pep.Config{Access: pep.Open})
	must(t, err)
}

func list(id string) string { return `<devices xmlns='urn:example:devices'>` + id + `</devices>` }

// took returns the events since the last call, once all is quiet.
func (h *host) took() string {
	time.Sleep(10 * time.Second)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	slices.Sort(seen)
	return strings.Join(seen, "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Two hosts whose users find each other, publish, come and go.
func TestTwoHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet, montague := newHost(network, "capulet.example"), newHost(network, "montague.example")
		ctx := t.Context()
		event := func(who jid.JID, id string) string {
			return who.String() + " " + devices + " " + id + " " + list(id)
		}

		// Strangers are not notified, but may fetch what is open.
		capulet.publish(t, juliet, "1")
		got, err := montague.nodes.Fetch(ctx, romeo, juliet, devices, pep.Fetch{})
		if err != nil || len(got.Items) != 1 || string(got.Items[0].Payload) != list("1") {
			t.Errorf("fetched %+v, %v", got, err)
		}
		if _, err := montague.nodes.Fetch(ctx, romeo, juliet, "urn:none", pep.Fetch{}); !errors.Is(err, pep.ErrNotVisible) {
			t.Errorf("what there is not, as a stranger: %v", err)
		}
		montague.announce(t, "romeo@montague.example/orchard", "")
		expect(t, "strangers", montague.took(), "")

		// Romeo may see Juliet's presence, and she his: the last item comes.
		must(t, montague.people.Subscribe(ctx, romeo, juliet))
		capulet.took()
		must(t, capulet.people.Approve(ctx, juliet, romeo))
		must(t, capulet.people.Subscribe(ctx, juliet, romeo))
		montague.took()
		must(t, montague.people.Approve(ctx, romeo, juliet))
		expect(t, "the last item", montague.took(), event(juliet, "1"))
		if _, err := montague.nodes.Fetch(ctx, romeo, juliet, "urn:none", pep.Fetch{MaxAge: -1}); !errors.Is(err, pep.ErrNone) {
			t.Errorf("what there is not, as a contact: %v", err)
		}
		if capulet.infos+montague.infos != 1 {
			t.Errorf("%d and %d questions for capabilities", capulet.infos, montague.infos)
		}

		// What is published is pushed, both ways, and spoils what was fetched.
		capulet.announce(t, "juliet@capulet.example/balcony", "")
		capulet.took()
		capulet.publish(t, juliet, "2")
		expect(t, "pushed to romeo", montague.took(), event(juliet, "2"))
		if got, err := montague.nodes.Fetch(ctx, romeo, juliet, devices, pep.Fetch{}); err != nil || string(got.Items[0].Payload) != list("2") {
			t.Errorf("fetched %+v, %v", got, err)
		}
		montague.publish(t, romeo, "r")
		expect(t, "pushed to juliet", capulet.took(), event(romeo, "r"))

		// A new session gets the last item; one that went gets nothing.
		montague.announce(t, "romeo@montague.example/orchard", "unavailable")
		montague.took()
		capulet.publish(t, juliet, "3")
		expect(t, "offline", montague.took(), "")
		montague.announce(t, "romeo@montague.example/tomb", "")
		expect(t, "back", montague.took(), event(juliet, "3"))

		// She takes back what she granted: he is a stranger again, who may subscribe to
		// what is open.
		must(t, capulet.people.Deny(ctx, juliet, romeo))
		capulet.took()
		must(t, montague.nodes.Subscribe(ctx, romeo, juliet, devices))
		if err := montague.nodes.Subscribe(ctx, romeo, juliet, "urn:none"); !errors.Is(err, pep.ErrNotVisible) {
			t.Errorf("subscribed to what there is not: %v", err)
		}
		expect(t, "the last item", montague.took(), event(juliet, "3"))
		must(t, montague.nodes.Unsubscribe(ctx, romeo, juliet, devices))
		must(t, montague.nodes.Unsubscribe(ctx, romeo, juliet, devices))
		montague.took()

		// The network parts them: nobody can tell.
		network.Cut("capulet.example", "montague.example")
		late, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if got, err := montague.nodes.Fetch(late, romeo, juliet, devices, pep.Fetch{MaxAge: -1}); !errors.Is(err, pep.ErrUnknown) {
			t.Errorf("unreachable: %+v, %v", got, err)
		}
	})
}

// A peer does what hostile ones do.
func TestHostilePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := s2stest.NewNetwork(t)
		capulet := newHost(network, "capulet.example")
		peer := network.Peer("montague.example")
		_, err := capulet.people.Roster.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.Both
			return it, nil
		})
		must(t, err)
		capulet.publish(t, juliet, "1")

		// Events that the owner of the node did not send.
		event := `<event xmlns="http://jabber.org/protocol/pubsub#event"><items node="` + devices + `"><item id="forged"/></items></event>`
		for _, from := range []string{"romeo@montague.example/orchard", "thief@montague.example", "montague.example"} {
			peer.Send(`<message from="` + from + `" to="juliet@capulet.example" type="headline">` + event + `</message>`)
		}
		expect(t, "forged", capulet.took(), "")

		// An answer with another id is none, and the answer of somebody else is none.
		done := make(chan error)
		go func() {
			_, err := capulet.nodes.Fetch(t.Context(), juliet, romeo, devices, pep.Fetch{})
			done <- err
		}()
		peer.Expect(`<iq type="get" from="juliet@capulet.example" to="romeo@montague.example" id="{id}"><pubsub><items node="` + devices + `"/></pubsub></iq>`)
		answer := `<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="` + devices + `"/></pubsub>`
		peer.Send(`<iq type="result" from="romeo@montague.example" to="juliet@capulet.example" id="x">` + answer + `</iq>`)
		peer.Send(`<iq type="result" from="thief@montague.example" to="juliet@capulet.example" id="` + peer.Captured("id") + `">` + answer + `</iq>`)
		if err := <-done; !errors.Is(err, pep.ErrUnknown) {
			t.Errorf("fetched with %v", err)
		}

		// Capabilities that are not what the hash says: one question, nothing learnt.
		p := stanza.MustParse(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`)
		must(t, client.AppendCaps(p, "urn:x"))
		peer.Send(p.String())
		peer.Expect(`<iq type="get" from="juliet@capulet.example" to="romeo@montague.example/orchard" id="{q}"><query/></iq>`)
		peer.Send(`<iq type="result" from="romeo@montague.example/orchard" to="juliet@capulet.example" id="` + peer.Captured("q") +
			`"><query xmlns="` + disco.NSInfo + `"><identity category="client" type="pc"/><feature var="` + devices + `+notify"/></query></iq>`)
		peer.Quiet(time.Minute)
		capulet.publish(t, juliet, "2")
		peer.Quiet(time.Minute)
		// The same hash, and the truth.
		p.From = jid.MustParse("romeo@montague.example/tomb")
		peer.Send(p.String())
		peer.Expect(`<iq type="get" from="juliet@capulet.example" to="romeo@montague.example/tomb" id="{r}"><query/></iq>`)
		truth, err := stanza.Marshal(client)
		must(t, err)
		peer.Send(`<iq type="result" from="romeo@montague.example/tomb" to="juliet@capulet.example" id="` + peer.Captured("r") + `">` + string(truth) + `</iq>`)
		peer.Expect(`<message type="headline" from="juliet@capulet.example" to="romeo@montague.example/tomb"><event><items node="` + devices + `"><item id="2"><devices>2</devices></item></items></event><delay/></message>`)
		peer.Quiet(time.Minute)
	})
}
