// Package stream negotiates XMPP server-to-server streams without touching a
// socket, a clock or a certificate: events go in, actions come out.
//
// A [Machine] takes one stream from its first header to the point where stanzas
// may flow, in either role:
//
//	Initiator  header, STARTTLS, TLS, header, SASL EXTERNAL, header, features
//	Receiver   the same seen from the other side
//
// with the rules of RFC 6120 sections 4 to 6 and XEP-0178. TLS is not optional:
// there is no way through the machine that ends in [Ready] without a finished
// handshake and a [Verified] answer that says the peer's certificate speaks for
// the domain it claims.
//
// Config.Dialback permits less: where EXTERNAL is not to be had, the negotiation
// ends behind TLS in a [Handover] to Server Dialback, which is not spoken here
// (see isthmus.im/internal/dialback), and an Initiator goes on although the peer's
// certificate does not do, which Ready and Handover tell.
//
// # Driving a machine
//
// The driver owns the connection. It cuts the bytes it reads with
// isthmus.im/internal/xmlscan, turns each token into one event with [EventOf],
// passes it to [Machine.Step] and performs the returned actions in order:
//
//	Write     send the bytes; everything one step has to say is one Write
//	StartTLS  run the handshake, then answer Secured or Lost
//	Restart   make the scanner expect a new stream header
//	Verify    ask whether the peer's certificate speaks for a domain, then
//	          answer Verified
//	Question  answer the peer's <db:verify/>; the negotiation goes on
//	Ready     negotiation is over, stanzas may flow
//	Handover  negotiation is over, and Server Dialback has to authenticate
//	Fail      negotiation is over, close the connection
//
// The machine starts with [Machine.Start], whose actions are performed in the
// same way. After Ready, Handover or Fail it ignores every event.
//
// Two duties stay with the driver because only it sees raw bytes. Bytes that
// were read together with `<starttls/>` or `<proceed/>` and lie behind it must
// not survive the handshake: a driver that finds any when it performs StartTLS
// reports them as [Broken] instead. And it limits time and size: it sends
// [Expired] when the negotiation took too long and gives its scanner a tight
// limit until Ready or, after a Handover, until somebody has authenticated.
//
// Verify may be answered late. What the peer sends in the meantime may be fed
// to the machine at once: it is put aside, in order, up to a small number of
// elements.
//
// # Errors
//
// The error of a Fail is one of
//
//	*Error          a stream error, sent (Remote false) or received
//	*TLSError       the peer offers no STARTTLS or refused it
//	*IdentityError  the certificate does not speak for the domain
//	*AuthError      SASL EXTERNAL was not offered, or was refused
//	*EndError       the peer closed the stream, or the connection was lost
//
// Whatever the peer ought to know has been written before the Fail. The texts
// name what an administrator has to change.
//
// # After negotiation
//
// The functions that build and read the stream's own elements serve the rest of
// a stream's life as well: [AppendHeader], [Footer], [AppendError], [ParseError],
// [AppendEscaped] and the condition constants of RFC 6120 section 4.9.3.
package stream
