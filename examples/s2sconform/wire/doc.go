// Package wire is an XMPP stream as a test suite needs it: bytes out as they
// are given, bytes in as events, nothing decided and nothing put right.
//
// It shares no code with the library's own streams. What arrives is read with
// encoding/xml, byte by byte, so that the end of an element is the end of what
// was read and a TLS handshake can follow.
package wire
