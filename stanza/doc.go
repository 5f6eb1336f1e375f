// Package stanza holds the unit of XMPP routing, the stanza of RFC 6120 section 8:
// its header, the raw bytes of its children, its errors, and who handles, sends and
// asks.
package stanza
