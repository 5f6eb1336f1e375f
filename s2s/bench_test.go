//go:build unix

package s2s_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// loopback is a DNS in which every domain is at one address.
type loopback struct{ at map[string]netip.AddrPort }

func (l loopback) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	ap, ok := l.at[name]
	if !ok || service != "xmpp-server" {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, []*net.SRV{{Target: ap.Addr().String() + ".", Port: ap.Port()}}, nil
}

func (l loopback) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	a, err := netip.ParseAddr(host)
	return []netip.Addr{a}, err
}

// pairOnLoopback starts two servers that talk over TCP and TLS; both ends' cost
// counts.
func pairOnLoopback(b *testing.B, theirs stanza.Handler) *s2s.Server {
	ca := testca.New()
	dns := loopback{make(map[string]netip.AddrPort)}
	start := func(domain string, h stanza.Handler) *s2s.Server {
		srv, err := s2s.New(s2s.Config{
			Services: []string{domain}, Handler: h, Resolver: dns,
			Verifier: s2s.PKIX{Roots: ca.Pool()}, Reach: s2s.Reach{Loopback: true},
			TLS:    &tls.Config{Certificates: []tls.Certificate{ca.Issue(testca.Options{DNS: []string{domain}})}},
			Logger: slog.New(slog.DiscardHandler),
			Limits: s2s.Limits{DomainBytes: math.MaxInt32, DomainStanzas: math.MaxInt32},
		})
		if err != nil {
			b.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		dns.at[domain] = l.Addr().(*net.TCPAddr).AddrPort()
		go srv.Serve(l)
		b.Cleanup(func() { srv.Close() })
		return srv
	}
	start(there, theirs)
	return start(here, stanza.NewMux())
}

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend sends chat messages of about 250 bytes from one server to the
// handler of another. cpu-ns/op is what both ends together use.
func BenchmarkSend(b *testing.B) {
	var n atomic.Int64
	done := make(chan struct{}, 1)
	fed := pairOnLoopback(b, stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
		if n.Add(-1) == 0 {
			done <- struct{}{}
		}
		return nil, nil
	}))
	from, to := jid.MustParse("juliet@"+here+"/balcony"), jid.MustParse("romeo@"+there)
	m := stanza.Text(from, to, "But soft, what light through yonder window breaks? It is the east.")
	send := func(count int) {
		n.Store(int64(count))
		for range count {
			if err := fed.Send(b.Context(), m.Clone()); err != nil {
				b.Fatal(err)
			}
		}
		<-done
	}
	send(1)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	send(b.N)
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// BenchmarkRequest asks one question at a time.
func BenchmarkRequest(b *testing.B) {
	fed := pairOnLoopback(b, stanza.NewMux())
	ping := func() {
		_, err := fed.Request(b.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(here), To: jid.MustParse(there),
			Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
		if err != nil {
			b.Fatal(err)
		}
	}
	ping()
	b.ReportAllocs()
	for b.Loop() {
		ping()
	}
}

// BenchmarkOneDeadDomain sends to a live domain while another cannot be reached
// and its queue is full.
func BenchmarkOneDeadDomain(b *testing.B) {
	var n atomic.Int64
	done := make(chan struct{}, 1)
	fed := pairOnLoopback(b, stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
		if n.Add(-1) == 0 {
			done <- struct{}{}
		}
		return nil, nil
	}))
	from, to := jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there)
	dead := jid.MustParse("x@dead.example")
	for range 1000 {
		fed.Send(b.Context(), stanza.Text(from, dead, "is anybody there?"))
	}
	n.Store(int64(b.N))
	b.ResetTimer()
	for range b.N {
		if err := fed.Send(b.Context(), stanza.Text(from, to, "hello")); err != nil {
			b.Fatal(err)
		}
	}
	<-done
}
