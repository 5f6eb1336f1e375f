package testca

import (
	"crypto"
	"crypto/tls"
	"time"

	"golang.org/x/crypto/ocsp"
)

// OCSP describes an OCSP response. The zero OCSP says that a certificate is
// good, from an hour ago for a day.
type OCSP struct {
	Revoked bool
	Unknown bool
	From    time.Time        // ThisUpdate; zero: an hour ago
	Until   time.Time        // NextUpdate; zero: in a day
	Open    bool             // NextUpdate is left out
	By      *tls.Certificate // who signs it; nil: the authority itself
}

// Staple returns a copy of c that carries an OCSP response, which is about c
// and the authority's; whether that has issued c does not matter.
func (ca *CA) Staple(c tls.Certificate, o OCSP) tls.Certificate {
	now := time.Now()
	t := ocsp.Response{
		Status: ocsp.Good, SerialNumber: c.Leaf.SerialNumber,
		ThisUpdate: orTime(o.From, now.Add(-time.Hour)), NextUpdate: orTime(o.Until, now.Add(24*time.Hour)),
	}
	if o.Open {
		t.NextUpdate = time.Time{}
	}
	switch {
	case o.Revoked:
		t.Status, t.RevokedAt, t.RevocationReason = ocsp.Revoked, t.ThisUpdate, ocsp.KeyCompromise
	case o.Unknown:
		t.Status = ocsp.Unknown
	}
	signer, key := ca.cert, ca.key
	if o.By != nil {
		signer, key = o.By.Leaf, o.By.PrivateKey.(crypto.Signer)
		t.Certificate = signer
	}
	der, err := ocsp.CreateResponse(ca.cert, signer, t, key)
	if err != nil {
		panic("testca: " + err.Error())
	}
	c.OCSPStaple = der
	return c
}
