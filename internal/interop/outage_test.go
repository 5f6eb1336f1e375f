package interop

import (
	"fmt"
	"testing"
	"time"
)

// secondTry is how long a peer may take until it tries a domain again that it
// could not reach.
const secondTry = 20 * time.Second

// What is sent while a peer is down arrives when it is back, in order and once.
// Only what had been written to the stream that broke may be seen again, since
// nobody can know whether the peer had read it.
func TestPeerRestart(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	alice := service.NewUser(t, "alice")
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		user := p.Users[1]
		before := kit.Login(t, p, user)
		written := alice.Send(t, before.Address, "before")
		before.WaitMessage(t, alice.Address, "before")
		before.Send(t, alice.Address, "before")
		alice.WaitMessage(t, before.Address, "before")
		before.close(t)

		p.Stop(t)
		const n = 20
		for i := range n {
			alice.Send(t, before.Address, fmt.Sprintf("during %d", i))
		}
		p.Start(t)

		after := kit.Login(t, p, user)
		for i := range n {
			got := after.Wait(t, "message", Command{"from": alice.Address})
			if i == 0 && got.ID == written {
				got = after.Wait(t, "message", Command{"from": alice.Address})
			}
			if want := fmt.Sprintf("during %d", i); got.Body != want {
				t.Fatalf("message %d is %q, want %q", i, got.Body, want)
			}
		}
		after.Send(t, alice.Address, "after")
		alice.WaitMessage(t, after.Address, "after")
		alice.Send(t, after.Address, "after")
		if got := after.Wait(t, "message", Command{"from": alice.Address}); got.Body != "after" {
			t.Errorf("got %q instead of the last message", got.Body)
		}
		alice.ExpectNone(t, "an error", func(n Note) bool { return n.Type == "error" })
	})
}

// A peer finds us again after we were down.
func TestOwnRestart(t *testing.T) {
	kit := Open(t)
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		client := kit.Login(t, p, p.Users[0])
		for _, round := range []string{"first", "second"} {
			service := kit.StartChatd(t, Chatd{})
			alice := service.NewUser(t, "alice")
			alice.Send(t, client.Address, round+" out")
			client.WaitMessage(t, alice.Address, round+" out")
			Until(t, secondTry, p.Name+" reaches us", func() bool {
				_, err := client.Try(Command{"do": "ping", "to": service.Domain})
				return err == nil
			})
			client.Send(t, alice.Address, round+" in")
			alice.WaitMessage(t, client.Address, round+" in")
			service.Stop(t)
		}
	})
}
