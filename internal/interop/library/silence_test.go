package library

import (
	"context"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// Streams on which nothing happens are checked, and still work after that; peers
// that do not acknowledge take a space for what it is.
func TestKeepAlive(t *testing.T) {
	kit := interop.Open(t)
	var wire cutter
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Dialer, cfg.Limits.KeepAlive = &wire, 300*time.Millisecond })
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[0])
		s.say(t, client, "one")
		before := s.outgoing(t, p)
		written := wire.writes.Load()
		interop.Until(t, 30*time.Second, "the stream is checked", func() bool { return wire.writes.Load() >= written+8 })
		s.say(t, client, "two")
		if after := s.outgoing(t, p); after.ID != before.ID {
			t.Errorf("it took another stream: %+v, before %+v", after, before)
		}
	})
}

// Streams that fall silent are closed, by whoever is the first to lose patience,
// and come back when there is something to say. Nothing is lost on the way.
func TestIdleStreamsCloseAndComeBack(t *testing.T) {
	kit := interop.Open(t)
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Limits.Idle = 1500 * time.Millisecond })
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[0])
		var last string
		for _, body := range []string{"one", "two", "three"} {
			s.say(t, client, body)
			client.Send(t, "alice@"+domain, body+" to you")
			if m := s.next(t); m.Body() != body+" to you" {
				t.Errorf("got %s", m)
			}
			if now := s.outgoing(t, p).ID; now == last {
				t.Error("it is the stream that was closed")
			} else {
				last = now
			}
			interop.Until(t, 20*time.Second, "the streams are closed", func() bool { return len(s.with(p.Domain)) == 0 })
		}
	})
}

// say sends a message from alice and waits until the client has it.
func (s *server) say(t *testing.T, client *interop.Client, body string) {
	t.Helper()
	if err := s.Send(context.Background(), stanza.Text(address(t, "alice@"+domain), address(t, client.Address), body)); err != nil {
		t.Fatal(err)
	}
	client.WaitMessage(t, "alice@"+domain, body)
}

// outgoing returns the stream that we have opened to a peer.
func (s *server) outgoing(t *testing.T, p *interop.Peer) s2s.StreamInfo {
	t.Helper()
	for _, info := range s.with(p.Domain) {
		if info.Outgoing {
			return info
		}
	}
	t.Fatalf("no stream to %s", p.Name)
	return s2s.StreamInfo{}
}
