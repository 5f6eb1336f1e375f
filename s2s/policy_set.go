package s2s

import (
	"context"
	"errors"
	"fmt"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// SetPolicy replaces the policy. It fails, and changes nothing, for rules that
// make no sense. Otherwise new streams follow the new policy at once, those
// that are open and no longer permitted are closed with policy-violation
// (RFC 6120 section 4.9.3.14), and what waits for a domain that is denied now
// comes back to the handler as not-allowed when its stream has ended; SetPolicy
// does not wait for that. Streams that are still permitted stay open, even if
// they would be opened elsewhere or verified otherwise now. A domain that has
// another rule than before is tried again without a pause.
//
// Check is asked about the domains of all streams before SetPolicy returns, unless
// another call replaces the policy meanwhile and asks its own.
func (s *Server) SetPolicy(p Policy) error {
	rules, err := newRules(p)
	if err != nil {
		return err
	}
	old := s.rules.Swap(rules)
	s.changes.Add(1)
	allowed := make(map[jid.JID]error) // each domain is asked about once
	refuses := func(remote jid.JID, m Method) error {
		err, known := allowed[remote]
		if !known {
			err = rules.allows(s.ctx, remote, s.reach)
			allowed[remote] = err
		}
		if err == nil {
			err = rules.of(remote).good(m)
		}
		return err
	}
	for _, c := range s.streamsOf(func(*conn) bool { return true }) {
		if s.rules.Load() != rules {
			break // a later call looks at them all
		}
		err := refuses(c.remote, c.method)
		for _, r := range c.dialback.Load().pairs() {
			if err == nil {
				err = refuses(r.Remote, c.dialback.Load().method(r.Local, r.Remote))
			}
		}
		if err != nil {
			s.part([]*conn{c}, err)
		}
	}
	for _, l := range s.linksOf(func(r Route) bool { return rules.differ(old, r.Remote) }) {
		l.kick()
	}
	return nil
}

// permits reports why there may be no stream between two domains, or nil.
func (s *Server) permits(ctx context.Context, r Route) error {
	switch {
	case !s.serves(r.Local):
		return fmt.Errorf("%w: %q", ErrNotLocal, r.Local)
	case s.serves(r.Remote):
		return errOwn
	}
	return s.rules.Load().allows(ctx, r.Remote, s.reach)
}

// permitsStream is permits for a stream whose peer has proved its domain.
func (s *Server) permitsStream(ctx context.Context, c *conn) error {
	if err := s.permits(ctx, Route{Local: c.local, Remote: c.remote}); err != nil {
		return err
	}
	return s.rules.Load().of(c.remote).good(c.method)
}

// still asks permitsStream again for a stream that has just become the
// server's, if anything has changed since changes was read, and ends a stream
// that is not permitted any more. Later changes find the stream by themselves.
func (s *Server) still(ctx context.Context, c *conn, changes uint64) error {
	if s.changes.Load() == changes {
		return nil
	}
	err := s.permitsStream(ctx, c)
	if err != nil {
		c.end(notPermitted(c, err))
		c.told = true
		c.closed(err, false)
	}
	return err
}

// notPermitted is what a peer is told whose stream is not permitted; nil if that
// is none of its business.
func notPermitted(c *conn, err error) *stream.Error {
	var weak *assuranceError
	switch {
	case errors.Is(err, ErrNotLocal) && c.out:
		return nil // nobody asked us for the domain
	case errors.Is(err, ErrNotLocal):
		return hostGone(c.local)
	case errors.Is(err, errOwn):
		return &stream.Error{Condition: stream.InvalidFrom, Text: c.remote.String() + " is served here and does not connect from elsewhere"}
	case errors.As(err, &weak):
		return &stream.Error{Condition: stream.PolicyViolation, Text: c.remote.String() + " has to be proved by " + weak.min.String() + " or better here"}
	}
	return &stream.Error{Condition: stream.PolicyViolation, Text: "federation with " + c.remote.String() + " is not allowed here"}
}

// verifierOf returns what decides whether certificates speak for a domain.
func (s *Server) verifierOf(remote jid.JID) Verifier {
	if v := s.rules.Load().of(remote).Verifier; v != nil {
		return v
	}
	return s.verifier
}
