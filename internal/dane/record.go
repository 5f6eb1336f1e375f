package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"slices"

	"isthmus.im/internal/locate"
)

// Certificate usages, RFC 7218.
const (
	pkixTA = iota
	pkixEE
	daneTA
	daneEE
)

// Selectors: of what the data are.
const (
	wholeCert = iota
	publicKey
)

// Matching types: in which form.
const (
	full = iota
	sha2x256
	sha2x512
)

// Usable returns the records that can be used, which is what decides whether a
// server is to be verified with TLSA records at all (RFC 7673 section 4). Of
// records with digests the strongest digest alone is left for each pair of usage
// and selector. The argument is not changed.
func Usable(records []locate.TLSA) []locate.TLSA {
	var out []locate.TLSA
	for _, r := range records {
		if wellFormed(r) {
			out = append(out, r)
		}
	}
	strongest := make(map[[2]uint8]uint8)
	for _, r := range out {
		key := [2]uint8{r.Usage, r.Selector}
		strongest[key] = max(strongest[key], r.MatchingType)
	}
	return slices.DeleteFunc(out, func(r locate.TLSA) bool {
		return r.MatchingType != full && r.MatchingType < strongest[[2]uint8{r.Usage, r.Selector}]
	})
}

func wellFormed(r locate.TLSA) bool {
	if r.Usage > daneEE || r.Selector > publicKey {
		return false
	}
	switch r.MatchingType {
	case sha2x256:
		return len(r.Data) == sha256.Size
	case sha2x512:
		return len(r.Data) == sha512.Size
	case full:
		if r.Selector == wholeCert {
			_, err := x509.ParseCertificate(r.Data)
			return err == nil
		}
		_, err := x509.ParsePKIXPublicKey(r.Data)
		return err == nil
	}
	return false
}

// names reports whether a record is about a certificate.
func names(r locate.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == publicKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.MatchingType {
	case sha2x256:
		sum := sha256.Sum256(data)
		return bytes.Equal(sum[:], r.Data)
	case sha2x512:
		sum := sha512.Sum512(data)
		return bytes.Equal(sum[:], r.Data)
	}
	return bytes.Equal(data, r.Data)
}
