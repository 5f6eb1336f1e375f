package stream

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"

	"isthmus.im/jid"
)

// response takes the peer's answer to this side's header. Its from is not
// compared with the target: RFC 6120 section 4.7.1 allows another domain there,
// and the certificate decides.
func (m *Machine) response(h Header) {
	if condition, text := checkHeader(h); condition != "" {
		m.refuse(condition, text)
		return
	}
	m.peer, m.id = h, h.ID
	m.phase = waitFeatures
}

// serverVerified takes the verdict on the peer's certificate. Nothing beyond a
// header was sent over TLS before it.
func (m *Machine) serverVerified(domain jid.JID, err error) {
	if err == nil {
		return
	}
	e := &IdentityError{Domain: domain, Err: err}
	if m.dialback() || m.cfg.AskOnly && !m.disproved {
		m.unproved = e
		return
	}
	m.tell(&Error{Condition: NotAuthorized, Text: "your certificate does not authenticate " + domain.String() + ": " + err.Error()})
	m.fail(e)
}

// features chooses the next step: TLS before anything else, then SASL, then the
// stream is ready, whatever else is offered.
func (m *Machine) features(e Element) {
	if e.Space != NS || e.Local != "features" {
		m.unexpected(e)
		return
	}
	f, err := parseFeatures(e.Raw)
	if err != nil {
		m.refuse(BadFormat, "unreadable stream features")
		return
	}
	m.offered = f
	switch {
	case !m.secure:
		if !f.starttls { // somebody may have struck the offer out, RFC 7590 section 3.1
			m.denied = &TLSError{Remote: m.remote}
		}
		m.write("<starttls xmlns='" + NSTLS + "'/>")
		m.phase = waitProceed
	case m.authed:
		m.do(Ready{Local: m.local, Remote: m.remote, StreamID: m.id, Identity: m.unproved, Dialback: m.peer.Dialback || f.dialback,
			Features: f.names, Method: external, From: m.peer.From, Lang: m.peer.Lang, Limits: f.limits, Bidi: m.bidi})
		m.end()
	case m.cfg.AskOnly:
		m.instead(nil)
	case !f.offers(external):
		m.instead(&AuthError{Local: m.local, Remote: m.remote, Offered: f.mechanisms, Dialback: m.announced()})
	default:
		response, err := initialResponse(m.local)
		if err != nil {
			m.refuse(InternalServerError, "SASL EXTERNAL cannot be started")
			return
		}
		m.askBidi()
		m.write("<auth xmlns='" + NSSASL + "' mechanism='" + external + "'>" + base64.StdEncoding.EncodeToString(response) + "</auth>")
		m.phase = waitResult
	}
}

// askBidi asks for stanzas both ways where that is offered, once.
func (m *Machine) askBidi() {
	if m.bidi || !m.cfg.Bidi || !m.offered.bidi {
		return
	}
	m.bidi = true
	m.write("<bidi xmlns='" + nsBidi + "'>")
	if m.cfg.Limits != (Limits{}) {
		m.out = append(m.out, m.cfg.Limits.Element()...)
	}
	m.write("</bidi>")
}

// announced reports whether the peer offers Server Dialback, in either way.
func (m *Machine) announced() bool { return m.peer.Dialback || m.offered.dialback }

// instead goes on without EXTERNAL, of which e says what became; nil: nobody
// tried.
func (m *Machine) instead(e *AuthError) {
	d := Handover{Identity: m.unproved, Announced: m.announced(), Limits: m.offered.limits}
	switch {
	case e == nil:
		m.handOver(d)
		return
	case m.dialback():
		e.allowed = true
		m.askBidi()
		d.External = e
		m.handOver(d)
		return
	case e.Condition == "":
		m.tell(&Error{Condition: UnsupportedFeature, Text: "SASL EXTERNAL is not offered to " + m.local.String() + ", which does not use Server Dialback: " +
			"servers have to be let in by certificate, and the authority of its certificate be trusted"})
	default:
		m.close()
	}
	m.fail(e)
}

// proceed takes the answer to <starttls/>.
func (m *Machine) proceed(e Element) {
	switch (xml.Name{Space: e.Space, Local: e.Local}) {
	case xml.Name{Space: NSTLS, Local: "proceed"}:
		m.denied = nil
		m.do(StartTLS{m.local})
		m.phase = waitTLS
	case xml.Name{Space: NSTLS, Local: "failure"}:
		m.close()
		m.fail(cmp.Or[error](m.denied, &TLSError{Remote: m.remote, Refused: true}))
	default:
		if m.denied == nil {
			m.unexpected(e)
			return
		}
		m.tell(&Error{Condition: PolicyViolation, Text: "STARTTLS is not offered here, and this side does not use unencrypted streams"})
		m.fail(m.denied)
	}
}

// result takes the answer to <auth/>. EXTERNAL has no challenges once its
// initial response was sent (RFC 4422 appendix A), and after a failure there is
// nothing else to try but Server Dialback: some peers would keep the stream open
// for ever.
func (m *Machine) result(e Element) {
	switch (xml.Name{Space: e.Space, Local: e.Local}) {
	case xml.Name{Space: NSSASL, Local: "success"}:
		m.authed = true
		m.restart()
		m.open()
	case xml.Name{Space: NSSASL, Local: "failure"}:
		condition, text := parseFailure(e.Raw)
		m.instead(&AuthError{Local: m.local, Remote: m.remote, Condition: condition, Text: text, Dialback: m.announced()})
	case xml.Name{Space: NSSASL, Local: "challenge"}:
		m.write("<abort xmlns='" + NSSASL + "'/>")
		m.close()
		m.fail(&AuthError{Local: m.local, Remote: m.remote, Condition: saslAborted, Text: "challenged although EXTERNAL has no challenges"})
	default:
		m.unexpected(e)
	}
}
