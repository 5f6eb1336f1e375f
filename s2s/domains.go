package s2s

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// Domain is a local domain for [Server.AddDomain].
type Domain struct {
	Name string
	// Service says that the domain has no users, as those of Config.Services:
	// every address at it goes to the handler unchecked.
	Service bool
	// GetCertificate returns the certificate of the domain. It is called as that
	// of a tls.Config, concurrently, for every handshake of either role and once a
	// day, with the domain in A-labels as ServerName. Nil: Config.TLS has it.
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// domain is a local domain. Only its cache changes.
type domain struct {
	jid         jid.JID
	users       bool
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error) // nil: the server's
	inbound     atomic.Pointer[tls.Config]                           // made by serverTLS
}

// maxGone is how many removed domains are remembered, so that peers that ask for
// one are told host-gone rather than host-unknown.
const maxGone = 10_000

// domains are the local domains. Looking one up takes no lock, since every
// stanza does it.
type domains struct {
	byName sync.Map // jid.JID.Domain() -> *domain
	// some is one of them, for peers that do not say which they want before the
	// handshake; nil: there are none.
	some atomic.Pointer[domain]

	mu    sync.Mutex // held by those who change something
	gone  map[string]struct{}
	order []string // of gone, the oldest first; some may have come back
}

// get returns a local domain, or nil.
func (d *domains) get(name string) *domain {
	v, ok := d.byName.Load(name)
	if !ok {
		return nil
	}
	return v.(*domain)
}

// set adds a domain, or replaces the one of that name. It reports whether there
// was none.
func (d *domains) set(new *domain) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := new.jid.Domain()
	delete(d.gone, name)
	_, replaced := d.byName.Swap(name, new)
	if old := d.some.Load(); old == nil || old.jid == new.jid {
		d.some.Store(new)
	}
	return !replaced
}

// remove forgets a domain but for its name. It reports false if there is none.
func (d *domains) remove(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.byName.LoadAndDelete(name); !ok {
		return false
	}
	if d.some.Load().jid.Domain() == name {
		d.some.Store(nil)
		d.each(func(other *domain) bool {
			d.some.Store(other)
			return false
		})
	}
	if d.gone == nil {
		d.gone = make(map[string]struct{})
	}
	if len(d.order) == maxGone {
		delete(d.gone, d.order[0])
		d.order = d.order[1:]
	}
	d.gone[name] = struct{}{}
	d.order = append(d.order, name)
	return true
}

// isGone reports whether a domain was served here and is no longer.
func (d *domains) isGone(name jid.JID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.gone[name.Domain()]
	return ok
}

// each calls f for the domains, in no order, until f returns false.
func (d *domains) each(f func(*domain) bool) {
	d.byName.Range(func(_, v any) bool { return f(v.(*domain)) })
}

// parseDomain reads the name of a local domain.
func parseDomain(name string) (jid.JID, error) {
	d, err := jid.Parse(name)
	if err != nil {
		return jid.JID{}, fmt.Errorf("s2s: local domain %q: %w", name, err)
	}
	if d != d.Host() || d.IsZero() {
		return jid.JID{}, fmt.Errorf("s2s: local domain %q is not a bare domain", name)
	}
	return d, nil
}

// addAll adds the domains of a Config, which may name each once.
func (d *domains) addAll(cfg *Config) error {
	add := func(names []string, users bool) error {
		for _, name := range names {
			j, err := parseDomain(name)
			if err != nil {
				return err
			}
			if d.get(j.Domain()) != nil {
				return fmt.Errorf("s2s: local domain %q is listed twice", name)
			}
			d.set(&domain{jid: j, users: users})
		}
		return nil
	}
	return errors.Join(add(cfg.Domains, true), add(cfg.Services, false))
}

// serves reports whether a domain is one of ours.
func (s *Server) serves(domain jid.JID) bool { return s.domains.get(domain.Domain()) != nil }

// AddDomain makes a domain local. Peers can open streams to it, and stanzas from
// it be sent, as soon as AddDomain returns. A domain that is local already gets
// the new certificate and kind; its streams stay open. One that was remote until
// now loses its streams, and what waits for it comes back as not-allowed.
//
// It fails for what is no domain, and for one without certificate: GetCertificate
// is nil and so was Config.TLS. Whether the certificate is a good one is seen at
// handshakes, see [Server.CheckDomain].
func (s *Server) AddDomain(d Domain) error {
	name, err := parseDomain(d.Name)
	if err != nil {
		return err
	}
	if d.GetCertificate == nil && !hasCertificates(s.tls) {
		return fmt.Errorf("s2s: local domain %q has no certificate", d.Name)
	}
	if s.domains.set(&domain{jid: name, users: !d.Service, certificate: d.GetCertificate}) {
		s.changes.Add(1)
		s.part(s.streamsOf(func(c *conn) bool { return c.remote == name }), errOwn)
		s.kick(name) // its links find that they may not connect
	}
	return nil
}

// RemoveDomain makes a domain foreign. From then on stanzas from it cannot be
// sent and streams to it are refused with host-gone (RFC 6120 section 4.9.3.5).
// Its streams and sessions are closed in good order, and what waits to be sent
// from it comes back to the handler as not-allowed. What has arrived for it is
// still handled; answers to it are not sent.
//
// It returns when they have ended, for which Limits.Close after their closing
// tags is time, or with ctx's error when ctx ends first; the domain is removed
// nevertheless. [ErrNotLocal] says that it was not local.
func (s *Server) RemoveDomain(ctx context.Context, name string) error {
	d, err := parseDomain(name)
	if err != nil {
		return err
	}
	if !s.domains.remove(d.Domain()) {
		return fmt.Errorf("%w: %q", ErrNotLocal, name)
	}
	s.changes.Add(1)
	parted := s.part(s.streamsOf(func(c *conn) bool { return c.local == d }), ErrNotLocal)
	for _, l := range s.linksOf(func(r Route) bool { return r.Local == d }) {
		l.kick() // to find that it may not connect
	}
	for _, c := range s.sessions.at(d) {
		c.end(hostGone(d))
	}
	return s.until(ctx, func() bool { return !s.anyOpen(parted) && len(s.sessions.at(d)) == 0 })
}

// part closes streams that permits refuses now, and returns those whose end is
// worth waiting for. What waits for such a stream is bounced when it has ended
// and its link finds that it may not open another.
func (s *Server) part(list []*conn, why error) []*conn {
	parted := list[:0]
	for _, c := range list {
		if !s.begin() {
			break // the server closes them all
		}
		parted = append(parted, c)
		go func() {
			defer s.running.Done()
			s.endWritten(c, notPermitted(c, why))
		}()
	}
	return parted
}

// streamsOf returns the authenticated streams that f is true of.
func (s *Server) streamsOf(f func(*conn) bool) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*conn
	for c := range s.conns {
		if f(c) {
			list = append(list, c)
		}
	}
	return list
}

// endWritten ends a stream once the stanzas that are being written to it are
// written. Those that are not yet stay in the queue.
func (s *Server) endWritten(c *conn, e *stream.Error) {
	l := s.linkAt(Route{Local: c.local, Remote: c.remote})
	if l != nil {
		s.until(s.ctx, func() bool { return l.hold(c) })
	}
	c.end(e)
}

// anyOpen reports whether one of the streams has not ended.
func (s *Server) anyOpen(list []*conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range list {
		if _, open := s.conns[c]; open {
			return true
		}
	}
	return false
}

func hostGone(local jid.JID) *stream.Error {
	return &stream.Error{Condition: stream.HostGone, Text: local.Domain() + " is no longer served here"}
}
