package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// rules is a Policy of rules alone.
func rules(r map[string]s2s.Rule) s2s.Policy { return s2s.Policy{Rules: r} }

var denied = s2s.Rule{Deny: true}

// policyOf returns what Explain says of the policy for a domain.
func policyOf(t *testing.T, fed *s2s.Server, domain string) s2s.Finding {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := fed.Explain(ctx, jid.MustParse(here), jid.MustParse(domain), func(s2s.Finding) { cancel() })
	return r.Findings[0]
}

// The most specific rule is the one that counts.
func TestPolicyPatterns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Policy: rules(map[string]s2s.Rule{
			"*":                     denied,
			"good.example":          {},
			"*.good.example":        {},
			"*.bad.good.example":    denied,
			"one.bad.good.example":  {},
			"BÜCHER.example":        {},
			"*.xn--bcher-kva.test":  {},
			"[2001:db8::1]":         {Reach: s2s.Reach{Literals: true}},
			"*.113.7":               {Reach: s2s.Reach{Literals: true}},
			"*.example.":            denied,
			"localhost":             {Reach: s2s.Reach{Dotless: true}},
			"a.b.c.d.e.f.g.h.i.org": {},
		})})
		for domain, want := range map[string]s2s.Code{
			"good.example": s2s.CodeOK, "GOOD.example": s2s.CodeOK, "x.good.example": s2s.CodeOK, "x.y.good.example": s2s.CodeOK,
			"bad.good.example": s2s.CodeOK, "x.bad.good.example": s2s.CodePolicyDenied, "one.bad.good.example": s2s.CodeOK,
			"x.one.bad.good.example": s2s.CodePolicyDenied, "verygood.example": s2s.CodePolicyDenied, "other.test": s2s.CodePolicyDenied,
			"xn--bcher-kva.example": s2s.CodeOK, "bücher.example": s2s.CodeOK, "www.bücher.test": s2s.CodeOK, "bücher.test": s2s.CodePolicyDenied,
			"[2001:db8::1]": s2s.CodeOK, "203.0.113.7": s2s.CodePolicyDenied, "localhost": s2s.CodeOK, "otherhost": s2s.CodePolicyDenied,
			"a.b.c.d.e.f.g.h.i.org": s2s.CodeOK, "b.c.d.e.f.g.h.i.org": s2s.CodePolicyDenied,
		} {
			if got := policyOf(t, fed, domain); got.Code != want && want != s2s.CodeOK || want == s2s.CodeOK && got.Status == s2s.StatusFailed {
				t.Errorf("%s: %s, %s, want %s", domain, got.Code, got.Detail, want)
			}
		}
	})
}

func TestPolicyMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Policy: rules(map[string]s2s.Rule{there: denied})})
		for name, r := range map[string]map[string]s2s.Rule{
			"empty":           {"": {}},
			"address":         {"romeo@montague.example": {}},
			"inner wildcard":  {"a.*.example": {}},
			"part of a label": {"mont*.example": {}},
			"wildcard only":   {"*.": {}},
			"two stars":       {"*.*": {}},
			"twice":           {"bücher.example": {}, "xn--bcher-kva.example": {}},
			"Addrs and SRV":   {there: {Addrs: []string{"a.example"}, SRV: "b.example"}},
			"SRV":             {there: {SRV: "a b"}},
			"empty address":   {there: {Addrs: []string{""}}},
			"bad port":        {there: {Addrs: []string{"a.example:xmpp"}}},
			"port zero":       {there: {Addrs: []string{"a.example:0"}}},
			"bad address":     {there: {Addrs: []string{"a:b:c"}}},
			"user at host":    {there: {Addrs: []string{"u@a.example"}}},
			"DirectTLS alone": {there: {DirectTLS: true}},
			"no such method":  {there: {MinMethod: 200}},
			"many addresses":  {there: {Addrs: make([]string, 33)}},
		} {
			if err := fed.SetPolicy(rules(r)); err == nil || !strings.HasPrefix(err.Error(), "s2s: policy for ") {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s2s.New(s2s.Config{Handler: stanza.NewMux(), Policy: rules(r)}); err == nil {
				t.Errorf("%s: New takes it", name)
			}
		}
		if got := policyOf(t, fed, there); got.Code != s2s.CodePolicyDenied {
			t.Errorf("the policy is not what it was: %+v", got)
		}
	})
}

// counter counts questions and connections.
type counter struct {
	s2s.Resolver
	s2s.Dialer
	n atomic.Int64
}

func (c *counter) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	c.n.Add(1)
	return c.Resolver.LookupSRV(ctx, service, proto, name)
}

func (c *counter) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	c.n.Add(1)
	return c.Resolver.LookupNetIP(ctx, network, host)
}

func (c *counter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c.n.Add(1)
	return c.Dialer.DialContext(ctx, network, address)
}

// A domain that is denied loses its streams and what waits for it, and nothing
// is asked or sent for its sake until it is allowed again.
func TestDenyAndAllowAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		ends := make(chan string, 8)
		count := &counter{Resolver: n.Resolver(), Dialer: n.Dialer(here)}
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Resolver: count, Dialer: count})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Trace: &s2s.Trace{StreamClose: func(i s2s.StreamInfo, err error) {
			ends <- fmt.Sprint(err)
		}}})
		paris := n.Peer("paris.example")
		for _, p := range []*s2stest.Peer{romeo, paris} {
			fed.Send(t.Context(), stanza.Text(jid.MustParse("juliet@"+here), p.JID("x"), "hello"))
			p.Expect(`<message><body>hello</body></message>`)
			p.Server().Send(t.Context(), stanza.Text(p.JID("x"), jid.MustParse("juliet@"+here), "hello"))
			<-got
		}
		synctest.Wait() // all is acknowledged
		if err := fed.SetPolicy(rules(map[string]s2s.Rule{"*.example": {}, there: denied})); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if e := <-ends; !strings.Contains(e, "policy-violation") {
				t.Errorf("a stream of the peer ended with %s", e)
			}
		}
		time.Sleep(time.Second)
		if streams := fed.Streams(); len(streams) != 2 {
			t.Errorf("%d streams are left, want those of the other domain", len(streams))
		}
		back := make(chan *stanza.Error, 1)
		romeo.Handle(stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			back <- s.Err()
			return nil, nil
		}))
		before := count.n.Load()
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "denied"))
		bounced(t, got, stanza.NotAllowed, stanza.Cancel)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>denied</body></message>`)
		select { // the peer has not sent it, so its sender hears of it
		case e := <-back:
			if e == nil || e.Condition != stanza.RemoteServerTimeout && e.Condition != stanza.PolicyViolation {
				t.Errorf("the peer's own message came back with %v", e)
			}
		case e := <-ends:
			t.Errorf("a stream of the peer was opened, and ended with %s", e)
		}
		time.Sleep(10 * time.Minute)
		if n := count.n.Load() - before; n != 0 {
			t.Errorf("%d questions and connections for a domain that is denied", n)
		}
		if err := fed.SetPolicy(s2s.Policy{}); err != nil {
			t.Fatal(err)
		}
		romeo.Handle(nil)
		begin := time.Now()
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "allowed"))
		romeo.Expect(`<message><body>allowed</body></message>`)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// What waits for a domain that cannot be reached comes back when it is denied.
func TestDenyWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		n.Peer(there)
		n.Cut(here, there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "waiting"))
		time.Sleep(2 * time.Minute)
		begin := time.Now()
		fed.SetPolicy(s2s.Policy{Check: func(context.Context, jid.JID) error { return errors.New("no more") }})
		bounced(t, got, stanza.NotAllowed, stanza.Cancel)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A domain may be denied at any moment of a stream's making.
func TestDenyWhileConnecting(t *testing.T) {
	for step := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			mux, got := inbox()
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
			romeo := n.Peer(there)
			romeo.Ignore()
			n.Delay(here, there, 10*time.Millisecond)
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "outward"))
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>inward</body></message>`)
			time.Sleep(time.Duration(step)*2500*time.Microsecond + time.Microsecond)
			fed.SetPolicy(rules(map[string]s2s.Rule{there: denied}))
			time.Sleep(time.Minute)
			if streams := fed.Streams(); len(streams) != 0 {
				t.Errorf("denied after %d steps: %d streams", step, len(streams))
			}
			for range len(got) {
				if m := <-got; m.Type == stanza.TypeError && m.Err().Condition != stanza.NotAllowed {
					t.Errorf("denied after %d steps: %s", step, m)
				}
			}
		})
	}
}

// The policy is swapped while stanzas are under way: each is delivered or comes
// back, once.
func TestSetPolicyUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fates := make(map[string]int)
		mux := stanza.NewMux()
		mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
			fates["bounced "+m.ID]++
			return nil
		}))
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.Peer(there)
		delivered := make(map[string]int)
		romeo.Handle(stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			delivered["delivered "+m.ID]++
			return nil, nil
		}))
		const all = 2000
		for i := range all {
			m := text("juliet@"+here, "romeo@"+there, "x")
			m.ID = fmt.Sprint(i)
			fed.Send(t.Context(), m)
			switch i % 40 {
			case 10:
				fed.SetPolicy(rules(map[string]s2s.Rule{there: denied}))
			case 30:
				fed.SetPolicy(s2s.Policy{})
			case 39:
				time.Sleep(time.Second)
			}
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		once := 0
		for i := range all {
			switch d, b := delivered[fmt.Sprint("delivered ", i)], fates[fmt.Sprint("bounced ", i)]; {
			case d == 0 && b == 0:
				t.Fatalf("%d was lost", i)
			case d+b == 1:
				once++
			}
		}
		if once < all*9/10 {
			t.Errorf("%d of %d met one fate only", once, all)
		}
	})
}

// A rule for a domain's servers takes the place of DNS; they prove the domain
// all the same. An address that the host names itself needs no Reach.
func TestServersByPolicy(t *testing.T) {
	for _, c := range []struct {
		name string
		rule s2s.Rule
		cert string           // what the server there has
		want stanza.Condition // of the error that comes back; empty: none does
	}{
		{"address", s2s.Rule{Addrs: []string{"10.0.0.1"}}, there, ""},
		{"address and port", s2s.Rule{Addrs: []string{"10.0.0.1:5269"}}, there, ""},
		{"second address", s2s.Rule{Addrs: []string{"10.77.0.1:1", "[::ffff:10.0.0.1]:5269"}}, there, ""},
		{"host", s2s.Rule{Addrs: []string{"xmpp.hosting.example"}, Reach: s2s.Reach{Private: true}}, there, ""},
		{"host at a private address", s2s.Rule{Addrs: []string{"xmpp.hosting.example"}}, there, "remote-server-not-found"},
		{"another port of an address that is named", s2s.Rule{Addrs: []string{"10.0.0.1:5270"}}, there, "remote-server-timeout"},
		{"SRV", s2s.Rule{SRV: "hosting.example", Reach: s2s.Reach{Private: true}}, there, ""},
		{"SRV to a private address", s2s.Rule{SRV: "hosting.example"}, there, "remote-server-not-found"},
		{"SRV of nobody", s2s.Rule{SRV: "nobody.example"}, there, "remote-server-not-found"},
		{"host of another domain", s2s.Rule{Addrs: []string{"10.0.0.1"}}, "hosting.example", "remote-server-timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				p := n.PeerConfig(s2s.Config{Services: []string{there, "hosting.example"}, TLS: shows(n.Certificate(c.cert))})
				n.SetSRV(there)
				n.SetSRV("hosting.example", &net.SRV{Target: "xmpp.hosting.example.", Port: 5269})
				n.SetAddrs("xmpp.hosting.example", netip.MustParseAddr("10.0.0.1"))
				mux, got := inbox()
				fed := server(t, n, s2s.Config{Handler: mux, Limits: s2s.Limits{QueueAge: time.Minute}, Policy: rules(map[string]s2s.Rule{there: c.rule})})
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
				if c.want == "" {
					p.Expect(`<message><body>hello</body></message>`)
				} else if e := (<-got).Err(); e == nil || e.Condition != c.want {
					t.Errorf("got %v, want %s", e, c.want)
				}
			})
		})
	}
}

// A rule may name other authorities than the Config does.
func TestVerifierByPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		theirs := testca.New()
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: shows(theirs.Issue(testca.Options{DNS: []string{there}}))})
		paris := n.PeerConfig(s2s.Config{Services: []string{"paris.example"}, TLS: shows(theirs.Issue(testca.Options{DNS: []string{"paris.example"}}))})
		trusting := rules(map[string]s2s.Rule{there: {Verifier: s2s.PKIX{Roots: theirs.Pool()}}})
		if err := fed.SetPolicy(trusting); err != nil {
			t.Fatal(err)
		}
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "trusted"))
		romeo.Expect(`<message><body>trusted</body></message>`)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>trusted</body></message>`)
		if m := <-got; m.Body() != "trusted" {
			t.Errorf("got %s", m)
		}
		fed.Send(t.Context(), text("juliet@"+here, "x@paris.example", "not trusted"))
		bounced(t, got, stanza.RemoteServerTimeout, stanza.Cancel)
		paris.Quiet(time.Minute)
	})
}

// What is proved by too weak a method is refused in both directions, and so are
// streams that were good enough before.
func TestMinMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Policy: rules(map[string]s2s.Rule{"*": {MinMethod: s2s.MethodPKIX}})})
		romeo := n.Peer(there)
		hello := func() {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
			romeo.Expect(`<message><body>hello</body></message>`)
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
			if m := <-got; m.Body() != "hello" {
				t.Errorf("got %s", m)
			}
		}
		hello()
		synctest.Wait() // it is acknowledged
		fed.SetPolicy(rules(map[string]s2s.Rule{there: {MinMethod: s2s.MethodDANE}}))
		time.Sleep(time.Second)
		if streams := fed.Streams(); len(streams) != 0 {
			t.Errorf("%d streams that are not good enough any more", len(streams))
		}
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "weak"))
		if e := bounced(t, got, stanza.RemoteServerTimeout, stanza.Cancel); !strings.Contains(e.Text, "proved") {
			t.Errorf("the sender is told %q", e.Text)
		}
		raw := romeo.Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.StartTLS()
		raw.Open("")
		if rest := raw.Rest(); !strings.Contains(rest, "<policy-violation") || !strings.Contains(rest, "DANE") {
			t.Errorf("a stream that is not good enough is told %s", rest)
		}
		fed.SetPolicy(s2s.Policy{})
		hello()
	})
}

// Unusual domains are refused in both directions.
func TestUnusualDomainsMayNotConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		peer := n.Peer("intranet")
		raw := peer.Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.StartTLS()
		raw.Open("")
		if rest := raw.Rest(); !strings.Contains(rest, "<policy-violation") {
			t.Errorf("it is told %s", rest)
		}
		fed.SetPolicy(rules(map[string]s2s.Rule{"intranet": {Reach: s2s.Reach{Dotless: true}}}))
		peer.Send(`<message from="x@intranet" to="juliet@capulet.example"><body>hello</body></message>`)
		if m := <-got; m.Body() != "hello" {
			t.Errorf("got %s", m)
		}
	})
}

// A domain becomes one of ours: what we had to do with it elsewhere ends.
func TestRemoteDomainBecomesLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
		romeo.Next()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
		<-got
		synctest.Wait() // it is acknowledged
		if err := fed.AddDomain(added(n, there)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if streams := fed.Streams(); len(streams) != 0 {
			t.Errorf("%d streams with another server of a domain of ours", len(streams))
		}
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "within"))
		if m := <-got; m.Body() != "within" {
			t.Errorf("got %s", m)
		}
		raw := romeo.Raw(here)
		raw.Open("")
		if rest := raw.Rest(); !strings.Contains(rest, "<invalid-from") {
			t.Errorf("its former server is told %s", rest)
		}
	})
}

// DNS that leads back to this server is seen through, whatever the address.
func TestOwnServerThroughDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		n.SetSRV("alias.example", &net.SRV{Target: "xmpp." + here + ".", Port: 5269})
		fed.Send(t.Context(), text("juliet@"+here, "x@alias.example", "hello"))
		bounced(t, got, stanza.RemoteServerNotFound, stanza.Cancel)
		r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse("alias.example"), nil)
		if r.Code != s2s.CodeOwnServer || r.Reachable {
			t.Errorf("%+v", r)
		}
		// A host that wants to may talk to itself, to no avail.
		fed.SetPolicy(rules(map[string]s2s.Rule{"alias.example": {Reach: s2s.Reach{Self: true}}}))
		if r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse("alias.example"), nil); r.Code != s2s.CodeHostUnknown {
			t.Errorf("%+v", r)
		}
	})
}

func shows(list ...tls.Certificate) *tls.Config { return &tls.Config{Certificates: list} }

// server starts a server for here that reaches what cfg says and no more.
func server(t *testing.T, n *s2stest.Network, cfg s2s.Config) *s2s.Server {
	cfg.Domains, cfg.TLS = []string{here}, shows(n.Certificate(here))
	cfg.Verifier, cfg.Resolver, cfg.Dialer = s2s.PKIX{Roots: n.Roots()}, n.Resolver(), n.Dialer(here)
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	fed, err := s2s.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, done := n.Listen(here), make(chan struct{})
	go func() { defer close(done); fed.Serve(l) }()
	t.Cleanup(func() { fed.Close(); <-done })
	return fed
}

// Explain says what the policy has to do with what it found.
func TestExplainPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Policy: rules(map[string]s2s.Rule{
			"*.example":     denied,
			"allowed.test":  {},
			"*.hosted.test": {SRV: "hosting.example", MinMethod: s2s.MethodPKIX},
			there:           {Addrs: []string{"10.0.0.2"}, Verifier: s2s.PKIX{Roots: n.Roots()}},
		})})
		n.Peer(there).Ignore() // the ping
		n.SetSRV(there)
		for domain, want := range map[string]s2s.Finding{
			"verona.example": {Status: s2s.StatusFailed, Code: s2s.CodePolicyDenied, Detail: `rule for "*.example": denied`},
			"allowed.test":   {Status: s2s.StatusOK, Code: s2s.CodeOK, Detail: `rule for "allowed.test": allowed`},
			"other.test":     {Status: s2s.StatusOK, Code: s2s.CodeOK},
			"a.hosted.test":  {Status: s2s.StatusInfo, Code: s2s.CodeOverridden, Detail: `rule for "*.hosted.test": servers of hosting.example in DNS; at least PKIX`},
			there: {Status: s2s.StatusInfo, Code: s2s.CodeOverridden,
				Detail: `rule for "montague.example": servers 10.0.0.2 instead of those in DNS; certificates verified in a way of its own`},
		} {
			if got := policyOf(t, fed, domain); got.Status != want.Status || got.Code != want.Code || got.Detail != want.Detail {
				t.Errorf("%s: %+v\nwant %+v", domain, got, want)
			}
		}
		if r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil); !r.Reachable || r.Findings[1].Detail != "10.0.0.2:5269" {
			t.Errorf("%+v", r)
		}
	})
}

// Server Dialback does where it is allowed and where a rule asks for no more.
func TestMinMethodAgainstDialback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		strict := rules(map[string]s2s.Rule{"*": {MinMethod: s2s.MethodPOSH}})
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Dialback: &s2s.Dialback{}, Policy: strict})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: useless(n), Dialback: &s2s.Dialback{}})
		refused := func() {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "weak"))
			bounced(t, got, stanza.RemoteServerTimeout, stanza.Cancel)
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>weak</body></message>`)
			romeo.Expect(`<message type="error"/>`)
			if streams := fed.Streams(); len(streams) != 0 {
				t.Errorf("%d streams", len(streams))
			}
		}
		refused()
		fed.SetPolicy(s2s.Policy{})
		time.Sleep(10 * time.Minute)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "weak"))
		romeo.Expect(`<message><body>weak</body></message>`)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>weak</body></message>`)
		if m := <-got; m.Body() != "weak" {
			t.Errorf("got %s", m)
		}
		time.Sleep(time.Minute)
		fed.SetPolicy(strict)
		time.Sleep(time.Second)
		refused()
	})
}
