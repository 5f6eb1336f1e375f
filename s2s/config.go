package s2s

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// Config describes a [Server]. Handler is required, and so is TLS where there
// are Domains or Services; the zero value of every other field is a safe
// default. Domains come and go later, too: see [Server.AddDomain].
type Config struct {
	// Domains are the local domains that have users. Addresses at them are
	// checked against Users.
	Domains []string
	// Services are the local domains that have none: conversations, gateways,
	// bots. Every address at them goes to Handler unchecked.
	Services []string

	// TLS holds the certificates of all local domains that bring none of their own
	// (see [Domain]), in Certificates or behind GetCertificate, which is asked with
	// the domain as ServerName, for every handshake: [CertFiles] reads files.
	// Both roles use them: a server authenticates itself with the same
	// certificate when it connects as when it is connected to. MinVersion below
	// TLS 1.2 is raised to it; CipherSuites, CurvePreferences and KeyLogWriter
	// are honoured; the fields that decide whom to trust are not, see Verifier, nor
	// is GetConfigForClient.
	TLS *tls.Config

	// ExpiryWarning is how long before the end of a certificate of a local domain
	// Logger and Trace.Certificate hear of it, every day from then on. Zero: 14
	// days. It is never longer than a third of the certificate's life.
	ExpiryWarning time.Duration

	// Handler receives what arrives for the local domains; see
	// [stanza.Handler] for its contract. An empty [stanza.Mux] may be filled
	// after New.
	Handler stanza.Handler

	// Outbox keeps what was accepted until it is delivered. How many stanzas it
	// takes, and of what size together, is for it to bound; Limits.Queue and the
	// like bound what of that is in memory. Nil: all is kept in memory, and lost
	// with the process.
	Outbox Outbox
	// Deliveries is how many messages' states are remembered for
	// [Server.Delivery] and [Server.Deliveries]. Zero: none.
	Deliveries int

	// Users says which users exist at Domains. Nil: every user exists.
	Users Directory
	// Verifier decides whether a certificate speaks for a remote domain.
	// Nil: [PKIX] with the system's roots.
	Verifier Verifier
	// DNSSEC believes the resolver when it says that DNSSEC vouches for records.
	// Then TLSA records prove domains (DANE, RFC 7673), and of a server that has
	// some nothing else does; and a certificate may name the host of a signed SRV
	// record instead of the domain. Set it only if the name servers validate and
	// nobody can interfere on the way to them, as on the same machine. A Resolver
	// has to be a [ValidatingResolver] for it. False: nothing of this.
	DNSSEC bool
	// POSH lets the web server of a domain name certificates that Verifier does not
	// accept (RFC 7711, RFC 7712). False: nobody asks web servers.
	POSH bool
	// Web fetches documents for POSH. Nil: a client for HTTPS that finds and
	// connects to servers as this one does, Reach included, and trusts the roots of
	// Verifier if that is a [PKIX], else the system's.
	Web Fetcher
	// Revoked is asked about each certificate that has proved a domain, when the
	// OCSP response stapled to it, if there is one, has been found good; an error
	// refuses the peer. To insist on a response refuse when cs.OCSPResponse is
	// empty. Nil: none is refused.
	Revoked func(ctx context.Context, domain jid.JID, cs *tls.ConnectionState) error
	// Identities remembers how domains proved themselves. Nil: a [MemIdentities]
	// for Limits.Identities.
	Identities IdentityStore
	// OnChange is asked when a domain proves itself in a surprising way; see
	// [Change]. An error keeps the stream out: what there is for the domain waits,
	// with pauses between attempts, as if it were out of reach. Nil: changes are
	// logged and traced (Trace.IdentityChanged), and accepted.
	OnChange func(ctx context.Context, change Change) error
	// Policy says with which remote domains to federate, and how, until
	// [Server.SetPolicy] changes it. The zero Policy: with everyone.
	Policy Policy

	// Dialback permits a weaker proof of a domain where no certificate does
	// (XEP-0220). Nil: certificates or nothing.
	Dialback *Dialback

	// Reach widens what may be connected to, for closed networks and tests. The
	// zero Reach suits the open network.
	Reach Reach

	// DNS lists the name servers to ask, each "host:port". Empty: those of
	// the system (/etc/resolv.conf). Unused when Resolver is set.
	DNS []string
	// Resolver answers DNS questions. Nil: a caching resolver that asks DNS.
	Resolver Resolver
	// Dialer opens connections. Nil: a zero [net.Dialer].
	Dialer Dialer

	// Addr is where Run listens for streams that begin with STARTTLS.
	// Empty: ":5269"; "-": nowhere.
	Addr string
	// DirectTLS is where Run listens for direct TLS (XEP-0368), for example
	// ":5270". Empty: nowhere.
	DirectTLS string

	// Bidi lets stanzas travel both ways on one stream where the peer agrees
	// (XEP-0288), instead of on a stream for each direction. False: on a stream for
	// each.
	Bidi bool

	// Software is what software version requests (XEP-0092) are told.
	// The zero Software names Isthmus without a version.
	Software Software

	// Contacts are told to whoever asks how to reach those who run the local
	// domains (XEP-0157). Nil: nothing is. A Handler that answers disco#info itself,
	// with a [disco.Service] of its own for one, has to be given them too: they are
	// part of the server's own answer, which nobody gets then.
	Contacts disco.Contacts

	// Rand makes the choices that need not be secret: how long the pauses between
	// attempts to connect are, and which of several servers of a domain comes first.
	// It may be called concurrently. A test gives one that repeats itself. Nil: the
	// runtime's.
	Rand func() uint64

	Limits Limits
	// Logger receives what happens. Nil: [slog.Default]. Message bodies and
	// secrets are never logged.
	Logger *slog.Logger
	// Trace holds hooks for metrics and tests. Nil: none.
	Trace *Trace
	// Record is how many of the latest stanzas and other events of each pair of
	// domains are kept, without what people said, for
	// [Server.WriteRecording]. It costs some work per stanza and up to 16 KiB for
	// each that is kept; beyond 64 MiB in all, and 1,024 pairs, the pairs that were
	// quiet for longest are forgotten. Zero: none.
	Record int
}

// Software is the answer to a software version request (XEP-0092).
type Software struct {
	Name    string // empty: "Isthmus"
	Version string // empty: "unknown"
	OS      string // empty: left out
	Hidden  bool   // answer service-unavailable and do not advertise it
}

// Directory says which local users exist. Implementations are safe for
// concurrent use.
type Directory interface {
	// UserExists reports whether the account with this bare address exists.
	// An error is logged and answered with internal-server-error.
	UserExists(ctx context.Context, user jid.JID) (bool, error)
}

// DirectoryFunc is a function that serves as a [Directory].
type DirectoryFunc func(ctx context.Context, user jid.JID) (bool, error)

// UserExists calls f.
func (f DirectoryFunc) UserExists(ctx context.Context, u jid.JID) (bool, error) { return f(ctx, u) }

// Verifier decides whether a TLS peer may speak for a domain.
// Implementations are safe for concurrent use.
type Verifier interface {
	// VerifyPeer returns nil if the certificates in cs prove the domain. It is
	// called for both roles, after every handshake. With Config.DNSSEC domain may
	// be a host to which a signed SRV record delegates the domain.
	VerifyPeer(ctx context.Context, domain jid.JID, cs *tls.ConnectionState) error
}

// Resolver is the part of [net.Resolver] that a Server uses. Errors that are a
// [*net.DNSError] tell "no such record" (IsNotFound) from "could not find out";
// only the former makes a server fall back from SRV records to addresses.
type Resolver interface {
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Dialer is the part of [net.Dialer] that a Server uses.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

var (
	_ Resolver = (*net.Resolver)(nil)
	_ Dialer   = (*net.Dialer)(nil)
)
