package s2s_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// directOnly is a DNS in which every server is found under _xmpps-server alone.
type directOnly struct{ s2s.Resolver }

func (r directOnly) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service != "xmpps-server" {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return r.Resolver.LookupSRV(ctx, "xmpp-server", proto, name)
}

// Direct TLS (XEP-0368), seen from the side that connects.
func TestDirectTLSOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		start := func(domain string) *s2s.Server {
			srv, err := s2s.New(s2s.Config{
				Domains: []string{domain}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(domain)}}, Verifier: s2s.PKIX{Roots: n.Roots()},
				Resolver: directOnly{n.Resolver()}, Dialer: n.Dialer(domain), Handler: stanza.NewMux(),
				Reach:  s2s.Reach{Private: true},
				Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			l := n.Listen(domain)
			done := make(chan struct{})
			go func() { defer close(done); srv.ServeTLS(l) }()
			t.Cleanup(func() { srv.Close(); <-done })
			return srv
		}
		fed := start(here)
		start(there)
		info, err := disco.GetInfo(t.Context(), fed, jid.MustParse(here), jid.MustParse(there), "")
		if err != nil || !info.Has("urn:xmpp:ping") {
			t.Errorf("got %+v, %v", info, err)
		}
		streams := fed.Streams()
		if len(streams) != 2 {
			t.Errorf("%d streams, want one each way", len(streams))
		}
		for _, s := range streams {
			if s.Mechanism != "EXTERNAL" || s.Assurance.TLSVersion != 0x304 {
				t.Errorf("stream: %+v", s)
			}
		}
	})
}
