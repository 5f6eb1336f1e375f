// Package dane decides whether TLSA records speak for the certificates of a TLS
// peer, by RFC 6698 as updated by RFC 7671 and used with SRV records by RFC
// 7673. It does no I/O: whoever has looked the records up has made sure that
// DNSSEC vouches for them, for without that they mean nothing.
//
// All four usages are understood:
//
//	3 DANE-EE  the record names the peer's own certificate or key. That is
//	           enough: names, dates and authorities do not count.
//	2 DANE-TA  the record names an authority. The chain must lead to it, be in
//	           date, and name one of the reference identities.
//	1 PKIX-EE  as 3, and the chain must also pass the ordinary verification.
//	0 PKIX-TA  as 1, for an authority in the chain that was verified.
//
// Records that make no sense, with values nobody has defined or a digest of the
// wrong length, are not usable and count as if they were not there (RFC 7671
// section 10.3). For each usage and selector, of those with a digest only the
// strongest kind counts (section 9).
//
// An authority is looked for among the certificates that the peer sent. Only
// records that hold it in full stand for one that was not sent: the whole
// certificate, or its key, which then must have signed the last certificate
// that was sent (section 5.2.3).
//
// All functions may be called concurrently.
package dane
