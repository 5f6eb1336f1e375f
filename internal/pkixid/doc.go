// Package pkixid decides whether a certificate chain speaks for an XMPP
// domain, by RFC 6120 section 13.7.2, RFC 6125 section 6 as tightened by its
// successor RFC 9525, and RFC 5280.
//
// [Verify] asks two questions. Does a chain lead from the certificate to a
// trusted root: signatures, dates, name constraints, extended key usage? And
// does the certificate name the domain, in one of these ways:
//
//   - dNSName, equal or with "*" as its whole left-most label, which stands
//     for exactly one label (RFC 6125 section 6.4.3; "f*o.example" and
//     "a.*.example" match nothing);
//   - SRVName "_xmpp-server.DOMAIN" (RFC 4985), no wildcard, no other service;
//   - id-on-xmppAddr, an otherName of exactly the type 1.3.6.1.5.5.7.8.5 that
//     holds the bare domain (RFC 6120 section 13.7.1.4); a user's address or a
//     Microsoft UPN is none;
//   - iPAddress, for domains that are IP literals, which nothing else matches.
//
// The common name is never looked at. Names are compared without regard to
// ASCII case, and domains as A-labels: a U-label is converted first.
//
// Four things go beyond crypto/x509. RSA keys of less than 2048 bits prove
// nothing (RFC 9325 section 4.5). A domain matched through SRVName or
// id-on-xmppAddr must satisfy the dNSName constraints of every authority in
// the chain, since an authority limited to one DNS tree could otherwise name
// any domain. A certificate for servers only (serverAuth without clientAuth)
// is accepted in both roles, because public authorities issue nothing else;
// one restricted to other purposes is not. A critical subjectAltName extension that
// holds only otherNames is understood. Constraints on otherNames are not:
// where they are critical, as RFC 5280 section 4.2.1.10 demands, crypto/x509
// refuses the chain.
//
// RFC 6120 section 13.7.1.1 forbids authorities' certificates for end
// entities; one is accepted only if it is itself among the trusted roots,
// which is how self-signed certificates made by openssl are pinned. The rule
// against an empty subject is not enforced, as public authorities
// leave it empty. Revocation is not checked.
//
// A [Cache] spares searching for the chain of certificates that come again.
//
// Every refusal is an [*Error] with a [Reason]. All functions may be called
// concurrently.
package pkixid
