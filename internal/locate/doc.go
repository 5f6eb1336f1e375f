// Package locate finds the servers of an XMPP domain.
//
// [Targets] asks a [Resolver] for the SRV records of the domain (RFC 6120
// section 3.2.1) and returns what to connect to, in the order to try it.
// [Order] is the selection of RFC 2782 alone, without I/O. A domain without
// records is its own server on port 5269; a domain whose records cannot be
// had just now is an error, so that a broken or hostile resolver cannot move
// a domain elsewhere; a domain whose record names the root offers no service,
// which is [ErrNoService].
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
// Errors of lookups are [*net.DNSError]: IsNotFound exactly for NXDOMAIN and
// for names without records of the type asked for, IsTimeout when no server
// answered in time, IsTemporary for every other failure as well.
package locate
