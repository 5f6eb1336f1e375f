package s2s_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// trouble notes what Trace.Certificate says, by domain.
type trouble struct {
	mu    sync.Mutex
	begin time.Time
	at    map[string][]time.Duration
	errs  map[string]error
}

func newTrouble() *trouble {
	return &trouble{begin: time.Now(), at: make(map[string][]time.Duration), errs: make(map[string]error)}
}

func (tr *trouble) certificate(local jid.JID, ends time.Time, err error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if (err == nil) == ends.IsZero() {
		err = errors.New("neither a time nor an error, or both")
	}
	tr.at[local.String()] = append(tr.at[local.String()], time.Since(tr.begin))
	tr.errs[local.String()] = err
}

// of returns when there was trouble with a domain.
func (tr *trouble) of(domain string) ([]time.Duration, error) {
	synctest.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.at[domain], tr.errs[domain]
}

// Warnings of a certificate that ends begin in time and come every day until it
// is renewed.
func TestExpiryWarning(t *testing.T) {
	for _, c := range []struct {
		name        string
		life, warn  time.Duration
		first, last time.Duration // between these the first comes
	}{
		{"90 days", 90 * day, 0, 76 * day, 77*day + day/8},
		{"as set", 90 * day, 30 * day, 60 * day, 61*day + day/8},
		{"at most a third of its life", 6 * day, 0, 88 * time.Hour, 5*day + day/8},
		{"over", -time.Hour, 0, 0, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, tr, log := s2stest.NewNetwork(t), newTrouble(), new(lockedBuffer)
				issue := func(life time.Duration) tls.Certificate {
					return n.Issue(testca.Options{DNS: []string{here, rooms}, NotBefore: time.Now().Add(min(0, life) - day), NotAfter: time.Now().Add(life)})
				}
				cert := issue(c.life)
				var mu sync.Mutex
				n.Server(s2s.Config{
					Domains: []string{here}, Services: []string{rooms}, Handler: stanza.NewMux(), ExpiryWarning: c.warn, Trace: &s2s.Trace{Certificate: tr.certificate},
					Logger: slog.New(slog.NewTextHandler(log, nil)),
					TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
						mu.Lock()
						defer mu.Unlock()
						return &cert, nil
					}},
				})
				time.Sleep(c.last + 5*day)
				for _, domain := range []string{here, rooms} {
					at, err := tr.of(domain)
					if len(at) < 5 || err != nil || at[0] < c.first || at[0] > c.last {
						t.Fatalf("%s: warned after %v, %v; want the first after %v", domain, at, err, c.first)
					}
					for i := range at[1:] {
						if pause := at[i+1] - at[i]; pause < 9*day/10 || pause > 11*day/10 {
							t.Errorf("%s: %v between warnings", domain, pause)
						}
					}
				}
				at, _ := tr.of(here)
				if lines := strings.Count(log.String(), "certificate ends soon"); lines != len(at) {
					t.Errorf("%d lines in the log for %d warnings of one certificate", lines, len(at))
				}
				mu.Lock()
				cert = issue(90 * day)
				mu.Unlock()
				time.Sleep(5 * day)
				if after, _ := tr.of(here); len(after) != len(at) {
					t.Errorf("warned of a certificate that was renewed: %v", after)
				}
			})
		})
	}
}

// A domain whose certificate cannot be had is noticed, and one that is removed
// no longer.
func TestMissingCertificateIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, tr := s2stest.NewNetwork(t), newTrouble()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: &s2s.Trace{Certificate: tr.certificate}})
		missing := errors.New("not there yet")
		fed.AddDomain(s2s.Domain{Name: tenant, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, missing }})
		time.Sleep(2 * time.Minute)
		if at, err := tr.of(tenant); len(at) != 1 || !errors.Is(err, missing) {
			t.Errorf("noticed after %v: %v", at, err)
		}
		if err := fed.RemoveDomain(context.Background(), tenant); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * day)
		if at, _ := tr.of(tenant); len(at) != 1 {
			t.Errorf("noticed after %v", at)
		}
		if at, _ := tr.of(here); len(at) != 0 {
			t.Errorf("nothing was wrong with the other: %v", at)
		}
	})
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
