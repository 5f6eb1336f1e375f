// Package dialback speaks Server Dialback (XEP-0220, keys by XEP-0185) without
// touching a socket, a clock or DNS: events go in, actions come out.
//
// Server Dialback proves that who opened a stream in the name of a domain is in
// league with the servers that DNS names for that domain. Whoever controls the
// answers of DNS, or the path to those servers, can forge the proof, so it is
// weak, and nothing here is done unless a host switches it on. It proves nothing
// at all about the side that accepted the stream: that rests on the certificate
// it showed.
//
// # Roles
//
// Three servers take part, and every server is each of them at times:
//
//	originating    opened a stream, and sends <db:result>key</db:result> on it
//	receiving      accepted the stream, and asks about the key with <db:verify/>
//	               on a stream of its own to the servers of the claimed domain
//	authoritative  says whether it or a replica of it made the key
//
// A [Machine] speaks for one stream in all roles that fall to it: one machine
// for each stream, of either direction, from the moment the stream's last header
// is exchanged until it is closed. [Authority] is the third role alone.
//
// # Driving a machine
//
// The driver makes a machine with [New], reads each element in the namespace [NS]
// with [Parse], passes it to [Machine.Step] and performs the actions in order:
//
//	Write       send the bytes on this stream
//	Ask         see Verification below
//	Abandon     forget the question: end what Ask began, with Withdraw on a
//	            stream that it was put on
//	Answered    Step the verdict into the machine that gave the question to Ask
//	Authorized  stanzas of the pair may be sent on this stream
//	Refused     they may not; return those that wait, as Error.Bounce says, or
//	            try another stream
//	Accepted    stanzas of the pair may be received on this stream
//	Rejected    log
//	Ignored     log
//	Close       send the stream footer and close
//
// An element that Parse refuses ends the stream with the condition of the
// [ParseError]. When the stream ends for any reason, the driver reports [Closed].
// A machine is for one goroutine at a time, so a verdict that comes from another
// stream's goroutine has to be passed to the stream it belongs to.
//
// Both headers of a stream that may see such elements declare the prefix db:
//
//	xmlns:db='jabber:server:dialback'
//
// for elements do not declare it themselves (XEP-0220 section 2); some servers
// know the elements by that prefix only. The features of a stream that the peer
// opened hold [Feature], before and after authentication.
//
// # Originating
//
// When SASL EXTERNAL is not offered, or fails (XEP-0178 section 3), and policy
// lets the domain do with less, the driver makes the machine of the outgoing
// stream with the id of the peer's header and calls [Machine.Start]. Servers that
// know Server Dialback take the request whether they advertised it or not;
// [Announced] and [OffersErrors] tell what they did advertise. Start may be
// called for several local domains. The driver reports [Expired] when the
// answer takes too long.
//
// # Verification
//
// On Ask the driver opens a stream to the servers of Question.Remote as for any
// stanza to that domain, or takes one that it has opened to it. TLS is required.
// Authentication is not: as soon as the peer's features have come after TLS, the
// driver makes the machine of that stream, calls [Machine.Ask] on it, and passes
// the verdict of Answered back. Where no stream can be opened, or the time is
// over, it passes [Unverified] instead. The certificate of that peer ought to be
// verified and the verdict on it be part of the assurance: a dialback that ended
// at a server with a valid certificate is not weak.
//
// A peer that asks for a further domain of those in its certificate need not be
// verified by anybody else: [Machine.Confirm] takes the place of Ask.
//
// Nothing may wait for another request. A peer such as Prosody sends its own
// <db:verify/> only on streams that are authorized already: a driver that put
// off the verification of the peer's request until its own was answered, or that
// refused <db:verify/> before authentication, would wait for ever while the peer
// does the same. The machine answers a <db:verify/> on every stream, at once.
//
// # What a machine guarantees
//
// There is no Accepted and no <db:result type='valid'/> without a valid answer to
// a question that was put to the peer of another stream, one that this side
// opened to the claimed domain, or a [Machine.Confirm] or [Machine.Grant], which
// stand for a certificate; and no Authorized without
// an answer to a Start of the same pair on the same stream. A [Verdict] that
// says valid cannot be made by a driver. Answers that nobody waits for are ignored
// (XEP-0220 section 4.1, XEP-0288 section 4), and what a peer can make a machine
// hold, or have the driver do, is limited by [Config].
package dialback
