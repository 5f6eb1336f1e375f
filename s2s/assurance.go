package s2s

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"time"
)

// Method is how a peer proved its domain (RFC 7712). Methods are ordered: a
// greater one is stronger. The zero Method proves nothing.
type Method uint8

// The methods, from the weakest to the strongest.
const (
	// MethodDialback: a server that DNS names for the domain confirmed a key
	// (XEP-0220). Whoever can forge DNS can forge it.
	MethodDialback Method = iota + 1
	// MethodPOSH: the web server of the domain names the certificate (RFC 7711).
	MethodPOSH
	// MethodPKIX: a certificate for the domain from an authority that
	// Config.Verifier trusts (RFC 6120 section 13.7.2).
	MethodPKIX
	// MethodDANE: TLSA records, signed with DNSSEC, name the certificate or its
	// authority (RFC 7673).
	MethodDANE
)

var methodNames = [...]string{"none", "dialback", "POSH", "PKIX", "DANE"}

// String returns "dialback", "POSH", "PKIX" or "DANE", and "none" for the zero
// Method.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "unknown"
}

// MarshalText returns what String does; so a Method is a string in JSON.
func (m Method) MarshalText() ([]byte, error) {
	if int(m) >= len(methodNames) {
		return nil, errMethod
	}
	return []byte(m.String()), nil
}

// UnmarshalText takes what MarshalText returns.
func (m *Method) UnmarshalText(text []byte) error {
	for i, name := range methodNames {
		if string(text) == name {
			*m = Method(i)
			return nil
		}
	}
	return errMethod
}

var errMethod = errors.New("s2s: not the name of a Method")

// Assurance says how sure it is that a stream leads to the domain that it is
// about. It is a plain value that encodes to JSON and back.
type Assurance struct {
	Method      Method `json:"method"`       // how the peer proved its domain
	TLSVersion  uint16 `json:"tls_version"`  // tls.VersionTLS13, ...
	CipherSuite uint16 `json:"cipher_suite"` // tls.TLS_AES_128_GCM_SHA256, ...
	// Fingerprint is the SHA-256 of the peer's certificate in DER, in lower-case
	// hexadecimal digits. Empty: it showed none.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Issuer is who issued the certificate: the organization of that name, or
	// the whole name where it has none.
	Issuer string    `json:"issuer,omitempty"`
	Since  time.Time `json:"since"` // when the stream was authenticated
}

// TLS returns version and cipher suite in words, such as
// "TLS 1.3, TLS_AES_128_GCM_SHA256".
func (a Assurance) TLS() string {
	return tls.VersionName(a.TLSVersion) + ", " + tls.CipherSuiteName(a.CipherSuite)
}

// assure describes a connection whose peer has proved its domain.
func assure(m Method, cs *tls.ConnectionState, since time.Time) Assurance {
	a := Assurance{Method: m, TLSVersion: cs.Version, CipherSuite: cs.CipherSuite, Since: since.UTC().Round(0)}
	if len(cs.PeerCertificates) > 0 {
		leaf := cs.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		a.Fingerprint = hex.EncodeToString(sum[:])
		a.Issuer = leaf.Issuer.String()
		if org := leaf.Issuer.Organization; len(org) > 0 && org[0] != "" {
			a.Issuer = org[0]
		}
	}
	return a
}

// assuranceKey is under which the context of a handler holds an Assurance.
type assuranceKey struct{}

// AssuranceOf takes the context that a handler was called with, or one derived
// from it, and returns the [Assurance] of the stream by which the stanza came.
// It reports false for stanzas that came by none: those of local senders, and
// errors made by the server.
func AssuranceOf(ctx context.Context) (Assurance, bool) {
	a, ok := ctx.Value(assuranceKey{}).(Assurance)
	return a, ok
}
