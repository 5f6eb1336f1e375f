package library

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

const domain = "other.test"

// server is a Server in this process that serves other.test and keeps the
// messages it gets.
type server struct {
	*s2s.Server
	messages chan *stanza.Stanza
}

// start starts a server with users of any name, where the kit's DNS says that
// other.test is.
func start(t *testing.T, kit *interop.Kit) *server { return startWith(t, kit, false) }

// startWith is start with Config.Bidi.
func startWith(t *testing.T, kit *interop.Kit, bidi bool) *server {
	t.Helper()
	return startConfig(t, kit, func(cfg *s2s.Config) { cfg.Bidi = bidi })
}

// startConfig is start with a configuration that the test changes.
func startConfig(t *testing.T, kit *interop.Kit, change func(*s2s.Config)) *server {
	t.Helper()
	pem, err := os.ReadFile(kit.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", kit.CA)
	}
	certFile, keyFile := kit.Certificate(t, domain)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	logFile, err := os.Create(filepath.Join(kit.Logs, "library-"+strings.ReplaceAll(t.Name(), "/", "-")+".log"))
	if err != nil {
		t.Fatal(err)
	}
	interop.ShowIfFailed(t, "the server in this process", logFile.Name())
	mux := stanza.NewMux()
	cfg := s2s.Config{
		Domains:  []string{domain},
		TLS:      &tls.Config{Certificates: []tls.Certificate{cert}},
		Handler:  mux,
		Verifier: s2s.PKIX{Roots: roots},
		DNS:      []string{kit.DNS},
		Reach:    s2s.Reach{Loopback: true},
		Logger:   slog.New(slog.NewTextHandler(logFile, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&cfg)
	fed, err := s2s.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: fed, messages: make(chan *stanza.Stanza, 2*bulk)}
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		s.messages <- m
		return nil
	}))
	l, err := net.Listen("tcp", kit.Listen.Other)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- fed.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := fed.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
		logFile.Close()
	})
	return s
}

// next waits for the next message.
func (s *server) next(t *testing.T) *stanza.Stanza {
	t.Helper()
	select {
	case m := <-s.messages:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no message within 30 s")
		return nil
	}
}

// ping asks an address and returns the error, if any.
func (s *server) ping(t *testing.T, from, to string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	iq, err := stanza.NewIQ(stanza.Get, address(t, from), address(t, to), stanza.Raw(`<ping xmlns="urn:xmpp:ping"/>`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Request(ctx, iq)
	return err
}

func address(t *testing.T, text string) jid.JID {
	t.Helper()
	j, err := jid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
