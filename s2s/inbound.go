package s2s

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// Serve accepts streams that begin with STARTTLS on l until l fails or the
// server closes, and then returns ErrClosed or what Accept returned. It closes
// l. Several listeners may be served at once. The limits on addresses go by the
// RemoteAddr of what l accepts.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, false) }

// ServeTLS accepts streams that begin with TLS (XEP-0368) on l, as Serve does.
func (s *Server) ServeTLS(l net.Listener) error { return s.serve(l, true) }

func (s *Server) serve(l net.Listener, direct bool) error {
	if !s.addListener(l) {
		l.Close()
		return ErrClosed
	}
	defer s.running.Done()
	defer s.removeListener(l)
	s.resume()
	var pause time.Duration
	for {
		sock, err := l.Accept()
		if err != nil {
			if s.draining() {
				return ErrClosed
			}
			if !errors.Is(err, net.ErrClosed) && errors.As(err, new(net.Error)) && pause < time.Second {
				// Out of descriptors, most likely: let some streams end.
				pause = max(2*pause, 5*time.Millisecond)
				s.log.Warn("accept failed", "err", err, "took", pause)
				timer := time.NewTimer(pause)
				select {
				case <-timer.C:
				case <-s.stopped:
				}
				timer.Stop()
				continue
			}
			return err
		}
		pause = 0
		if !s.begin() {
			sock.Close()
			return ErrClosed
		}
		go s.accept(sock, direct)
	}
}

// accept negotiates an inbound stream and hands it to a reader.
func (s *Server) accept(sock net.Conn, direct bool) {
	defer s.running.Done()
	c, unproved, err := s.receive(sock, nil, direct)
	if err != nil {
		return
	}
	s.running.Add(1)
	if unproved != nil {
		go c.prove(unproved)
	} else {
		go c.read()
	}
}

// receive admits a connection and negotiates a stream on it, up to where somebody
// has to read, which is for prove where authenticate returns a request and for read
// otherwise. made is the TLS that the connection has already; nil: none. With an
// error the connection is closed, and everybody knows.
func (s *Server) receive(sock net.Conn, made *tls.Conn, direct bool) (_ *conn, unproved []byte, _ error) {
	n, limit := s.admit(sock)
	if n == nil {
		s.turnAway(sock, direct)
		s.limited(limit, jid.JID{}, addrOf(sock).String(), 0)
		return nil, nil, limit
	}
	c := s.newConn(sock, false)
	c.negotiation, c.tls = n, made
	unproved, err := s.authenticate(c, direct)
	if unproved != nil {
		return c, unproved, nil
	}
	if err != nil {
		return nil, nil, s.refuse(c, err)
	}
	s.negotiated(c, true)
	s.kick(c.remote)
	if c.bidi {
		s.adopt(c)
	}
	return c, nil, nil
}

// refuse ends an inbound stream that nobody has authenticated, and returns the
// reason if there is a better one than err, which may be but the consequence.
func (s *Server) refuse(c *conn, err error) error {
	switch {
	case s.ctx.Err() != nil:
		err = ErrClosed
	case s.crowded(c):
		err = limitError("Negotiating") // which admit has reported
	default:
		s.refused(c, err)
	}
	c.leave()
	s.negotiated(c, false)
	return err
}

// refused reports an inbound stream that nobody has authenticated.
func (s *Server) refused(c *conn, err error) {
	addr := c.addr().String()
	var limit limitError
	switch {
	case errors.Is(err, ErrClosed):
		return
	case errors.As(err, &limit):
		s.limited(limit, c.remote, addr, 0)
		return
	case errors.Is(err, errQuestioned):
		s.log.Debug("inbound stream was for a question", "addr", addr)
		return
	}
	s.log.Warn("inbound stream refused", "remote", c.remote, "addr", addr, "err", err)
	if t := s.trace.AuthFailed; t != nil {
		t(c.remote, addr, err)
	}
}

// authenticate negotiates an inbound stream up to the point where stanzas may
// arrive, or where Server Dialback has to authenticate the peer: then it returns
// the peer's request.
func (s *Server) authenticate(c *conn, direct bool) (unproved []byte, _ error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.Negotiation)
	defer cancel()
	if direct {
		c.sock.SetDeadline(time.Now().Add(s.limits.Negotiation))
		if err := c.handshake(ctx, jid.JID{}, jid.JID{}); err != nil {
			return nil, err
		}
	}
	changes := s.changes.Load()
	end, err := c.negotiate(ctx, stream.New(stream.Config{
		Role: stream.Receiver, Secure: direct, NewID: s.ids.issue, Serves: s.serves, Gone: s.domains.isGone,
		Features: s.lastFeatures(), Bidi: s.bidi, Dialback: s.dialbackOffer(),
	}))
	if err != nil {
		var id *stream.IdentityError
		var auth *stream.AuthError
		if errors.As(err, &id) {
			c.remote = id.Domain
		} else if errors.As(err, &auth) {
			c.remote = auth.Remote
		}
		return nil, publicError(err)
	}
	if h, ok := end.(stream.Handover); ok {
		c.id, c.lang, c.bidi, c.maxBytes = h.StreamID, h.Lang, h.Bidi, h.Limits.MaxBytes
		d := c.withDialback(h.Announced)
		d.claimed, d.external = h.Remote, h.External
		return h.First, nil
	}
	ready := end.(stream.Ready)
	c.id, c.local, c.remote = ready.StreamID, ready.Local, ready.Remote
	c.mechanism, c.lang = ready.Method, ready.Lang
	c.bidi, c.maxBytes = ready.Bidi, ready.Limits.MaxBytes
	if !s.dialback.off {
		c.withDialback(ready.Dialback).certified()
	}
	if err := c.open(); err != nil {
		c.end(noPlace(err))
		return nil, err
	}
	return nil, s.still(ctx, c, changes)
}

// noPlace is what a peer is told whose stream was not made one of the server's.
func noPlace(err error) *stream.Error {
	if errors.Is(err, ErrClosed) {
		return &stream.Error{Condition: stream.SystemShutdown}
	}
	return &stream.Error{Condition: stream.ResourceConstraint, Text: "too many streams"}
}

// announced is what peers are told of this side's limits.
func (s *Server) announced() stream.Limits {
	return stream.Limits{MaxBytes: s.limits.StanzaBytes, IdleSeconds: int(s.limits.Idle / time.Second)}
}

// adopt makes an inbound stream that both sides write to the stream of its
// route, unless that has one already.
func (s *Server) adopt(c *conn) {
	for {
		l := s.link(Route{Local: c.local, Remote: c.remote})
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			continue
		}
		c.link = l
		if l.conn == nil && !c.ending.Load() {
			l.attach(c)
			l.wakeUp()
		}
		l.mu.Unlock()
		return
	}
}
