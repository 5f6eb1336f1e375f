package s2stest

import (
	"crypto/tls"

	"isthmus.im/stanza"
)

// Personality is a kind of server that a peer behaves like, see
// [Network.PeerAs]. What each does was observed at the software that it is named
// after; the package comment says what that is.
type Personality uint8

const (
	Prosody       Personality = iota + 1 // Prosody 0.12
	Ejabberd                             // ejabberd 23.01
	OldServer                            // jabberd2 2.7 and others that know no certificates
	SlowServer                           // correct and slow
	HostileServer                        // proves its domain, then lies, floods and breaks
)

// String returns the name of the software.
func (p Personality) String() string {
	switch p {
	case Prosody:
		return "Prosody"
	case Ejabberd:
		return "ejabberd"
	case OldServer:
		return "old server"
	case SlowServer:
		return "slow server"
	case HostileServer:
		return "hostile server"
	}
	return "unknown software"
}

// Persona describes a peer with a personality.
type Persona struct {
	Like   Personality
	Domain string
	// TLS holds the certificate that it shows. Nil: a good one.
	TLS *tls.Config
	// Dialback says that Prosody or ejabberd were set up with Server Dialback
	// (XEP-0220) besides certificates.
	Dialback bool
}

// PeerLike starts a peer for a domain that behaves like a certain kind of
// server. It is used like any other, but has no [Peer.Server].
func (n *Network) PeerLike(like Personality, domain string) *Peer {
	n.t.Helper()
	return n.PeerAs(Persona{Like: like, Domain: domain})
}

// PeerAs is PeerLike for a persona with more to say of it.
func (n *Network) PeerAs(persona Persona) *Peer {
	n.t.Helper()
	p := n.newPeer(persona.Domain)
	p.launch = func() engine { return n.newActor(p, persona) }
	p.start()
	return p
}

// character is what the actor of one personality does where others do
// something else.
type character interface {
	// accept negotiates a stream that was accepted, open one that was opened.
	// They report whether stanzas may follow.
	accept(*line) bool
	open(*line) bool
	// element takes a first-level element that follows; false ends the stream.
	element(*line, *token) bool
	// wrote is told when all that waited was written.
	wrote(*line)
	// targets are the servers of a domain in the order to try them.
	targets(a *actor, domain string) []target
	// failed is told when no stream with a domain could be opened.
	failed(a *actor, domain string)
	// leave ends a stream because the server goes down.
	leave(*line)
	// bounce is what a local user hears of a stanza that cannot be delivered.
	bounce(s *stanza.Stanza, reached bool) *stanza.Stanza
	// refuse is what another server hears of a stanza that the peer's handler has
	// refused; nil: nothing.
	refuse(s *stanza.Stanza, why *stanza.Error) *stanza.Stanza
}

func (n *Network) character(p Persona) character {
	n.t.Helper()
	switch p.Like {
	case Prosody:
		return &prosody{manners{dialback: p.Dialback}}
	case Ejabberd:
		return &ejabberd{manners: manners{dialback: p.Dialback}}
	case OldServer:
		return &oldServer{manners{dialback: true}}
	case SlowServer:
		return &slowServer{}
	case HostileServer:
		return &hostile{}
	}
	n.t.Fatalf("s2stest: no personality %d", p.Like)
	return nil
}
