package dialback

import "slices"

// request takes the peer's request to send from one domain to another
// (XEP-0220 section 2.2.1). It does not depend on any request of this side's.
func (m *Machine) request(e Element) {
	p := pair{e.To, e.From}
	switch {
	case m.cfg.Outgoing && !m.bidi:
		m.ignore(e, "the stream serves the other direction")
		return
	case m.isPending(p):
		m.ignore(e, "the pair is being verified already")
		return
	case m.cfg.Secure && m.Accepts(p.local, p.remote):
		m.write(e.answer(Valid))
		return
	}
	if condition, text := m.objection(p); condition != "" {
		m.refuse(e, condition, text)
		return
	}
	q := &Question{asker: m, request: e, id: m.cfg.StreamID}
	m.pending = append(m.pending, q)
	m.do(Ask{q})
}

// objection says why a pair is not worth a question.
func (m *Machine) objection(p pair) (condition, text string) {
	switch {
	case !m.cfg.Secure:
		return PolicyViolation, "TLS is required"
	case !m.cfg.Serves(p.local):
		return ItemNotFound, p.local.String() + " is not served here"
	case m.cfg.Serves(p.remote):
		return NotAcceptable, p.remote.String() + " is served here and does not connect from elsewhere"
	}
	if condition, text = m.cfg.Permit(p.local, p.remote); condition != "" {
		return condition, text
	}
	switch {
	case len(m.pending) >= m.cfg.MaxPending:
		return ResourceConstraint, "too many domains are being verified on this stream"
	case len(m.accepted)+len(m.pending) >= m.cfg.MaxPairs:
		return ResourceConstraint, "too many domains on this stream"
	case m.failures >= m.cfg.MaxFailures:
		return ResourceConstraint, "too many domains failed verification on this stream"
	}
	return "", ""
}

func (m *Machine) isPending(p pair) bool {
	return slices.ContainsFunc(m.pending, func(q *Question) bool { return q.Local() == p.local && q.Remote() == p.remote })
}

// Confirm answers a question that need not be put: the peer of the stream on
// which it came has shown, in the TLS handshake of that stream, a certificate
// that speaks for the question's remote domain (XEP-0344 section 2.4).
func (m *Machine) Confirm(q *Question) []Action {
	if !m.closed {
		m.verdict(Verdict{question: q, kind: Valid})
	}
	return m.flush()
}

// refuse answers a request with an error.
func (m *Machine) refuse(request Element, condition, text string) {
	a := request.failure(condition, text)
	m.write(a)
	m.do(Rejected{&Error{Local: request.To, Remote: request.From, Sent: true, Condition: known(condition), Text: text}})
}

// verdict takes what a question of this machine's came to. One that is not
// waited for any more means nothing.
func (m *Machine) verdict(v Verdict) {
	i := slices.Index(m.pending, v.question)
	if i < 0 {
		return
	}
	m.pending = slices.Delete(m.pending, i, i+1)
	request := v.question.request
	if v.kind == Valid {
		m.Grant(request.To, request.From)
		m.do(Accepted{request.To, request.From})
		m.write(request.answer(Valid))
		return
	}
	m.failures++
	switch {
	case v.kind != Invalid:
		m.refuse(request, v.condition, v.text)
	case len(m.accepted)+len(m.authorized) > 0: // the stream has other uses (XEP-0220 section 2.2.1)
		m.write(request.failure(Forbidden, "the servers of "+request.From.String()+" do not recognize the key"))
		m.do(Rejected{&Error{Local: request.To, Remote: request.From, Sent: true, Invalid: true, Condition: Forbidden}})
	default:
		m.write(request.answer(Invalid))
		m.do(Rejected{&Error{Local: request.To, Remote: request.From, Sent: true, Invalid: true}})
		m.shut()
	}
}
