package pep

import (
	"context"
	"fmt"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// drop is a Requester that drops everything.
type drop struct{}

func (drop) Send(context.Context, *stanza.Stanza) error { return nil }

func (drop) Request(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return iq.Reply(stanza.Result, interests(tune))
}

// crowd is a Service with a user and so many contacts, each with an interested session.
func crowd(b *testing.B, n int) (*Service, *stanza.Stanza) {
	s := &Service{Store: &MemStore{}, Roster: &roster.MemStore{}, Out: drop{}, Interval: -1}
	p := &stanza.Stanza{Kind: stanza.Presence}
	if err := interests(tune).AppendCaps(p, "urn:client"); err != nil {
		b.Fatal(err)
	}
	caps, _ := disco.ReadCaps(p)
	if _, err := s.entities().Get(b.Context(), juliet, orchard, caps); err != nil {
		b.Fatal(err)
	}
	if _, err := s.Publish(b.Context(), juliet, tune, Item{ID: "1", Payload: stanza.Raw(song)}, &Config{Access: Open}); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		full := jid.MustParse(fmt.Sprintf("user%d@montague.example/x", i))
		_, err := s.Roster.Update(b.Context(), juliet, full.Bare(), func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.Both
			return it, nil
		})
		if err != nil {
			b.Fatal(err)
		}
		s.Presence(b.Context(), juliet, full, p)
	}
	if got := len(s.interested(juliet, tune)); got != n {
		b.Fatalf("%d interested, want %d", got, n)
	}
	return s, p
}

// One item to a thousand sessions.
func BenchmarkPublish(b *testing.B) {
	s, _ := crowd(b, 1000)
	for b.Loop() {
		if _, err := s.Publish(b.Context(), juliet, tune, Item{ID: "1", Payload: stanza.Raw(song)}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Presence that says nothing new.
func BenchmarkPresence(b *testing.B) {
	s, p := crowd(b, 1000)
	full := jid.MustParse("user500@montague.example/x")
	for b.Loop() {
		s.Presence(b.Context(), juliet, full, p)
	}
}

// A stranger asks for the one item of an open node.
func BenchmarkItems(b *testing.B) {
	s, _ := crowd(b, 1000)
	iq := stanza.MustParse(`<iq from="paris@verona.example" to="juliet@capulet.example" type="get" id="1">` + pub(`<items node="`+tune+`"/>`) + `</iq>`)
	for b.Loop() {
		if _, err := s.HandleStanza(b.Context(), iq); err != nil {
			b.Fatal(err)
		}
	}
}
