package library

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/profile"
	"isthmus.im/roster"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// devices is the node of the device lists of OMEMO as most clients speak it.
const devices = "eu.siacs.conversations.axolotl.devicelist"

// session is what our users' sessions can do.
var session = disco.Info{
	Identities: []disco.Identity{{Category: "client", Type: "web", Name: "library"}},
	Features: []string{
		disco.NSInfo, "http://jabber.org/protocol/caps", "urn:xmpp:ping",
		devices + "+notify", profile.AvatarNode + "+notify",
	},
}

// people is a server with contacts, presence, nodes and profiles.
type people struct {
	*server
	contacts *presence.Service
	links    presence.Links
	nodes    *pep.Service
	profiles *profile.Service

	mu     sync.Mutex
	users  map[jid.JID]profile.Profile
	events []pep.Event
}

// Profile implements profile.Profiles.
func (p *people) Profile(_ context.Context, user jid.JID) (profile.Profile, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.users[user]
	return u, ok, nil
}

func startPeople(t *testing.T, kit *interop.Kit) *people {
	t.Helper()
	p := &people{users: make(map[jid.JID]profile.Profile)}
	store := &roster.MemStore{}
	p.profiles = &profile.Service{Profiles: p}
	p.nodes = &pep.Service{
		Store: p.profiles.Store(&pep.MemStore{}), Roster: store,
		Accept: func(_ context.Context, user, _ jid.JID, _ string) bool { return user.Local() == "bob" },
		OnEvent: func(_ context.Context, e pep.Event) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.events = append(p.events, e)
		},
	}
	p.profiles.Nodes = p.nodes
	p.contacts = &presence.Service{Roster: store, OnPresence: p.nodes.Presence, OnRoster: p.nodes.RosterChanged}
	p.contacts.OnRequest = func(ctx context.Context, user, contact jid.JID, _ *stanza.Stanza) {
		if err := p.contacts.Approve(ctx, user, contact); err != nil {
			t.Errorf("approve %s: %v", contact, err)
		}
	}
	p.links.Back = p.contacts.DomainBack
	p.links.Lost = func(domain jid.JID) {
		p.contacts.DomainLost(domain)
		p.nodes.DomainLost(domain)
	}
	var mux *stanza.Mux
	p.server = startConfig(t, kit, func(cfg *s2s.Config) {
		mux = cfg.Handler.(*stanza.Mux)
		cfg.Trace = &s2s.Trace{
			StreamOpen:  func(i s2s.StreamInfo) { p.links.Opened(i.Remote) },
			StreamClose: func(i s2s.StreamInfo, err error) { p.links.Closed(i.Remote, err) },
		}
	})
	p.nodes.Out, p.contacts.Out = p.Server, p.profiles.Sender(p.Server)
	p.nodes.Register(mux)
	p.contacts.Register(mux)
	p.profiles.Register(mux)
	d := &disco.Service{Features: mux, Info: p.profiles.Info, Items: p.nodes.Items, Client: session}
	d.Register(mux)
	return p
}

// announce lets a user come online.
func (p *people) announce(t *testing.T, user jid.JID) {
	t.Helper()
	full, err := user.WithResource("web")
	if err != nil {
		t.Fatal(err)
	}
	st := &stanza.Stanza{Kind: stanza.Presence, From: full}
	if err := session.AppendCaps(st, "https://isthmus.im/"); err != nil {
		t.Fatal(err)
	}
	if err := p.profiles.Decorate(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if err := p.contacts.Announce(t.Context(), st); err != nil {
		t.Fatal(err)
	}
}

// change gives a user an avatar.
func (p *people) change(t *testing.T, user jid.JID, avatar []byte) {
	t.Helper()
	p.mu.Lock()
	p.users[user] = profile.Profile{Name: "Alice", Nick: "Al", Avatar: profile.Avatar{Data: avatar, Type: "image/png"}}
	p.mu.Unlock()
	if err := p.profiles.Changed(t.Context(), user); err != nil {
		t.Fatal(err)
	}
}

// list is a device list with one device.
func list(id string) string {
	return `<list xmlns='eu.siacs.conversations.axolotl'><device id='` + id + `'/></list>`
}

func (p *people) publish(t *testing.T, user jid.JID, id string) {
	t.Helper()
	_, err := p.nodes.Publish(t.Context(), user, devices, pep.Item{ID: "current", Payload: stanza.Raw(list(id))}, &pep.Config{Access: pep.Open})
	if err != nil {
		t.Fatal(err)
	}
}

// wait waits for an event of a node whose last item has a text in it.
func (p *people) wait(t *testing.T, user jid.JID, owner, node, text string) pep.Event {
	t.Helper()
	var found pep.Event
	interop.Until(t, 60*time.Second, user.String()+" is told of "+text+" at "+node+" of "+owner, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.events {
			if e.User == user && e.Owner.String() == owner && e.Node == node && len(e.Items) > 0 &&
				strings.Contains(string(e.Items[len(e.Items)-1].Payload), text) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// image is a PNG as far as its first bytes tell, and like no other.
func image(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return append([]byte("\x89PNG\r\n\x1a\n"), b...)
}

// publishAvatar lets a client publish an avatar at its own server.
func publishAvatar(t *testing.T, c *interop.Client, avatar []byte) {
	t.Helper()
	id := profile.Avatar{Data: avatar}.ID()
	c.Do(t, interop.Command{"do": "publish", "node": profile.DataNode, "item": id, "open": true,
		"xml": `<data xmlns="urn:xmpp:avatar:data">` + base64.StdEncoding.EncodeToString(avatar) + `</data>`})
	c.Do(t, interop.Command{"do": "publish", "node": profile.AvatarNode, "item": id, "open": true,
		"xml": fmt.Sprintf(`<metadata xmlns="urn:xmpp:avatar:metadata"><info bytes="%d" id="%s" type="image/png"/></metadata>`, len(avatar), id)})
}

// Device lists and avatars both ways: the last item when a session comes online, changes
// as they are published, and what is there when asked for; and again after the peer was
// restarted.
func TestPersonalEventing(t *testing.T) {
	kit := interop.Open(t)
	s := startPeople(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		ctx := t.Context()
		alice := address(t, "alice-"+strings.ToLower(rand.Text()[:8])+"@"+domain)
		stranger := address(t, "bob@"+domain)
		flags := []string{"--feature", devices + "+notify", "--feature", profile.AvatarNode + "+notify"}
		client := kit.Login(t, p, p.Users[0], flags...)
		romeo := address(t, client.Address)
		s.publish(t, alice, "1001")
		s.change(t, alice, image(3000))
		s.announce(t, alice)

		// Each lets the other in; then the last items come.
		client.Do(t, interop.Command{"do": "subscribe", "to": alice.String()})
		client.Wait(t, "presence", interop.Command{"from": alice.String(), "type": "subscribed"})
		if err := s.contacts.Subscribe(ctx, alice, romeo); err != nil {
			t.Fatal(err)
		}
		client.Wait(t, "presence", interop.Command{"from": alice.String(), "type": "subscribe"})
		client.Do(t, interop.Command{"do": "subscribed", "to": alice.String()})
		client.Wait(t, "message", interop.Command{"from": alice.String(), "contains": "1001"})

		round := func(t *testing.T, n int) {
			// Ours, pushed and fetched.
			ours, theirs := fmt.Sprint(2000+n), fmt.Sprint(3000+n)
			s.publish(t, alice, ours)
			client.Wait(t, "message", interop.Command{"from": alice.String(), "type": "headline", "contains": ours})
			reply := client.Do(t, interop.Command{"do": "fetch", "to": alice.String(), "node": devices})
			if !strings.Contains(reply.Line, ours) {
				t.Errorf("fetched %s", reply.Line)
			}

			// Theirs, pushed and fetched.
			client.Do(t, interop.Command{"do": "publish", "node": devices, "item": "current", "open": true, "xml": list(theirs)})
			s.wait(t, alice, client.Address, devices, theirs)
			for who, fresh := range map[jid.JID]time.Duration{alice: 0, stranger: -1} {
				got, err := s.nodes.Fetch(ctx, who, romeo, devices, pep.Fetch{MaxAge: fresh})
				if err != nil || len(got.Items) != 1 || !strings.Contains(string(got.Items[0].Payload), theirs) {
					t.Errorf("%s fetched %+v, %v", who, got, err)
				}
			}

			// Their avatar.
			avatar := image(4000)
			publishAvatar(t, client, avatar)
			id := profile.Avatar{Data: avatar}.ID()
			e := s.wait(t, alice, client.Address, profile.AvatarNode, id)
			if got, ok := profile.AvatarOf(e); !ok || got != id {
				t.Errorf("told of the avatar %q, %t", got, ok)
			}
			for _, want := range []string{id, ""} {
				got, err := s.profiles.Avatar(ctx, alice, romeo, want)
				if err != nil || got.ID() != id || got.Type != "image/png" {
					t.Errorf("avatar %q: %d bytes of %q, %v", want, len(got.Data), got.Type, err)
				}
			}

			// Ours.
			avatar = image(5000)
			s.change(t, alice, avatar)
			id = profile.Avatar{Data: avatar}.ID()
			client.Wait(t, "message", interop.Command{"from": alice.String(), "contains": id})
			encoded := base64.StdEncoding.EncodeToString(avatar)
			reply = client.Do(t, interop.Command{"do": "fetch", "to": alice.String(), "node": profile.DataNode, "item": id})
			if !strings.Contains(plain(reply.Line), encoded) {
				t.Errorf("fetched %.200s", reply.Line)
			}
			reply = client.Do(t, interop.Command{"do": "iq", "to": alice.String(), "xml": `<vCard xmlns="vcard-temp"/>`})
			if !strings.Contains(reply.XML, encoded) || !strings.Contains(reply.XML, "Alice") {
				t.Errorf("vCard %.200s", reply.XML)
			}
		}
		round(t, 1)

		// What there is not, and what others may not see.
		for who, want := range map[jid.JID]error{alice: pep.ErrNone, stranger: pep.ErrNotVisible} {
			if p.Name == "ejabberd" {
				want = pep.ErrNone // it tells everybody
			}
			if got, err := s.nodes.Fetch(ctx, who, romeo, "urn:example:none", pep.Fetch{}); !errors.Is(err, want) {
				t.Errorf("%s fetched what there is not: %+v, %v", who, got, err)
			}
		}
		client.Do(t, interop.Command{"do": "publish", "node": "urn:example:friends", "item": "1", "xml": `<x xmlns="urn:example:friends"/>`})
		if got, err := s.nodes.Fetch(ctx, alice, romeo, "urn:example:friends", pep.Fetch{}); err != nil || len(got.Items) != 1 {
			t.Errorf("a contact fetched %+v, %v", got, err)
		}
		if got, err := s.nodes.Fetch(ctx, stranger, romeo, "urn:example:friends", pep.Fetch{}); !errors.Is(err, pep.ErrNotVisible) {
			t.Errorf("a stranger fetched %+v, %v", got, err)
		}

		// A stranger subscribes to what is open.
		if err := s.nodes.Subscribe(ctx, stranger, romeo, devices); err != nil {
			t.Errorf("subscribe: %v", err)
		}
		client.Do(t, interop.Command{"do": "publish", "node": devices, "item": "current", "open": true, "xml": list("4004")})
		if p.Name == "ejabberd" { // which notifies only those whose presence it has
			got, err := s.nodes.Fetch(ctx, stranger, romeo, devices, pep.Fetch{MaxAge: -1})
			if err != nil || len(got.Items) != 1 || !strings.Contains(string(got.Items[0].Payload), "4004") {
				t.Errorf("a stranger fetched %+v, %v", got, err)
			}
		} else {
			s.wait(t, stranger, client.Address, devices, "4004")
		}
		if err := s.nodes.Unsubscribe(ctx, stranger, romeo, devices); err != nil {
			t.Errorf("unsubscribe: %v", err)
		}

		// The peer is restarted: what it knew of our sessions, and we of theirs, is gone.
		client.Logout(t)
		p.Stop(t)
		s.publish(t, alice, "5005")
		p.Start(t)
		client = kit.Login(t, p, p.Users[0], flags...)
		client.Wait(t, "message", interop.Command{"from": alice.String(), "contains": "5005"})
		client.Wait(t, "presence", interop.Command{"from": alice.String() + "/web"})
		round(t, 2)
		client.Do(t, interop.Command{"do": "unsubscribed", "to": alice.String()})
		client.Do(t, interop.Command{"do": "unsubscribe", "to": alice.String()})
	})
}

// plain is a line of JSON without its line ends within texts.
func plain(line string) string {
	var reply struct {
		Items []struct {
			XML string `json:"xml"`
		} `json:"items"`
	}
	if json.Unmarshal([]byte(line), &reply) != nil || len(reply.Items) == 0 {
		return line
	}
	return reply.Items[0].XML
}
