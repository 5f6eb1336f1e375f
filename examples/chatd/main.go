// Command chatd is a complete chat service with its own client protocol that
// federates: its users and those of any XMPP server can write to each other.
//
//	chatd -demo
//
// shows two of them talking, without any preparation. To run one:
//
//	chatd -domain chat.example -cert chat.example.crt -key chat.example.key
//
// Clients speak JSON over HTTP (package api), which is meant to stand behind a
// proxy that adds TLS; a small web page is at its root. Federation is in
// package chat, file federation.go.
//
// The flags are
//
//	-domain      domains, separated by commas; users without a domain belong to the first
//	-listen      where other servers connect, ":5269"; empty: nowhere
//	-listen-tls  where they connect with TLS from the start (XEP-0368); empty: nowhere
//	-http        where clients connect, "127.0.0.1:8080"
//	-cert, -key  certificate and key of all domains
//	-certs       or a directory with DOMAIN.crt and DOMAIN.key for each
//	-ca          authorities to trust besides the system's (PEM)
//	-dns         name servers, separated by commas; empty: the system's
//	-db          SQLite file, "chat.db", or "memory" for none
//	-contact     how to reach those who run it, as in abuse=mailto:abuse@chat.example; repeatable
//	-admin-token the administrator's token; empty: a random one, printed once
//	-log         "info" or "debug"
//	-demo        run two services on loopback instead; all other flags but -log are unused
//	-once        with -demo: end after a scripted exchange
//
// SIGINT and SIGTERM end it in good order: requests and event streams first,
// then federation, then the store. A second signal ends it at once.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"isthmus.im/examples/chatd/chat"
	"isthmus.im/examples/chatd/demo"
	"isthmus.im/examples/chatd/store"
)

// drainTime is how long the service may take to end in good order.
const drainTime = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the next signal is not caught
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings handed in. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseFlags(args, stderr)
	if err != nil {
		return 2
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: f.level}))
	if f.demo {
		err = demo.Run(ctx, demo.Options{Once: f.once, Out: stdout, Logger: logger})
	} else {
		err = serve(ctx, f, stdout, logger)
	}
	if err != nil {
		fmt.Fprintln(stderr, "chatd:", err)
		return 1
	}
	return 0
}

// serve runs one service until ctx ends or one of its listeners fails.
func serve(ctx context.Context, f *flags, stdout io.Writer, logger *slog.Logger) (err error) {
	certs, err := chat.LoadCertificates(f.domains, f.cert, f.key, f.certs)
	if err != nil {
		return err
	}
	roots, err := chat.LoadRoots(f.ca)
	if err != nil {
		return err
	}
	db, err := openStore(f.db)
	if err != nil {
		return err
	}
	if f.adminToken == "" {
		f.adminToken = rand.Text()
		fmt.Fprintln(stdout, "administrator's token:", f.adminToken)
	}
	service, err := chat.New(chat.Config{
		Domains: f.domains, Store: db, TLS: certs, Roots: roots, DNS: f.dns,
		AdminToken: f.adminToken, Contacts: f.contacts, Private: closed(f.listen, f.listenTLS), Unlimited: f.unlimited, Logger: logger,
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}

	failed := make(chan error, 3)
	for _, l := range []struct {
		what, addr, suffix string
		serve              func(net.Listener) error
	}{
		{"s2s", f.listen, " for " + strings.Join(f.domains, ", "), service.ServeFederation},
		{"s2s-tls", f.listenTLS, " for " + strings.Join(f.domains, ", "), service.ServeFederationTLS},
		{"http", f.http, "", service.ServeHTTP},
	} {
		if l.addr == "" {
			continue
		}
		listener, listenErr := net.Listen("tcp", l.addr)
		if listenErr != nil {
			err = fmt.Errorf("%s: %w", l.what, listenErr)
			break
		}
		fmt.Fprintf(stdout, "listening %s %s%s\n", l.what, listener.Addr(), l.suffix)
		go func() { failed <- l.serve(listener) }()
	}
	if err == nil {
		select {
		case <-ctx.Done():
			logger.Info("ending")
		case err = <-failed:
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return errors.Join(err, service.Shutdown(end))
}

func openStore(name string) (store.Store, error) {
	if name == "memory" {
		return store.NewMemory(), nil
	}
	return store.OpenSQLite(name)
}

// closed reports whether the service belongs to a closed network: it listens
// for other servers at private addresses only, and so may they.
func closed(listen ...string) bool {
	private := false
	for _, l := range listen {
		if l == "" {
			continue
		}
		ap, err := netip.ParseAddrPort(l)
		if err != nil || !ap.Addr().IsLoopback() && !ap.Addr().IsPrivate() {
			return false
		}
		private = true
	}
	return private
}
