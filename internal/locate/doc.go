// Package locate finds the servers of an XMPP domain.
//
// [Targets] asks a [Resolver] for the SRV records of the domain (RFC 6120
// section 3.2.1), those for direct TLS included (XEP-0368), and returns what
// to connect to, in the order to try it. [Order] is the selection of RFC 2782
// alone, without I/O. A domain without records is its own server on port 5269;
// a domain whose records cannot be had just now is an error, so that a broken
// or hostile resolver cannot move a domain elsewhere; a domain whose records
// name the root offers no service, which is [ErrNoService].
//
// [Race] connects: it looks the addresses of the targets up as it reaches
// them and tries them 250 ms apart until one leads to a stream (RFC 8305,
// XEP-0495). [Forbidden] knows the addresses that no server of another domain
// has; Race does not ask it, attempts do.
//
// [Client] is a resolver on top of DNS messages. It has the methods of
// [net.Resolver] that are used here, and either can be given to [Targets].
// Unlike that one it caches by TTL, including negative answers (RFC 2308),
// joins equal questions asked at the same time, tells NXDOMAIN and NODATA
// from failure on every system alike, and can be pointed at any server and
// port. Unlike that one it reads neither the hosts file nor a search list:
// every name is absolute, "localhost" is asked like any other name, and
// addresses are not sorted by RFC 6724.
//
// While no server has an answer, one whose time is over serves for another
// hour, negative ones and what DNSSEC said of them included: after 1.8 s if the
// servers are silent, at once if they fail, and without asking for the next 30
// seconds (RFC 8767). The question then goes on in the background until the
// servers have had their time.
//
// For DANE (RFC 7673) a Client looks up TLSA records and, with TrustAD, tells
// what a validating resolver vouches for; Targets takes note of that.
//
// Errors of lookups are [*net.DNSError]: IsNotFound exactly for NXDOMAIN and
// for names without records of the type asked for, IsTimeout when no server
// answered in time, IsTemporary for every other failure as well.
package locate
