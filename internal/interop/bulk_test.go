package interop

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

const bulk = 10_000

// Many messages arrive in order, once each, and none is lost.
func TestBulkBothWays(t *testing.T) {
	kit := Open(t)
	service := kit.StartChatd(t, Chatd{})
	kit.EachPeer(t, func(t *testing.T, p *Peer) {
		// Stream management would add nothing but the peers' limits on what
		// may be unacknowledged; archives only cost time.
		client := kit.Login(t, p, p.Users[2], "--no-sm")
		client.Do(t, Command{"do": "archive", "default": "never"})
		alice := service.NewUser(t, "alice-"+p.Name)

		t.Run("out", func(t *testing.T) {
			client.Do(t, Command{"do": "gather", "from": alice.Address, "prefix": "out"})
			start := time.Now()
			for i := range bulk {
				sendEventually(t, alice, client.Address, fmt.Sprintf("out %d", i))
			}
			client.Do(t, Command{"do": "collect", "prefix": "out", "count": bulk, "timeout": 30})
			t.Logf("%d messages to %s in %v", bulk, p.Name, time.Since(start).Round(time.Millisecond))
			alice.ExpectNone(t, "an error", func(n Note) bool { return n.Type == "error" })
		})
		t.Run("in", func(t *testing.T) {
			// While its stream to us comes about, Prosody 0.12 lets new stanzas
			// overtake those that wait for it: have the stream first.
			client.Ping(t, service.Domain)
			start := time.Now()
			client.Do(t, Command{"do": "burst", "to": alice.Address, "count": bulk, "prefix": "in"})
			for i := range bulk {
				n := alice.Wait(t, 30*time.Second, "the next message", func(Note) bool { return true })
				if want := fmt.Sprintf("in %d", i); n.Type != "message" || n.Body != want {
					t.Fatalf("message %d is %+v, want %q", i, n, want)
				}
			}
			t.Logf("%d messages from %s in %v", bulk, p.Name, time.Since(start).Round(time.Millisecond))
			client.ExpectNone(t, "message", Command{"from": alice.Address, "type": "error"})
		})
	})
}

// sendEventually sends a message, again for as long as chatd says that it
// cannot take it yet.
func sendEventually(t *testing.T, from *User, to, body string) {
	t.Helper()
	Until(t, time.Minute, "chatd takes a message", func() bool {
		_, status, err := from.TrySend(to, body)
		if err != nil && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
			t.Fatal(err)
		}
		return err == nil
	})
}
