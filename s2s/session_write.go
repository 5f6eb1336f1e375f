package s2s

import (
	"bytes"
	"container/list"
	"context"
	"errors"

	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// element takes one child of the stream that the session writes. An error ends
// the session.
func (c *session) element(t *xmlscan.Token) error {
	kind := stanza.Kind(0)
	if string(t.Space) == stream.NSClient {
		kind = stanza.KindOf(string(t.Local))
	}
	if kind == 0 {
		return c.fault(&stream.Error{Condition: stream.UnsupportedStanzaType, Text: "only message, presence and iq may be sent here"})
	}
	h := t.Head()
	st := &stanza.Stanza{Kind: kind, ID: string(h.ID), Lang: string(h.Lang), To: c.address.Bare()}
	typ, typeErr := stanza.ParseType(kind, string(h.Type))
	st.Type = typ
	if !c.sender(st, h.From) {
		return c.fault(&stream.Error{Condition: stream.InvalidFrom, Text: "the from of a stanza is not the address of the session"})
	}
	if len(h.To) > 0 {
		to, err := c.s.jids.parse(h.To)
		if err != nil {
			st.To = c.address.Host()
			c.refuse(st, &stanza.Error{Condition: stanza.JIDMalformed, Text: "the to address is malformed"})
			return nil
		}
		st.To = to
	}
	if kind == stanza.IQ {
		if e := badRequest(t, st, typeErr); e != nil {
			c.refuse(st, e)
			return nil
		}
	} else if typeErr != nil {
		c.refuse(st, &stanza.Error{Condition: stanza.BadRequest, Text: "unknown type of " + kind.String()})
		return nil
	}
	st.Inner = bytes.Clone(t.Inner)
	return c.send(st)
}

// sender sets the from of a stanza and reports whether the session may use what
// it wrote there itself.
func (c *session) sender(st *stanza.Stanza, from []byte) bool {
	st.From = c.address
	switch st.Type {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		st.From = c.address.Bare()
	}
	if len(from) == 0 {
		return true
	}
	given, err := c.s.jids.parse(from)
	if err != nil || given.Bare() != c.address.Bare() {
		return false
	}
	if c.whole {
		st.From = given
		return true
	}
	return given == c.address || given.IsBare()
}

// send sends a stanza. It waits, as Send does, while the queue of a connected
// domain is full, but not past the deadline for writing.
func (c *session) send(st *stanza.Stanza) error {
	switch {
	case st.Kind == stanza.IQ && (st.Type == stanza.Result || st.Type == stanza.TypeError):
		c.answered(st)
	case !c.remember(st):
		c.refuse(st, &stanza.Error{Condition: stanza.Conflict, Text: "a request with this id is under way"})
		return nil
	}
	head := *st // st belongs to the server
	head.Inner = nil
	err := c.s.Send(c.write.context(), st)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, ErrNotLocal):
		return c.fault(hostGone(c.address))
	case c.closed() != nil:
		return c.closed()
	}
	c.mu.Lock()
	c.memory(head.Kind).take(&head, head.From, head.To)
	c.mu.Unlock()
	c.refuse(&head, c.reason(&head, err))
	return nil
}

// reason is what a session is told of an error of Send.
func (c *session) reason(st *stanza.Stanza, err error) *stanza.Error {
	switch {
	case errors.Is(err, ErrQueueFull), errors.Is(err, context.Canceled):
		return &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait, Text: "too many stanzas wait for " + st.To.Domain()}
	case errors.Is(err, errStanza):
		return &stanza.Error{Condition: stanza.NotAcceptable, Text: "the stanza is too large or not well-formed"}
	}
	c.s.log.Error("stanza of a session not sent", "local", st.From, "remote", st.To, "err", err)
	return &stanza.Error{Condition: stanza.InternalServerError}
}

// answered notes that the session answers the request that it read last.
// mellium's session does so without a from, and from another address of its own
// the answer would not count.
func (c *session) answered(st *stanza.Stanza) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked != nil && c.asked.From == st.To && c.asked.ID == st.ID {
		st.From = c.asked.To
		c.asked = nil
	}
}

// remember notes that answers and errors may come for a stanza. It reports false
// for a request whose id is in use: mellium's session tells requests apart by
// nothing else.
func (c *session) remember(st *stanza.Stanza) bool {
	if st.ID == "" || st.Type == stanza.TypeError {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory(st.Kind).add(st)
}

// memory returns what keeps stanzas of a kind. c.mu is held.
func (c *session) memory(k stanza.Kind) *memory {
	if k == stanza.IQ {
		return &c.sent
	}
	return &c.said
}

// refuse tells the session that what it wrote was not sent.
func (c *session) refuse(st *stanza.Stanza, e *stanza.Error) {
	reply := st.ErrorReply(e)
	if reply == nil || !c.put(reply) {
		c.s.log.Warn("stanza of a session dropped", "local", c.address, "remote", st.To, "kind", st.Kind.String(), "id", st.ID, "condition", string(e.Condition))
	}
}

// memory is of the stanzas that a session sent last.
type memory struct {
	limit int
	m     map[sentKey]*list.Element
	order list.List // of remembered, the oldest first
}

type remembered struct {
	key           sentKey
	local, remote jid.JID
}

// sentKey tells stanzas apart: requests by their id alone, as mellium's session
// does; others may go to many with one id.
type sentKey struct {
	kind   stanza.Kind
	id     string
	remote jid.JID
}

func keyOf(kind stanza.Kind, id string, remote jid.JID) sentKey {
	if kind == stanza.IQ {
		return sentKey{kind: kind, id: id}
	}
	return sentKey{kind, id, remote}
}

// add reports false for a request whose id is remembered already.
func (m *memory) add(st *stanza.Stanza) bool {
	key := keyOf(st.Kind, st.ID, st.To)
	if m.m[key] != nil {
		return st.Kind != stanza.IQ
	}
	if m.order.Len() >= m.limit {
		oldest := m.order.Front()
		delete(m.m, m.order.Remove(oldest).(remembered).key)
	}
	if m.m == nil {
		m.m = make(map[sentKey]*list.Element)
	}
	m.m[key] = m.order.PushBack(remembered{key, st.From, st.To})
	return true
}

// take reports whether st, or what st answers, was sent from local to remote,
// and forgets it.
func (m *memory) take(st *stanza.Stanza, local, remote jid.JID) bool {
	e := m.m[keyOf(st.Kind, st.ID, remote)]
	if e == nil {
		return false
	}
	if r := e.Value.(remembered); r.local != local || r.remote != remote {
		return false
	}
	m.order.Remove(e)
	delete(m.m, keyOf(st.Kind, st.ID, remote))
	return true
}
