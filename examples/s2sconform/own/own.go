package own

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// The domains: the server's, and the one below which the suite's are.
const (
	Domain  = "isthmus.example"
	Theirs  = "conform.example"
	account = "juliet@" + Domain
)

// Network is where server and suite meet.
type Network interface {
	Listen() (net.Listener, error)
	s2s.Dialer
}

// Loopback is the loopback interface of this machine.
type Loopback struct{ net.Dialer }

// Listen returns a listener on a free port.
func (Loopback) Listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// Start starts a server, with Server Dialback (XEP-0220) or without, and returns
// it as a target, and a function that ends it. Everything is made anew, so that it
// works in virtual time, too.
func Start(n Network, dialback bool, logger *slog.Logger) (*conform.Env, func(), error) {
	ca := testca.New()
	user := newUsers()
	listeners := make([]net.Listener, 3) // the suite's, the server's for STARTTLS and for direct TLS
	for i := range listeners {
		l, err := n.Listen()
		if err != nil {
			return nil, nil, err
		}
		listeners[i] = l
	}
	cfg := s2s.Config{
		Domains:  []string{Domain},
		TLS:      &tls.Config{Certificates: []tls.Certificate{ca.Issue(testca.Options{DNS: []string{Domain}})}},
		Handler:  user,
		Users:    s2s.DirectoryFunc(func(_ context.Context, u jid.JID) (bool, error) { return u.String() == account, nil }),
		Verifier: s2s.PKIX{Roots: ca.Pool()},
		Reach:    s2s.Reach{Private: true, Loopback: true},
		Resolver: resolver{listeners[0].Addr().(*net.TCPAddr).AddrPort()},
		Dialer:   n,
		Bidi:     true,
		Logger:   logger,
	}
	name := "Isthmus"
	if dialback {
		cfg.Dialback = new(s2s.Dialback)
		name += ", with dialback"
	}
	srv, err := s2s.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	user.srv = srv
	served := make(chan error, 2)
	go func() { served <- srv.Serve(listeners[1]) }()
	go func() { served <- srv.ServeTLS(listeners[2]) }()
	dial := func(l net.Listener) func(context.Context) (net.Conn, error) {
		return func(ctx context.Context) (net.Conn, error) { return n.DialContext(ctx, "tcp", l.Addr().String()) }
	}
	env := &conform.Env{
		Domain: Theirs, Listener: listeners[0], CA: ca,
		Cert: ca.Issue(testca.Options{DNS: []string{"*." + Theirs, Theirs}}),
		Target: conform.Target{
			Name: name, Domain: Domain, Roots: ca.Pool(),
			Dial: dial(listeners[1]), DialTLS: dial(listeners[2]),
			Login: user.login,
			Stop: func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				return srv.Shutdown(ctx)
			},
		},
	}
	stop := func() {
		srv.Close()
		for range 2 {
			if err := <-served; !errors.Is(err, s2s.ErrClosed) {
				logger.Error("listener", "err", err)
			}
		}
	}
	return env, stop, nil
}

var _ stanza.Handler = (*users)(nil)
