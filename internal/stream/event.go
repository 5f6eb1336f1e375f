package stream

import (
	"encoding/xml"

	"isthmus.im/jid"
)

// Event is something that happened to a stream. The types that implement it are
// [Header], [Element], [Closed], [Secured], [Verified], [Broken], [Expired] and
// [Lost].
type Event interface{ event() }

// Element is one complete first-level child of the stream. See [ElementOf].
type Element struct {
	Space, Local string // expanded name
	Raw          []byte // the element, with every prefix it uses declared in it; not kept after Step returns
}

// Closed says that the peer sent its </stream:stream>.
type Closed struct{}

// Secured says that the TLS handshake asked for by [StartTLS] is done.
type Secured struct{}

// Verified answers a [Verify]. A nil Err means that the certificate the peer
// showed in the TLS handshake is valid and speaks for the domain. The text of
// any other Err is sent to the peer, so that its administrator can act on it.
type Verified struct {
	Err error
	// Disproved says that the certificate is known to be a wrong one, so that
	// Server Dialback is not to take its place. With a nil Err it means nothing.
	Disproved bool
	// Refused, if not nil, is the stream error that ends the negotiation: whoever
	// the peer is, this side does not want a stream with it, for which Err is the
	// reason that Fail gives. It comes before the peer has authenticated, and so
	// before it has sent anything that could be lost.
	Refused *Error
}

// Broken says that the scanner refused the peer's input, for a reason that the
// peer is to be told as a stream error.
type Broken struct {
	Condition string // RFC 6120 section 4.9.3; one that is not listed there becomes undefined-condition
	Text      string
}

// Expired says that the time allowed for the negotiation is over.
type Expired struct{}

// Lost says that the connection ended without a stream footer, or that the TLS
// handshake failed. Nothing is written to a lost connection.
type Lost struct{ Err error }

func (Header) event()   {}
func (Element) event()  {}
func (Closed) event()   {}
func (Secured) event()  {}
func (Verified) event() {}
func (Broken) event()   {}
func (Expired) event()  {}
func (Lost) event()     {}

// Action is something the driver has to do. The types that implement it are
// [Write], [StartTLS], [Verify], [Restart], [Question], [Ready], [Handover] and
// [Fail].
type Action interface{ action() }

// Write sends bytes to the peer. A step's consecutive output is one Write.
type Write struct{ Bytes []byte }

// StartTLS runs the TLS handshake over the connection: as client for an
// Initiator, as server for a Receiver. A Receiver whose peer sent no server
// name indication shows the certificate of Local. It is answered with
// [Secured], or with [Lost] when the handshake fails.
type StartTLS struct{ Local jid.JID }

// Verify asks whether the certificate of the TLS peer speaks for Domain
// (RFC 6120 section 13.7.2), on a stream with this side's domain Local. It is
// answered with [Verified].
type Verify struct{ Local, Domain jid.JID }

// Restart makes the scanner expect a new stream header. It comes before the
// Write, if any, that goes with it.
type Restart struct{}

// Question hands over a <db:verify/> that the peer of a Receiver sent before it
// authenticated, if it ever will: servers ask so about the keys that were sent to
// them (XEP-0220 section 2.2.2). The driver answers it.
type Question struct{ Raw []byte }

// Ready says that the stream is negotiated. It is the last action of a machine.
type Ready struct {
	Local, Remote jid.JID    // the domain pair the stream was authenticated for
	StreamID      string     // the id of the last response header
	Identity      error      // Initiator with Config.Dialback: an *IdentityError if the peer did not prove Remote; nil: it did
	Dialback      bool       // the peer's last header announces Server Dialback
	Features      []xml.Name // Initiator: what the peer's last features list, in their order
	Method        string     // how the initiator authenticated: "EXTERNAL"
	Bidi          bool       // stanzas may travel both ways (XEP-0288)
	Limits        Limits     // what the peer announced: with its last features, or with its <bidi/>
	Lang          string     // xml:lang of the peer's last header: that of what it sends without its own
	From          string     // Initiator: from of the peer's last header, as sent; not always Remote
}

// Handover says that the stream is encrypted and nobody has authenticated: only
// Server Dialback can do that now. It is the last action of a machine, and comes
// only with Config.Dialback or Config.AskOnly.
type Handover struct {
	// Local and Remote are the domains of the headers. Of a Receiver, Remote is
	// what the peer claims, and zero if it claimed nothing.
	Local, Remote jid.JID
	StreamID      string // the id of the last response header
	Identity      error  // Initiator: an *IdentityError if the peer did not prove Remote; nil: it did
	External      error  // an *AuthError, why SASL EXTERNAL came to nothing; nil: nobody tried
	Announced     bool   // Initiator: the peer announces Server Dialback
	Bidi          bool   // as in Ready, once there is authentication
	Limits        Limits // as in Ready
	Lang          string // as in Ready
	First         []byte // Receiver: the peer's <db:result/>, which has to be dealt with next
}

// Fail says that the negotiation is over without success. It is the last action
// of a machine; what the peer has to be told was in a Write before it.
type Fail struct {
	Err error
	// Told says that this side has sent a stream error and its closing tag, and waits
	// for the peer's (RFC 6120 section 4.4) before it closes the connection.
	Told bool
}

func (Write) action()    {}
func (StartTLS) action() {}
func (Verify) action()   {}
func (Restart) action()  {}
func (Question) action() {}
func (Ready) action()    {}
func (Handover) action() {}
func (Fail) action()     {}
