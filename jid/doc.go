// Package jid implements addresses of XMPP, which the specifications call
// Jabber identifiers: local@domain/resource, where all but the domain may be
// missing.
//
// # Addresses
//
// Parse and New normalize and check an address as RFC 7622 says, and give a
// JID. A JID holds the normalized text and nothing else, so two JIDs are == when
// they are the same address, and a JID may be a map key. The zero JID is "no
// address". A plain ASCII address is parsed without an allocation; the JID then
// shares the memory of the text it came from.
//
// The domain part is kept with U-labels; ASCIIDomain gives the form for DNS, the
// TLS server name and certificates. Labels may hold underscores on top of what
// IDNA2008 permits, for such domains are in use. A final dot is dropped. IPv6
// addresses are written in brackets and brought to the form of RFC 5952; the
// IPvFuture form of RFC 3986 is not supported.
//
// There is no entry for byte slices: a map[string]JID indexed with string(b)
// finds an address seen before without an allocation, and a stream sees few.
//
// # What arrives from other servers
//
// Most servers still enforce RFC 6122, which was built on stringprep and which
// permits characters that RFC 7622 refuses: emoji, ligatures, Roman numerals.
// Use ParseLegacy for addresses that arrive from the network. It accepts what
// either document accepts, a part at a time, and its JIDs can be compared and
// answered like any other. Use Parse for addresses that a local service gives
// out, and for configuration.
//
// Such servers also take names for equal that RFC 7622 keeps apart, as straße
// and strasse. A service that lets people choose names should refuse one whose
// JID.LegacyKey belongs to somebody else.
//
// # Names of users
//
// Local parts exclude spaces and "&'/:<>@ and, as they are lower-cased, capital
// letters. EscapeLocal and UnescapeLocal implement the escape sequences of
// XEP-0106. Mapping applies them to the ids of a host, which may be UUIDs,
// e-mail addresses or free text, in both directions, and finds collisions.
//
// # Differences from the profiles of golang.org/x/text
//
// The Bidi Rule is applied to local parts that have a right-to-left character
// and not to others, so that josé_ is a name (RFC 8265 section 3.3.1). A capital
// sigma that ends a word becomes a final sigma. A part of no length is refused.
package jid
