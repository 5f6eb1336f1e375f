package library

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

const bulk = 10_000

// As many messages as fast as the library takes them, in order, once each.
func TestBulkBothWays(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		// See the same test of chatd for the flag and the archive.
		client := kit.Login(t, p, p.Users[2], "--no-sm")
		client.Do(t, interop.Command{"do": "archive", "default": "never"})
		alice, remote := address(t, "alice@"+domain), address(t, client.Address)

		client.Do(t, interop.Command{"do": "gather", "from": alice.String(), "prefix": "out"})
		begin := time.Now()
		for i := range bulk {
			s.sendWhenRoom(t, stanza.Text(alice, remote, fmt.Sprintf("out %d", i)))
		}
		accepted := time.Since(begin)
		client.Do(t, interop.Command{"do": "collect", "prefix": "out", "count": bulk, "timeout": 30})
		t.Logf("%d messages to %s: accepted in %v, received in %v", bulk, p.Name,
			accepted.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))

		// While its stream to us comes about, Prosody 0.12 lets new stanzas
		// overtake those that wait for it: have the stream first.
		client.Ping(t, domain)
		client.Do(t, interop.Command{"do": "burst", "to": alice.String(), "count": bulk, "prefix": "in"})
		for i := range bulk {
			m := s.next(t)
			if want := fmt.Sprintf("in %d", i); m.Type != stanza.Chat || m.Body() != want {
				t.Fatalf("message %d is %s, want %q", i, m, want)
			}
		}
	})
}

// sendWhenRoom sends a message, again for as long as the queue is full.
func (s *server) sendWhenRoom(t *testing.T, m *stanza.Stanza) {
	t.Helper()
	interop.Until(t, time.Minute, "the queue has room", func() bool {
		err := s.Send(context.Background(), m)
		if err != nil && !errors.Is(err, s2s.ErrQueueFull) {
			t.Fatal(err)
		}
		return err == nil
	})
}
