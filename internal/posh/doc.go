// Package posh decides whether the web server of a domain speaks for the
// certificate of a TLS peer, by PKIX over Secure HTTP (RFC 7711) as XMPP uses it
// (RFC 7712 section 5.2). It opens no connections: a [Fetch] does.
//
// [Parse] reads a document, which either lists fingerprints or refers to
// another one that does. [Client] follows the reference, remembers what it
// found for as long as the documents say, a day at most, joins those who ask for
// the same domain at the same time, and remembers for a minute that there was
// nothing. When a certificate is not among fingerprints that are older than five
// minutes, they are fetched anew: it may have been renewed.
//
// Fingerprints are SHA-256, SHA-384 or SHA-512 of the certificate in DER; of
// one that is given by several of them all must be right, other hash functions
// are passed over. The certificate must be in date; who issued it, and what it
// names, does not matter.
package posh
