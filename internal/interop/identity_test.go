package interop

import (
	"strings"
	"testing"
)

// Both streams with a peer are authenticated by certificate, says each side.
func TestExternalBothWays(t *testing.T) {
	kit := Open(t)
	marks := make(map[string]Mark)
	for name, p := range kit.Peers {
		marks[name] = p.Mark(t)
	}
	service := kit.StartChatd(t, Chatd{})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		alice.Send(t, client.Address, "out")
		client.WaitMessage(t, alice.Address, "out")
		client.Send(t, alice.Address, "in")
		alice.WaitMessage(t, client.Address, "in")
		for _, direction := range []string{"in", "out"} {
			streams := service.Streams(t, p.Domain, direction)
			if len(streams) != 1 {
				t.Fatalf("streams %s: %+v, want one", direction, streams)
			}
			s := streams[0]
			if s.Local != service.Domain || s.Method != "EXTERNAL" || !strings.HasPrefix(s.TLS, "TLS 1.") {
				t.Errorf("stream %s: %+v", direction, s)
			}
		}
		marks[p.Name].Wait(t, p.ExternalIn(service.Domain))
		marks[p.Name].Wait(t, p.ExternalOut(service.Domain))
	})
}

// unacceptable are the certificates that nobody may accept.
var unacceptable = []string{"wrong-name", "expired", "untrusted"}

// A peer refuses us if our certificate is bad, whoever opens the stream.
func TestOurBadCertificateIsRefused(t *testing.T) {
	kit := Open(t)
	for _, variant := range unacceptable {
		t.Run(variant, func(t *testing.T) {
			service := kit.StartChatd(t, Chatd{Certificate: "variants/" + variant})
			alice := service.NewUser(t, "alice")
			kit.EachPeer(t, func(t *testing.T, p *Peer) {
				mark := p.Mark(t)
				client := kit.Login(t, p, p.Users[0])
				refusedBothWays(t, service, alice, p, client)
				if mark.Has(t, p.ExternalIn(service.Domain)) || mark.Has(t, p.ExternalOut(service.Domain)) {
					t.Errorf("%s logged an authenticated stream", p.Name)
				}
			})
		})
	}
	t.Run("good", func(t *testing.T) { flowsAgain(t, kit) })
}

// We refuse a peer whose certificate is bad, whoever opens the stream.
func TestTheirBadCertificateIsRefused(t *testing.T) {
	kit := Open(t)
	for _, variant := range unacceptable {
		t.Run(variant, func(t *testing.T) {
			service := kit.StartChatd(t, Chatd{})
			alice := service.NewUser(t, "alice")
			kit.EachPeer(t, func(t *testing.T, p *Peer) {
				p.ShowCertificate(t, variant)
				client := kit.LoginUnverified(t, p, p.Users[0])
				refusedBothWays(t, service, alice, p, client)
			})
		})
	}
	t.Run("good", func(t *testing.T) { flowsAgain(t, kit) })
}

// refusedBothWays checks that a message in each direction comes back as an
// error and does not arrive.
func refusedBothWays(t *testing.T, service *Service, alice *User, p *Peer, client *Client) {
	t.Helper()
	id := alice.Send(t, client.Address, "must not arrive")
	n := alice.WaitError(t, id)
	if n.Condition != "remote-server-timeout" || n.Text == "" {
		t.Errorf("alice was told %+v, want remote-server-timeout with a text", n)
	}
	id = client.Send(t, alice.Address, "must not arrive")
	client.WaitError(t, alice.Address, id)

	client.ExpectNone(t, "message", Command{"from": alice.Address, "type": "chat"})
	alice.ExpectNone(t, "a message from "+p.Name, func(n Note) bool {
		return n.Type == "message" && bare(n.From) == client.Address
	})
	if streams := service.Streams(t, p.Domain, ""); len(streams) != 0 {
		t.Errorf("there are streams with %s: %+v", p.Domain, streams)
	}
}

// flowsAgain checks that messages arrive once the certificates are in order,
// so that it was them and nothing else that stood in the way.
func flowsAgain(t *testing.T, kit *Kit) {
	service := kit.StartChatd(t, Chatd{})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		alice.Send(t, client.Address, "good again, out")
		client.WaitMessage(t, alice.Address, "good again, out")
		// After a failure ejabberd does not try again for up to a second.
		Until(t, secondTry, p.Name+" reaches us again", func() bool {
			_, err := client.Try(Command{"do": "ping", "to": service.Domain})
			return err == nil
		})
		client.Send(t, alice.Address, "good again, in")
		alice.WaitMessage(t, client.Address, "good again, in")
	})
}
