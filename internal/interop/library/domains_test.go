package library

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// A domain with a certificate of its own comes and goes while the peers talk to
// another one.
func TestDomainComesAndGoes(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	l, err := net.Listen("tcp", kit.Listen.Wire)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { l.Close(); <-served })
	files := &s2s.CertFiles{Cert: filepath.Join(kit.Certs, "{domain}.crt"), Key: filepath.Join(kit.Certs, "{domain}.key")}
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[0])
		talk := func(from, body string) {
			t.Helper()
			if err := s.Send(context.Background(), stanza.Text(address(t, from), address(t, client.Address), body)); err != nil {
				t.Fatal(err)
			}
			client.WaitMessage(t, from, body)
			client.Send(t, from, body+" to you")
			if m := s.next(t); m.Body() != body+" to you" {
				t.Errorf("got %s", m)
			}
		}
		talk("alice@"+domain, "before")
		if err := s.AddDomain(s2s.Domain{Name: "wire.test", GetCertificate: files.GetCertificate}); err != nil {
			t.Fatal(err)
		}
		talk("bob@wire.test", "hello")
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.RemoveDomain(ctx, "wire.test"); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s let go of the streams within %v", p.Name, time.Since(begin))
		for _, info := range s.Streams() {
			if info.Local.String() == "wire.test" {
				t.Errorf("still there: %+v", info)
			}
		}
		id := client.Send(t, "bob@wire.test", "too late")
		client.WaitError(t, "bob@wire.test", id)
		talk("alice@"+domain, "after")
	})
}

// A peer that is denied loses its streams, and finds its way back when it is
// allowed again.
func TestPeerIsDeniedAndAllowed(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		client := kit.Login(t, p, p.Users[1])
		say := func(body string) {
			t.Helper()
			if err := s.Send(context.Background(), stanza.Text(address(t, "alice@"+domain), address(t, client.Address), body)); err != nil {
				t.Fatal(err)
			}
		}
		say("one")
		client.WaitMessage(t, "alice@"+domain, "one")
		client.Send(t, "alice@"+domain, "two")
		s.next(t)
		if err := s.SetPolicy(s2s.Policy{Rules: map[string]s2s.Rule{p.Domain: {Deny: true}}}); err != nil {
			t.Fatal(err)
		}
		interop.Until(t, 20*time.Second, "no stream with a domain that is denied", func() bool { return len(s.with(p.Domain)) == 0 })
		say("three")
		if m := s.next(t); m.Err() == nil || m.Err().Condition != stanza.NotAllowed {
			t.Errorf("got %s", m)
		}
		id := client.Send(t, "alice@"+domain, "four")
		client.WaitError(t, "alice@"+domain, id)
		if err := s.SetPolicy(s2s.Policy{}); err != nil {
			t.Fatal(err)
		}
		say("five")
		client.WaitMessage(t, "alice@"+domain, "five")
	})
}

// The servers of a peer are those that the policy names, whatever DNS says, and
// they have to prove its domain all the same.
func TestServersByPolicy(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		_, records, err := (&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, kit.DNS)
		}}).LookupSRV(context.Background(), "xmpp-server", "tcp", p.Domain)
		if err != nil {
			t.Fatal(err)
		}
		client := kit.Login(t, p, p.Users[0])
		addrs := []string{net.JoinHostPort(records[0].Target, "5269")}
		if err := s.SetPolicy(s2s.Policy{Rules: map[string]s2s.Rule{
			"*":        {Deny: true},
			p.Domain:   {Addrs: addrs, MinMethod: s2s.MethodPKIX},
			"*.nobody": {Addrs: addrs},
		}}); err != nil {
			t.Fatal(err)
		}
		if err := s.ping(t, "alice@"+domain, client.Address); err != nil {
			t.Errorf("%s at %s: %v", p.Name, addrs, err)
		}
		r := s.Explain(context.Background(), address(t, domain), address(t, p.Domain), nil)
		if !r.Reachable || r.Findings[0].Code != s2s.CodeOverridden {
			t.Errorf("%+v", r)
		}
		if r := s.Explain(context.Background(), address(t, domain), address(t, "someone.nobody"), nil); r.Code != s2s.CodeHostUnknown {
			t.Errorf("%s for another domain: %s", p.Name, r.Code)
		}
		if err := s.SetPolicy(s2s.Policy{Rules: map[string]s2s.Rule{p.Domain: {SRV: p.Domain}}}); err != nil {
			t.Fatal(err)
		}
		if err := s.ping(t, "alice@"+domain, client.Address); err != nil {
			t.Errorf("%s by its SRV records: %v", p.Name, err)
		}
	})
}
