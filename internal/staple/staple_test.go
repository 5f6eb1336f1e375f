package staple_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus.im/internal/staple"
	"isthmus.im/internal/testca"
)

func TestCheck(t *testing.T) {
	ca, other := testca.New(), testca.New()
	cert := ca.Issue(testca.Options{DNS: []string{"montague.example"}})
	sibling := ca.Issue(testca.Options{DNS: []string{"mallory.example"}})
	responder := ca.Issue(testca.Options{Usage: testca.OCSPSigning})
	foreign := other.Issue(testca.Options{Usage: testca.OCSPSigning})
	retired := ca.Issue(testca.Options{Usage: testca.OCSPSigning, NotBefore: time.Now().AddDate(0, -2, 0), NotAfter: time.Now().AddDate(0, -1, 0)})
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	const day = 24 * time.Hour

	for _, c := range []struct {
		name    string
		staple  []byte
		want    string // part of the error; empty: good
		revoked bool
	}{
		{"good", ca.Staple(cert, testca.OCSP{}).OCSPStaple, "", false},
		{"good, by a responder", ca.Staple(cert, testca.OCSP{By: &responder}).OCSPStaple, "", false},
		{"good, by a clock that is ahead", ca.Staple(cert, testca.OCSP{From: ago(-4 * time.Minute)}).OCSPStaple, "", false},
		{"good, without an end", ca.Staple(cert, testca.OCSP{From: ago(23 * time.Hour), Open: true}).OCSPStaple, "", false},
		{"revoked", ca.Staple(cert, testca.OCSP{Revoked: true}).OCSPStaple, "revoked on", true},
		{"revoked, says a responder", ca.Staple(cert, testca.OCSP{Revoked: true, By: &responder}).OCSPStaple, "revoked on", true},
		{"revoked, which is old", ca.Staple(cert, testca.OCSP{Revoked: true, From: ago(9 * day), Until: ago(8 * day)}).OCSPStaple, "revoked on", true},
		{"unknown", ca.Staple(cert, testca.OCSP{Unknown: true}).OCSPStaple, "does not know it", false},
		{"too old", ca.Staple(cert, testca.OCSP{From: ago(9 * day), Until: ago(day)}).OCSPStaple, "out of date", false},
		{"too old, without an end", ca.Staple(cert, testca.OCSP{From: ago(2 * day), Open: true}).OCSPStaple, "out of date", false},
		{"too new", ca.Staple(cert, testca.OCSP{From: ago(-time.Hour)}).OCSPStaple, "from the future", false},
		{"of another certificate", ca.Staple(sibling, testca.OCSP{}).OCSPStaple, "no response matching", false},
		{"by another authority", other.Staple(cert, testca.OCSP{}).OCSPStaple, "bad OCSP signature", false},
		{"by another certificate of the authority", ca.Staple(cert, testca.OCSP{By: &sibling}).OCSPStaple, "for other purposes", false},
		{"by a responder of another authority", ca.Staple(cert, testca.OCSP{By: &foreign}).OCSPStaple, "bad OCSP signature", false},
		{"by a responder of the past", ca.Staple(cert, testca.OCSP{By: &retired}).OCSPStaple, "not in date", false},
		{"empty", []byte{}, "cannot be used", false},
		{"cut", ca.Staple(cert, testca.OCSP{}).OCSPStaple[:100], "cannot be used", false},
	} {
		err := staple.Check(c.staple, cert.Leaf, ca.Certificate(), time.Now())
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var e *staple.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) || e.Revoked != c.revoked {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Whatever was stapled, no certificate becomes good that its authority does not
// call so.
func FuzzCheck(f *testing.F) {
	ca := testca.New()
	cert := ca.Issue(testca.Options{})
	responder := ca.Issue(testca.Options{Usage: testca.OCSPSigning})
	good := [][]byte{ca.Staple(cert, testca.OCSP{}).OCSPStaple, ca.Staple(cert, testca.OCSP{By: &responder}).OCSPStaple}
	for _, g := range append(good, ca.Staple(cert, testca.OCSP{Revoked: true}).OCSPStaple, nil, []byte("0\x03\n\x01\x06")) {
		f.Add(g)
	}
	known := func(der []byte) bool { // DER leaves no choice in what is signed
		for _, g := range good {
			if string(der) == string(g) {
				return true
			}
		}
		return false
	}
	stranger := testca.New().Certificate()
	f.Fuzz(func(t *testing.T, der []byte) {
		if staple.Check(der, cert.Leaf, ca.Certificate(), time.Now()) != nil && known(der) {
			t.Error("a good response is refused")
		}
		if staple.Check(der, cert.Leaf, stranger, time.Now()) == nil {
			t.Errorf("%x was not signed by this authority", der)
		}
	})
}

// A peer that staples what its authority says is checked in passing.
func Example() {
	ca := testca.New()
	check := func(c tls.Certificate) error {
		return staple.Check(c.OCSPStaple, testca.Chain(c)[0], ca.Certificate(), time.Now())
	}
	cert := ca.Issue(testca.Options{DNS: []string{"montague.example"}})
	fmt.Println(check(ca.Staple(cert, testca.OCSP{})))
	var e *staple.Error
	fmt.Println(errors.As(check(ca.Staple(cert, testca.OCSP{Revoked: true})), &e) && e.Revoked)
	// Output:
	// <nil>
	// true
}
