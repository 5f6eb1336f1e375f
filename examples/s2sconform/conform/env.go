package conform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"isthmus.im/internal/testca"
)

// Env is everything that scenarios need: a server to check and a place from
// where to do it.
type Env struct {
	Target Target

	// Domain is ours. Scenarios use domains right below it, which DNS has to
	// lead to Listener.
	Domain   string
	Listener net.Listener

	// Cert is good for every domain right below Domain.
	Cert tls.Certificate
	// CA issues certificates that the target trusts. Nil: scenarios that need
	// one with something unusual about it are skipped.
	CA *testca.CA

	// Patience is how long to wait for what ought to happen. Zero: 10 s.
	Patience time.Duration
}

// Target is the server to check.
type Target struct {
	Name   string // for humans; empty: Domain
	Domain string // served by it
	// Roots vouch for its certificates. Nil: those of the system.
	Roots *x509.CertPool
	// Dial connects to its port for streams between servers.
	Dial func(ctx context.Context) (net.Conn, error)
	// DialTLS connects to its port for direct TLS, up to where the handshake
	// begins. Nil: the scenarios that need it are skipped.
	DialTLS func(ctx context.Context) (net.Conn, error)
	// Login makes somebody at the target available. Nil: the scenarios that
	// need it are skipped.
	Login func(ctx context.Context) (User, error)
	// Stop shuts the target down in good order, once. Nil: the scenarios that
	// need it are skipped.
	Stop func(ctx context.Context) error
}

// User is somebody at the target: an account that is online.
type User interface {
	// Address is the full address.
	Address() string
	// Send sends a stanza, complete with from and to.
	Send(ctx context.Context, stanza string) error
	// Next returns the next stanza that was delivered, as XML with its
	// namespaces declared. It fails when the user is closed.
	Next() (string, error)
	Close() error
}

// Requester is a [User] whose requests the target itself tracks: it, not the
// user, decides what is the answer.
type Requester interface {
	// Request sends an iq of type get and returns what was taken for its answer.
	Request(ctx context.Context, stanza string) (string, error)
}

func (t Target) name() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Domain
}

func (e *Env) patience() time.Duration {
	if e.Patience > 0 {
		return e.Patience
	}
	return 10 * time.Second
}

// certificate returns a good certificate for a domain of ours.
func (e *Env) certificate(ascii string) tls.Certificate {
	if e.CA == nil {
		return e.Cert
	}
	return e.CA.Issue(testca.Options{DNS: []string{ascii}, CN: ascii})
}
