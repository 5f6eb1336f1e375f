package s2s_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const tenant = "verona.example"

// added makes a domain with a certificate of its own, at the address of here.
func added(n *s2stest.Network, name string) s2s.Domain {
	cert := n.Certificate(name)
	n.SetSRV(name, &net.SRV{Target: "xmpp." + here + ".", Port: 5269})
	return s2s.Domain{Name: name, Service: true, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != jid.MustParse(name).ASCIIDomain() {
			return nil, errors.New("asked for " + hello.ServerName)
		}
		return &cert, nil
	}}
}

// A domain that is added while the server runs is there at once, in both
// directions and with its own certificate; so is one without any before it.
func TestAddDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.Peer(there)
		for _, name := range []string{tenant, "bücher.example"} {
			if err := fed.Send(t.Context(), text("x@"+name, "romeo@"+there, "too early")); !errors.Is(err, s2s.ErrNotLocal) {
				t.Fatalf("before it is local: %v", err)
			}
			if err := fed.AddDomain(added(n, name)); err != nil {
				t.Fatal(err)
			}
			fed.Send(t.Context(), text("x@"+name, "romeo@"+there, "hello"))
			romeo.Expect(`<message from="x@` + name + `"><body>hello</body></message>`)
			romeo.Send(`<message from="romeo@montague.example" to="x@` + name + `"><body>welcome</body></message>`)
			if m := <-got; m.Body() != "welcome" {
				t.Errorf("got %s", m)
			}
		}
		for name, d := range map[string]s2s.Domain{
			"malformed": {Name: "a b"}, "address": {Name: "a@b.example"}, "empty": {},
		} {
			if err := fed.AddDomain(d); err == nil || !strings.HasPrefix(err.Error(), "s2s: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A host may begin without any domain.
func TestServerWithoutDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		romeo := n.Peer(there)
		fed, err := s2s.New(s2s.Config{
			Handler: stanza.NewMux(), Verifier: s2s.PKIX{Roots: n.Roots()}, Resolver: n.Resolver(), Dialer: n.Dialer(here), Reach: s2s.Reach{Private: true},
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer fed.Close()
		if err := fed.AddDomain(s2s.Domain{Name: here}); err == nil {
			t.Error("a domain without certificate was accepted")
		}
		if err := fed.AddDomain(added(n, here)); err != nil {
			t.Fatal(err)
		}
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
		romeo.Expect(`<message><body>hello</body></message>`)
	})
}

// The users of a domain count only if it has some.
func TestAddDomainWithUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		nobody := s2s.DirectoryFunc(func(context.Context, jid.JID) (bool, error) { return false, nil })
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Users: nobody})
		romeo := n.Peer(there)
		d := added(n, tenant)
		d.Service = false
		fed.AddDomain(d)
		romeo.Send(`<message from="romeo@montague.example" to="x@verona.example"><body>1</body></message>`)
		romeo.Expect(`<message type="error"><error><service-unavailable/></error></message>`)
		d.Service = true
		fed.AddDomain(d) // replaces
		romeo.Send(`<message from="romeo@montague.example" to="x@verona.example"><body>2</body></message>`)
		if m := <-got; m.Body() != "2" {
			t.Errorf("got %s", m)
		}
	})
}

// A new certificate is for new streams; those that are open stay.
func TestAddDomainAgainReplacesTheCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		romeo := n.Peer(there)
		fed.AddDomain(added(n, tenant))
		fed.Send(t.Context(), text("x@"+tenant, "romeo@"+there, "1"))
		romeo.Next()
		before := shown(t, romeo, tenant)
		fed.AddDomain(added(n, tenant))
		if after := shown(t, romeo, tenant); after.Equal(before) {
			t.Error("the old certificate is still shown")
		}
		if streams := fed.Streams(); len(streams) != 1 {
			t.Errorf("%d streams, want the one from before", len(streams))
		}
		fed.Send(t.Context(), text("x@"+tenant, "romeo@"+there, "2"))
		romeo.Next()
	})
}

// shown returns the certificate that strangers are shown for a domain at here.
func shown(t *testing.T, p *s2stest.Peer, domain string) *x509.Certificate {
	t.Helper()
	raw := p.Raw(here)
	raw.Put(strings.Replace(streamHeader, "to='capulet.example'", "to='"+domain+"'", 1))
	raw.Expect("</stream:features>")
	raw.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	raw.Expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	raw.Handshake(&tls.Config{ServerName: "none.example", NextProtos: []string{"xmpp-server"}})
	chain := raw.Conn.(*tls.Conn).ConnectionState().PeerCertificates
	raw.Close()
	return chain[0]
}

func TestRemoveDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		closed := make(chan string, 8)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Trace: &s2s.Trace{StreamClose: func(i s2s.StreamInfo, err error) {
			closed <- fmt.Sprint(i.Local, " ", i.Remote, " ", i.Outgoing, " ", err)
		}}})
		fed.AddDomain(added(n, tenant))
		for _, from := range []string{here, tenant} { // streams both ways for both domains
			fed.Send(t.Context(), text("x@"+from, "romeo@"+there, "hello"))
			romeo.Expect(`<message><body>hello</body></message>`)
			romeo.Send(`<message from="romeo@montague.example" to="x@` + from + `"><body>hello</body></message>`)
			<-got
		}
		n.FailDNS("unreachable.example", &net.DNSError{Err: "server misbehaving", IsTemporary: true})
		fed.Send(t.Context(), text("x@"+tenant, "x@unreachable.example", "waiting"))
		time.Sleep(time.Minute)

		begin := time.Now()
		if err := fed.RemoveDomain(t.Context(), "VERONA.example"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if e := bounced(t, got, stanza.NotAllowed, stanza.Cancel); !strings.Contains(e.Text, "no longer served") {
			t.Errorf("the sender is told %q", e.Text)
		}
		ended := []string{<-closed, <-closed}
		if slices.Sort(ended); ended[0] == ended[1] || len(closed) > 0 {
			t.Errorf("streams of the peer that ended: %q and %d more", ended, len(closed))
		}
		for _, c := range ended {
			want := "montague.example verona.example false <nil>"
			if strings.Contains(c, "true") {
				want = "montague.example verona.example true s2s: stream error received: host-gone (verona.example is no longer served here)"
			}
			if c != want {
				t.Errorf("got  %s\nwant %s", c, want)
			}
		}
		if err := fed.Send(t.Context(), text("x@"+tenant, "romeo@"+there, "late")); !errors.Is(err, s2s.ErrNotLocal) {
			t.Errorf("send from a removed domain: %v", err)
		}
		if err := fed.RemoveDomain(t.Context(), tenant); !errors.Is(err, s2s.ErrNotLocal) {
			t.Errorf("removed twice: %v", err)
		}
		raw := romeo.Raw(here)
		raw.Put(strings.Replace(streamHeader, "to='capulet.example'", "to='verona.example'", 1))
		if rest := raw.Rest(); !strings.Contains(rest, "<host-gone") {
			t.Errorf("a new stream is told %s", rest)
		}
		if streams := fed.Streams(); len(streams) != 2 {
			t.Errorf("%d streams are left, want those of the other domain", len(streams))
		}
		fed.AddDomain(added(n, tenant))
		romeo.Send(`<message from="romeo@montague.example" to="x@verona.example"><body>again</body></message>`)
		if m := <-got; m.Body() != "again" {
			t.Errorf("got %s", m)
		}
	})
}

// Removing a domain does not wait for ever for a peer that does not answer.
func TestRemoveDomainGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Close: time.Hour}}, there)
		raw := romeo.Raw(here)
		raw.Authenticate()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := fed.RemoveDomain(ctx, here); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		raw.Expect("<host-gone")
		// What it sent before it knew is dropped, and the end is in good order.
		raw.Put("<message from='romeo@montague.example' to='juliet@capulet.example'/>")
		raw.Put("</stream:stream>")
		raw.Expect("</stream:stream>")
		raw.Rest()
	})
}

// A domain may be removed at any moment of a stream's making: no stream is left,
// and what both sides sent arrives or comes back.
func TestRemoveDomainWhileConnecting(t *testing.T) {
	for step := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			mux, back := inbox()
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
			romeo := n.Peer(there)
			theirs, atPeer := inbox()
			romeo.Handle(theirs)
			fed.AddDomain(added(n, tenant))
			n.Delay(here, there, 10*time.Millisecond)
			fed.Send(t.Context(), text("x@"+tenant, "romeo@"+there, "outward"))
			romeo.Send(`<message from="romeo@montague.example" to="x@verona.example"><body>inward</body></message>`)
			time.Sleep(time.Duration(step)*2500*time.Microsecond + time.Microsecond)
			if err := fed.RemoveDomain(t.Context(), tenant); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			if streams := fed.Streams(); len(streams) != 0 {
				t.Errorf("removed after %d steps: %d streams", step, len(streams))
			}
			fates := make(map[string]int)
			for range len(back) {
				if m := <-back; m.Type == stanza.TypeError {
					fates["outward bounced"]++
				} else {
					fates["inward delivered"]++
				}
			}
			for range len(atPeer) {
				if m := <-atPeer; m.Type == stanza.TypeError {
					fates["inward bounced"]++
				} else {
					fates["outward delivered"]++
				}
			}
			// What a peer has sent just before it learns of the end is in doubt.
			if fates["outward bounced"]+fates["outward delivered"] != 1 || fates["inward bounced"]+fates["inward delivered"] == 0 {
				t.Errorf("removed after %d steps: %v", step, fates)
			}
		})
	}
}

// Domains come and go while others carry traffic, and nobody is shown the
// certificate of another.
func TestDomainsComeAndGo(t *testing.T) {
	const stay, changing = 2000, 100
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var received atomic.Int64
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			received.Add(1)
			return nil, nil
		})})
		romeo := n.Peer(there)
		d := added(n, tenant)
		for i := range stay {
			d.Name = fmt.Sprintf("tenant%d.example", i)
			if err := fed.AddDomain(d); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range changing {
				name := fmt.Sprintf("guest%d.example", i)
				fed.AddDomain(added(n, name))
				if err := romeo.Server().Send(t.Context(), text("romeo@"+there, "x@"+name, "hello")); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Millisecond)
				if err := fed.RemoveDomain(t.Context(), name); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for i := range changing {
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
				time.Sleep(10 * time.Millisecond)
			}
		})
		wg.Wait()
		for i := range changing {
			if m := romeo.Next(); m.Body() != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m, i)
			}
		}
		if got := received.Load(); got != changing {
			t.Errorf("%d of %d domains got their message", got, changing)
		}
	})
}
