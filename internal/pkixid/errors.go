package pkixid

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Reason is why a chain does not speak for a domain.
type Reason uint8

// Reasons. Where several apply, the one that concerns trust comes before the
// one that concerns names.
const (
	NoCertificate    Reason = iota + 1 // the peer presented none
	BadDomain                          // what was asked for is no domain
	Malformed                          // the leaf's subjectAltName cannot be read
	Expired                            // a certificate in the chain is too old
	NotYetValid                        // a certificate in the chain is not valid yet
	UnknownAuthority                   // no chain to a trusted root, or self-signed
	WeakKey                            // an RSA key in the chain has less than 2048 bits
	BadUsage                           // the certificate is for something else, or an authority's
	NameConstraint                     // an authority may not vouch for this domain
	InvalidChain                       // anything else RFC 5280 objects to
	NameMismatch                       // trusted, but for other names
)

// String returns a phrase for the reason.
func (r Reason) String() string {
	switch r {
	case NoCertificate:
		return "no certificate"
	case BadDomain:
		return "not a domain"
	case Malformed:
		return "malformed certificate"
	case Expired:
		return "certificate expired"
	case NotYetValid:
		return "certificate not yet valid"
	case UnknownAuthority:
		return "certificate signed by unknown authority"
	case WeakKey:
		return "certificate with a weak key"
	case BadUsage:
		return "certificate not for this usage"
	case NameConstraint:
		return "authority not allowed to vouch for this name"
	case InvalidChain:
		return "invalid certificate chain"
	case NameMismatch:
		return "certificate for another name"
	}
	return "unknown reason"
}

// Error says why a chain does not speak for a domain.
type Error struct {
	Domain string
	Reason Reason
	Names  []string          // for NameMismatch: the names that it does carry
	Cert   *x509.Certificate // the certificate at fault, nil if there is none in particular
	Err    error             // what crypto/x509 said, if it was asked
}

// maxShown is how many names, and how many bytes of each, a message repeats.
const (
	maxShown     = 8
	maxShownSize = 80
)

// Error returns a text of bounded length on one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pkixid: %s: %s", quoteOdd(e.Domain), e.Reason)
	switch {
	case e.Reason == Expired && e.Cert != nil:
		fmt.Fprintf(&b, " on %s", e.Cert.NotAfter.UTC().Format(time.RFC3339))
	case e.Reason == NotYetValid && e.Cert != nil:
		fmt.Fprintf(&b, " before %s", e.Cert.NotBefore.UTC().Format(time.RFC3339))
	case e.Reason == NameMismatch && len(e.Names) == 0:
		b.WriteString(": it carries none")
	case e.Reason == NameMismatch:
		b.WriteString(": it has ")
		for i, n := range e.Names {
			if i == maxShown {
				fmt.Fprintf(&b, " and %d more", len(e.Names)-i)
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoteOdd(n))
		}
	case e.Err != nil:
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// quoteOdd shortens long names and quotes those that are not printable ASCII.
func quoteOdd(s string) string {
	if len(s) > maxShownSize {
		s = s[:maxShownSize] + "..."
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("%+q", s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}
