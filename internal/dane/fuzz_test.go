package dane_test

import (
	"bytes"
	"crypto/x509"
	"testing"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/testca"
)

// Whatever DNS says, a certificate is accepted only if a record holds it, its
// key or a digest of one of them.
func FuzzVerify(f *testing.F) {
	ca := testca.New()
	chain := append(testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}})), ca.Certificate())
	for usage := range uint8(4) {
		for selector := range uint8(2) {
			for matching := range uint8(3) {
				for _, c := range chain {
					f.Add(usage, selector, matching, record(usage, selector, matching, c).Data)
				}
			}
		}
	}
	f.Add(uint8(255), uint8(255), uint8(255), []byte{})
	f.Add(uint8(3), uint8(1), uint8(1), bytes.Repeat([]byte{0}, 31))
	trust := func() ([][]*x509.Certificate, error) { return [][]*x509.Certificate{chain}, nil }
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte) {
		r := locate.TLSA{Usage: usage, Selector: selector, MatchingType: matching, Data: data}
		_, err := dane.Verify([]locate.TLSA{r}, chain, dane.Terms{Names: []string{domain}, PKIX: trust})
		want := false
		if usage <= 3 && selector <= 1 && matching <= 2 {
			c := chain[1]
			if usage == 1 || usage == 3 {
				c = chain[0]
			}
			want = bytes.Equal(data, record(usage, selector, matching, c).Data)
		}
		if (err == nil) != want {
			t.Errorf("%d %d %d %x: %v", usage, selector, matching, data, err)
		}
	})
}
