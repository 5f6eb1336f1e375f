package dane

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
)

// ErrUnusable is returned by [Verify] when no record is usable, so that it is as
// if there were none.
var ErrUnusable = errors.New("dane: no usable TLSA record")

// Terms are what a verification needs beside records and certificates.
type Terms struct {
	// Names are the reference identities: the service domain and the host that
	// the SRV record names, as A-labels (RFC 7673 section 4.2). A certificate
	// that is matched through an authority has to have one of them.
	Names []string
	// PKIX verifies the peer in the ordinary way, for one of Names, and returns
	// the chains that it found, the peer's certificate first. It is asked only
	// for records of the usages 0 and 1. Nil: those match nothing.
	PKIX func() ([][]*x509.Certificate, error)
	// Now is when the chain has to be valid. Zero: time.Now().
	Now time.Time
}

// Match is how a record speaks for a peer.
type Match struct {
	Record locate.TLSA
	// Chain leads from the peer's certificate to an authority, if that was asked
	// for: it is nil for DANE-EE, where nothing else than the certificate counts.
	Chain []*x509.Certificate
}

// MismatchError says that there are usable records and that none speaks for the
// peer.
type MismatchError struct {
	Records int   // how many were usable
	Err     error // what was wrong with a certificate that a record does name; nil if none does
}

func (e *MismatchError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("dane: the certificate is named by a TLSA record, but: %v", e.Err)
	}
	return fmt.Sprintf("dane: the certificate is named by none of %d TLSA records", e.Records)
}

// Unwrap returns Err.
func (e *MismatchError) Unwrap() error { return e.Err }

// Verify looks for a record that speaks for a TLS peer, which showed the
// certificates in chain, its own first. The error is [ErrUnusable] or a
// [*MismatchError].
func Verify(records []locate.TLSA, chain []*x509.Certificate, t Terms) (Match, error) {
	records = Usable(records)
	if len(records) == 0 {
		return Match{}, ErrUnusable
	}
	miss := &MismatchError{Records: len(records)}
	if len(chain) == 0 {
		return Match{}, miss
	}
	leaf := chain[0]
	for _, r := range records {
		if r.Usage == daneEE && names(r, leaf) {
			return Match{Record: r}, nil
		}
	}
	for _, r := range records {
		if r.Usage != daneTA {
			continue
		}
		verified, err := anchored(r, chain, t)
		if err == nil && verified != nil {
			return Match{Record: r, Chain: verified}, nil
		}
		miss.note(err)
	}
	constrains := func(r locate.TLSA) bool { return r.Usage == pkixEE && names(r, leaf) || r.Usage == pkixTA }
	if t.PKIX == nil || !slices.ContainsFunc(records, constrains) {
		return Match{}, miss
	}
	chains, err := t.PKIX()
	if err != nil {
		miss.note(err)
		return Match{}, miss
	}
	for _, r := range records {
		for _, c := range chains {
			if r.Usage == pkixEE && names(r, leaf) ||
				r.Usage == pkixTA && len(c) > 1 && slices.ContainsFunc(c[1:], func(ca *x509.Certificate) bool { return names(r, ca) }) {
				return Match{Record: r, Chain: c}, nil
			}
		}
	}
	return Match{}, miss
}

// note keeps the first thing that was wrong.
func (e *MismatchError) note(err error) {
	if e.Err == nil {
		e.Err = err
	}
}

// anchored returns the chain to the authority that a record of usage DANE-TA
// names; nil without an error if the record names none of those at hand.
func anchored(r locate.TLSA, chain []*x509.Certificate, t Terms) ([]*x509.Certificate, error) {
	roots, found := x509.NewCertPool(), false
	add := func(c *x509.Certificate) { roots.AddCert(c); found = true }
	for _, c := range chain[1:] {
		if names(r, c) {
			add(c)
		}
	}
	switch top := chain[len(chain)-1]; {
	case r.MatchingType != full || found:
	case r.Selector == wholeCert:
		ca, err := x509.ParseCertificate(r.Data)
		if err != nil {
			return nil, err
		}
		if !ca.Equal(chain[0]) { // that would be for DANE-EE to say
			add(ca)
		}
	default:
		key, err := x509.ParsePKIXPublicKey(r.Data)
		if err != nil {
			return nil, err
		}
		signer := &x509.Certificate{PublicKey: key}
		if !broken(top.SignatureAlgorithm) && signer.CheckSignature(top.SignatureAlgorithm, top.RawTBSCertificate, top.Signature) == nil {
			add(top)
		}
	}
	if !found {
		return nil, nil
	}
	var failure error
	for _, name := range t.Names {
		m, err := pkixid.Verify(chain, name, pkixid.Options{Roots: roots, Now: t.Now})
		if err == nil {
			return m.Chain, nil
		}
		if failure == nil {
			failure = err
		}
	}
	return nil, failure
}

// broken reports whether a signature is worth nothing any more, although
// CheckSignature takes it.
func broken(a x509.SignatureAlgorithm) bool {
	return a == x509.SHA1WithRSA || a == x509.ECDSAWithSHA1 || a == x509.DSAWithSHA1
}
