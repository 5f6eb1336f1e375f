// Package staple checks the OCSP response that a TLS peer staples to its
// certificate (RFC 6066 section 8, RFC 6960). It does no I/O.
//
// A response counts if it is signed by the authority that issued the
// certificate, or by a responder which that authority has appointed with a
// certificate for OCSP signing, is about this certificate and is up to date.
// Anything else that was stapled is an [*Error]: RFC 6066 has the handshake fail
// then. That nothing was stapled is for the caller to judge.
package staple

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	skew   = 5 * time.Minute // by which clocks may differ
	lonely = 24 * time.Hour  // for how long a response holds that does not say so
)

// Error says what is wrong with a certificate or with what was stapled to it.
type Error struct {
	Revoked bool   // the certificate was revoked; false: it is the response that does not do
	Reason  string // in English
	Err     error  // why the response cannot be read or trusted, or nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("staple: %s: %v", e.Reason, e.Err)
	}
	return "staple: " + e.Reason
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Check returns nil if the response says that the certificate, which the issuer
// has issued, is good at a time. The error is an [*Error].
func Check(response []byte, cert, issuer *x509.Certificate, now time.Time) error {
	r, err := ocsp.ParseResponseForCert(response, cert, issuer)
	if err != nil {
		return &Error{Reason: "OCSP response cannot be used", Err: err}
	}
	if c := r.Certificate; c != nil && !c.Equal(issuer) {
		switch {
		case !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
			return &Error{Reason: "OCSP response is signed by a certificate for other purposes"}
		case now.Before(c.NotBefore.Add(-skew)) || now.After(c.NotAfter.Add(skew)):
			return &Error{Reason: "OCSP response is signed by a certificate that is not in date"}
		}
	}
	until := r.NextUpdate
	if until.IsZero() {
		until = r.ThisUpdate.Add(lonely)
	}
	switch {
	case r.Status == ocsp.Revoked: // for good, however old the news
		return &Error{Revoked: true, Reason: fmt.Sprintf("certificate revoked on %s, reason %d of RFC 5280 section 5.3.1",
			r.RevokedAt.UTC().Format(time.RFC3339), r.RevocationReason)}
	case now.Before(r.ThisUpdate.Add(-skew)):
		return &Error{Reason: "OCSP response is from the future"}
	case now.After(until.Add(skew)):
		return &Error{Reason: "OCSP response is out of date since " + until.UTC().Format(time.RFC3339)}
	case r.Status != ocsp.Good:
		return &Error{Reason: "the certificate's issuer does not know it"}
	}
	return nil
}
