package s2stest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func TestDNS(t *testing.T) {
	ctx := t.Context()
	n := s2stest.NewNetwork(t)
	r := n.Resolver()
	srv := func(name string) string {
		_, records, err := r.LookupSRV(ctx, "xmpp-server", "tcp", name)
		return answer(err, func() (s string) {
			for _, r := range records {
				s += fmt.Sprintf("%s:%d %d %d;", r.Target, r.Port, r.Priority, r.Weight)
			}
			return s
		})
	}
	addrs := func(name string) string {
		list, err := r.LookupNetIP(ctx, "ip", name)
		return answer(err, func() string { return fmt.Sprint(list) })
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}

	check("SRV of nobody", srv("capulet.example"), "not found")
	check("addresses of nobody", addrs("capulet.example"), "not found")
	n.Listen("capulet.example", "bücher.example")
	check("SRV", srv("capulet.example"), "xmpp.capulet.example.:5269 10 5;")
	check("SRV in any case, with a dot", srv("CAPULET.example."), "xmpp.capulet.example.:5269 10 5;")
	check("SRV of another domain of the server", srv("xn--bcher-kva.example"), "xmpp.capulet.example.:5269 10 5;")
	check("addresses", addrs("xmpp.capulet.example."), "[10.0.0.1]")
	check("addresses of the domain itself", addrs("capulet.example"), "not found")
	check("addresses of an address", addrs("10.1.2.3"), "[10.1.2.3]")
	if _, _, err := r.LookupSRV(ctx, "xmpps-server", "tcp", "capulet.example"); answer(err, nil) != "not found" {
		t.Errorf("SRV of another service: %v", err)
	}

	n.SetSRV("capulet.example", &net.SRV{Target: "a.example.", Port: 1, Priority: 2, Weight: 3}, &net.SRV{Target: "."})
	check("SRV that was set", srv("capulet.example"), ".:0 0 0;a.example.:1 2 3;")
	n.SetSRV("capulet.example")
	check("SRV that was removed", srv("capulet.example"), "not found")

	n.SetAddrs("bücher.example", netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("fd00::1"))
	check("addresses that were set", addrs("xn--bcher-kva.example"), "[fd00::1 10.9.9.9]")
	n.SetAddrs("bücher.example")
	check("addresses that were removed", addrs("xn--bcher-kva.example"), "not found")

	n.FailDNS("bücher.example", s2stest.ServFail)
	check("SRV while DNS is down", srv("xn--bcher-kva.example"), "failed")
	check("addresses while DNS is down", addrs("xn--bcher-kva.example"), "failed")
	check("another name meanwhile", addrs("xmpp.capulet.example"), "[10.0.0.1]")
	n.FailDNS("bücher.example", nil)
	check("SRV when it is up again", srv("xn--bcher-kva.example"), "xmpp.capulet.example.:5269 10 5;")
}

// answer tells the three kinds of answers apart as a server does.
func answer(err error, ok func() string) string {
	var de *net.DNSError
	switch {
	case err == nil && ok != nil:
		return ok()
	case errors.As(err, &de) && de.IsNotFound:
		return "not found"
	default:
		return "failed"
	}
}

// What DNS does shows in when, and whether, a stanza arrives.
func TestDNSFaults(t *testing.T) {
	cases := []struct {
		name  string
		fault func(*s2stest.Network)
		took  time.Duration // at least, until the stanza arrives
		fails string        // or what its sender is told
	}{
		{"none", func(*s2stest.Network) {}, 0, ""},
		{"SERVFAIL", func(n *s2stest.Network) { n.FailDNS(there, s2stest.ServFail) }, 0, "SERVFAIL"},
		{"of the host alone", func(n *s2stest.Network) { n.FailDNS("xmpp."+there, s2stest.ServFail) }, 0, "SERVFAIL"},
		{"of direct TLS alone", func(n *s2stest.Network) { n.FailDNS("_xmpps-server._tcp."+there, s2stest.ServFail) }, 0, ""},
		{"of everything but this", func(n *s2stest.Network) { n.FailDNS(".", s2stest.ServFail); n.FailDNS(there, nil) }, 0, ""},
		{"REFUSED", func(n *s2stest.Network) { n.FailDNS("example", s2stest.Refused) }, 0, "REFUSED"},
		{"no answer", func(n *s2stest.Network) { n.FailDNS(".", s2stest.NoAnswer) }, 0, "i/o timeout"},
		{"any other error", func(n *s2stest.Network) { n.FailDNS(there, errors.New("x")) }, 0, "SERVFAIL"},
		{"slow answers", func(n *s2stest.Network) { n.SlowDNS(there, time.Second) }, 2 * time.Second, ""},
		{"answers too slow to wait for", func(n *s2stest.Network) { n.SlowDNS(there, time.Minute) }, 0, "i/o timeout"},
		{"an alias", func(n *s2stest.Network) {
			n.SetAlias("a.example", "b.example")
			n.SetAlias("b.example", "xmpp."+there)
			n.SetSRV(there, &net.SRV{Target: "a.example", Port: 5269})
		}, 0, ""},
		{"aliases in a circle", func(n *s2stest.Network) {
			n.SetAlias("a.example", "b.example")
			n.SetAlias("b.example", "a.example")
			n.SetSRV(there, &net.SRV{Target: "a.example", Port: 5269})
		}, 0, "SERVFAIL"},
		{"more addresses than fit into a datagram", func(n *s2stest.Network) {
			good, _ := n.Resolver().LookupNetIP(context.Background(), "ip", "xmpp."+there)
			n.SetAddrs("a.example", append([]netip.Addr{good[0]}, many(100)...)...)
			n.SetSRV(there, &net.SRV{Target: "a.example", Port: 5269})
		}, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				told := make(chan string, 1)
				fed := n.Server(s2s.Config{
					Domains: []string{here}, Handler: stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
						told <- s.Err().Text
						return nil, nil
					}),
				})
				romeo := n.Peer(there)
				c.fault(n)
				begin := time.Now()
				fed.Send(t.Context(), text("hello"))
				if c.fails != "" {
					if got := <-told; !strings.Contains(got, "DNS") {
						t.Errorf("told %q", got)
					}
					report := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
					if why := fmt.Sprint(report.Findings); !strings.Contains(why, c.fails) {
						t.Errorf("the resolver says %s, want %q in it", why, c.fails)
					}
					return
				}
				romeo.Expect(`<message><body>hello</body></message>`)
				if took := time.Since(begin); took < c.took || took > c.took+time.Second {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

// many returns addresses where nobody listens.
func many(n int) (list []netip.Addr) {
	for i := range n {
		list = append(list, netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
	}
	return list
}

// Until the time to live of an answer is over, a server goes where its peer
// used to be.
func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.SetTTL(".", time.Hour)
		n.SetTTL("xmpp."+there, 10*time.Minute)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{QueueAge: time.Hour}})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("1"))
		romeo.Expect(`<message><body>1</body></message>`)

		good, err := n.Resolver().LookupNetIP(t.Context(), "ip", "xmpp."+there)
		if err != nil {
			t.Fatal(err)
		}
		n.SetAddrs("xmpp."+there, netip.MustParseAddr("10.9.9.9"))
		n.SetAddrs("elsewhere.example", good...)
		n.SetSRV(there, &net.SRV{Target: "elsewhere.example", Port: 5269})

		time.Sleep(5 * time.Minute) // now nothing is in doubt
		n.Reset(here, there)
		fed.Send(t.Context(), text("2")) // the old address is remembered, and still good
		romeo.Expect(`<message><body>2</body></message>`)
		time.Sleep(6 * time.Minute)
		n.Reset(here, there)
		fed.Send(t.Context(), text("3")) // the old SRV record is, and its target has moved
		romeo.Quiet(48 * time.Minute)
		time.Sleep(4 * time.Minute)
		romeo.Expect(`<message><body>3</body></message>`)
	})
}

// Who looks sees whether DNSSEC vouches for an answer.
func TestSignedDNS(t *testing.T) {
	n := s2stest.NewNetwork(t)
	n.Listen(there)
	cert := n.Certificate(there)
	host := "xmpp." + there
	n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, cert.Leaf), s2stest.TLSAFor(2, 0, 0, n.Authority()))
	r := n.Resolver().(*locate.Client)
	look := func() string {
		_, srv, err := r.LookupSRVAuthentic(t.Context(), "xmpp-server", "tcp", there)
		if err != nil {
			t.Fatal(err)
		}
		records, tlsa, err := r.LookupTLSA(t.Context(), "_5269._tcp."+host)
		if err != nil || len(records) != 2 {
			t.Fatalf("got %v, %v", records, err)
		}
		_, none, err := r.LookupTLSA(t.Context(), "_5270._tcp."+host)
		if answer(err, nil) != "not found" {
			t.Fatal(err)
		}
		return fmt.Sprint(srv, tlsa, none)
	}
	for _, step := range []struct {
		name   string
		signed bool
		want   string // SRV, TLSA, no TLSA
	}{
		{"", false, "false false false"},
		{".", true, "true true true"},
		{there, false, "false false false"},
		{host, true, "false true true"},
		{"_5270._tcp." + host, false, "false true false"},
	} {
		if step.name != "" {
			n.SignDNS(step.name, step.signed)
		}
		if got := look(); got != step.want {
			t.Errorf("after %q is signed %v: authentic %s, want %s", step.name, step.signed, got, step.want)
		}
	}
	records, _, _ := r.LookupTLSA(t.Context(), "_5269._tcp."+host)
	sum := sha256.Sum256(cert.Leaf.RawSubjectPublicKeyInfo)
	if r := records[0]; r.Usage != 3 || r.Selector != 1 || r.MatchingType != 1 || !bytes.Equal(r.Data, sum[:]) {
		t.Errorf("3 1 1: %+v", r)
	}
	if r := records[1]; r.Usage != 2 || r.Selector != 0 || r.MatchingType != 0 || !bytes.Equal(r.Data, n.Authority().Raw) {
		t.Errorf("2 0 0: %+v", r)
	}
	n.SetTLSA(host, 5269)
	if _, _, err := r.LookupTLSA(t.Context(), "_5269._tcp."+host); answer(err, nil) != "not found" {
		t.Errorf("after they were removed: %v", err)
	}
}

// A server with direct TLS is found by its own records.
func TestDirectTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var ports []string
		trace := &s2s.Trace{Dial: func(_ jid.JID, addr string, _ time.Duration, err error) { ports = append(ports, addr) }}
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Addr: "-", DirectTLS: ":5270"})
		fed.Send(t.Context(), text("hello"))
		romeo.Expect(`<message><body>hello</body></message>`)

		both := n.PeerConfig(s2s.Config{Services: []string{"verona.example"}, DirectTLS: ":5270"})
		n.SetSRV("verona.example")
		n.SetAddrs("verona.example", netip.MustParseAddr("10.9.9.9"))
		fed.Send(t.Context(), stanza.Text(jid.MustParse("juliet@"+here), both.JID("tybalt"), "hello"))
		both.Expect(`<message><body>hello</body></message>`)
		if len(ports) != 2 {
			t.Errorf("connected to %q", ports)
		}
		n.SetDirectSRV("verona.example", &net.SRV{Target: "."})
		r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse("verona.example"), nil)
		if !strings.Contains(fmt.Sprint(r.Findings), string(s2s.CodeNoService)) {
			t.Errorf("without records: %v", r.Findings)
		}
	})
}
