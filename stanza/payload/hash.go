package payload

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/base64"
	"encoding/xml"
	"hash"
	"io"
	"strings"
)

// Hash is the digest of a file (XEP-0300 section 3).
type Hash struct {
	XMLName xml.Name `xml:"urn:xmpp:hashes:2 hash"`
	Algo    string   // such as "sha-256"; required
	Value   []byte   // the digest itself; required
}

// UnmarshalXML implements xml.Unmarshaler. White space around the digest is dropped;
// Base64 otherwise not as RFC 4648 section 4 has it is an [*InvalidError].
func (h *Hash) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSHashes, "hash")
	*h = Hash{Algo: x.need("algo")}
	text := x.bounded(strings.TrimSpace(x.text), MaxAttr, "digest")
	v, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(v) == 0 || strings.ContainsAny(text, "\r\n") {
		x.fail("not a digest in Base64")
	} else {
		h.Value = v
	}
	return x.err
}

// MarshalXML implements xml.Marshaler.
func (h Hash) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return encode(e, NSHashes, "hash", []byte(base64.StdEncoding.EncodeToString(h.Value)), "algo", h.Algo)
}

// New returns what computes a digest like h, and nil for an algorithm that is not known
// here or is too weak to tell one file from another: sha-256, sha-384, sha-512,
// sha3-256, sha3-384 and sha3-512 are known.
func (h Hash) New() hash.Hash {
	switch h.Algo {
	case "sha-256":
		return sha256.New()
	case "sha-384":
		return sha512.New384()
	case "sha-512":
		return sha512.New()
	case "sha3-256":
		return sha3.New256()
	case "sha3-384":
		return sha3.New384()
	case "sha3-512":
		return sha3.New512()
	}
	return nil
}

// HashFile reads r to its end and returns its digests, by sha-256 and sha3-256, and its
// length in bytes, for [File]. The error is that of r.
func HashFile(r io.Reader) (hashes []Hash, size int64, err error) {
	hashes = []Hash{{Algo: "sha-256"}, {Algo: "sha3-256"}}
	a, b := hashes[0].New(), hashes[1].New()
	if size, err = io.Copy(io.MultiWriter(a, b), r); err != nil {
		return nil, size, err
	}
	hashes[0].Value, hashes[1].Value = a.Sum(nil), b.Sum(nil)
	return hashes, size, nil
}
