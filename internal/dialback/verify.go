package dialback

import "slices"

// Ask puts a question to the peer, who has to be a server of the question's
// remote domain: only an outgoing stream that was opened to that domain may
// carry it, and not the one on which the key arrived (XEP-0288 section 2.2). The
// stream need not be authorized for anything, nor wait for a Start of its own.
// The question comes to [Answered], now or later.
func (m *Machine) Ask(q *Question) []Action {
	switch {
	case slices.Contains(m.asked, q):
	case m.closed:
		m.do(Answered{Unverified(q, RemoteServerTimeout, "the stream to "+q.Remote().String()+" is closed")})
	case !m.cfg.Outgoing || m.cfg.Remote != q.Remote() || q.asker == m:
		m.do(Answered{Unverified(q, RemoteConnectionFailed, "no stream to the servers of "+q.Remote().String())})
	case !m.cfg.Secure:
		m.do(Answered{Unverified(q, RemoteConnectionFailed, "the servers of "+q.Remote().String()+" have no TLS")})
	default:
		m.asked = append(m.asked, q)
		m.write(q.verify())
	}
	return m.flush()
}

// Withdraw takes a question back whose answer is not waited for any more. What
// the peer may still say about it is ignored.
func (m *Machine) Withdraw(q *Question) {
	m.asked = slices.DeleteFunc(m.asked, func(other *Question) bool { return other == q })
}

// testimony takes the peer's answer to a question. Without the question, put on
// this very stream, it means nothing (XEP-0220 section 4.1).
func (m *Machine) testimony(e Element) {
	i := slices.IndexFunc(m.asked, func(q *Question) bool {
		return q.Local() == e.To && q.Remote() == e.From && q.id == e.ID
	})
	if i < 0 {
		m.ignore(e, "nobody asked for this verification")
		return
	}
	q := m.asked[i]
	m.asked = slices.Delete(m.asked, i, i+1)
	if e.Type == Failure {
		m.do(Answered{Unverified(q, RemoteServerNotFound, "the server of "+q.Remote().String()+" answered "+e.Condition)})
		return
	}
	m.do(Answered{Verdict{question: q, kind: e.Type}})
}
