package pkixid

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"sync"
	"time"
)

const (
	// cacheSize is how many lists of certificates a Cache remembers at least, if
	// there are as many; at most it is twice as many.
	cacheSize = 512
	// cacheAge is how long it remembers one.
	cacheAge = time.Hour
)

// Cache remembers which chains lead from the certificates that a peer presented
// to a trusted root. Finding that out is mere checking of signatures, and takes
// several times longer than the rest of a TLS handshake with some of the keys
// that public authorities use; and the same peers come again and again. Only what
// was found good is remembered, for an hour and no longer than every certificate
// is valid. All else is looked at each time: names, usages, sizes of keys.
//
// The zero Cache is empty. It is safe for concurrent use.
type Cache struct {
	mu          sync.Mutex
	recent, old map[question]found
}

// question is whether certificates lead to one of some roots.
type question struct {
	sum   [sha256.Size]byte
	roots *x509.CertPool
}

type found struct {
	chains [][]*x509.Certificate
	at     time.Time
}

// get returns the chains that are known; nil if none are.
func (c *Cache) get(q question, now time.Time) [][]*x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.recent[q]
	if !ok {
		if f, ok = c.old[q]; ok {
			c.add(q, f)
		}
	}
	if age := now.Sub(f.at); !ok || age < 0 || age > cacheAge || !valid(f.chains, now) {
		return nil
	}
	return f.chains
}

func (c *Cache) put(q question, now time.Time, chains [][]*x509.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(q, found{chains, now})
}

// add makes an entry a recent one. When there are many of those, they become old
// and what was old is forgotten. c.mu is held.
func (c *Cache) add(q question, f found) {
	if c.recent == nil || len(c.recent) >= cacheSize {
		c.old, c.recent = c.recent, make(map[question]found)
	}
	c.recent[q] = f
}

// valid reports whether all certificates are by their dates.
func valid(chains [][]*x509.Certificate, now time.Time) bool {
	for _, chain := range chains {
		for _, cert := range chain {
			if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
				return false
			}
		}
	}
	return true
}

// ask makes a question of the certificates that a peer presented.
func ask(chain []*x509.Certificate, roots *x509.CertPool) question {
	q := question{roots: roots}
	h := sha256.New()
	for _, c := range chain {
		var raw []byte
		if c != nil {
			raw = c.Raw
		}
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(raw)))
		h.Write(n[:])
		h.Write(raw)
	}
	h.Sum(q.sum[:0])
	return q
}
