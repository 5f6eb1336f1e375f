package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"isthmus.im/examples/chatd/chat"
	"isthmus.im/examples/chatd/store"
)

// Options say what Run does. Out and Logger are required.
type Options struct {
	Once   bool // end after the scripted exchange; otherwise when the context ends
	Out    io.Writer
	Logger *slog.Logger
}

// timeLimit is how long the scripted exchange may take.
const timeLimit = 20 * time.Second

// Run starts alpha.test and beta.test, makes alice at the one and bob at the
// other, and lets them talk. The error tells of anything that did not go as it
// should.
func Run(ctx context.Context, opts Options) (err error) {
	dir, err := os.MkdirTemp("", "chatd-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	names, err := startNameServer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, names.close()) }()

	h := &host{dir: dir, ca: ca, names: names, log: opts.Logger}
	defer func() { err = errors.Join(err, h.stop()) }()
	alpha, err := h.start("alpha.test")
	if err != nil {
		return err
	}
	beta, err := h.start("beta.test")
	if err != nil {
		return err
	}
	fmt.Fprintf(opts.Out, "name server %s\n", names.addr)
	for _, s := range []*server{alpha, beta} {
		fmt.Fprintf(opts.Out, "%-11s s2s %s, http %s\n", s.domain, s.s2s, s.http)
	}

	limited, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	alice, bob, err := play(limited, opts.Out, alpha, beta)
	if ctx.Err() != nil && !opts.Once {
		return nil // interrupted
	}
	if err != nil || opts.Once {
		return err
	}
	fmt.Fprintln(opts.Out, "\nOpen these in a browser, write in one and watch the other; interrupt to end:")
	for _, u := range []struct{ me, peer *user }{{alice, bob}, {bob, alice}} {
		fmt.Fprintln(opts.Out, " ", u.me.page(u.peer))
	}
	<-ctx.Done()
	return nil
}

// host runs services.
type host struct {
	dir     string
	ca      *authority
	names   *nameServer
	log     *slog.Logger
	running []*server
	wg      sync.WaitGroup
}

// server is one running service, as seen from outside.
type server struct {
	domain    string
	s2s, http string // host:port
	admin     string // the administrator's token
	service   *chat.Service
	failed    chan error
}

// start runs a service for domain on free ports.
func (h *host) start(domain string) (*server, error) {
	cert, err := h.ca.issue(domain)
	if err != nil {
		return nil, err
	}
	db, err := store.OpenSQLite(filepath.Join(h.dir, domain+".db"))
	if err != nil {
		return nil, err
	}
	s := &server{domain: domain, admin: rand.Text(), failed: make(chan error, 2)}
	s.service, err = chat.New(chat.Config{
		Domains:    []string{domain},
		Store:      db,
		TLS:        &tls.Config{Certificates: []tls.Certificate{cert}},
		Roots:      h.ca.pool(),
		DNS:        []string{h.names.addr},
		AdminToken: s.admin,
		Private:    true,
		Logger:     h.log.With("service", domain),
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	h.running = append(h.running, s)
	for _, serve := range []struct {
		addr  *string
		serve func(net.Listener) error
	}{{&s.s2s, s.service.ServeFederation}, {&s.http, s.service.ServeHTTP}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		*serve.addr = l.Addr().String()
		if serve.addr == &s.s2s {
			h.names.add(domain, uint16(l.Addr().(*net.TCPAddr).Port))
		}
		h.wg.Go(func() { s.failed <- serve.serve(l) })
	}
	return s, nil
}

// stop ends all services.
func (h *host) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for _, s := range h.running {
		errs = append(errs, s.service.Shutdown(ctx))
	}
	h.wg.Wait()
	for _, s := range h.running {
		close(s.failed)
		for err := range s.failed {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// page is the address of the web page with u signed in, about to write to
// peer. What follows "#" stays in the browser.
func (u *user) page(peer *user) string {
	return "http://" + u.at.http + "/#" + url.Values{
		"name": {u.Name}, "token": {u.Token}, "admin": {u.at.admin}, "to": {peer.Address},
	}.Encode()
}
