package stream

import (
	"errors"

	"isthmus.im/jid"
)

var errNotDomain = errors.New("stream: not a bare domain")

// parseDomain reads the address of a server. A stream header and an
// authorization identity between servers name a domain and nothing else
// (RFC 6120 sections 4.7.1, 4.7.2, 6.3.8).
func parseDomain(s string) (jid.JID, error) {
	j, _, err := jid.ParseLegacy(s)
	if err != nil {
		return jid.JID{}, err
	}
	if j.Local() != "" || j.Resource() != "" {
		return jid.JID{}, errNotDomain
	}
	return j, nil
}

// checkHeader checks what must hold for the header of either side. The result is
// a stream error condition and a text, empty if the header is good. A header need
// not declare the content namespace: its elements may each declare their own
// (RFC 6120 section 4.8.2).
func checkHeader(h Header) (condition, text string) {
	switch {
	case h.Space != NS:
		return InvalidNamespace, "the stream namespace has to be " + NS
	case h.Local != "stream":
		return BadFormat, "the root element has to be <stream/>"
	case h.Content != NSServer && h.Content != "" && h.Content != NS:
		return InvalidNamespace, "the content namespace has to be " + NSServer
	case !supported(h.Version):
		return UnsupportedVersion, "XMPP 1.0 or later is required"
	}
	return "", ""
}

// addresses reads to and from of a header that reached a Receiver. local is set
// as soon as it is known, even when e says what is wrong.
//
// A missing to is tolerated where this side knows the domain by other means, a
// missing from always: the authorization identity may stand in for it. After
// authentication neither may change.
func (m *Machine) addresses(h Header) (local, remote jid.JID, e *Error) {
	refuse := func(condition, text string) (jid.JID, jid.JID, *Error) {
		return local, jid.JID{}, &Error{Condition: condition, Text: text}
	}
	asked := m.cfg.Local
	if m.authed {
		asked, local = m.local, m.local
	}
	if h.To != "" {
		var err error
		if asked, err = parseDomain(h.To); err != nil {
			return refuse(ImproperAddressing, "the stream's to is not a domain")
		}
	}
	switch {
	case asked.IsZero():
		return refuse(ImproperAddressing, "the stream header has no to")
	case !m.cfg.Serves(asked) && m.cfg.Gone != nil && m.cfg.Gone(asked):
		return refuse(HostGone, asked.String()+" is no longer served here")
	case !m.cfg.Serves(asked):
		return refuse(HostUnknown, asked.String()+" is not served here")
	case m.authed && asked != m.local:
		return refuse(PolicyViolation, "the stream was authenticated towards "+m.local.String())
	}
	local = asked
	if h.From == "" {
		if m.authed {
			remote = m.remote
		}
		return local, remote, nil
	}
	remote, err := parseDomain(h.From)
	switch {
	case err != nil:
		return refuse(ImproperAddressing, "the stream's from is not a domain")
	case m.authed && remote != m.remote:
		return refuse(InvalidFrom, "the stream was authenticated as "+m.remote.String())
	case m.cfg.Serves(remote):
		return refuse(InvalidFrom, remote.String()+" is served here and does not connect from elsewhere")
	}
	return local, remote, nil
}
