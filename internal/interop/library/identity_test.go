package library

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"isthmus.im/internal/interop"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// signed is the kit's DNS as if it were signed, with TLSA records for every host.
type signed struct {
	net.Resolver
	record s2s.TLSA
}

func newSigned(kit *interop.Kit, c *x509.Certificate) *signed {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	s := &signed{record: s2s.TLSA{Usage: 3, Selector: 1, MatchingType: 1, Data: sum[:]}}
	s.PreferGo = true
	s.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, kit.DNS)
	}
	return s
}

func (s *signed) LookupSRVAuthentic(ctx context.Context, service, proto, name string) ([]*net.SRV, bool, error) {
	_, list, err := s.LookupSRV(ctx, service, proto, name)
	return list, err == nil, err
}

func (s *signed) LookupNetIPAuthentic(ctx context.Context, network, host string) ([]netip.Addr, bool, error) {
	list, err := s.LookupNetIP(ctx, network, host)
	return list, err == nil, err
}

func (s *signed) LookupTLSA(context.Context, string) ([]s2s.TLSA, bool, error) {
	return []s2s.TLSA{s.record}, true, nil
}

// page is a web server that says the same of every domain.
type page string

func (p page) Fetch(context.Context, string) ([]byte, error) { return []byte(p), nil }

// shown is the certificate that a domain of the kit shows.
func shown(t *testing.T, kit *interop.Kit, domain string) *x509.Certificate {
	t.Helper()
	certFile, keyFile := kit.Certificate(t, domain)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// Where no authority is trusted, TLSA records or a web server do, in both roles;
// and they keep out who shows another certificate.
func TestOtherProofs(t *testing.T) {
	kit := interop.Open(t)
	kit.EachPeer(t, func(t *testing.T, p *interop.Peer) {
		own, other := shown(t, kit, p.Domain), shown(t, kit, domain)
		document := func(c *x509.Certificate) page {
			sum := sha256.Sum256(c.Raw)
			return page(fmt.Sprintf(`{"fingerprints":[{"sha-256":%q}],"expires":60}`, base64.StdEncoding.EncodeToString(sum[:])))
		}
		nobody := s2s.PKIX{Roots: x509.NewCertPool()}
		for _, c := range []struct {
			name   string
			change func(*s2s.Config)
			want   s2s.Method
		}{
			{"TLSA", func(cfg *s2s.Config) { cfg.Verifier, cfg.DNSSEC, cfg.Resolver = nobody, true, newSigned(kit, own) }, s2s.MethodDANE},
			{"TLSA of another", func(cfg *s2s.Config) { cfg.DNSSEC, cfg.Resolver = true, newSigned(kit, other) }, 0},
			{"POSH", func(cfg *s2s.Config) { cfg.Verifier, cfg.POSH, cfg.Web = nobody, true, document(own) }, s2s.MethodPOSH},
			{"POSH of another", func(cfg *s2s.Config) { cfg.Verifier, cfg.POSH, cfg.Web = nobody, true, document(other) }, 0},
			{"neither", func(cfg *s2s.Config) { cfg.Verifier = nobody }, 0},
		} {
			t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
				s := startConfig(t, kit, c.change)
				err := s.ping(t, domain, p.Domain)
				if c.want == 0 {
					var e *stanza.Error
					if !errors.As(err, &e) || !strings.Contains(e.Text, "is not valid for it") {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				found := 0
				for _, info := range s.Streams() {
					if info.Remote.String() == p.Domain {
						found++
						if info.Assurance.Method != c.want {
							t.Errorf("stream: %+v", info)
						}
					}
				}
				if found != 2 {
					t.Errorf("%d streams, want one each way", found)
				}
			})
		}
	})
}
