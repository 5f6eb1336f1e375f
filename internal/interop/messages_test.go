package interop

import (
	"testing"
)

const poetry = "chat <&> \"ünïcödé\" 🎭"

func TestMessagesBothWays(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		id := alice.Send(t, client.Address, poetry+" out")
		got := client.WaitMessage(t, alice.Address, poetry+" out")
		if got.Type != "chat" || got.ID != id {
			t.Errorf("%s got type %q, id %q; want chat, %q", p.Name, got.Type, got.ID, id)
		}
		id = client.Send(t, alice.Address, poetry+" in")
		note := alice.WaitMessage(t, client.Address, poetry+" in")
		if note.To != alice.Address || note.StanzaID != id {
			t.Errorf("alice got to %q, stanza id %q; want %q, %q", note.To, note.StanzaID, alice.Address, id)
		}
		// Both ways of asking for events tell the same.
		found := false
		for _, n := range alice.List(t) {
			found = found || n == note
		}
		if !found {
			t.Errorf("wait=0 does not list %+v", note)
		}
	})
}

func TestSeveralDomains(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{Domains: []string{"wire.test", "chat.wire.test"}, CertsDir: true})
	alice, bob := service.NewUser(t, "alice"), service.NewUser(t, "bob@chat.wire.test")
	if bob.Address != "bob@chat.wire.test" {
		t.Fatalf("bob is %s", bob.Address)
	}
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		for _, user := range []*User{alice, bob} {
			user.Send(t, client.Address, "from "+user.Address)
			client.WaitMessage(t, user.Address, "from "+user.Address)
			client.Send(t, user.Address, "to "+user.Address)
			user.WaitMessage(t, client.Address, "to "+user.Address)
		}
	})
}

// The peers prefer direct TLS where DNS offers it, as it does for wire.test.
// Here there is nothing else to find.
func TestDirectTLS(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{Listen: "127.0.0.40:5268", ListenTLS: kit.Listen.WireTLS})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		client.Send(t, alice.Address, "over direct TLS")
		alice.WaitMessage(t, client.Address, "over direct TLS")
		if in := service.Streams(t, p.Domain, "in"); len(in) != 1 || in[0].Method != "EXTERNAL" {
			t.Errorf("streams in: %+v", in)
		}
	})
}

func TestPingIn(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		client.Ping(t, service.Domain)
	})
}

func TestUnknownUserBothWays(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		id := alice.Send(t, "nobody@"+p.Domain, "is anybody there?")
		if n := alice.WaitError(t, id); n.Condition != "service-unavailable" {
			t.Errorf("error from %s: %+v", p.Name, n)
		}
		client := kit.Login(t, p, p.Users[0])
		nobody := "nobody@" + service.Domain
		id = client.Send(t, nobody, "is anybody there?")
		if e := client.WaitError(t, nobody, id); e.Condition != "service-unavailable" {
			t.Errorf("error to %s: %+v", p.Name, e)
		}
		if _, err := client.Try(Command{"do": "ping", "to": nobody}); err == nil {
			t.Errorf("a ping to %s was answered", nobody)
		}
	})
}
