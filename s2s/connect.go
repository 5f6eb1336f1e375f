package s2s

import (
	"context"
	"encoding/xml"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/stream"
)

// connect opens an authenticated stream for a link, or, if that is nil, one that
// a question about a dialback key may be put on. All addresses of all targets of
// the domain race, in their order (RFC 8305, XEP-0495).
func (s *Server) connect(ctx context.Context, r Route, l *link) (*conn, *ConnectError) {
	failed := &ConnectError{Domain: r.Remote}
	if l != nil { // questions have limits of their own
		done, err := s.mayConnect(ctx, r)
		if err != nil {
			failed.add(Attempt{Target: r.Remote.String(), Stage: StagePolicy, Err: err}, false)
			return nil, failed
		}
		defer done()
	}
	changes := s.changes.Load()
	if err := s.permits(ctx, r); err != nil {
		failed.add(Attempt{Target: r.Remote.String(), Stage: StagePolicy, Err: err}, true)
		return nil, failed
	}
	domain := r.Remote.ASCIIDomain()
	rule := s.rules.Load().of(r.Remote)
	lookup, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
	targets, err := rule.lookup(lookup, s, r.Remote)
	cancel()
	if err != nil {
		failed.add(Attempt{Target: domain, Stage: StageDNS, Err: err}, notThere(err))
		return nil, failed
	}
	attempt := func(ctx context.Context, t locate.Target, addr netip.AddrPort) (*conn, error) {
		if !s.begin() {
			return nil, ErrClosed
		}
		defer s.running.Done()
		begin := time.Now()
		c, err := s.dial(ctx, r, l, rule, t, addr)
		if trace := s.trace.Dial; trace != nil {
			trace(r.Remote, addr.String(), time.Since(begin), err)
		}
		return c, err
	}
	var c *conn
	var failures []locate.Failure
	for range 1 + maxOtherHosts {
		var more []locate.Failure
		c, more, err = locate.Race(ctx, s.resolver, targets, 0, attempt, func(late *conn) { late.sock.Close() })
		failures = append(failures, more...)
		if err == nil {
			break
		}
		if targets, _ = s.elsewhere(ctx, rule, more); len(targets) == 0 {
			break
		}
		for i := range targets {
			targets[i].Authentic = false // it was not the domain's DNS that named them
		}
	}
	if err == nil {
		if l == nil {
			return c, nil
		}
		if err := s.recognize(ctx, c, c.remote, c.method); err != nil {
			c.end(nil)
			c.sock.Close()
			failed.add(Attempt{Target: r.Remote.String(), Addr: c.addr().String(), Stage: StageChange, Err: err}, false)
			return nil, failed
		}
		if err = c.open(); err == nil {
			if err = s.still(ctx, c, changes); err == nil {
				return c, nil
			}
			failed.add(Attempt{Target: r.Remote.String(), Stage: StagePolicy, Err: err}, true)
			return nil, failed
		}
		c.sock.Close()
		failures = append(failures, locate.Failure{Err: err})
	}
	for _, f := range failures {
		a := Attempt{Target: net.JoinHostPort(f.Target.Host, strconv.Itoa(int(f.Target.Port))), Stage: StageDNS, Err: f.Err}
		var se *stageError
		final := notThere(f.Err)
		if f.Addr.IsValid() {
			a.Addr, a.Stage = f.Addr.String(), StageDial
		}
		if errors.As(f.Err, &se) {
			a.Stage, a.Err = se.stage, se.err
			final = se.stage >= StageIdentity && !undecided(se.err) || se.stage == StageDNS || errors.As(f.Err, new(*stream.TLSError)) || finalError(se.err)
			final = final && !errors.As(f.Err, new(*tlsaError))
		}
		failed.add(a, final)
	}
	if len(failures) == 0 {
		failed.add(Attempt{Target: domain, Stage: StageDNS, Err: err}, false)
	}
	return nil, failed
}

// add notes an attempt. Only if all attempts that got furthest are final is the
// whole.
func (e *ConnectError) add(a Attempt, final bool) {
	e.Attempts = append(e.Attempts, a)
	switch {
	case a.Stage > e.Stage:
		e.Stage, e.Final = a.Stage, final
	case a.Stage == e.Stage:
		e.Final = e.Final && final
	}
}

// notThere reports whether DNS said that there is no such thing, rather than
// that it could not find out.
func notThere(err error) bool {
	var de *net.DNSError
	return errors.Is(err, locate.ErrNoService) || errors.As(err, &de) && de.IsNotFound
}

// stageError is how far an attempt got.
type stageError struct {
	stage Stage
	err   error
}

func (e *stageError) Error() string { return e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// dial tries one address, up to an authenticated stream, or for a nil link up to
// one that could be authenticated. The error is a *stageError.
func (s *Server) dial(ctx context.Context, r Route, l *link, rule *rule, t locate.Target, addr netip.AddrPort) (*conn, error) {
	if err := rule.reaches(addr, s.reach); err != nil {
		return nil, &stageError{StageDNS, err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
	defer cancel()
	sock, err := s.dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return nil, &stageError{StageDial, err}
	}
	locate.Connected(ctx)
	c := s.newConn(sock, true)
	c.local, c.remote, c.target, c.link = r.Local, r.Remote, t, l
	if t.Direct {
		sock.SetDeadline(time.Now().Add(s.limits.Negotiation))
		if err := c.handshake(ctx, r.Local, r.Remote); err != nil {
			sock.Close()
			return nil, &stageError{StageTLS, err}
		}
	}
	cfg := stream.Config{Role: stream.Initiator, Local: r.Local, Remote: r.Remote, Secure: t.Direct, NewID: newID, AskOnly: l == nil}
	if l != nil {
		cfg.Bidi, cfg.Limits, cfg.Dialback = s.bidi, s.announced(), s.dialbackBy(rule)
	}
	end, err := c.negotiate(ctx, stream.New(cfg))
	if err == nil {
		err = c.ready(ctx, end)
	}
	if err != nil {
		c.leaveLater()
		return nil, &stageError{stageOf(err), publicError(err)}
	}
	if err := rule.good(c.method); err != nil {
		c.end(notPermitted(c, err))
		c.told = true
		c.leaveLater()
		return nil, &stageError{StageIdentity, err}
	}
	return c, nil
}

// ready takes the result of the negotiation of a stream of ours.
func (c *conn) ready(ctx context.Context, end stream.Action) error {
	if h, ok := end.(stream.Handover); ok {
		return c.handedOver(ctx, h)
	}
	ready := end.(stream.Ready)
	c.id, c.mechanism, c.lang = ready.StreamID, ready.Method, ready.Lang
	c.bidi, c.maxBytes = ready.Bidi, ready.Limits.MaxBytes
	c.keepIdle(ready.Limits)
	if ready.Identity != nil {
		c.method = MethodDialback
	}
	if !c.s.dialback.off {
		c.withDialback(ready.Dialback).certified()
	}
	if c.link != nil && slices.Contains(ready.Features, xml.Name{Space: nsSM, Local: "sm"}) {
		c.link.manage(c)
	}
	return nil
}

// keepIdle makes this side the first to close the stream when it falls silent.
func (c *conn) keepIdle(l stream.Limits) {
	if idle := time.Duration(l.IdleSeconds) * time.Second; idle > 0 {
		c.idleTime = min(c.idleTime, idle*3/4)
	}
}

// stageOf says how far a failed negotiation got.
func stageOf(err error) Stage {
	var identity *stream.IdentityError
	var auth *stream.AuthError
	var noTLS *stream.TLSError
	var shake *handshakeError
	var se *stream.Error
	switch {
	case errors.Is(err, errSelf):
		return StageDNS
	case errors.As(err, &identity):
		return StageIdentity
	case errors.As(err, &auth):
		return StageAuth
	case errors.As(err, &noTLS), errors.As(err, &shake):
		return StageTLS
	case errors.As(err, &se) && se.Remote && se.Condition == stream.NotAuthorized:
		return StageAuth
	default:
		return StageStream
	}
}
