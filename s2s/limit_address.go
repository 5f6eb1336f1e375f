package s2s

import (
	"container/list"
	"net"
	"net/netip"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// addressUse is what the inbound streams from one address have in common. An
// IPv6 address counts as its network of 64 bits, which is what one subscriber
// gets.
type addressUse struct {
	prefix      netip.Prefix
	streams     int // authenticated; under limiter.mu
	negotiating int // under limiter.mu
	opened      bucket
}

func newAddressUse(p netip.Prefix) *addressUse { return &addressUse{prefix: p} }

// clear is when nothing is held against the address any more.
func (a *addressUse) clear() time.Duration { return time.Duration(a.opened.full.Load()) }

func prefixOf(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}

// negotiation is an inbound stream that has not authenticated.
type negotiation struct {
	sock    net.Conn
	addr    netip.AddrPort
	from    *addressUse   // nil if the connection has no address
	place   *list.Element // in limiter.negotiating
	crowded bool          // it had to make room for another; under limiter.mu
}

// admit lets an accepted connection begin to negotiate. If that makes too many,
// the one that has been at it for longest ends: a peer that means well does not
// take long, and those that do not cannot keep it out. If a limit of its address
// is met there is no negotiation.
func (s *Server) admit(sock net.Conn) (*negotiation, limitError) {
	n := &negotiation{sock: sock, addr: addrOf(sock)}
	now := s.uptime()
	l := &s.limiter
	l.mu.Lock()
	if n.addr.IsValid() {
		prefix := prefixOf(n.addr.Addr())
		a := l.addresses.use(prefix)
		if limit := s.mayBegin(a, now); limit != "" {
			l.addresses.done(prefix, now)
			l.mu.Unlock()
			return nil, limit
		}
		a.negotiating++
		n.from = a
	}
	n.place = l.negotiating.PushBack(n)
	var oldest *negotiation
	if l.negotiating.Len() > s.limits.Negotiating {
		oldest = l.negotiating.Remove(l.negotiating.Front()).(*negotiation)
		oldest.crowded = true
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest.sock.Close()
		s.limited("Negotiating", jid.JID{}, oldest.addr.String(), 0)
	}
	return n, ""
}

// mayBegin says which limit keeps an address from opening one more stream, if
// one does. limiter.mu is held.
func (s *Server) mayBegin(a *addressUse, now time.Duration) limitError {
	switch {
	case a.negotiating >= s.limits.AddressNegotiating:
		return "AddressNegotiating"
	case a.streams+a.negotiating >= s.limits.AddressStreams:
		return "AddressStreams"
	case !a.opened.try(now, refusing(s.limits.AddressNewStreams, time.Second)):
		return "AddressNewStreams"
	}
	return ""
}

// crowded reports whether a connection was closed to make room.
func (s *Server) crowded(c *conn) bool {
	l := &s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.negotiation.crowded
}

// negotiated ends what admit began, which came to a stream or to nothing.
func (s *Server) negotiated(c *conn, opened bool) {
	n := c.negotiation
	c.negotiation = nil
	l := &s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if !n.crowded {
		l.negotiating.Remove(n.place)
	}
	if a := n.from; a != nil {
		a.negotiating--
		if opened {
			a.streams++
			c.address = a
		} else {
			l.addresses.done(a.prefix, s.uptime())
		}
	}
}

// depart undoes what negotiated did for a stream.
func (s *Server) depart(c *conn) {
	l := &s.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.address == nil {
		return
	}
	c.address.streams--
	l.addresses.done(c.address.prefix, s.uptime())
}

// turnAway tells a connection that was not admitted why, before TLS and at no
// cost. One that begins with TLS could not be told.
func (s *Server) turnAway(sock net.Conn, direct bool) {
	if !direct {
		sock.SetDeadline(time.Now().Add(s.limits.Close))
		h := stream.Header{ID: newID(), Version: "1.0", Lang: "en"}
		if d := s.domains.some.Load(); d != nil {
			h.From = d.jid.String()
		}
		b := stream.AppendHeader(nil, h)
		b = stream.AppendError(b, &stream.Error{Condition: stream.ResourceConstraint, Text: "too many streams from this address"})
		sock.Write(append(b, stream.Footer...))
	}
	sock.Close()
}
