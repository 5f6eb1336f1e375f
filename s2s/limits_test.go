package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A peer that stops reading loses its stream after Limits.Write, and what was
// written to it goes to the next one.
func TestPeerThatStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		ended := make(chan time.Duration, 8)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Write: 20 * time.Second},
			Trace: &s2s.Trace{StreamClose: func(i s2s.StreamInfo, _ error) { ended <- time.Since(i.Since) }}})
		release := make(chan struct{})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{Lane: 1, LaneWait: time.Hour}})
		seen := make(map[string]bool)
		romeo.Handle(stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			<-release
			seen[m.ID] = true
			return nil, nil
		}))
		body := strings.Repeat("x", 100<<10)
		for i := range 10 {
			m := text("juliet@"+here, "romeo@"+there, body)
			m.ID = fmt.Sprint(i)
			if err := fed.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if lived := <-ended; lived > 21*time.Second {
			t.Errorf("the stream lived %v", lived)
		}
		close(release)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(seen) != 10 {
			t.Errorf("%d of 10 messages arrived", len(seen))
		}
		if len(got) > 0 {
			t.Errorf("bounced: %s", <-got)
		}
	})
}

func TestPolicyForInboundStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Policy: s2s.Policy{Check: func(context.Context, jid.JID) error { return errors.New("secret reason") }}}, there)
		raw := romeo.Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.StartTLS()
		raw.Open("")
		rest := raw.Rest()
		if !strings.Contains(rest, "<policy-violation") || strings.Contains(rest, "secret") || strings.Contains(rest, "EXTERNAL") {
			t.Errorf("got %s", rest)
		}
		if len(got) > 0 {
			t.Errorf("handler saw %s", <-got)
		}
	})
}

func TestInboundStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Streams: 2}}, there)
		a, b := romeo.Raw(here), romeo.Raw(here)
		a.Authenticate()
		b.Authenticate()
		synctest.Wait()
		c := romeo.Raw(here)
		c.Authenticate()
		if rest := c.Rest(); !strings.Contains(rest, "<resource-constraint") {
			t.Errorf("one stream too many got %s", rest)
		}
		a.Put("</stream:stream>")
		a.Rest()
		synctest.Wait()
		d := romeo.Raw(here)
		d.Authenticate()
		synctest.Wait()
		if n := len(fed.Streams()); n != 2 {
			t.Errorf("%d streams, want 2", n)
		}
	})
}

// Connections that do not authenticate hold up to Limits.Negotiating places, no
// longer than Limits.Negotiation, and keep nobody out.
func TestUnauthenticatedConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Negotiating: 3, Negotiation: 10 * time.Second}}, there)
		var silent []*s2stest.RawStream
		for range 3 {
			silent = append(silent, romeo.Raw(here))
			time.Sleep(time.Second)
		}
		begin := time.Now()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>at last</body></message>`)
		<-got
		if took := time.Since(begin); took != 0 {
			t.Errorf("the good stream had to wait %v", took)
		}
		for i, want := range []time.Duration{3, 11, 12} { // the oldest made room
			silent[i].Rest()
			if at := time.Since(begin) + 3*time.Second; at != want*time.Second {
				t.Errorf("silent connection %d ended after %v, want %ds", i, at, want)
			}
		}
	})
}

func TestRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Requests: 1}}, there)
		romeo.Ignore()
		ping := func(id string) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := fed.Request(ctx, &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, ID: id, From: jid.MustParse(here), To: jid.MustParse(there), Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
			return err
		}
		go ping("1")
		synctest.Wait()
		if err := ping("1"); !errors.Is(err, s2s.ErrDuplicateID) {
			t.Errorf("the same id twice: %v", err)
		}
		if err := ping("2"); !errors.Is(err, s2s.ErrTooManyRequests) {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := ping("3"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the first gave up: %v", err)
		}
	})
}

// What the peer announces as too large (XEP-0478) is bounced and never sent.
func TestLimitsOfThePeerAreObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{StanzaBytes: 20_000}})
		for _, body := range []string{"before", strings.Repeat("x", 20_000), "after"} {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, body))
		}
		bounced(t, got, stanza.PolicyViolation, stanza.Modify)
		romeo.Expect(`<message><body>before</body></message>`)
		romeo.Expect(`<message><body>after</body></message>`)
		if n := len(fed.Streams()); n != 1 {
			t.Errorf("%d streams", n)
		}
	})
}

// However many pairs of addresses a peer makes up, it can have only so many
// stanzas wait; then its stream stands still, and nobody else's.
func TestDomainQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		got := make(chan string, 1)
		var calls atomic.Int64
		handler := stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			if m.From.Domain() != there {
				got <- m.Body()
				return nil, nil
			}
			calls.Add(1)
			<-release
			return nil, nil
		})
		n := s2stest.NewNetwork(t)
		n.Server(s2s.Config{Services: []string{here}, Handler: handler, Limits: s2s.Limits{DomainQueue: 50}})
		romeo, other := n.Peer(there), n.Peer("verona.example")
		for i := range 200 {
			romeo.Send(fmt.Sprintf(`<message from="r%d@montague.example" to="juliet@capulet.example"/>`, i))
		}
		time.Sleep(10 * time.Second)
		if n := calls.Load(); n != 50 {
			t.Errorf("%d handlers run, want 50", n)
		}
		other.Send(`<message from="prince@verona.example" to="juliet@capulet.example"><body>peace</body></message>`)
		if body := <-got; body != "peace" {
			t.Errorf("got %q", body)
		}
		close(release)
		synctest.Wait()
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 200 {
			t.Errorf("%d of 200 were handled", n)
		}
	})
}

// Everything a peer wants to say to any local domain may come by one stream.
func TestSeveralLocalDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		n.Server(s2s.Config{Domains: []string{here}, Services: []string{"rooms.capulet.example"}, Handler: mux})
		raw := n.Peer(there).Raw(here)
		raw.Authenticate()
		for _, to := range []string{"juliet@capulet.example", "balcony@rooms.capulet.example"} {
			raw.Put("<message from='romeo@montague.example' to='" + to + "'><body>hi</body></message>")
			if m := <-got; m.To.String() != to {
				t.Errorf("got %s", m)
			}
		}
	})
}

// Local recipients are reached without a network.
func TestLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Services: []string{"rooms.capulet.example"}, Handler: mux, Dialer: noDialer{t}})
		fed.Send(t.Context(), text("juliet@"+here, "nurse@"+here, "within"))
		if m := <-got; m.Body() != "within" {
			t.Errorf("got %s", m)
		}
		answer, err := fed.Request(t.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse("juliet@" + here), To: jid.MustParse("rooms." + here), Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
		if err != nil || answer.Type != stanza.Result {
			t.Errorf("ping: %v, %v", answer, err)
		}
	})
}

type noDialer struct{ t *testing.T }

func (d noDialer) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	d.t.Errorf("dialled %s", address)
	return nil, errors.New("no")
}
