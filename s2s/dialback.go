package s2s

import (
	"errors"
	"slices"
	"sync"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// Dialback permits Server Dialback (XEP-0220) where no certificate does: with
// servers that have none, or none that is trusted, and with those that know
// nothing else. Without it nothing of what follows happens, except that a peer that
// has authenticated by its certificate may add further domains that the same
// certificate proves, and is refused the others.
//
// It is weak, and [Assurance] calls what rests on it [MethodDialback]. A peer that
// connects proves that it is in league with the server that DNS names for its
// domain; whoever can forge answers of DNS, or sits on the way to that server,
// can forge the proof. A peer that is connected to proves nothing by dialback:
// with Dialback its certificate need not be valid, and then the domain is
// believed because DNS led there. TLS is required all the same, and keeps out
// those who only listen. Certificates come first: SASL EXTERNAL is tried where it
// is offered, and offered where the peer's certificate does.
//
// A peer may authenticate several domains on one stream, towards several local
// ones (XEP-0220 section 2.6). One that its certificate names is believed
// without asking anybody (XEP-0344 section 2.4), and is not weak. A Server itself
// opens a stream for each pair of domains.
type Dialback struct {
	// Secret is what keys are made of. Nil: 32 random bytes, which suit a Server
	// that shares its domains with no other.
	Secret Secret
}

// Secret is what dialback keys are made of (XEP-0185). The servers that answer
// for a domain have to share it, since a key made by one is shown to another.
// Implementations are safe for concurrent use.
type Secret interface {
	// Secrets returns random byte strings of at least 16 bytes; shorter ones do
	// not count. The first makes new keys, and keys made of any of them are
	// recognized, so that a secret can be replaced. It is called for each key,
	// and must not block: what lives in a database is kept in memory, and read
	// anew now and then. The result is not changed.
	Secrets() [][]byte
}

// FixedSecret is a [Secret] that never changes.
type FixedSecret []byte

// Secrets returns s alone.
func (s FixedSecret) Secrets() [][]byte { return [][]byte{s} }

// minSecret is the least number of bytes of a secret.
const minSecret = 16

var errNoSecret = errors.New("s2s: Dialback.Secret has no secret of at least 16 bytes")

// Limits that have no setting.
const (
	maxPending  = 4 // keys of one stream that are being verified
	maxFailures = 8 // keys of one stream that were not confirmed
	maxAskers   = 8 // connections at a time to the servers of one domain to have keys verified
)

// mechanismDialback is StreamInfo.Mechanism of streams authenticated so.
const mechanismDialback = "dialback"

// dialbacks is what a Server knows of Server Dialback.
type dialbacks struct {
	off    bool // only certificates prove anything
	secret dialback.Secret
	slots  chan struct{} // one for each key that is being verified

	mu     sync.Mutex
	askers map[jid.JID]int // connections under way to have keys verified, by domain
}

// newDialbacks checks what the host configured; nil means that it is off.
func newDialbacks(cfg *Dialback, l Limits) (*dialbacks, error) {
	d := &dialbacks{off: cfg == nil, secret: dialback.Random(), slots: make(chan struct{}, l.Verifications), askers: make(map[jid.JID]int)}
	if cfg == nil {
		return d, nil
	}
	if source := cfg.Secret; source != nil {
		d.secret = func() [][]byte {
			return slices.DeleteFunc(slices.Clone(source.Secrets()), func(b []byte) bool { return len(b) < minSecret })
		}
		if len(d.secret()) == 0 {
			return nil, errNoSecret
		}
	}
	return d, nil
}

// enter reserves one of the connections to a domain.
func (d *dialbacks) enter(domain jid.JID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.askers[domain] >= maxAskers {
		return false
	}
	d.askers[domain]++
	return true
}

func (d *dialbacks) leave(domain jid.JID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.askers[domain]--; d.askers[domain] == 0 {
		delete(d.askers, domain)
	}
}

// dialbackOffer is what negotiations are told to offer; nil when it is off. Peers
// that use it see no later features, so this side's limits come along.
func (s *Server) dialbackOffer() []byte {
	if s.dialback.off {
		return nil
	}
	return append([]byte(dialback.Feature), s.announced().Element()...)
}

// dialbackBy is dialbackOffer for streams that we open by a rule: where the peer
// has to prove more than DNS can, there is none.
func (s *Server) dialbackBy(r *rule) []byte {
	if r.good(MethodDialback) != nil {
		return nil
	}
	return s.dialbackOffer()
}

// lastFeatures is what peers are offered once they have authenticated.
func (s *Server) lastFeatures() []byte {
	b := append(s.announced().Element(), smFeature...)
	if !s.dialback.off {
		b = append(b, dialback.Feature...)
	}
	return b
}

// answerQuestion answers a <db:verify/> on a stream whose negotiation is under
// way. The result is nil, or what is wrong with it.
func (c *conn) answerQuestion(raw []byte) stream.Event {
	e, err := dialback.ParseBytes(raw)
	var bad *dialback.ParseError
	switch {
	case errors.As(err, &bad):
		return stream.Broken{Condition: bad.Condition, Text: bad.Text}
	case err != nil:
		return stream.Broken{Condition: stream.BadFormat, Text: "unreadable element of Server Dialback"}
	case e.Kind != dialback.Verify || e.Type != dialback.Request:
		c.s.log.Debug("dialback ignored", "addr", c.addr().String(), "why", "nobody asked")
		return nil
	}
	c.questioned = true
	answer := c.s.authority().Answer(e)
	if _, err := c.transport().Write(answer.Append(nil)); err != nil {
		return stream.Lost{Err: err}
	}
	return nil
}

// authority says which keys are of this server.
func (s *Server) authority() dialback.Authority {
	return dialback.Authority{Secret: s.dialback.secret, Serves: s.serves}
}

// answerKey answers a <db:verify/> on a stream that somebody reads.
func (c *conn) answerKey(e dialback.Element) {
	if err := c.write(c.s.authority().Answer(e).Append(nil)); err != nil {
		c.sock.Close() // the reader reports it
	}
}
