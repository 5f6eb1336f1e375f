package profile_test

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
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/profile"
	"isthmus.im/roster"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// table is a table of users that changes.
type table struct {
	mu sync.Mutex
	users
}

func (t *table) Profile(ctx context.Context, user jid.JID) (profile.Profile, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.Profile(ctx, user)
}

// host is a server with contacts, presence, nodes and profiles.
type host struct {
	table    table
	profiles *profile.Service
	people   *presence.Service

	mu   sync.Mutex
	seen []string
}

var client = disco.Info{
	Identities: []disco.Identity{{Category: "client", Type: "web"}},
	Features:   []string{disco.NSInfo, profile.AvatarNode + "+notify", profile.NickNode + "+notify"},
}

func newHost(network *s2stest.Network, domain string) *host {
	h := &host{table: table{users: users{}}}
	note := func(format string, args ...any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, fmt.Sprintf(format, args...))
	}
	mux := stanza.NewMux()
	peer := network.Peer(domain)
	contacts := &roster.MemStore{}
	h.profiles = &profile.Service{Profiles: &h.table}
	nodes := &pep.Service{
		Store: h.profiles.Store(&pep.MemStore{}), Roster: contacts, Out: peer.Server(),
		OnEvent: func(ctx context.Context, e pep.Event) {
			if nick, ok := profile.NickIn(e); ok {
				note("nick %q", nick)
			}
			id, ok := profile.AvatarOf(e)
			if !ok {
				return
			}
			if id == "" {
				note("no avatar")
				return
			}
			a, err := h.profiles.Avatar(ctx, e.User, e.Owner, id)
			note("avatar %s %v", a.Data, err)
		},
	}
	h.profiles.Nodes = nodes
	h.people = &presence.Service{
		Roster: contacts, Out: h.profiles.Sender(peer.Server()), OnRoster: nodes.RosterChanged,
		OnRequest: func(_ context.Context, _, _ jid.JID, req *stanza.Stanza) { note("request of %q", profile.NickOf(req)) },
		OnPresence: func(ctx context.Context, user, contact jid.JID, p *stanza.Stanza) {
			nodes.Presence(ctx, user, contact, p)
			if id, ok := profile.PhotoOf(p); ok {
				note("photo %.4s", id)
			}
		},
	}
	nodes.Register(mux)
	h.people.Register(mux)
	h.profiles.Register(mux)
	d := &disco.Service{Features: mux, Info: h.profiles.Info, Items: nodes.Items, Client: client}
	d.Register(mux)
	peer.Handle(mux)
	return h
}

// change gives a user a profile.
func (h *host) change(t *testing.T, user jid.JID, p profile.Profile) {
	t.Helper()
	h.table.mu.Lock()
	h.table.users[user] = p
	h.table.mu.Unlock()
	must(t, h.profiles.Changed(t.Context(), user))
}

func (h *host) announce(t *testing.T, full string) {
	t.Helper()
	p := &stanza.Stanza{Kind: stanza.Presence, From: jid.MustParse(full)}
	must(t, client.AppendCaps(p, "https://isthmus.example/"))
	must(t, h.profiles.Decorate(t.Context(), p))
	must(t, h.people.Announce(t.Context(), p))
}

func (h *host) took() string {
	time.Sleep(10 * time.Second)
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	slices.Sort(seen)
	return fmt.Sprint(seen)
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
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// An avatar and a nick, seen by a contact on another host when they come online and
// whenever they change.
func TestTwoHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		juliet, romeo := jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example")
		network := s2stest.NewNetwork(t)
		capulet, montague := newHost(network, "capulet.example"), newHost(network, "montague.example")
		ctx := t.Context()
		capulet.change(t, juliet, profile.Profile{Nick: "Jule", Avatar: profile.Avatar{Data: []byte("one"), Type: "image/png"}})
		montague.change(t, romeo, profile.Profile{Nick: "Romeo M."})

		montague.announce(t, "romeo@montague.example/orchard")
		must(t, montague.people.Subscribe(ctx, romeo, juliet))
		expect(t, "juliet is asked", capulet.took(), `[request of "Romeo M."]`)
		must(t, capulet.people.Subscribe(ctx, juliet, romeo))
		montague.took()
		must(t, montague.people.Approve(ctx, romeo, juliet))
		capulet.took()
		must(t, capulet.people.Approve(ctx, juliet, romeo))
		expect(t, "romeo sees her", montague.took(), `[avatar one <nil> nick "Jule"]`)
		capulet.took()

		capulet.change(t, juliet, profile.Profile{Nick: "Julia", Avatar: profile.Avatar{Data: []byte("two"), Type: "image/png"}})
		expect(t, "a change", montague.took(), `[avatar two <nil> nick "Julia"]`)
		capulet.announce(t, "juliet@capulet.example/balcony")
		expect(t, "by presence", montague.took(), `[photo ad78]`)
		expect(t, "juliet sees him", capulet.took(), `[nick "Romeo M." no avatar photo ]`)
		a, err := montague.profiles.Avatar(ctx, romeo, juliet, "")
		if err != nil || string(a.Data) != "two" {
			t.Errorf("asked for: %+v, %v", a, err)
		}
		if p, err := montague.profiles.VCard(ctx, romeo, juliet); err != nil || p.Nick != "Julia" || string(p.Avatar.Data) != "two" {
			t.Errorf("vCard: %+v, %v", p, err)
		}
		capulet.change(t, juliet, profile.Profile{})
		expect(t, "all is gone", montague.took(), `[nick "" no avatar]`)
	})
}
