package posh

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// maxFingerprints is how many certificates a document may list.
const maxFingerprints = 256

// Document is what a web server says: either Fingerprints or URL is set.
type Document struct {
	Fingerprints []Fingerprint
	URL          string        // where the fingerprints are, "https:"
	Expires      time.Duration // for how long it holds, more than zero
}

// Fingerprint is one certificate, by the digests that are understood, with
// the name of the hash function ("sha-256") as key. There is at least one.
type Fingerprint map[string][]byte

// Is reports whether the fingerprint is that of a certificate in DER.
func (f Fingerprint) Is(der []byte) bool {
	for name, want := range f {
		if !bytes.Equal(digest(name, der), want) {
			return false
		}
	}
	return len(f) > 0
}

// digest returns nil for hash functions that are not understood.
func digest(name string, der []byte) []byte {
	switch name {
	case "sha-256":
		sum := sha256.Sum256(der)
		return sum[:]
	case "sha-384":
		sum := sha512.Sum384(der)
		return sum[:]
	case "sha-512":
		sum := sha512.Sum512(der)
		return sum[:]
	}
	return nil
}

var (
	errBoth   = errors.New("posh: a document with fingerprints and a reference")
	errEmpty  = errors.New("posh: a document without fingerprints that are understood")
	errMany   = fmt.Errorf("posh: a document with more than %d fingerprints", maxFingerprints)
	errOver   = errors.New("posh: a document that has expired")
	errHTTPS  = errors.New("posh: a reference to what is no HTTPS address")
	errFollow = errors.New("posh: a reference to a reference")
)

// Parse reads a document (RFC 7711 sections 3.1 and 3.2). Members that it does
// not know are passed over. One that is valid for no time is an error.
func Parse(text []byte) (Document, error) {
	var raw struct {
		Fingerprints []map[string]string `json:"fingerprints"`
		URL          *string             `json:"url"`
		Expires      *float64            `json:"expires"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&raw); err != nil {
		return Document{}, fmt.Errorf("posh: not a document: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Document{}, errors.New("posh: something after the document")
	}
	if raw.Expires == nil || *raw.Expires != float64(int64(*raw.Expires)) || *raw.Expires < 0 {
		return Document{}, errors.New("posh: expires is not a number of seconds")
	}
	const century = 100 * 365 * 24 * 3600
	out := Document{Expires: time.Duration(min(*raw.Expires, century)) * time.Second}
	switch {
	case out.Expires == 0:
		return Document{}, errOver
	case raw.URL != nil && raw.Fingerprints != nil:
		return Document{}, errBoth
	case raw.URL != nil:
		u, err := url.Parse(*raw.URL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
			return Document{}, errHTTPS
		}
		out.URL = *raw.URL
		return out, nil
	case len(raw.Fingerprints) > maxFingerprints:
		return Document{}, errMany
	}
	for _, f := range raw.Fingerprints {
		if known := understood(f); len(known) > 0 {
			out.Fingerprints = append(out.Fingerprints, known)
		}
	}
	if len(out.Fingerprints) == 0 {
		return Document{}, errEmpty
	}
	return out, nil
}

// understood decodes the digests of one certificate. One that is given in a way
// that cannot be right makes the whole fingerprint match nothing.
func understood(f map[string]string) Fingerprint {
	out := make(Fingerprint)
	for name, text := range f {
		name = strings.ToLower(name)
		if digest(name, nil) == nil {
			continue
		}
		// The RFC's own examples leave the padding out here and there.
		sum, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
		if _, twice := out[name]; err != nil || twice {
			sum = nil
		}
		out[name] = sum
	}
	return out
}
