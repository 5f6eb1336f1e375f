package s2s

import (
	"bytes"
	"encoding/xml"
	"io"

	"isthmus.im/internal/stream"
	"isthmus.im/stanza"

	xmppjid "mellium.im/xmpp/jid"
)

// toSession gives a stanza that came by a stream, or by none, to the session of
// its recipient. It reports whether there is one that wants it, and if so, whether
// there was room.
func (s *Server) toSession(st *stanza.Stanza, by *conn) (taken, room bool) {
	c := s.sessions.find(st.To)
	if c == nil {
		return false, false
	}
	// What is from elsewhere and came by no stream is an error of our own making.
	return c.take(st, by == nil && !s.serves(st.From))
}

func (c *session) take(st *stanza.Stanza, own bool) (taken, room bool) {
	reply := st.Type == stanza.TypeError || st.Type == stanza.Result
	c.mu.Lock()
	if c.ending {
		c.mu.Unlock()
		return false, false
	}
	if reply && !c.memory(st.Kind).take(st, st.To, st.From) && !own {
		c.mu.Unlock()
		return false, false
	}
	c.mu.Unlock()

	fit := tidy(st)
	if fit && c.put(st) {
		return true, true
	}
	e := &stanza.Error{Condition: stanza.NotAcceptable, Text: "the recipient cannot read this stanza"}
	if fit {
		e = &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait, Text: "the recipient does not read fast enough"}
	}
	if !reply {
		if fit {
			return !c.isEnding(), false
		}
		if answer := st.ErrorReply(e); answer != nil {
			c.s.pushNow(answer)
		}
		return true, true
	}
	// Who asked has to hear something. It is small, and there is one for each request.
	head := *st
	head.Type, head.Inner = stanza.TypeError, e.AppendXML(nil)
	c.append(&head)
	return true, true
}

func (c *session) isEnding() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// put queues a stanza for the session to read. It reports false if there is no room.
func (c *session) put(st *stanza.Stanza) bool {
	u := encode(st)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || len(c.queue) > 0 && c.size+len(u.xml)+overhead > c.s.limits.SessionBytes {
		return false
	}
	c.push(u)
	return true
}

// append queues a stanza in any case.
func (c *session) append(st *stanza.Stanza) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.push(encode(st))
	}
}

func (c *session) push(u unread) {
	c.queue = append(c.queue, u)
	c.size += len(u.xml) + overhead
	c.wake()
}

func encode(st *stanza.Stanza) unread {
	u := unread{head: *st, xml: st.AppendXML(nil)}
	u.head.Inner = nil
	return u
}

// tidy makes a stanza one that mellium's session survives, and reports whether
// that is possible. The session ends for an address that its parser refuses, for
// an element of the stream's namespace however deep, and for a request or an
// error without a child; it panics, as do some of its packages, where text
// stands before a child.
func tidy(st *stanza.Stanza) bool {
	for _, address := range []string{st.From.String(), st.To.String()} {
		if _, err := xmppjid.Parse(address); err != nil {
			return false
		}
	}
	var children []byte
	for _, child := range st.Payloads() {
		children = append(children, child...)
	}
	st.Inner = children
	if len(children) == 0 {
		return st.Type != stanza.TypeError && st.Type != stanza.Get && st.Type != stanza.Set
	}
	for d := xml.NewDecoder(bytes.NewReader(children)); ; {
		tok, err := d.Token()
		if err != nil {
			return err == io.EOF
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Space == stream.NS {
			return false
		}
	}
}
