package s2s

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

const manyDomains = 10_000

// tenants returns a server with many domains, whose certificates get returns.
func tenants(b *testing.B, get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*Server, []jid.JID) {
	s, err := New(Config{Handler: stanza.NewMux(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	names := make([]jid.JID, manyDomains)
	for i := range names {
		names[i] = jid.MustParse(fmt.Sprintf("tenant%d.example", i))
		if err := s.AddDomain(Domain{Name: names[i].String(), GetCertificate: get}); err != nil {
			b.Fatal(err)
		}
	}
	return s, names
}

// BenchmarkDomainLookup is what every stanza does, with all processors at once.
func BenchmarkDomainLookup(b *testing.B) {
	s, names := tenants(b, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil })
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i = (i + 7) % manyDomains {
			if !s.serves(names[i]) {
				b.Error("a domain is missing")
			}
		}
	})
}

// BenchmarkAddRemoveDomain is one domain that comes and goes among the others.
func BenchmarkAddRemoveDomain(b *testing.B) {
	get := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
	s, _ := tenants(b, get)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.AddDomain(Domain{Name: "guest.example", GetCertificate: get}); err != nil {
			b.Fatal(err)
		}
		if err := s.RemoveDomain(b.Context(), "guest.example"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDomainKick is a remote domain that shows up while every local one has
// something for another.
func BenchmarkDomainKick(b *testing.B) {
	s, names := tenants(b, func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil })
	there, elsewhere := jid.MustParse("montague.example"), jid.MustParse("paris.example")
	for _, name := range names {
		s.link(Route{Local: name, Remote: elsewhere})
	}
	s.link(Route{Local: names[0], Remote: there})
	b.ReportAllocs()
	for b.Loop() {
		s.kick(there)
	}
}

// BenchmarkDomainMemory reports what a domain costs: known, and with everything
// in use that is its own, a certificate from a file and its handshakes' settings.
func BenchmarkDomainMemory(b *testing.B) {
	dir := b.TempDir()
	cert := testca.New().Issue(testca.Options{DNS: []string{"tenant.example"}})
	writePEM(b, filepath.Join(dir, "both.pem"), cert)
	var known, used float64
	for b.Loop() {
		before := heap()
		files := &CertFiles{Cert: filepath.Join(dir, "both.pem")}
		s, names := tenants(b, files.GetCertificate)
		known += heap() - before
		each := make([]*CertFiles, len(names)) // as many certificates as domains
		for i, name := range names {
			each[i] = &CertFiles{Cert: filepath.Join(dir, "both.pem")}
			s.AddDomain(Domain{Name: name.String(), GetCertificate: each[i].GetCertificate})
			s.serverTLS(name)
			if _, err := s.certificate(name); err != nil {
				b.Fatal(err)
			}
		}
		used += heap() - before
		runtime.KeepAlive(each)
		s.Close()
	}
	b.ReportMetric(known/float64(b.N)/manyDomains, "B/known")
	b.ReportMetric(used/float64(b.N)/manyDomains, "B/used")
	b.ReportMetric(0, "ns/op")
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func writePEM(b *testing.B, path string, c tls.Certificate) {
	b.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		b.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
}
