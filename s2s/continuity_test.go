package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// changing is a peer whose certificate is replaced now and then.
type changing struct {
	mu   sync.Mutex
	cert tls.Certificate
}

func (c *changing) set(cert tls.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cert = cert
}

func (c *changing) tls() *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		cert := c.cert
		return &cert, nil
	}}
}

// events are the changes that were traced.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) changed(c s2s.Change, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf("outgoing %t, %s to %s, %v", c.Outgoing, c.Before.Method, c.After.Method, err))
}

// since returns what was traced since the last call.
func (e *events) since() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.list
	e.list = nil
	return strings.Join(list, "; ")
}

// past is a network on which a domain proves itself in several ways.
type past struct {
	n      *s2stest.Network
	fed    *s2s.Server
	romeo  *s2stest.Peer
	cert   *changing
	other  *testca.CA // trusted as well
	events *events
	got    chan *stanza.Stanza
}

func newPast(t *testing.T, cfg s2s.Config) *past {
	h := &past{n: s2stest.NewNetwork(t), other: testca.New(), cert: new(changing), events: new(events)}
	h.n.SignDNS(".", true)
	h.cert.set(h.n.Certificate(there))
	h.romeo = h.n.PeerConfig(s2s.Config{Services: []string{there}, TLS: h.cert.tls(), Dialback: cfg.Dialback})
	roots := h.n.Roots()
	roots.AddCert(h.other.Certificate())
	mux, got := inbox()
	h.got = got
	cfg.Domains, cfg.Handler, cfg.DNSSEC, cfg.Verifier = []string{here}, mux, true, s2s.PKIX{Roots: roots}
	cfg.Trace = &s2s.Trace{IdentityChanged: h.events.changed}
	h.fed = h.n.Server(cfg)
	return h
}

// again opens new streams, both ways, and reports what of two messages arrived.
func (h *past) again(t *testing.T) (out, in bool) {
	t.Helper()
	h.n.Reset(here, there)
	synctest.Wait()
	h.romeo.Handle(stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
		out = out || s.Body() == "out"
		return nil, nil
	}))
	if err := h.fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "out")); err != nil {
		t.Fatal(err)
	}
	h.romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>in</body></message>`)
	time.Sleep(time.Second)
	synctest.Wait()
	for len(h.got) > 0 {
		m := <-h.got
		in = in || m.Body() == "in" && m.Err() == nil
	}
	return out, in
}

// A renewed certificate is no news. One of another authority, and a weaker
// method, are told once; then they are what is remembered.
func TestChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPast(t, s2s.Config{})
		own := testca.SelfSigned(testca.Options{})
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"the first time", func() {}, ""},
			{"the same", func() {}, ""},
			{"renewed", func() { h.cert.set(h.n.Certificate(there)) }, ""},
			{"another authority", func() { h.cert.set(h.other.Issue(testca.Options{DNS: []string{there}})) },
				"outgoing true, PKIX to PKIX, <nil>; outgoing false, PKIX to PKIX, <nil>"},
			{"that one again", func() {}, ""},
			{"a stronger method", func() {
				h.cert.set(own)
				h.n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, own.Leaf))
			}, ""},
			{"another certificate by that method", func() {
				next := testca.SelfSigned(testca.Options{})
				h.cert.set(next)
				h.n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, next.Leaf))
			}, ""},
			{"a weaker method", func() { h.cert.set(h.n.Certificate(there)); h.n.SetTLSA(host, 5269) },
				"outgoing true, DANE to PKIX, <nil>; outgoing false, DANE to PKIX, <nil>"},
			{"that one again", func() {}, ""},
		} {
			step.do()
			out, in := h.again(t)
			events := h.events.since()
			if one, two, ok := strings.Cut(events, "; "); ok && strings.HasPrefix(two, "outgoing true") {
				events = two + "; " + one // they happen at the same time
			}
			if !out || !in || events != step.want {
				t.Errorf("%s: out %t, in %t, %s; want %s", step.name, out, in, events, step.want)
			}
		}
	})
}

// A host that wants to be asked pauses a domain until it is satisfied: what there
// is to send waits, and is delivered afterwards.
func TestChangesPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		confirmed, asked := false, 0
		onChange := func(_ context.Context, c s2s.Change) error {
			mu.Lock()
			defer mu.Unlock()
			asked++
			if c.Domain.String() != there || c.Weaker() || c.Before.Issuer == c.After.Issuer || c.Before.Fingerprint == c.After.Fingerprint {
				t.Errorf("%+v", c)
			}
			if !confirmed {
				return errors.New("nobody has looked at it yet")
			}
			return nil
		}
		h := newPast(t, s2s.Config{OnChange: onChange})
		h.again(t)
		old := h.n.Certificate(there)
		h.cert.set(h.other.Issue(testca.Options{DNS: []string{there}}))
		if out, in := h.again(t); out || in || len(h.fed.Streams()) != 0 {
			t.Errorf("out %t, in %t, streams %+v", out, in, h.fed.Streams())
		}
		time.Sleep(time.Minute)
		if got := h.events.since(); strings.Count(got, "nobody has looked") != 2 || strings.Contains(got, "<nil>") {
			t.Errorf("events: %s", got)
		}
		mu.Lock()
		if asked < 4 {
			t.Errorf("asked %d times only: nobody tried again", asked)
		}
		confirmed = true
		mu.Unlock()
		arrived := make(chan string, 8)
		h.romeo.Handle(stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			arrived <- s.Body()
			return nil, nil
		}))
		time.Sleep(2 * time.Minute)
		if len(arrived) != 1 || <-arrived != "out" || len(h.got) != 1 || (<-h.got).Body() != "in" {
			t.Error("what waited was not delivered")
		}
		if got := h.events.since(); strings.Count(got, "PKIX to PKIX, <nil>") != 2 {
			t.Errorf("events: %s", got)
		}
		if out, in := h.again(t); !out || !in || h.events.since() != "" {
			t.Errorf("afterwards: out %t, in %t", out, in)
		}
		// To go back is another change.
		mu.Lock()
		confirmed = false
		mu.Unlock()
		h.cert.set(old)
		if out, in := h.again(t); out || in || strings.Count(h.events.since(), "nobody has looked") != 2 {
			t.Errorf("back: out %t, in %t", out, in)
		}
	})
}

// When nobody confirms, senders hear why.
func TestPauseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPast(t, s2s.Config{OnChange: func(context.Context, s2s.Change) error { return errors.New("no") }})
		h.again(t)
		h.cert.set(h.other.Issue(testca.Options{DNS: []string{there}}))
		h.again(t)
		time.Sleep(6 * time.Minute)
		m := <-h.got
		if e := m.Err(); e == nil || e.Condition != stanza.RemoteServerTimeout || e.Type != stanza.Wait || !strings.Contains(e.Text, "has to be confirmed") {
			t.Errorf("%v", e)
		}
	})
}

// forgetful is an IdentityStore that is out of order.
type forgetful struct{}

func (forgetful) UpdateIdentity(context.Context, jid.JID, bool, func(s2s.Identity) s2s.Identity) error {
	return errors.New("the database is gone")
}

// A store that is out of order keeps domains out only if the host relies on it.
func TestStoreOutOfOrder(t *testing.T) {
	for _, relies := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := s2s.Config{Identities: forgetful{}}
			if relies {
				cfg.OnChange = func(context.Context, s2s.Change) error { return nil }
			}
			h := newPast(t, cfg)
			h.romeo.Ignore()
			if out, in := h.again(t); out == relies || in == relies {
				t.Errorf("relies %t: out %t, in %t", relies, out, in)
			}
		})
	}
}

func TestMemIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &s2s.MemIdentities{Size: 8}
		see := func(domain string) bool {
			var known bool
			m.UpdateIdentity(t.Context(), jid.MustParse(domain), true, func(old s2s.Identity) s2s.Identity {
				known = old.Accepted.Method != 0
				return s2s.Identity{Accepted: s2s.Assurance{Method: s2s.MethodPKIX}}
			})
			return known
		}
		for i := range 8 {
			see(fmt.Sprintf("old%d.example", i))
		}
		for i := range 1000 {
			see(fmt.Sprintf("new%d.example", i))
		}
		for i := range 7 {
			if !see(fmt.Sprintf("old%d.example", i)) {
				t.Errorf("number %d was forgotten for a crowd", i)
			}
		}
		if !see("new999.example") || see("new998.example") {
			t.Error("the last one is not the one that made room")
		}
		time.Sleep(20 * 24 * time.Hour)
		see("old0.example")
		time.Sleep(20 * 24 * time.Hour)
		for i := range 7 {
			see(fmt.Sprintf("next%d.example", i))
		}
		for i := range 7 {
			if !see(fmt.Sprintf("next%d.example", i)) {
				t.Errorf("there was no room for number %d although the others had not been seen for long", i)
			}
		}
		if !see("old0.example") {
			t.Error("one that had been seen made room")
		}
	})
}
