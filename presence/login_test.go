package presence

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// contacts gives juliet 1,000 contacts on 50 domains.
func contacts(store roster.Store) error {
	for n := range 1000 {
		contact := jid.MustParse(fmt.Sprintf("c%d@d%d.example", n, n%50))
		_, err := store.Update(context.Background(), juliet, contact, func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.Both
			return it, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// However many sessions there are, each contact is probed once.
func TestManyContacts(t *testing.T) {
	r := newRig(t)
	if err := contacts(r.Roster); err != nil {
		t.Fatal(err)
	}
	probes, available, domains := map[jid.JID]int{}, 0, map[string]bool{}
	for _, resource := range []string{"a", "b", "c"} {
		for _, xml := range r.announce(`<presence from="juliet@capulet.example/` + resource + `"/>`) {
			p := stanza.MustParse(xml)
			domains[p.To.Domain()] = true
			if p.Type == stanza.Probe {
				probes[p.To]++
			} else {
				available++
			}
		}
	}
	if len(probes) != 1000 || available != 3000 || len(domains) != 50 {
		t.Errorf("%d contacts probed, %d broadcasts, %d domains", len(probes), available, len(domains))
	}
	for contact, n := range probes {
		if n != 1 {
			t.Errorf("%d probes of %s", n, contact)
		}
	}
	if n := len(r.domains); n != 50 {
		t.Errorf("%d domains watched, want 50", n)
	}
	for _, resource := range []string{"a", "b", "c"} {
		r.announce(`<presence from="juliet@capulet.example/` + resource + `" type="unavailable"/>`)
	}
	if n := r.kept(); n != 0 {
		t.Errorf("%d users and domains left", n)
	}
}

// counter is a Sender that writes stanzas as a server would, and counts.
type counter struct {
	n   atomic.Int64
	buf []byte
}

func (c *counter) Send(_ context.Context, s *stanza.Stanza) error {
	c.buf = s.AppendXML(c.buf[:0])
	c.n.Add(1)
	return nil
}

// One operation is a user with 1,000 contacts who logs in and out: 3,000 stanzas.
func BenchmarkLogin(b *testing.B) {
	out := &counter{}
	s := &Service{Roster: &roster.MemStore{}, Out: out, Interval: -1}
	if err := contacts(s.Roster); err != nil {
		b.Fatal(err)
	}
	inner := "<show>away</show><status>" + strings.Repeat("x", 60) + "</status>"
	in := stanza.MustParse(`<presence from="juliet@capulet.example/balcony">` + inner + `</presence>`)
	gone := stanza.MustParse(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range []*stanza.Stanza{in, gone} {
			if err := s.Announce(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	}
	if want := int64(b.N) * 3000; out.n.Load() != want {
		b.Fatalf("%d stanzas, want %d", out.n.Load(), want)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/contact")
}

// A probe by a subscriber.
func BenchmarkProbe(b *testing.B) {
	out := &counter{}
	s := &Service{Roster: &roster.MemStore{}, Out: out, Interval: -1}
	if err := contacts(s.Roster); err != nil {
		b.Fatal(err)
	}
	if err := s.Announce(b.Context(), stanza.MustParse(balcony)); err != nil {
		b.Fatal(err)
	}
	probe := stanza.MustParse(`<presence from="c7@d7.example" to="juliet@capulet.example" type="probe"/>`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.HandleStanza(b.Context(), probe); err != nil {
			b.Fatal(err)
		}
	}
}
