package jid

import (
	"strings"
)

// maxPart is the largest size of one part in bytes (RFC 7622 sections 3.2 to 3.4).
const maxPart = 1023

// JID is a normalized XMPP address. The zero JID is "no address".
//
// JIDs are comparable: == means "same address", and a JID may be a map key.
// A JID is immutable and safe for concurrent use.
type JID struct {
	s         string // normalized text
	at, slash uint16 // offsets of the separators in s; 0: the part is missing
}

// join builds a JID of parts that are normalized already.
func join(local, domain, resource string) JID {
	switch {
	case local == "" && resource == "":
		return JID{s: domain}
	case resource == "":
		return JID{s: local + "@" + domain, at: uint16(len(local))}
	case local == "":
		return JID{s: domain + "/" + resource, slash: uint16(len(domain))}
	}
	return JID{
		s:     local + "@" + domain + "/" + resource,
		at:    uint16(len(local)),
		slash: uint16(len(local) + 1 + len(domain)),
	}
}

// Local returns the part before the "@", or "" when there is none.
func (j JID) Local() string { return j.s[:j.at] }

// Domain returns the domain part with U-labels, or "" for the zero JID.
// ASCIIDomain returns the form that DNS and certificates use.
func (j JID) Domain() string {
	start, end := 0, len(j.s)
	if j.at > 0 {
		start = int(j.at) + 1
	}
	if j.slash > 0 {
		end = int(j.slash)
	}
	return j.s[start:end]
}

// Resource returns the part after the first "/", or "" when there is none.
func (j JID) Resource() string {
	if j.slash == 0 {
		return ""
	}
	return j.s[j.slash+1:]
}

// Bare returns j without its resource part.
func (j JID) Bare() JID {
	if j.slash == 0 {
		return j
	}
	return JID{s: j.s[:j.slash], at: j.at}
}

// Host returns the domain part of j as an address of its own.
func (j JID) Host() JID { return JID{s: j.Domain()} }

// WithResource returns j with its resource part replaced by r, normalized.
//
// An empty r is refused with ErrEmpty, for it is mostly a nickname or device
// name that somebody forgot; Bare removes a resource part.
func (j JID) WithResource(r string) (JID, error) {
	if j.s == "" {
		return JID{}, &ParseError{Part: DomainPart, Err: ErrEmpty}
	}
	res, err := apply(normalResource, r)
	if err != nil {
		return JID{}, &ParseError{Input: r, Part: ResourcePart, Err: err}
	}
	return join(j.Local(), j.Domain(), res), nil
}

// IsZero reports whether j is the zero JID, "no address".
func (j JID) IsZero() bool { return j.s == "" }

// IsBare reports whether j has no resource part. The zero JID is bare.
func (j JID) IsBare() bool { return j.slash == 0 }

// String returns the normalized text of j, "" for the zero JID.
func (j JID) String() string { return j.s }

// Compare orders addresses by domain, then local part, then resource part,
// each by its bytes. It returns -1, 0 or 1, and 0 only when j == k.
func (j JID) Compare(k JID) int {
	if c := strings.Compare(j.Domain(), k.Domain()); c != 0 {
		return c
	}
	if c := strings.Compare(j.Local(), k.Local()); c != 0 {
		return c
	}
	return strings.Compare(j.Resource(), k.Resource())
}

// AppendText appends the text of j to b. It never fails.
func (j JID) AppendText(b []byte) ([]byte, error) { return append(b, j.s...), nil }

// MarshalText returns the text of j, empty for the zero JID. It never fails.
func (j JID) MarshalText() ([]byte, error) { return []byte(j.s), nil }
