// Package testca is a throw-away certificate authority for tests.
//
// [New] makes a root and [Load] reads one, [CA.Pool] is what a verifier trusts,
// [CA.Issue] makes a certificate with its key, ready for a [crypto/tls.Config].
// [Options] can say everything a certificate for XMPP may carry, right or
// wrong: dNSName with wildcards, SRVName, id-on-xmppAddr, a Microsoft UPN, a
// bare CN, any extended key usage, any dates and a weak key. [CA.Intermediate]
// makes subordinate authorities, with name constraints if wanted, [SelfSigned]
// certificates that nobody vouches for, and [CA.Staple] OCSP responses.
//
// Dates are taken from time.Now of the caller. Inside a testing/synctest
// bubble the clock starts in the year 2000, so certificates must be made in
// the bubble that uses them; that is cheap, as keys are ECDSA on P-256 unless
// [Options] wants RSA.
//
// The functions panic when crypto/x509 refuses to make what was asked for,
// which is a mistake in the test. All methods may be called concurrently.
package testca
