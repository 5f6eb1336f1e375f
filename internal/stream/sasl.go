package stream

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"strings"

	"isthmus.im/jid"
	"mellium.im/sasl"
)

// external is the name of the mechanism of RFC 4422 appendix A.
const external = "EXTERNAL"

// The SASL failures of RFC 6120 section 6.5 that this package sends or infers.
const (
	saslAborted            = "aborted"
	saslEncryptionRequired = "encryption-required"
	saslIncorrectEncoding  = "incorrect-encoding"
	saslInvalidAuthzid     = "invalid-authzid"
	saslInvalidMechanism   = "invalid-mechanism"
	saslMalformedRequest   = "malformed-request"
	saslNotAuthorized      = "not-authorized"
)

var errTooManySteps = errors.New("stream: EXTERNAL has only one step")

// mechanism returns EXTERNAL for mellium.im/sasl. The client's response is its
// authorization identity; the server asks its permissions about the identity.
func mechanism() sasl.Mechanism {
	return sasl.Mechanism{
		Name: external,
		Start: func(n *sasl.Negotiator) (bool, []byte, any, error) {
			_, _, identity := n.Credentials()
			return false, identity, nil, nil
		},
		Next: func(n *sasl.Negotiator, response []byte, _ any) (bool, []byte, any, error) {
			if n.State()&sasl.Receiving == 0 || n.State()&sasl.StepMask != sasl.AuthTextSent {
				return false, nil, nil, errTooManySteps
			}
			identity := sasl.Credentials(func() (username, password, authzid []byte) { return nil, nil, response })
			if !n.Permissions(identity) {
				return false, nil, nil, sasl.ErrAuthn
			}
			return false, nil, nil, nil
		},
	}
}

// initialResponse is what an Initiator sends with <auth/>: its own domain, which
// some peers require (XEP-0178 section 3).
func initialResponse(local jid.JID) ([]byte, error) {
	c := sasl.NewClient(mechanism(), sasl.Credentials(func() (username, password, authzid []byte) {
		return nil, nil, []byte(local.String())
	}))
	_, response, err := c.Step(nil)
	return response, err
}

// authenticate takes what the peer sends where it ought to authenticate.
func (m *Machine) authenticate(e Element) {
	switch (xml.Name{Space: e.Space, Local: e.Local}) {
	case xml.Name{Space: NSSASL, Local: "auth"}:
		m.begin(e)
	case xml.Name{Space: NSSASL, Local: "abort"}:
		m.deny(saslAborted, "")
	case xml.Name{Space: NSSASL, Local: "response"}:
		m.deny(saslMalformedRequest, "EXTERNAL has no challenges")
	case xml.Name{Space: NSTLS, Local: "starttls"}:
		m.write("<failure xmlns='" + NSTLS + "'/>")
		m.close()
		m.fail(&Error{Condition: PolicyViolation, Text: "STARTTLS asked for a second time"})
	case xml.Name{Space: nsBidi, Local: "bidi"}, xml.Name{Space: nsBidiOn, Local: "bidi"}:
		m.bothWays(e)
	case xml.Name{Space: NSDialback, Local: "verify"}:
		if !m.dialback() {
			m.unexpected(e)
			return
		}
		m.do(Question{e.Raw})
	case xml.Name{Space: NSDialback, Local: "result"}:
		if !m.dialback() {
			m.unexpected(e)
			return
		}
		m.handOver(Handover{Limits: m.limits, External: m.denied, First: e.Raw})
	default:
		m.unexpected(e)
	}
}

// bothWays takes a <bidi/>, which peers send right before <auth/>, some without
// having been offered it; then it means nothing.
func (m *Machine) bothWays(e Element) {
	if !m.cfg.Bidi {
		return
	}
	m.bidi = true
	if n, err := parseNode(e.Raw); err == nil {
		for _, c := range n.Nodes {
			if (c.XMLName == xml.Name{Space: nsLimits, Local: "limits"}) {
				m.limits = parseLimits(c)
			}
		}
	}
}

// begin takes an <auth/> and finds out whom the peer wants to be.
func (m *Machine) begin(e Element) {
	n, err := parseNode(e.Raw)
	if err != nil || len(n.Nodes) > 0 {
		m.deny(saslMalformedRequest, "")
		return
	}
	if n.attr("mechanism") != external {
		m.deny(saslInvalidMechanism, "only EXTERNAL is offered")
		return
	}
	authzid, ok := decode(n.Text)
	if !ok {
		m.deny(saslIncorrectEncoding, "")
		return
	}
	domain, text := m.identity(authzid)
	if text != "" {
		m.deny(saslInvalidAuthzid, text)
		return
	}
	m.auth = authzid
	if domain == m.verified {
		m.identified(domain, nil)
		return
	}
	m.verify(domain)
}

// decode reads an initial response. None, an empty one and "=" are the same: no
// authorization identity.
func decode(text string) ([]byte, bool) {
	if text == "" || text == "=" {
		return []byte{}, true
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, err == nil
}

// identity is the domain that a response asks for: its authorization identity or
// else the from of the header, which must not differ. text says what is wrong.
func (m *Machine) identity(authzid []byte) (domain jid.JID, text string) {
	if len(authzid) == 0 {
		if m.remote.IsZero() {
			return domain, "neither the stream's from nor an authorization identity says who you are"
		}
		return m.remote, ""
	}
	domain, err := parseDomain(string(authzid))
	switch {
	case err != nil:
		return domain, "the authorization identity is not a domain"
	case !m.remote.IsZero() && domain != m.remote:
		return domain, "the authorization identity differs from the stream's from"
	case m.cfg.Serves(domain):
		return domain, domain.String() + " is served here"
	}
	return domain, ""
}

// identified finishes the handshake for which the certificate was verified.
func (m *Machine) identified(domain jid.JID, err error) {
	authzid := m.auth
	m.auth = nil
	if err != nil {
		m.deny(saslNotAuthorized, m.unverified(domain, err))
		return
	}
	if _, _, err := sasl.NewServer(mechanism(), m.permits).Step(authzid); err != nil {
		m.deny(saslNotAuthorized, "")
		return
	}
	m.remote = domain
	m.authed, m.denied = true, nil
	m.write("<success xmlns='" + NSSASL + "'/>")
	m.restart()
}

// permits is the last word on a handshake: the identity it asks for must be the
// one that the certificate was verified for, whatever led here.
func (m *Machine) permits(n *sasl.Negotiator) bool {
	_, _, authzid := n.Credentials()
	domain, text := m.identity(authzid)
	return text == "" && !m.verified.IsZero() && domain == m.verified
}

// deny reports a failed handshake. The peer may try again, but not for ever
// (RFC 6120 section 6.4.5); if it leaves instead, this is why.
func (m *Machine) deny(condition, text string) {
	m.write(failure(condition, text))
	m.denied = &AuthError{Local: m.local, Remote: m.remote, Condition: condition, Text: text, Sent: true}
	if m.tries++; m.tries < maxTries {
		return
	}
	m.tell(&Error{Condition: PolicyViolation, Text: "too many failed authentications"})
	m.fail(m.denied)
}

// failure is a SASL failure element.
func failure(condition, text string) string {
	b := []byte("<failure xmlns='" + NSSASL + "'><" + condition + "/>")
	if text != "" {
		b = append(b, "<text xml:lang='en'>"...)
		b = AppendEscaped(b, text)
		b = append(b, "</text>"...)
	}
	return string(append(b, "</failure>"...))
}

// parseFailure reads a SASL failure. A condition that RFC 6120 section 6.5 does
// not list counts as not-authorized.
func parseFailure(raw []byte) (condition, text string) {
	condition = saslNotAuthorized
	n, err := parseNode(raw)
	if err != nil {
		return condition, ""
	}
	for _, c := range n.Nodes {
		switch c.XMLName.Local {
		case "text":
			text = strings.TrimSpace(c.Text)
		case saslAborted, "account-disabled", "credentials-expired", saslEncryptionRequired, saslIncorrectEncoding,
			saslInvalidAuthzid, saslInvalidMechanism, saslMalformedRequest, "mechanism-too-weak", "temporary-auth-failure":
			condition = c.XMLName.Local
		}
	}
	return condition, text
}
