package s2s

import (
	"bytes"
	"time"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// element takes one first-level element of an authenticated stream. An error
// ends the stream.
func (c *conn) element(t *xmlscan.Token) error {
	c.unpaidElements++
	if string(t.Space) == stream.NS && string(t.Local) == "error" {
		return stream.ParseError(stream.ElementOf(*t).Raw)
	}
	if string(t.Space) == dialback.NS {
		if d := c.listening(); d != nil {
			return d.hear(t)
		}
	}
	if string(t.Space) == nsSM {
		return c.management(t)
	}
	kind := stanza.Kind(0)
	if string(t.Space) == stream.NSServer {
		kind = stanza.KindOf(string(t.Local))
	}
	if kind == 0 {
		return &stream.Error{Condition: stream.UnsupportedStanzaType, Text: "only message, presence and iq may be sent here"}
	}
	if err := c.stanza(kind, t); err != nil {
		return err
	}
	c.handled++
	return nil
}

// stanza takes one stanza: it checks who speaks to whom (RFC 6120 sections
// 8.1.1.2 and 8.1.2.2) and hands it on. Only a peer that lies about addresses
// loses its stream; anything else costs one stanza.
func (c *conn) stanza(kind stanza.Kind, t *xmlscan.Token) error {
	h := t.Head()
	if len(h.From) == 0 || len(h.To) == 0 {
		return &stream.Error{Condition: stream.ImproperAddressing, Text: "a stanza between servers needs from and to"}
	}
	from, err := c.s.jids.parse(h.From)
	if err != nil {
		if c.mayUse(domainOf(h.From)) {
			c.drop("malformed from")
			return nil
		}
		return &stream.Error{Condition: stream.InvalidFrom, Text: "the from of a stanza is not at a domain authenticated on this stream"}
	}
	if from.Domain() != c.remote.Domain() && !c.dialback.Load().speaks(from) {
		return &stream.Error{Condition: stream.InvalidFrom, Text: from.Domain() + " is not authenticated on this stream"}
	}
	st := &stanza.Stanza{Kind: kind, ID: string(h.ID), From: from, Lang: string(h.Lang)}
	if st.Lang == "" {
		st.Lang = c.lang // RFC 6120 section 8.1.5
	}
	typ, typeErr := stanza.ParseType(kind, string(h.Type))
	st.Type = typ
	if st.To, err = c.s.jids.parse(h.To); err != nil {
		st.To = c.local
		c.refuse(st, &stanza.Error{Condition: stanza.JIDMalformed, Text: "the to address is malformed"}, "malformed to")
		return nil
	}
	if !c.s.serves(st.To) {
		switch gone := c.s.domains.isGone(st.To.Host()); {
		case gone && c.ending.Load():
			c.drop("sent before the peer knew that the domain was removed")
			return nil
		case gone:
			return &stream.Error{Condition: stream.HostGone, Text: st.To.Domain() + " is no longer served here"}
		}
		return &stream.Error{Condition: stream.HostUnknown, Text: st.To.Domain() + " is not served here"}
	}
	if d := c.dialback.Load(); d != nil && !d.permits(st.To, from) {
		return &stream.Error{Condition: stream.InvalidFrom, Text: from.Domain() + " is not authenticated towards " + st.To.Domain() + " on this stream"}
	}
	if kind == stanza.IQ {
		if e := badRequest(t, st, typeErr); e != nil {
			c.refuse(st, e, "malformed iq")
			return nil
		}
	} else if typeErr != nil {
		c.refuse(st, &stanza.Error{Condition: stanza.BadRequest, Text: "unknown type of " + kind.String()}, "unknown type")
		return nil
	}
	if c.out && !c.bidi && st.Type != stanza.TypeError {
		// The stream is ours to write to; some servers still report errors on it.
		c.drop("stanza against the direction of the stream")
		return nil
	}
	if kind == stanza.Presence && typ == stanza.Subscribe && !c.mayAsk() {
		c.s.limited("DomainSubscriptions", c.remote, c.addr().String(), 0)
		c.refuse(st, &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait,
			Text: "too many requests for subscriptions come from this domain"}, "too many subscription requests")
		return nil
	}
	if c.s.pausing.Load() > 0 && c.lastRead-c.stirred >= int64(time.Second) {
		c.stirred = c.lastRead
		c.s.stir(from.Host())
	}
	st.Inner = bytes.Clone(t.Inner)
	c.in.Add(1)
	c.s.recorder.stanza(Route{st.To.Host(), c.remote}, stanzaIn, st)
	if trace := c.s.trace.StanzaIn; trace != nil {
		trace(c.info(), st)
	}
	if c.s.deliver(c.s.ctx, arrival{st: st, c: c}, true) != nil {
		c.refuse(st, &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait,
			Text: "too many stanzas wait for this recipient"}, "lane full")
	}
	return nil
}

// badRequest finds what RFC 6120 section 8.2.3 forbids in an iq.
func badRequest(t *xmlscan.Token, st *stanza.Stanza, typeErr error) *stanza.Error {
	switch {
	case typeErr != nil:
		st.Type = stanza.Get // so that the sender is told
		return &stanza.Error{Condition: stanza.BadRequest, Text: "an iq has type get, set, result or error"}
	case st.ID == "" && st.Type != stanza.TypeError:
		return &stanza.Error{Condition: stanza.BadRequest, Text: "an iq needs an id"}
	case len(t.FirstLocal) == 0 && (st.Type == stanza.Get || st.Type == stanza.Set):
		return &stanza.Error{Condition: stanza.BadRequest, Text: "a get or set has one child"}
	}
	return nil
}

// refuse answers a stanza with an error where one may be sent.
func (c *conn) refuse(st *stanza.Stanza, e *stanza.Error, why string) {
	c.drop(why)
	if reply := st.ErrorReply(e); reply != nil {
		c.s.pushNow(reply)
	}
}

// drop reports a stanza that goes no further.
func (c *conn) drop(why string) {
	c.s.log.Debug("stanza dropped", append(c.attrs(), "why", why)...)
	if t := c.s.trace.Dropped; t != nil {
		t(c.remote, why)
	}
}

// mayUse reports whether a domain, as a peer wrote it, is the stream's.
func (c *conn) mayUse(domain []byte) bool {
	d, _, err := jid.ParseLegacy(string(domain))
	return err == nil && (d.Domain() == c.remote.Domain() || c.dialback.Load().speaks(d))
}

// domainOf cuts the domain out of an address that may be malformed elsewhere.
func domainOf(b []byte) []byte {
	if i := bytes.IndexByte(b, '/'); i >= 0 {
		b = b[:i]
	}
	if i := bytes.IndexByte(b, '@'); i >= 0 {
		b = b[i+1:]
	}
	return b
}
