package s2s

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"sync"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"

	"mellium.im/xmpp"
	xmppjid "mellium.im/xmpp/jid"
	xmppstream "mellium.im/xmpp/stream"
)

// Session opens a session of a local address for the packages of
// mellium.im/xmpp: disco, pubsub, muc, history and all others that take an
// [*xmpp.Session]. To them it is a client's stream (jabber:client) that is
// ready for use; what is sent on it leaves by [Server.Send].
//
// As with every session of mellium's, somebody has to run its Serve method, in
// a goroutine of its own, or no answer arrives:
//
//	session, err := fed.Session(ctx, address)
//	...
//	defer session.Close()
//	go session.Serve(mux.New("jabber:client", ...))
//	info, err := disco.GetInfo(ctx, "", room, session)
//
// An address with a resource gets what is addressed to exactly it. One without
// is given a random resource (RFC 6120 section 7.6) if it is at one of
// Config.Domains: what is for the account stays with Config.Handler. At one of
// Config.Services it stands for itself and all of its resources, but for those
// that have a session of their own. What goes to a session goes neither to
// Config.Users nor to Config.Handler, and the server answers nothing in its
// place; mellium's session refuses requests that its handler leaves.
//
// A session speaks as itself, whether its stanzas say so or not: from is set to
// its address, or to the bare one in presence about subscriptions (RFC 6120
// section 8.1.2.1), whose answers are thus the handler's. What has no to is for
// the bare address (RFC 6120 section 10.3).
//
// Answers and errors reach a session only if they come from the very address
// that it wrote to, with the id that it used, while that is among the last
// Limits.SessionSent; any other goes to the handler. A second request with an
// id that is under way is refused with conflict. What cannot be sent comes back
// as an error stanza, as it does to the handler after Send.
//
// What arrives waits for the session to read it. Beyond Limits.SessionBytes
// it is refused with resource-constraint, and answers become such errors;
// nobody else is held up. Stanzas that mellium's session would end for, or panic
// at, are refused with not-acceptable (those from addresses that it cannot
// parse, and those with elements that belong to the stream) or set right (text
// between the children is left out).
//
// A session ends when its Close method is called; when its Serve method
// returns, which it does at the first error of a handler; when what it writes
// is not XML or not a client's, which the call that wrote it returns as a
// [*StreamError]; and when the server shuts down or its domain is removed, of
// which it is told (system-shutdown, host-gone) and has Limits.Close to finish. Requests that it has not
// answered and messages that it has not read are then refused with
// recipient-unavailable. Nothing is left of it, and it has no goroutine but
// Serve's. ctx matters only while the session is being opened.
//
// The errors are [ErrNotLocal], [ErrSessionConflict] if the address has a
// session, [ErrClosed], ctx's, and that of mellium's jid.Parse for an address
// that it does not know how to write.
//
// Some of mellium's ways need care. Give every call that waits for an answer a
// context that ends, for the end of the session does not end it. After an error
// of a call that writes, close the session: its output may be broken. Handlers
// run in Serve: they must not wait for answers, nor call a method of the session
// after they wrote something, and should return an error only if the session
// is to end for what a stranger sent.
func (s *Server) Session(ctx context.Context, address jid.JID) (*xmpp.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := s.domains.get(address.Domain())
	if at == nil {
		return nil, fmt.Errorf("%w: %q", ErrNotLocal, address)
	}
	whole := !at.users && address.IsBare()
	if at.users && address.IsBare() {
		var err error
		if address, err = address.WithResource(newID()); err != nil {
			return nil, err
		}
	}
	origin, err := xmppjid.Parse(address.String())
	if err != nil {
		return nil, fmt.Errorf("s2s: session of %s: %w", address, err)
	}
	c := newSession(s, address, whole)
	if err := s.sessions.add(c); err != nil {
		return nil, err
	}
	session, err := xmpp.NewSession(ctx, origin.Domain(), origin, c, xmpp.Secure|xmpp.Authn, ready)
	if err != nil {
		c.finish(nil)
		return nil, err
	}
	s.log.Debug("session opened", "local", address)
	if !s.serves(address) { // any more
		c.end(hostGone(address))
	}
	return session, nil
}

// sessionHeader is what a session has waiting for it from the start.
const sessionHeader = `<stream:stream xmlns="` + stream.NSClient + `" xmlns:stream="` + stream.NS + `" version="1.0" id="s">`

// ready is all the negotiation that a session needs: it takes the header.
// mellium's own would write one, and not escape the address in it.
func ready(_ context.Context, in, out *xmppstream.Info, session *xmpp.Session, _ any) (xmpp.SessionState, io.ReadWriter, any, error) {
	r := session.TokenReader()
	defer r.Close()
	tok, err := r.Token()
	if err != nil {
		return 0, nil, nil, err
	}
	header := tok.(xml.StartElement) // the constant above
	if err := in.FromStartElement(header); err != nil {
		return 0, nil, nil, err
	}
	out.Name, out.XMLNS, out.ID, out.Version = in.Name, in.XMLNS, in.ID, in.Version
	return xmpp.Ready, nil, nil, nil
}

// session is the far end of a mellium session: the connection that it holds,
// and what a client's server does for its client. It has no goroutine: what is
// written to it is parsed and sent at once, what is for it waits to be read.
type session struct {
	s       *Server
	address jid.JID
	whole   bool // it has the resources of its address, too

	wmu  waitLock // held while something is written
	scan *xmlscan.Scanner

	mu     sync.Mutex
	rest   []byte   // of what is being read
	queue  []unread // to be read after it
	size   int      // of the queue
	tail   []byte   // to be read after the queue, when ending
	ending bool     // nothing more is taken
	over   bool     // nothing more is written either
	cause  error    // why it is over
	asked  *stanza.Stanza
	sent   memory // requests that await their answers
	said   memory // what errors may come for
	late   *time.Timer

	news        chan struct{} // buffered; there is something to read
	read, write deadline
}

// unread is a stanza that waits for its session to read it.
type unread struct {
	head stanza.Stanza // without Inner
	xml  []byte
}

func newSession(s *Server, address jid.JID, whole bool) *session {
	c := &session{s: s, address: address, whole: whole, rest: []byte(sessionHeader), news: make(chan struct{}, 1)}
	c.scan = xmlscan.New(s.stanzaLimits())
	c.scan.Arena = &s.arena
	copy(c.scan.Buffer(len(sessionHeader)), sessionHeader)
	c.scan.Fill(len(sessionHeader))
	if _, err := c.scan.Next(); err != nil {
		panic(err) // the constant above is well-formed
	}
	c.sent.limit, c.said.limit = s.limits.SessionSent, s.limits.SessionSent
	return c
}

// end ends the session from our side, after what is queued. It has Limits.Close
// to end it from its own.
func (c *session) end(e *stream.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(e)
}

func (c *session) endLocked(e *stream.Error) {
	if c.ending {
		return
	}
	c.ending = true
	if e != nil {
		c.tail = stream.AppendError(nil, e)
		c.cause = publicError(e)
	}
	c.tail = append(c.tail, stream.Footer...)
	c.late = time.AfterFunc(c.s.limits.Close, func() { c.finish(nil) })
	c.wake()
}

// finish ends the session altogether. What it has not read goes back.
func (c *session) finish(e *stream.Error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.endLocked(e)
	c.over = true
	c.late.Stop()
	lost := c.queue
	c.queue, c.size = nil, 0
	if c.asked != nil {
		lost = append([]unread{{head: *c.asked}}, lost...)
		c.asked = nil
	}
	c.wake()
	c.mu.Unlock()

	c.write.end()
	defer c.s.sessions.remove(c) // a shutdown waits for what follows
	for _, u := range lost {
		if u.head.Kind == stanza.Presence {
			continue // RFC 6121 section 8.5.3.2.2
		}
		reply := u.head.ErrorReply(&stanza.Error{Condition: stanza.RecipientUnavailable})
		if reply != nil {
			c.s.pushNow(reply)
		}
	}
	c.s.log.Debug("session closed", "local", c.address, "unread", len(lost))
}

// wake tells the reader that something has changed. c.mu is held.
func (c *session) wake() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}
