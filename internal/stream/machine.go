package stream

import (
	"bytes"
	"cmp"
	"crypto/rand"

	"isthmus.im/jid"
)

// Role says which side of the stream a machine is.
type Role uint8

// The two roles. The zero Role is not valid.
const (
	Initiator Role = iota + 1 // opened the connection
	Receiver                  // accepted it
)

// Config describes a stream to negotiate.
type Config struct {
	Role Role

	// Local and Remote are the domains the stream connects. An Initiator needs
	// both. A Receiver learns them from the peer; its Local, if not zero, is the
	// domain assumed for a header without to, such as the one named by TLS server
	// name indication.
	Local, Remote jid.JID

	// Secure says that the machine starts behind a TLS handshake (XEP-0368).
	// False: TLS is started by STARTTLS.
	Secure bool

	// NewID makes the stream ids of a Receiver, unique and unpredictable
	// (RFC 6120 section 4.7.3). Nil: 130 bits from crypto/rand.
	NewID func() string

	// Serves tells a Receiver whether a domain is one of this side's. Nil: only
	// Local is.
	Serves func(domain jid.JID) bool

	// Gone tells a Receiver whether a domain that it does not serve was one of
	// this side's once (RFC 6120 section 4.9.3.5). Nil: none was.
	Gone func(domain jid.JID) bool

	// Features is what a Receiver lists in its last features, after
	// authentication: complete elements, copied as they are. Empty: none.
	Features []byte

	// Dialback, if not empty, permits Server Dialback (XEP-0220) where SASL EXTERNAL
	// is not to be had: the negotiation then ends in a [Handover]
	// instead of a failure. It is what a Receiver adds to the features behind TLS,
	// complete elements. An Initiator does not insist on the peer's certificate
	// then. Empty: EXTERNAL or nothing.
	Dialback []byte

	// AskOnly says that an Initiator wants to ask for the verification of a key
	// and nothing else: the negotiation ends in [Handover] when the features
	// behind TLS are there, whatever they offer.
	AskOnly bool

	// Bidi says that stanzas may travel both ways on this stream (XEP-0288): an
	// Initiator asks for it where it is offered, a Receiver offers it. Limits is
	// what an Initiator announces with its request (XEP-0478); zero: nothing.
	Bidi   bool
	Limits Limits

	// Lang is the xml:lang of this side's header. Empty: "en".
	Lang string
}

// phase is what a machine waits for.
type phase uint8

const (
	waitHeader   phase = iota
	waitFeatures       // Initiator
	waitProceed        // Initiator: answer to <starttls/>
	waitResult         // Initiator: answer to <auth/>
	waitStartTLS       // Receiver
	waitAuth           // Receiver
	waitTLS            // both: the handshake
	over               // after Ready, Handover or Fail
)

func (p phase) String() string {
	switch p {
	case waitHeader:
		return "a stream header"
	case waitFeatures:
		return "stream features"
	case waitProceed:
		return "the answer to STARTTLS"
	case waitResult:
		return "the answer to SASL EXTERNAL"
	case waitStartTLS:
		return "STARTTLS"
	case waitAuth:
		return "SASL authentication"
	case waitTLS:
		return "the TLS handshake"
	}
	return "nothing"
}

const (
	maxHeld  = 8 // events put aside while a Verify is open
	maxTries = 3 // SASL handshakes a Receiver lets fail (RFC 6120 section 6.4.5)
)

// Machine negotiates one stream. It is not safe for concurrent use.
type Machine struct {
	cfg   Config
	phase phase

	secure bool // TLS is up
	authed bool // SASL is done
	opened bool // our header of the current stream is out

	local, remote jid.JID // what this stream connects, as far as known
	peer          Header  // the peer's last header
	id            string  // the current stream's

	offered  featureList // Initiator: the peer's features behind TLS
	unproved error       // Initiator: why the peer's certificate does not do; nil: it does, or that ended the stream

	bidi   bool   // both sides want stanzas both ways
	limits Limits // Receiver: what the peer announced with its <bidi/>

	verifying jid.JID // domain of the open Verify; zero when none is open
	verified  jid.JID // domain that a Verified without error was for
	disproved bool    // there was a Verified that said so
	held      []Event // what came while a Verify was open
	auth      []byte  // Receiver: the response whose authorization identity is being verified
	tries     int     // Receiver: SASL handshakes that failed
	told      bool    // a stream error of this side's was sent
	denied    error   // Receiver: why the last of them did, or why EXTERNAL was not offered

	out     []byte // output of this step that is not in an action yet
	actions []Action
}

// New returns a machine in the state before the first header. It panics if the
// role is not valid, or if an Initiator lacks a domain.
func New(c Config) *Machine {
	switch {
	case c.Role != Initiator && c.Role != Receiver:
		panic("stream: Config.Role is not valid")
	case c.Role == Initiator && (c.Local.IsZero() || c.Remote.IsZero()):
		panic("stream: an Initiator needs Config.Local and Config.Remote")
	}
	if c.NewID == nil {
		c.NewID = rand.Text
	}
	if c.Serves == nil {
		only := c.Local
		c.Serves = func(d jid.JID) bool { return !d.IsZero() && d == only }
	}
	if c.Lang == "" {
		c.Lang = "en"
	}
	m := &Machine{cfg: c, secure: c.Secure}
	if c.Role == Initiator {
		m.local, m.remote = c.Local, c.Remote
	}
	return m
}

// Start returns the first actions: an Initiator's header, and with Config.Secure
// the Verify of the remote domain. A Receiver has none. It is called once, before
// the first Step.
func (m *Machine) Start() []Action {
	if m.cfg.Role == Initiator && m.phase == waitHeader && !m.opened {
		m.open()
		if m.secure {
			m.verify(m.remote)
		}
	}
	return m.flush()
}

// Step takes one event and returns what to do about it, in order. The result is
// nil after Ready, Handover or Fail. The machine keeps no reference to bytes in e and does
// not touch returned actions again.
func (m *Machine) Step(e Event) []Action {
	m.step(e)
	for len(m.held) > 0 && m.verifying.IsZero() && m.phase != over {
		next := m.held[0]
		m.held = m.held[1:]
		m.step(next)
	}
	return m.flush()
}

func (m *Machine) step(e Event) {
	if m.phase == over {
		return
	}
	switch e := e.(type) {
	case Secured:
		if m.phase != waitTLS {
			m.refuse(InternalServerError, "TLS finished without having been started")
			return
		}
		m.secured()
	case Verified:
		if m.verifying.IsZero() {
			m.refuse(InternalServerError, "an identity was verified without having been asked for")
			return
		}
		domain := m.verifying
		m.verifying = jid.JID{}
		if e.Refused != nil {
			m.tell(e.Refused)
			m.fail(cmp.Or[error](e.Err, e.Refused))
			return
		}
		if e.Err == nil {
			m.verified = domain
		} else if e.Disproved {
			m.disproved = true
		}
		if m.cfg.Role == Initiator {
			m.serverVerified(domain, e.Err)
		} else {
			m.clientVerified(domain, e.Err)
		}
	case Broken:
		condition := e.Condition
		if !KnownCondition(condition) {
			condition = UndefinedCondition
		}
		m.refuse(condition, e.Text)
	case Expired:
		err := &Error{Condition: ConnectionTimeout, Text: "the negotiation took too long; this side was waiting for " + m.waiting()}
		m.tell(err)
		m.told = false // who takes too long is not waited for
		m.fail(cmp.Or[error](m.denied, err))
	case Lost:
		err := cmp.Or(e.Err, errLost)
		m.fail(cmp.Or[error](m.denied, &EndError{Waiting: m.waiting(), Err: err}))
	case Closed:
		m.close()
		m.fail(cmp.Or[error](m.denied, &EndError{Waiting: m.waiting()}))
	case Header:
		if m.hold(e) {
			return
		}
		m.header(e)
	case Element:
		if m.phase != waitTLS && e.Space == NS && e.Local == "error" {
			m.close()
			err := error(ParseError(e.Raw))
			if m.phase == waitProceed {
				err = cmp.Or(m.denied, err)
			}
			m.fail(err)
			return
		}
		e.Raw = bytes.Clone(e.Raw)
		if m.hold(e) {
			return
		}
		m.element(e)
	}
}

// hold puts an event aside while a Verify is open.
func (m *Machine) hold(e Event) bool {
	if m.verifying.IsZero() {
		return false
	}
	if len(m.held) == maxHeld {
		m.refuse(PolicyViolation, "too much sent before the negotiation was answered")
	} else {
		m.held = append(m.held, e)
	}
	return true
}

func (m *Machine) header(h Header) {
	switch {
	case m.phase == waitTLS:
		m.refuse(PolicyViolation, "data between STARTTLS and the TLS handshake")
	case m.phase != waitHeader:
		m.refuse(BadFormat, "a stream header where none is expected")
	case m.cfg.Role == Initiator:
		m.response(h)
	default:
		m.request(h)
	}
}

func (m *Machine) element(e Element) {
	switch m.phase {
	case waitFeatures:
		m.features(e)
	case waitProceed:
		m.proceed(e)
	case waitResult:
		m.result(e)
	case waitStartTLS:
		m.starttls(e)
	case waitAuth:
		m.authenticate(e)
	case waitTLS:
		m.refuse(PolicyViolation, "data between STARTTLS and the TLS handshake")
	default:
		m.refuse(BadFormat, "an element before the stream header")
	}
}

// secured begins the stream anew behind TLS. What was learned in plaintext is
// forgotten (RFC 6120 section 5.4.3.3).
func (m *Machine) secured() {
	m.secure = true
	m.restart()
	if m.cfg.Role == Initiator {
		m.open()
		m.verify(m.remote)
		return
	}
	m.local, m.remote = jid.JID{}, jid.JID{}
}

// waiting says what the machine waits for, for a human reader.
func (m *Machine) waiting() string {
	if !m.verifying.IsZero() {
		return "the check of the certificate"
	}
	s := m.phase.String()
	switch {
	case m.authed:
		s += " after authentication"
	case m.secure && (m.phase == waitHeader || m.phase == waitFeatures):
		s += " after TLS"
	}
	return s
}
