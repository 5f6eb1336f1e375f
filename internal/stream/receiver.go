package stream

import (
	"encoding/xml"

	"isthmus.im/jid"
)

// respond sends the response header. Its from is the domain the peer asked for
// when that is served here, and otherwise the default domain or empty
// (RFC 6120 section 4.9.1.3); its to is the peer's from when that is a domain.
func (m *Machine) respond() {
	if m.cfg.Role == Initiator {
		m.open()
		return
	}
	h := Header{ID: m.cfg.NewID(), Version: "1.0", Lang: m.cfg.Lang, Dialback: m.dialback()}
	m.id = h.ID
	switch {
	case !m.local.IsZero():
		h.From = m.local.String()
	case !m.cfg.Local.IsZero():
		h.From = m.cfg.Local.String()
	}
	switch from, err := parseDomain(m.peer.From); {
	case err == nil:
		h.To = from.String()
	case m.peer.From == "" && !m.remote.IsZero():
		h.To = m.remote.String()
	}
	if m.peer.Space != "" && !supported(m.peer.Version) {
		h.Version = "" // an absent version is 0.9, RFC 6120 section 4.7.5 rules 2 and 4
	}
	m.out = AppendHeader(m.out, h)
	m.opened = true
}

// request takes the peer's header, checks it and answers it.
func (m *Machine) request(h Header) {
	m.peer = h
	local, remote, e := m.addresses(h)
	m.local = local
	if condition, text := checkHeader(h); condition != "" {
		e = &Error{Condition: condition, Text: text}
	}
	if e != nil {
		m.tell(e)
		m.fail(e)
		return
	}
	m.remote = remote
	switch {
	case !m.secure:
		m.respond()
		m.write("<stream:features><starttls xmlns='" + NSTLS + "'><required/></starttls></stream:features>")
		m.phase = waitStartTLS
	case m.authed:
		m.respond()
		m.write("<stream:features>")
		m.out = append(m.out, m.cfg.Features...)
		m.write("</stream:features>")
		m.do(Ready{Local: m.local, Remote: m.remote, StreamID: m.id, Method: external, Dialback: m.peer.Dialback, Lang: m.peer.Lang, Limits: m.limits, Bidi: m.bidi})
		m.end()
	case m.remote.IsZero():
		m.offer(true)
	default:
		m.verify(m.remote)
	}
}

// offer sends the response header and the offer of EXTERNAL, of Server Dialback
// or of both.
func (m *Machine) offer(sasl bool) {
	m.respond()
	m.write("<stream:features>")
	if sasl {
		m.write("<mechanisms xmlns='" + NSSASL + "'><mechanism>" + external + "</mechanism></mechanisms>")
	}
	m.out = append(m.out, m.cfg.Dialback...)
	if m.cfg.Bidi {
		m.write("<bidi xmlns='" + nsBidiOn + "'/>")
	}
	m.write("</stream:features>")
	m.phase = waitAuth
}

// clientVerified takes the verdict on the peer's certificate: for the from of its
// header before EXTERNAL is offered, or for its authorization identity.
func (m *Machine) clientVerified(domain jid.JID, err error) {
	switch {
	case m.phase == waitAuth:
		m.identified(domain, err)
	case err == nil:
		m.offer(true)
	case m.dialback():
		m.denied = &IdentityError{Domain: domain, Err: err}
		m.offer(false)
	default:
		m.tell(&Error{Condition: NotAuthorized, Text: m.unverified(domain, err)})
		m.fail(&IdentityError{Domain: domain, Err: err})
	}
}

// unverified tells the peer's administrator what to change.
func (m *Machine) unverified(domain jid.JID, err error) string {
	otherwise := " (Server Dialback is not accepted)"
	if m.dialback() {
		otherwise = ", or Server Dialback"
	}
	d := domain.String()
	return "your certificate does not authenticate " + d + ": " + err.Error() + "; here it takes one that names " + d +
		", is in date, has its whole chain and comes from a trusted authority" + otherwise
}

// starttls takes what the peer sends in plaintext. Only <starttls/> is served.
func (m *Machine) starttls(e Element) {
	switch (xml.Name{Space: e.Space, Local: e.Local}) {
	case xml.Name{Space: NSTLS, Local: "starttls"}:
		m.write("<proceed xmlns='" + NSTLS + "'/>")
		m.do(StartTLS{m.local})
		m.phase = waitTLS
	case xml.Name{Space: NSSASL, Local: "auth"}:
		m.write(failure(saslEncryptionRequired, ""))
		m.refuse(PolicyViolation, "STARTTLS has to come before authentication")
	case xml.Name{Space: NSDialback, Local: "result"}, xml.Name{Space: NSDialback, Local: "verify"}:
		text := "Server Dialback is not accepted, and nothing is without STARTTLS"
		if m.dialback() {
			text = "nothing is accepted without STARTTLS, Server Dialback included"
		}
		m.refuse(PolicyViolation, text)
	default:
		m.unexpected(e)
	}
}

// unexpected refuses an element that has no place in the negotiation.
func (m *Machine) unexpected(e Element) {
	switch {
	case (e.Space == NSServer || e.Space == NSClient) && (e.Local == "message" || e.Local == "presence" || e.Local == "iq"):
		m.refuse(NotAuthorized, "a stanza before the stream was negotiated")
	case e.Space == NSDialback && !m.dialback():
		m.refuse(PolicyViolation, "Server Dialback is not accepted; authenticate with SASL EXTERNAL")
	default:
		m.refuse(UnsupportedStanzaType, "<"+e.Local+"/> is not expected here; this side waits for "+m.waiting())
	}
}
