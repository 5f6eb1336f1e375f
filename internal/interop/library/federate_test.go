package library

import (
	"context"
	"errors"
	"testing"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

func TestPingBothWays(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		for _, from := range []string{domain, "alice@" + domain} {
			if err := s.ping(t, from, p.Domain); err != nil {
				t.Errorf("ping from %s: %v", from, err)
			}
		}
		client := kit.Login(t, p, p.Users[0])
		client.Ping(t, domain)

		// The client itself answers, too.
		client.Send(t, "alice@"+domain, "here I am")
		full := s.next(t).From.String()
		if err := s.ping(t, "alice@"+domain, full); err != nil {
			t.Errorf("ping to %s: %v", full, err)
		}
	})
}

func TestUnknownUser(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		nobody := "nobody@" + p.Domain
		m := stanza.Text(address(t, "alice@"+domain), address(t, nobody), "is anybody there?")
		if err := s.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		got := s.next(t)
		if e := got.Err(); e == nil || e.Condition != stanza.ServiceUnavailable || got.ID != m.ID {
			t.Errorf("the answer is %s", got)
		}
	})
}

// Both streams with a peer are authenticated by certificate, says each side.
func TestStreams(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		mark := p.Mark(t)
		if err := s.ping(t, domain, p.Domain); err != nil {
			t.Fatal(err)
		}
		// The answer came over a stream that the peer opened.
		found := make(map[bool]int)
		for _, info := range s.Streams() {
			if info.Remote.String() != p.Domain {
				continue
			}
			found[info.Outgoing]++
			if info.Local.String() != domain || info.Mechanism != "EXTERNAL" || info.Assurance.Method != s2s.MethodPKIX || info.Assurance.TLSVersion < 0x0303 {
				t.Errorf("stream: %+v", info)
			}
		}
		if found[true] != 1 || found[false] != 1 {
			t.Errorf("%d streams out, %d in; want one each", found[true], found[false])
		}
		mark.Wait(t, p.ExternalIn(domain))
		mark.Wait(t, p.ExternalOut(domain))
	})
}

// What DNS says is followed, and what it says is missing is told.
func TestFindingDomains(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	for name, want := range map[string]stanza.Condition{
		"nosrv.test":      "", // no SRV record: its own address
		"prio.test":       "", // the preferred target is closed
		"noxmpp.test":     stanza.RemoteServerNotFound,
		"no-such.test":    stanza.RemoteServerNotFound,
		"elsewhere.bogus": stanza.RemoteServerNotFound,
	} {
		t.Run(name, func(t *testing.T) {
			err := s.ping(t, domain, name)
			if want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var answer *stanza.Error
			if !errors.As(err, &answer) || answer.Condition != want || answer.Text == "" {
				t.Errorf("%v, want %s with a text", err, want)
			}
		})
	}
}
