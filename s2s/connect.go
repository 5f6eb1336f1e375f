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

// connect opens an authenticated stream for a link. It tries every target of
// the domain, and every address of each target, in order.
func (s *Server) connect(ctx context.Context, l *link) (*conn, *ConnectError) {
	r := l.route
	failed := &ConnectError{Domain: r.Remote}
	add := func(a Attempt, final bool) {
		failed.Attempts = append(failed.Attempts, a)
		if a.Stage > failed.Stage {
			failed.Stage, failed.Final = a.Stage, final
		} else if a.Stage == failed.Stage {
			failed.Final = failed.Final && final
		}
	}
	if s.policy != nil {
		if err := s.policy(ctx, r.Remote); err != nil {
			add(Attempt{Target: r.Remote.String(), Stage: StagePolicy, Err: err}, true)
			return nil, failed
		}
	}
	domain := r.Remote.ASCIIDomain()
	lookup, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
	targets, err := locate.Targets(lookup, s.resolver, domain)
	cancel()
	if err != nil {
		add(Attempt{Target: domain, Stage: StageDNS, Err: err}, notThere(err))
		return nil, failed
	}
	for _, t := range targets {
		lookup, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
		addrs, err := s.resolver.LookupNetIP(lookup, "ip", t.Host)
		cancel()
		target := net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
		if err == nil && len(addrs) == 0 {
			err = &net.DNSError{Err: "no addresses", Name: t.Host, IsNotFound: true}
		}
		if err != nil {
			add(Attempt{Target: target, Stage: StageDNS, Err: err}, notThere(err))
			continue
		}
		for _, addr := range addrs {
			ap := netip.AddrPortFrom(addr.Unmap(), t.Port).String()
			begin := time.Now()
			c, a := s.dial(ctx, l, ap, t.Direct)
			if trace := s.trace.Dial; trace != nil {
				trace(r.Remote, ap, time.Since(begin), a.Err)
			}
			if a.Err == nil {
				return c, nil
			}
			a.Target, a.Addr = target, ap
			add(a, a.Stage >= StageIdentity || errors.As(a.Err, new(*stream.TLSError)))
		}
	}
	return nil, failed
}

// notThere reports whether DNS said that there is no such thing, rather than
// that it could not find out.
func notThere(err error) bool {
	var de *net.DNSError
	return errors.Is(err, locate.ErrNoService) || errors.As(err, &de) && de.IsNotFound
}

// dial tries one address. The Attempt has its stage and error set on failure.
func (s *Server) dial(ctx context.Context, l *link, addr string, direct bool) (*conn, Attempt) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Negotiation)
	defer cancel()
	sock, err := s.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, Attempt{Stage: StageDial, Err: err}
	}
	c := s.newConn(sock, true)
	r := l.route
	c.local, c.remote, c.link = r.Local, r.Remote, l
	if direct {
		sock.SetDeadline(time.Now().Add(s.limits.Negotiation))
		if err := c.handshake(ctx, r.Local, r.Remote); err != nil {
			sock.Close()
			return nil, Attempt{Stage: StageTLS, Err: err}
		}
	}
	ready, err := c.negotiate(ctx, stream.New(stream.Config{
		Role: stream.Initiator, Local: r.Local, Remote: r.Remote, Secure: direct, NewID: newID,
		Bidi: s.bidi, Limits: s.announced(),
	}))
	if err == nil {
		c.id, c.method, c.lang = ready.StreamID, ready.Method, ready.Lang
		c.bidi, c.maxBytes = ready.Bidi, ready.Limits.MaxBytes
		if idle := time.Duration(ready.Limits.IdleSeconds) * time.Second; idle > 0 {
			c.idleTime = min(c.idleTime, idle*3/4) // be the first to close
		}
		if slices.Contains(ready.Features, xml.Name{Space: nsSM, Local: "sm"}) {
			c.enableAcks()
		}
		if !c.open() {
			err = ErrClosed
		}
	}
	if err != nil {
		sock.Close()
		return nil, Attempt{Stage: stageOf(err), Err: publicError(err)}
	}
	return c, Attempt{}
}

// stageOf says how far a failed negotiation got.
func stageOf(err error) Stage {
	var identity *stream.IdentityError
	var auth *stream.AuthError
	var noTLS *stream.TLSError
	var shake *handshakeError
	var se *stream.Error
	switch {
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
