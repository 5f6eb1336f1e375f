package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

// Server Dialback takes the place of a certificate that proves nothing, not of
// one that is known to be wrong.
func TestDialbackDoesNotOverrule(t *testing.T) {
	ca := func(o *testca.OCSP) func(n *s2stest.Network, cfg *s2s.Config) tls.Certificate {
		return func(_ *s2stest.Network, cfg *s2s.Config) tls.Certificate {
			root := testca.New()
			cfg.Verifier = s2s.PKIX{Roots: root.Pool()}
			cert := root.Issue(testca.Options{DNS: []string{there}})
			if o != nil {
				cert = root.Staple(cert, *o)
			}
			return cert
		}
	}
	for _, c := range []struct {
		name    string
		cert    func(n *s2stest.Network, cfg *s2s.Config) tls.Certificate
		out, in s2s.Method
	}{
		{"nobody vouches for it", func(*s2stest.Network, *s2s.Config) tls.Certificate { return testca.SelfSigned(testca.Options{}) },
			s2s.MethodDialback, s2s.MethodDialback},
		{"TLSA records name another", func(n *s2stest.Network, cfg *s2s.Config) tls.Certificate {
			cfg.DNSSEC = true
			n.SignDNS(".", true)
			n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, n.Authority()))
			return testca.SelfSigned(testca.Options{})
		}, 0, 0}, // and there is nobody who could be asked either
		{"TLSA records are held back", func(n *s2stest.Network, cfg *s2s.Config) tls.Certificate {
			cfg.DNSSEC = true
			n.SignDNS(".", true)
			n.FailDNS("_5269._tcp."+host, s2stest.ServFail)
			return testca.SelfSigned(testca.Options{})
		}, 0, 0}, // and there is nobody who could be asked either
		{"good", ca(nil), s2s.MethodPKIX, s2s.MethodPKIX},
		{"revoked", ca(&testca.OCSP{Revoked: true}), 0, 0},
	} {
		for _, outgoing := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					mux, _ := inbox()
					cfg := s2s.Config{Domains: []string{here}, Handler: mux, Dialback: &s2s.Dialback{}}
					cert := c.cert(n, &cfg)
					romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Dialback: &s2s.Dialback{}})
					romeo.Ignore()
					fed := n.Server(cfg)
					want := c.in
					if outgoing {
						want = c.out
						if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
							t.Fatal(err)
						}
					} else {
						romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
					}
					time.Sleep(time.Second)
					var got s2s.Method
					for _, s := range fed.Streams() {
						if s.Outgoing == outgoing {
							got = s.Assurance.Method
						}
					}
					if got != want {
						t.Errorf("outgoing %t: %s, want %s", outgoing, got, want)
					}
				})
			})
		}
	}
}

// A domain that did better before is noticed when it comes by Server Dialback,
// and kept out if the host wants that, both ways.
func TestDialbackAfterPKIX(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := s2s.Config{Dialback: &s2s.Dialback{}}
			if refuse {
				cfg.OnChange = func(_ context.Context, c s2s.Change) error {
					if !c.Weaker() || !strings.Contains(c.String(), "by dialback and did by PKIX") {
						t.Errorf("%s", c)
					}
					return errors.New("an impostor, perhaps")
				}
			}
			h := newPast(t, cfg)
			h.romeo.Ignore()
			if out, in := h.again(t); !out || !in || h.events.since() != "" {
				t.Error("at first")
			}
			h.cert.set(testca.SelfSigned(testca.Options{}))
			out, in := h.again(t)
			events := h.events.since()
			if out == refuse || in == refuse || strings.Count(events, "PKIX to dialback") != 2 || strings.Contains(events, "impostor") != refuse {
				t.Errorf("refuse %t: out %t, in %t, %s", refuse, out, in, events)
			}
		})
	}
}
