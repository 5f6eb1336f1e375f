package s2s_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

// wary is a Verifier of the host's own: what it trusts is not known.
type wary struct{ s2s.PKIX }

func (w wary) VerifyPeer(ctx context.Context, domain jid.JID, cs *tls.ConnectionState) error {
	return w.PKIX.VerifyPeer(ctx, domain, cs)
}

// The OCSP response that a peer staples has to be good, in both roles; one that
// staples none is let in unless the host minds.
func TestRevocation(t *testing.T) {
	refusal := errors.New("no response stapled")
	insist := func(_ context.Context, domain jid.JID, cs *tls.ConnectionState) error {
		if domain.String() == there && len(cs.OCSPResponse) == 0 {
			return refusal
		}
		return nil
	}
	staples := func(o testca.OCSP) func(*testca.CA, tls.Certificate) tls.Certificate {
		return func(ca *testca.CA, c tls.Certificate) tls.Certificate { return ca.Staple(c, o) }
	}
	none := func(_ *testca.CA, c tls.Certificate) tls.Certificate { return c }
	var good s2s.Config
	for _, c := range []struct {
		name   string
		staple func(*testca.CA, tls.Certificate) tls.Certificate
		cfg    s2s.Config
		deep   bool // an intermediate authority has issued the certificate, and was sent
		own    bool // the host verifies in its own way
		want   s2s.Method
	}{
		{"none", none, good, false, false, s2s.MethodPKIX},
		{"good", staples(testca.OCSP{}), good, false, false, s2s.MethodPKIX},
		{"good, of an intermediate", staples(testca.OCSP{}), good, true, false, s2s.MethodPKIX},
		{"revoked", staples(testca.OCSP{Revoked: true}), good, false, false, 0},
		{"revoked, by an intermediate", staples(testca.OCSP{Revoked: true}), good, true, false, 0},
		{"revoked, by an intermediate, a verifier of the host's", staples(testca.OCSP{Revoked: true}), good, true, true, 0},
		{"unknown", staples(testca.OCSP{Unknown: true}), good, false, false, 0},
		{"too old", staples(testca.OCSP{From: time.Unix(0, 0), Until: time.Unix(1, 0)}), good, false, false, 0},
		{"of another authority", func(_ *testca.CA, c tls.Certificate) tls.Certificate { return testca.New().Staple(c, testca.OCSP{}) }, good, false, false, 0},
		{"nonsense", func(_ *testca.CA, c tls.Certificate) tls.Certificate { c.OCSPStaple = []byte("good!"); return c }, good, false, false, 0},
		{"none, and the host insists", none, s2s.Config{Revoked: insist}, false, false, 0},
		{"good, and the host insists", staples(testca.OCSP{}), s2s.Config{Revoked: insist}, false, false, s2s.MethodPKIX},
		{"revoked, and DNS names the certificate", staples(testca.OCSP{Revoked: true}), s2s.Config{DNSSEC: true}, false, false, s2s.MethodDANE},
		{"none, DNS names the certificate, and the host insists", none, s2s.Config{DNSSEC: true, Revoked: insist}, false, false, 0},
	} {
		for _, outgoing := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					n.SignDNS(".", true)
					root := testca.New()
					issuer := root
					if c.deep {
						issuer = root.Intermediate(testca.Constraints{Usage: testca.NoUsage})
					}
					cert := c.staple(issuer, issuer.Issue(testca.Options{DNS: []string{there}}))
					if c.cfg.DNSSEC {
						n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, cert.Leaf))
					}
					romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
					romeo.Ignore()
					roots := x509.NewCertPool()
					roots.AddCert(root.Certificate())
					mux, got := inbox()
					cfg := c.cfg
					cfg.Domains, cfg.Handler, cfg.Verifier = []string{here}, mux, s2s.PKIX{Roots: roots}
					if c.own {
						cfg.Verifier = wary{s2s.PKIX{Roots: roots}}
					}
					fed := n.Server(cfg)
					want := outcome{c.want, ""}
					if outgoing {
						if c.want == 0 {
							want.why = "not valid for it"
						}
						if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
							t.Fatal(err)
						}
					} else {
						romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
					}
					time.Sleep(time.Second)
					checkOutcome(t, fed, got, outgoing, want)
				})
			})
		}
	}
}
