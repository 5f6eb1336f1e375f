package library

import (
	"context"
	"fmt"
	"testing"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// with returns the streams with a domain.
func (s *server) with(remote string) []s2s.StreamInfo {
	var list []s2s.StreamInfo
	for _, info := range s.Streams() {
		if info.Remote.String() == remote {
			list = append(list, info)
		}
	}
	return list
}

// Prosody acknowledges what we send and has us acknowledge what it sends
// (XEP-0198); ejabberd 23.01 does neither.
func TestAcknowledgements(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[0])
		for i := range 20 {
			body := fmt.Sprint("out ", i)
			if err := s.Send(context.Background(), stanza.Text(address(t, "alice@"+domain), address(t, client.Address), body)); err != nil {
				t.Fatal(err)
			}
			client.WaitMessage(t, "alice@"+domain, body)
			client.Send(t, "alice@"+domain, fmt.Sprint("in ", i))
			s.next(t)
		}
		want := p.Name == "prosody"
		for _, info := range s.with(p.Domain) {
			if info.SM != want {
				t.Errorf("stream %+v: acknowledged is %t, want %t", info, info.SM, want)
			}
		}
	})
}

// One stream carries both directions with Prosody (XEP-0288), whoever opened it;
// ejabberd 23.01 does not offer that.
func TestBothWaysOnOneStream(t *testing.T) {
	for _, weBegin := range []bool{true, false} {
		t.Run(fmt.Sprintf("we begin %t", weBegin), func(t *testing.T) {
			kit := interop.Open(t)
			s := startWith(t, kit, true)
			kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
				client := kit.Login(t, p, p.Users[1])
				say := func(body string) {
					if err := s.Send(context.Background(), stanza.Text(address(t, "alice@"+domain), address(t, client.Address), body)); err != nil {
						t.Fatal(err)
					}
					client.WaitMessage(t, "alice@"+domain, body)
				}
				hear := func(body string) {
					client.Send(t, "alice@"+domain, body)
					if m := s.next(t); m.Body() != body {
						t.Errorf("got %s, want %q", m, body)
					}
				}
				for i := range 3 {
					if weBegin {
						say(fmt.Sprint("say ", i))
					}
					hear(fmt.Sprint("hear ", i))
					say(fmt.Sprint("and say ", i))
				}
				list := s.with(p.Domain)
				if one := p.Name == "prosody"; one != (len(list) == 1) {
					t.Errorf("%d streams with %s: %+v", len(list), p.Name, list)
				} else if one && (list[0].Outgoing != weBegin || !list[0].Bidi) {
					t.Errorf("stream %+v", list[0])
				}
			})
		})
	}
}
