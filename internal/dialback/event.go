package dialback

import "isthmus.im/jid"

// Event is something that happened to a stream. The types that implement it are
// [Element], [Verdict], [Expired] and [Closed].
type Event interface{ event() }

// Expired says that the time for the answer to a [Machine.Start] is over.
type Expired struct{ Local, Remote jid.JID }

// Closed says that the stream is over, for whatever reason.
type Closed struct{ Err error }

func (Element) event() {}
func (Verdict) event() {}
func (Expired) event() {}
func (Closed) event()  {}

// Action is something the driver has to do. The types that implement it are
// [Write], [Ask], [Abandon], [Answered], [Authorized], [Refused], [Accepted],
// [Rejected], [Ignored] and [Close].
type Action interface{ action() }

// Write sends bytes to the peer. A step's consecutive output is one Write.
type Write struct{ Bytes []byte }

// Ask has a question put to the authoritative servers of its remote domain, on
// another stream: see [Machine.Ask]. It is answered with a [Verdict].
type Ask struct{ Question *Question }

// Abandon says that nobody waits for the answer to a question any more.
type Abandon struct{ Question *Question }

// Answered hands over what a question that was put on this stream came to. The
// verdict belongs to the machine that asked.
type Answered struct{ Verdict Verdict }

// Authorized says that the peer accepts stanzas from Local to Remote on this
// stream.
type Authorized struct{ Local, Remote jid.JID }

// Refused says that a [Machine.Start] came to nothing.
type Refused struct{ Err *Error }

// Accepted says that the peer has proved to speak for Remote, and may send
// stanzas from Remote to Local on this stream.
type Accepted struct{ Local, Remote jid.JID }

// Rejected says that a request of the peer's was answered with invalid or with
// an error. It is for logs and counters.
type Rejected struct{ Err *Error }

// Ignored says that an element had no effect, because nobody asked for it or
// because the stream does not serve its direction. It is for logs, and from a
// peer that is otherwise well-behaved it is a sign of an attack (XEP-0220
// section 4.1).
type Ignored struct {
	Element Element
	Reason  string
}

// Close ends the stream in good order. It is the last action of a machine.
type Close struct{}

func (Write) action()      {}
func (Ask) action()        {}
func (Abandon) action()    {}
func (Answered) action()   {}
func (Authorized) action() {}
func (Refused) action()    {}
func (Accepted) action()   {}
func (Rejected) action()   {}
func (Ignored) action()    {}
func (Close) action()      {}
