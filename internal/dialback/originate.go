package dialback

import (
	"slices"

	"isthmus.im/jid"
)

// Start asks the peer to accept stanzas from local to remote on this stream. It
// comes to [Authorized] or [Refused], now or later; while an earlier Start for
// the pair is open it does nothing. No stanza for the pair may be sent before
// Authorized.
//
// An outgoing stream is for its Remote, and with Config.Errors for other domains
// whose servers were found at the same address and port. On a bidirectional
// stream that the peer opened, remote has to be a domain that the peer has
// proved to speak for.
func (m *Machine) Start(local, remote jid.JID) []Action {
	p := pair{local, remote}
	switch {
	case slices.Contains(m.started, p):
	case slices.Contains(m.authorized, p) && !m.closed:
		m.do(Authorized{local, remote})
	default:
		if err := m.start(p); err != nil {
			m.do(Refused{&Error{Local: local, Remote: remote, Err: err}})
		}
	}
	return m.flush()
}

func (m *Machine) start(p pair) error {
	secrets := m.cfg.Secret.usable()
	switch {
	case m.closed:
		return ErrClosed
	case !m.cfg.Secure:
		return ErrPlaintext
	case !m.leadsTo(p.remote) || !m.cfg.Serves(p.local) || m.cfg.Serves(p.remote):
		return ErrDirection
	case m.cfg.StreamID == "" || len(m.cfg.StreamID) > MaxID:
		return malformed("the peer's stream header has no id, or one that is too long")
	case len(secrets) == 0:
		return ErrNoSecret
	}
	m.started = append(m.started, p)
	m.write(Element{Kind: Result, From: p.local, To: p.remote, Key: Key(secrets[0], p.remote, p.local, m.cfg.StreamID)})
	return nil
}

// leadsTo reports whether the peer is one that may be asked to accept stanzas
// for a domain.
func (m *Machine) leadsTo(remote jid.JID) bool {
	if m.cfg.Outgoing {
		return remote == m.cfg.Remote || m.cfg.Errors
	}
	return m.bidi && slices.ContainsFunc(m.accepted, func(p pair) bool { return p.remote == remote })
}

// answered notes the end of a request, and reports whether there was one.
func (m *Machine) answered(p pair) bool {
	i := slices.Index(m.started, p)
	if i >= 0 {
		m.started = slices.Delete(m.started, i, i+1)
	}
	return i >= 0
}

// result takes the peer's answer to a request of this side's. Without the request
// it means nothing (XEP-0220 section 4.1).
func (m *Machine) result(e Element) {
	p := pair{e.To, e.From}
	if !m.answered(p) {
		m.ignore(e, "nobody asked for this result")
		return
	}
	switch e.Type {
	case Valid:
		m.authorized = append(m.authorized, p)
		m.do(Authorized{p.local, p.remote})
	case Invalid:
		m.do(Refused{&Error{Local: p.local, Remote: p.remote, Invalid: true}})
		m.shut()
	default:
		m.do(Refused{&Error{Local: p.local, Remote: p.remote, Condition: e.Condition, Text: e.Text}})
	}
}
