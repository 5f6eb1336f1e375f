package chat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/s2s"
	"isthmus.im/stanza/disco"
)

// Config describes a Service. Roots, DNS and Contacts may be left out.
type Config struct {
	Domains    []string       // at least one; names without a domain belong to the first
	Store      store.Store    // closed by Shutdown
	TLS        *tls.Config    // with a certificate for each domain
	Roots      *x509.CertPool // who may vouch for other domains; nil: the system's
	DNS        []string       // name servers, host:port; none: the system's
	Contacts   disco.Contacts // how to reach those who run the service; nil: not said
	AdminToken string
	Private    bool // other domains may be at loopback and private addresses: a closed network
	Unlimited  bool // no other domain or address is held to a rate or number of streams
	Logger     *slog.Logger
}

// Service is a running chat service. Its methods are safe for concurrent use.
type Service struct {
	store  store.Store
	fed    *s2s.Server
	people *people
	api    *api.API
	http   *http.Server
}

// New makes a Service that listens nowhere yet.
func New(cfg Config) (*Service, error) {
	fed, people, err := federate(cfg)
	if err != nil {
		return nil, err
	}
	clients, err := api.New(api.Config{
		Domains:    cfg.Domains,
		Store:      cfg.Store,
		Sender:     people.gate,
		People:     people,
		Streams:    func() []api.Stream { return streams(fed) },
		AdminToken: cfg.AdminToken,
		Logger:     cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	s := &Service{store: cfg.Store, fed: fed, people: people, api: clients}
	s.http = &http.Server{
		Handler:           clients,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second, // event streams set their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	s.http.RegisterOnShutdown(clients.Drain) // event streams would never end by themselves
	return s, nil
}

// ServeFederation accepts streams that begin with STARTTLS. It returns nil after Shutdown.
// It announces the users who were available when the service ended.
func (s *Service) ServeFederation(l net.Listener) error {
	s.people.start()
	return orderly(s.fed.Serve(l))
}

// ServeFederationTLS accepts streams that begin with TLS (XEP-0368). It returns nil after Shutdown.
func (s *Service) ServeFederationTLS(l net.Listener) error { return orderly(s.fed.ServeTLS(l)) }

// ServeHTTP accepts clients. It returns nil after Shutdown.
func (s *Service) ServeHTTP(l net.Listener) error { return orderly(s.http.Serve(l)) }

func orderly(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, s2s.ErrClosed) {
		return nil
	}
	return err
}

// Shutdown ends the service in the order in which a message travels: clients
// first, then presence, then federation, which delivers what they wrote, then the store,
// which by then has everything that arrived. When ctx ends, it stops waiting.
func (s *Service) Shutdown(ctx context.Context) error {
	var errs []error
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("chat: clients: %w", err), s.http.Close())
	}
	if err := s.people.stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("chat: presence: %w", err))
	}
	if err := s.fed.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("chat: federation: %w", err))
	}
	s.people.close()
	return errors.Join(append(errs, s.store.Close())...)
}

func streams(fed *s2s.Server) []api.Stream {
	var list []api.Stream
	for _, i := range fed.Streams() {
		direction := "in"
		if i.Outgoing {
			direction = "out"
		}
		list = append(list, api.Stream{
			Local: i.Local.String(), Remote: i.Remote.String(), Direction: direction, Method: i.Mechanism, Proof: i.Assurance.Method.String(),
			TLS: tls.VersionName(i.Assurance.TLSVersion), Since: i.Since.UTC(), In: i.In, Out: i.Out,
		})
	}
	return list
}
