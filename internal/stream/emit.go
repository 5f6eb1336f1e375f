package stream

import (
	"errors"

	"isthmus.im/jid"
)

// errLost stands in for a Lost without a reason.
var errLost = errors.New("stream: no reason given")

// write adds to the output of this step.
func (m *Machine) write(s string) { m.out = append(m.out, s...) }

// do adds an action, behind the output so far.
func (m *Machine) do(a Action) {
	m.merge()
	m.actions = append(m.actions, a)
}

func (m *Machine) merge() {
	if len(m.out) > 0 {
		m.actions = append(m.actions, Write{m.out})
		m.out = nil
	}
}

// flush hands out the actions of a step.
func (m *Machine) flush() []Action {
	m.merge()
	a := m.actions
	m.actions = nil
	return a
}

// open sends this side's header.
func (m *Machine) open() {
	h := Header{From: m.local.String(), To: m.remote.String(), Version: "1.0", Lang: m.cfg.Lang, Dialback: m.dialback() || m.cfg.AskOnly}
	m.out = AppendHeader(m.out, h)
	m.opened = true
}

// restart makes ready for a new pair of headers.
func (m *Machine) restart() {
	m.do(Restart{})
	m.phase, m.opened, m.peer, m.id = waitHeader, false, Header{}, ""
}

func (m *Machine) verify(domain jid.JID) {
	m.verifying = domain
	m.do(Verify{Local: m.local, Domain: domain})
}

// dialback reports whether Server Dialback may take the place of EXTERNAL.
func (m *Machine) dialback() bool { return len(m.cfg.Dialback) > 0 && !m.disproved }

// handOver leaves the rest to Server Dialback.
func (m *Machine) handOver(d Handover) {
	d.Local, d.Remote, d.StreamID, d.Lang, d.Bidi = m.local, m.remote, m.id, m.peer.Lang, m.bidi
	m.do(d)
	m.end()
}

// refuse ends the negotiation with a stream error of this side's.
func (m *Machine) refuse(condition, text string) {
	e := &Error{Condition: condition, Text: text}
	m.tell(e)
	m.fail(e)
}

// tell sends a stream error and ends the stream. A Receiver that has not
// answered the peer's header yet does so first (RFC 6120 section 4.9.1.2).
func (m *Machine) tell(e *Error) {
	if m.phase == waitTLS {
		return
	}
	if !m.opened {
		m.respond()
	}
	m.out = AppendError(m.out, e)
	m.close()
	m.told = true
}

// close sends the footer, if there is anything to close.
func (m *Machine) close() {
	if m.opened && m.phase != waitTLS {
		m.write(Footer)
		m.opened = false
	}
}

// fail ends the machine.
func (m *Machine) fail(err error) {
	m.do(Fail{Err: err, Told: m.told})
	m.end()
}

func (m *Machine) end() {
	m.phase, m.held, m.verifying, m.auth = over, nil, jid.JID{}, nil
}
