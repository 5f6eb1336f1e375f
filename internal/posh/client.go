package posh

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"
)

// wellKnown is where the document of a domain is, RFC 7712 section 5.2.
const wellKnown = "/.well-known/posh/xmpp-server.json"

const (
	longest = 24 * time.Hour  // for which anything is remembered
	failed  = time.Minute     // for which a failure is
	young   = 5 * time.Minute // until which fingerprints are not fetched anew
)

// Fetch returns what an HTTPS server has at an address, if it is sure about the
// server (RFC 7711 section 3). It limits size and time.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// Client verifies certificates. Fetch must be set; its fields must not be
// changed after first use. Its methods may be called concurrently. It must not
// be copied.
type Client struct {
	Fetch Fetch
	Size  int // domains of which something is remembered; zero: 4096

	mu    sync.Mutex
	known map[string]*entry
}

// entry is what is known of a domain, or soon will be.
type entry struct {
	done    chan struct{} // closed once the rest is set
	prints  []Fingerprint
	err     error
	fetched time.Time
	until   time.Time
}

// MismatchError says that a domain has fingerprints and that the certificate is
// not among them, or not in date.
type MismatchError struct {
	Domain  string
	Expired bool // it is among them and not in date
}

func (e *MismatchError) Error() string {
	if e.Expired {
		return fmt.Sprintf("posh: the certificate that %s names is not in date", e.Domain)
	}
	return fmt.Sprintf("posh: the certificate is none of those that %s names", e.Domain)
}

// FetchError says that there is no document, or that it could not be had.
type FetchError struct {
	Domain string
	Err    error // from Fetch
}

// Error does not repeat what Fetch said, which may be about the network here: the
// text is for the other side, too.
func (e *FetchError) Error() string {
	return fmt.Sprintf("posh: the document of %s cannot be had", e.Domain)
}

// Unwrap returns Err.
func (e *FetchError) Unwrap() error { return e.Err }

// Verify returns nil if the web server of a domain, given in A-labels, names the
// certificate. The error is a [*MismatchError], a [*FetchError], or says
// what is wrong with a document.
func (c *Client) Verify(ctx context.Context, domain string, cert *x509.Certificate) error {
	for again := false; ; again = true {
		e, err := c.lookup(ctx, domain, again)
		if err != nil {
			return err
		}
		if e.err != nil {
			return e.err
		}
		now := time.Now()
		switch {
		case slices.ContainsFunc(e.prints, func(f Fingerprint) bool { return f.Is(cert.Raw) }):
			if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
				return &MismatchError{Domain: domain, Expired: true}
			}
			return nil
		case again || now.Sub(e.fetched) < young:
			return &MismatchError{Domain: domain}
		}
	}
}

// lookup returns what is known of a domain; anew says that it must not be old.
// The error is that of ctx.
func (c *Client) lookup(ctx context.Context, domain string, anew bool) (*entry, error) {
	for {
		c.mu.Lock()
		e, now := c.known[domain], time.Now()
		if e != nil && e.over() && (!now.Before(e.until) || anew && now.Sub(e.fetched) >= young) {
			e = nil
		}
		if e == nil {
			e = &entry{done: make(chan struct{})}
			c.keep(domain, e, now)
			c.mu.Unlock()
			c.fetch(ctx, domain, e)
			return e, ctx.Err()
		}
		c.mu.Unlock()
		select {
		case <-e.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if time.Now().Before(e.until) { // or whoever fetched it gave up
			return e, nil
		}
	}
}

// over reports whether the entry is complete.
func (e *entry) over() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// fetch completes an entry.
func (c *Client) fetch(ctx context.Context, domain string, e *entry) {
	d, err := c.document(ctx, domain)
	e.fetched = time.Now()
	e.prints, e.err = d.Fingerprints, err
	switch {
	case err == nil:
		e.until = e.fetched.Add(min(d.Expires, longest))
	case ctx.Err() == nil:
		e.until = e.fetched.Add(failed)
	} // the impatience of one says nothing about the domain
	close(e.done)
}

// document fetches the fingerprints of a domain. The lower of two times counts
// (RFC 7711 section 6).
func (c *Client) document(ctx context.Context, domain string) (Document, error) {
	d, err := c.get(ctx, domain, "https://"+domain+wellKnown)
	if err != nil || d.URL == "" {
		return d, err
	}
	prints, err := c.get(ctx, domain, d.URL)
	switch {
	case err != nil:
		return Document{}, err
	case prints.URL != "":
		return Document{}, errFollow
	}
	prints.Expires = min(prints.Expires, d.Expires)
	return prints, nil
}

func (c *Client) get(ctx context.Context, domain, url string) (Document, error) {
	text, err := c.Fetch(ctx, url)
	if err != nil {
		return Document{}, &FetchError{Domain: domain, Err: err}
	}
	return Parse(text)
}

// keep remembers an entry and makes room for it: what is over goes first, then
// an eighth of the rest that nobody waits for. c.mu is held.
func (c *Client) keep(domain string, e *entry, now time.Time) {
	size := c.Size
	if size <= 0 {
		size = 4096
	}
	if c.known == nil {
		c.known = make(map[string]*entry)
	}
	if _, there := c.known[domain]; !there && len(c.known) >= size {
		for d, old := range c.known {
			if old.over() && !now.Before(old.until) {
				delete(c.known, d)
			}
		}
		for d, old := range c.known {
			if len(c.known) < size-size/8 {
				break
			}
			if old.over() {
				delete(c.known, d)
			}
		}
	}
	c.known[domain] = e
}
