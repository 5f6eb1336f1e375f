package s2s

import (
	"context"
	"fmt"
	"sync"
	"time"

	"isthmus.im/jid"
)

// Identity is what is remembered of how a domain proved itself, on streams of
// one direction.
type Identity struct {
	// Accepted is how it did on the last stream that was let in, with the time
	// since when it has done exactly so. Zero: there was none.
	Accepted Assurance `json:"accepted"`
	// Refused is the last surprising way that Config.OnChange has refused since
	// then. Zero: none.
	Refused Assurance `json:"refused,omitzero"`
}

// IdentityStore remembers how domains proved themselves; [MemIdentities] does in
// memory. s2stest.TestIdentities checks an implementation. Implementations are
// safe for concurrent use.
type IdentityStore interface {
	// UpdateIdentity calls change with what is remembered of a domain, for streams
	// that this side opened or for those that the domain opened, and remembers the
	// result, durably if it returns nil. Of a domain that nothing is remembered of
	// that is the zero Identity. No other change of the same happens in between;
	// change may be called again if it turns out that one did. A result that
	// equals the argument need not be written.
	UpdateIdentity(ctx context.Context, domain jid.JID, outgoing bool, change func(old Identity) Identity) error
}

// Change is a surprising change in how a domain proves itself: by a weaker
// method, or by a certificate that another authority has issued.
type Change struct {
	Domain   jid.JID   `json:"domain"`
	Outgoing bool      `json:"outgoing"` // seen on a stream that this server opened
	Before   Assurance `json:"before"`
	After    Assurance `json:"after"`
}

// Weaker reports whether the method is a weaker one than before. Otherwise the
// issuer is another one.
func (c Change) Weaker() bool { return c.After.Method < c.Before.Method }

// String says in one line what has changed.
func (c Change) String() string {
	if c.Weaker() {
		return fmt.Sprintf("%s proves itself by %s and did by %s", c.Domain, c.After.Method, c.Before.Method)
	}
	return fmt.Sprintf("%s shows a certificate of %q and before one of %q", c.Domain, plain(c.After.Issuer), plain(c.Before.Issuer))
}

// surprising reports whether the change is one that hosts hear of. An issuer
// means something only where it was trusted to know the domain.
func (c Change) surprising() bool {
	if c.Before.Method == 0 {
		return false
	}
	return c.Weaker() || c.Before.Method == MethodPKIX && c.After.Method == MethodPKIX && c.Before.Issuer != c.After.Issuer
}

// alike reports whether a domain proved itself in exactly the same way.
func (a Assurance) alike(b Assurance) bool {
	return a.Method == b.Method && a.Fingerprint == b.Fingerprint && a.Issuer == b.Issuer
}

// recognize compares how the peer of a stream proved a domain with what is
// remembered, and remembers it. An error is that of Config.OnChange, which keeps
// the peer out for now.
func (s *Server) recognize(ctx context.Context, c *conn, domain jid.JID, m Method) error {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
	defer cancel()
	cs := c.tls.ConnectionState()
	change := Change{Domain: domain, Outgoing: c.out, After: assure(m, &cs, time.Now())}
	known := false // the host has heard of it
	compare := func(old Identity) Identity {
		change.Before = old.Accepted
		known = old.Refused.alike(change.After)
		switch {
		case old.Accepted.alike(change.After):
			return old
		case s.onChange != nil && change.surprising():
			if !known {
				old.Refused = change.After
			}
			return old
		}
		return Identity{Accepted: change.After}
	}
	if err := s.identities.UpdateIdentity(ctx, domain, c.out, compare); err != nil {
		s.log.Error("identity not remembered", "remote", domain, "err", err)
		if s.onChange == nil {
			return nil
		}
		return fmt.Errorf("s2s: identity store: %w", err)
	}
	if !change.surprising() {
		return nil
	}
	if s.onChange != nil {
		if err := s.onChange(ctx, change); err != nil {
			if !known {
				s.changed(change, err)
			}
			return fmt.Errorf("s2s: %s: %w", change, err)
		}
		accept := func(Identity) Identity { return Identity{Accepted: change.After} }
		if err := s.identities.UpdateIdentity(ctx, domain, c.out, accept); err != nil {
			s.log.Error("identity not remembered", "remote", domain, "err", err)
		}
	}
	s.changed(change, nil)
	return nil
}

// unrecognized is what peers and senders are told of a domain that recognize
// keeps out.
func unrecognized(domain jid.JID) string {
	return "the identity of " + domain.String() + " has changed and has to be confirmed here"
}

// changed tells of a surprising change. An error says that it was refused.
func (s *Server) changed(c Change, err error) {
	attrs := []any{"remote", c.Domain, "change", c.String()}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	s.log.Warn("identity changed", attrs...)
	if t := s.trace.IdentityChanged; t != nil {
		t(c, err)
	}
}

const (
	identitiesKept = 30 * 24 * time.Hour // what has not been seen for so long makes room for others
	identitiesTidy = time.Hour           // how often that is looked for
)

// MemIdentities is an [IdentityStore] in memory. The zero value is ready to use;
// it must not be copied.
//
// When it is full, domains that have not been seen for 30 days make room, and
// otherwise the one that became known last does: so those who turn up under many
// names do not make it forget the others.
type MemIdentities struct {
	Size int // identities, of which a domain has one for each direction; zero: 10,000

	mu    sync.Mutex
	known map[identityKey]*seenIdentity
	order []identityKey // of known, the one known longest first
	tidy  time.Time     // when it was last looked through
}

type identityKey struct {
	domain   string
	outgoing bool
}

type seenIdentity struct {
	Identity
	last time.Time
}

// UpdateIdentity implements [IdentityStore]. It returns nil.
func (m *MemIdentities) UpdateIdentity(_ context.Context, domain jid.JID, outgoing bool, change func(Identity) Identity) error {
	key, now := identityKey{domain.Domain(), outgoing}, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.known[key]
	if e == nil {
		e = new(seenIdentity)
		m.add(key, e, now)
	}
	e.Identity, e.last = change(e.Identity), now
	return nil
}

func (m *MemIdentities) add(key identityKey, e *seenIdentity, now time.Time) {
	if m.known == nil {
		m.known = make(map[identityKey]*seenIdentity)
	}
	size := m.Size
	if size <= 0 {
		size = 10_000
	}
	if len(m.order) >= size && now.Sub(m.tidy) >= identitiesTidy {
		m.tidy = now
		kept := m.order[:0]
		for _, k := range m.order {
			if now.Sub(m.known[k].last) < identitiesKept {
				kept = append(kept, k)
			} else {
				delete(m.known, k)
			}
		}
		m.order = kept
	}
	if n := len(m.order); n >= size {
		delete(m.known, m.order[n-1])
		m.order = m.order[:n-1]
	}
	m.known[key] = e
	m.order = append(m.order, key)
}
