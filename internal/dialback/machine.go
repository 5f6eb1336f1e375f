package dialback

import (
	"slices"

	"isthmus.im/jid"
)

// Config describes a stream.
type Config struct {
	// Outgoing says that this side opened the stream. False: the peer did.
	Outgoing bool

	// Remote is, for an outgoing stream, the domain whose servers were looked up
	// to open it. It is required there, and of no use otherwise.
	Remote jid.JID

	// StreamID is the id in the response header of the stream.
	StreamID string

	// Secure says that the stream is behind TLS. False: every request is refused,
	// and none is made.
	Secure bool

	// Errors says that the peer offered to understand error answers, which
	// permits an outgoing stream to be used for more domains than Remote
	// (XEP-0220 section 2.6.2). False: it is used for Remote only.
	Errors bool

	// Secret makes and checks the keys. It is required.
	Secret Secret

	// Serves tells whether a domain is one of this side's. It is required.
	Serves func(domain jid.JID) bool

	// Permit tells whether a remote domain may prove itself by Server Dialback
	// to a local one. It returns an error condition and a text for the peer, or
	// an empty condition if it may. Nil: every domain may.
	Permit func(local, remote jid.JID) (condition, text string)

	// MaxPending is the number of the peer's requests that are being verified at
	// a time. 0: 4. Further ones are answered with resource-constraint, as are
	// those beyond the next two limits.
	MaxPending int

	// MaxPairs is the number of pairs of domains that the peer may send for on
	// this stream. 0: 64.
	MaxPairs int

	// MaxFailures is the number of the peer's requests that may come to nothing
	// after somebody was asked. 0: 8.
	MaxFailures int
}

// Defaults of the limits.
const (
	defaultPending  = 4
	defaultPairs    = 64
	defaultFailures = 8
)

// pair is a local and a remote domain.
type pair struct{ local, remote jid.JID }

// Machine speaks Server Dialback on one stream, in every role that falls to the
// stream. It is not safe for concurrent use.
type Machine struct {
	cfg    Config
	bidi   bool
	closed bool

	started    []pair      // requests of this side's without an answer
	authorized []pair      // what the peer lets this side send
	accepted   []pair      // what this side lets the peer send
	pending    []*Question // the peer's requests that are being verified
	failures   int         // the peer's requests that came to nothing
	asked      []*Question // other machines' questions, put on this stream

	out     []byte
	actions []Action
}

// New returns the machine of a stream whose response header has been sent or
// received. It panics if something that is required is missing.
func New(c Config) *Machine {
	switch {
	case c.Secret == nil || c.Serves == nil:
		panic("dialback: Config.Secret and Config.Serves are required")
	case c.Outgoing && c.Remote.IsZero():
		panic("dialback: an outgoing stream needs Config.Remote")
	}
	if c.Permit == nil {
		c.Permit = func(jid.JID, jid.JID) (string, string) { return "", "" }
	}
	limit := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	limit(&c.MaxPending, defaultPending)
	limit(&c.MaxPairs, defaultPairs)
	limit(&c.MaxFailures, defaultFailures)
	return &Machine{cfg: c}
}

// EnableBidi says that the stream was made bidirectional (XEP-0288), so that
// either side may make requests on it.
func (m *Machine) EnableBidi() { m.bidi = true }

// Grant notes that the peer has proved to speak for remote in another way, such
// as by its certificate, and may send to local. A request for the pair is then
// answered with valid at once, and a failure of another pair does not end the
// stream.
func (m *Machine) Grant(local, remote jid.JID) {
	if p := (pair{local, remote}); !m.closed && !slices.Contains(m.accepted, p) {
		m.accepted = append(m.accepted, p)
	}
}

// Accepts reports whether the peer may send from remote to local, because of
// [Accepted] or [Machine.Grant].
func (m *Machine) Accepts(local, remote jid.JID) bool {
	return slices.Contains(m.accepted, pair{local, remote})
}

// Step takes one event and returns what to do about it, in order. The result is
// nil after Close. Returned actions are not touched again.
func (m *Machine) Step(e Event) []Action {
	if m.closed {
		return nil
	}
	switch e := e.(type) {
	case Element:
		m.element(e)
	case Verdict:
		m.verdict(e)
	case Expired:
		if m.answered(pair{e.Local, e.Remote}) {
			m.do(Refused{&Error{Local: e.Local, Remote: e.Remote, Err: ErrExpired}})
		}
	case Closed:
		err := e.Err
		if err == nil {
			err = ErrClosed
		}
		m.end(err)
	}
	return m.flush()
}

func (m *Machine) element(e Element) {
	switch {
	case e.Kind == Result && e.Type == Request:
		m.request(e)
	case e.Kind == Result:
		m.result(e)
	case e.Kind == Verify && e.Type == Request:
		m.check(e)
	case e.Kind == Verify:
		m.testimony(e)
	}
}

// check answers a verification request.
func (m *Machine) check(e Element) {
	if !m.cfg.Secure {
		m.write(e.failure(PolicyViolation, "TLS is required"))
		return
	}
	m.write(Authority{m.cfg.Secret, m.cfg.Serves}.Answer(e))
}

// end gives up everything that waits for something.
func (m *Machine) end(err error) {
	m.closed = true
	for _, p := range m.started {
		m.do(Refused{&Error{Local: p.local, Remote: p.remote, Err: err}})
	}
	for _, q := range m.asked {
		m.do(Answered{Unverified(q, RemoteServerTimeout, "the server of "+q.Remote().String()+" closed the stream without an answer")})
	}
	for _, q := range m.pending {
		m.do(Abandon{q})
	}
	m.started, m.asked, m.pending = nil, nil, nil
}

// shut ends the stream.
func (m *Machine) shut() {
	m.end(ErrClosed)
	m.do(Close{})
}

func (m *Machine) write(e Element) { m.out = e.Append(m.out) }

func (m *Machine) ignore(e Element, reason string) { m.do(Ignored{e, reason}) }

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
