package s2s_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// Nobody can make a server connect to the network that it runs in.
func TestUnusualPlacesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, domain, addr string
		want               stanza.Condition
	}{
		{"loopback", there, "127.0.0.1", stanza.RemoteServerNotFound},
		{"private", there, "10.0.0.5", stanza.RemoteServerNotFound},
		{"metadata", there, "169.254.169.254", stanza.RemoteServerNotFound},
		{"this host", there, "0.0.0.0", stanza.RemoteServerNotFound},
		{"link-local", there, "fe80::1", stanza.RemoteServerNotFound},
		{"shared", there, "100.64.0.1", stanza.RemoteServerNotFound},
		{"metadata of another cloud", there, "fd00:ec2::254", stanza.RemoteServerNotFound},
		{"mapped loopback", there, "::ffff:127.0.0.1", stanza.RemoteServerNotFound},
		{"NAT64 metadata", there, "64:ff9b::169.254.169.254", stanza.RemoteServerNotFound},
		{"6to4 private", there, "2002:a00:1::1", stanza.RemoteServerNotFound},
		{"Teredo loopback", there, "2001:0:101:101::80ff:fffe", stanza.RemoteServerNotFound},
		{"IPv4 literal", "8.8.8.8", "8.8.8.8", stanza.NotAllowed},
		{"IPv6 literal", "[2600::1]", "2600::1", stanza.NotAllowed},
		{"one label", "localhost", "8.8.8.8", stanza.NotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux, got := inbox()
				fed, err := s2s.New(s2s.Config{
					Domains: []string{here}, Handler: mux, Dialer: noDialer{t}, Logger: slog.New(slog.DiscardHandler),
					TLS:      &tls.Config{Certificates: []tls.Certificate{testca.SelfSigned(testca.Options{DNS: []string{here}})}},
					Resolver: loopback{map[string]netip.AddrPort{c.domain: netip.AddrPortFrom(netip.MustParseAddr(c.addr), 5269)}},
				})
				if err != nil {
					t.Fatal(err)
				}
				defer fed.Close()
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+c.domain, "hello"))
				bounced(t, got, c.want, stanza.Cancel)
			})
		})
	}
}

// Each kind of place has a field of its own, in the Config and in rules.
func TestReachByKind(t *testing.T) {
	kinds := []struct {
		reach s2s.Reach
		addrs []string
	}{
		{s2s.Reach{}, []string{"8.8.8.8", "2600::1", "64:ff9b::8.8.8.8"}},
		{s2s.Reach{Private: true}, []string{"10.0.0.1", "100.64.0.1", "fd00::1", "198.18.0.1", "64:ff9b::10.0.0.1"}},
		{s2s.Reach{Loopback: true}, []string{"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}},
		{s2s.Reach{LinkLocal: true}, []string{"169.254.0.1", "fe80::1", "2002:a9fe:1::"}},
		{s2s.Reach{Metadata: true}, []string{"169.254.169.254", "fd00:ec2::254", "168.63.129.16", "64:ff9b::a9fe:a9fe"}},
	}
	for i, field := range kinds {
		for j, kind := range kinds {
			for _, addr := range kind.addrs {
				for _, byRule := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						cfg := s2s.Config{
							Domains: []string{here}, Handler: stanza.NewMux(), Logger: slog.New(slog.DiscardHandler),
							TLS:      &tls.Config{Certificates: []tls.Certificate{testca.SelfSigned(testca.Options{DNS: []string{here}})}},
							Resolver: loopback{map[string]netip.AddrPort{there: netip.AddrPortFrom(netip.MustParseAddr(addr), 5269)}},
						}
						if byRule {
							cfg.Policy.Rules = map[string]s2s.Rule{there: {Reach: field.reach}}
						} else {
							cfg.Reach = field.reach
						}
						dialed := new(recordingDialer)
						cfg.Dialer = dialed
						fed, err := s2s.New(cfg)
						if err != nil {
							t.Fatal(err)
						}
						defer fed.Close()
						r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
						want := i == j || j == 0
						if (len(dialed.addrs) > 0) != want || (r.Code == s2s.CodeForbiddenAddress) == want {
							t.Errorf("%+v, in a rule: %t: dialed %q for %s, %s", field.reach, byRule, dialed.addrs, addr, r.Code)
						}
					})
				}
			}
		}
	}
}

// recordingDialer reaches nobody.
type recordingDialer struct{ addrs []string }

func (d *recordingDialer) DialContext(_ context.Context, _, address string) (net.Conn, error) {
	d.addrs = append(d.addrs, address)
	return nil, syscall.ECONNREFUSED
}

// A target that swallows connections does not hold the next one up.
func TestTargetsRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Dialer: blackHole{n.Dialer(here)}})
		romeo := n.Peer(there)
		good, err := n.Resolver().LookupNetIP(t.Context(), "ip", "xmpp."+there)
		if err != nil {
			t.Fatal(err)
		}
		n.SetAddrs("first.example", netip.MustParseAddr("2600::1"), netip.MustParseAddr("10.66.0.1"))
		n.SetAddrs("second.example", good[0])
		n.SetSRV(there, &net.SRV{Target: "first.example.", Port: 5269, Priority: 1}, &net.SRV{Target: "second.example.", Port: 5269, Priority: 2})
		begin := time.Now()
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "at last"))
		romeo.Expect(`<message><body>at last</body></message>`)
		if took := time.Since(begin); took > 600*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if n := len(fed.Streams()); n != 1 {
			t.Errorf("%d streams", n)
		}
	})
}

// blackHole never answers for the addresses of first.example.
type blackHole struct{ s2s.Dialer }

func (d blackHole) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if address == "[2600::1]:5269" || address == "10.66.0.1:5269" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.Dialer.DialContext(ctx, network, address)
}

// A host that wants them can have them.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Reach: s2s.Reach{Dotless: true}})
		peer := n.Peer("intranet")
		fed.Send(t.Context(), stanza.Text(jid.MustParse("juliet@"+here), peer.JID("romeo"), "within"))
		peer.Expect(`<message><body>within</body></message>`)
	})
}
