package s2s

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	randv2 "math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"isthmus.im/internal/lane"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
	"isthmus.im/internal/posh"
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// Server federates the local domains of its Config. Make one with [New]. Its
// methods are safe for concurrent use. It implements [stanza.Requester].
type Server struct {
	handler  stanza.Handler
	features interface{ Features() []string } // the handler, if it has them
	users    Directory
	verifier Verifier
	resolver Resolver
	dialer   Dialer
	secure   ValidatingResolver // nil: DNSSEC is not believed
	web      Fetcher
	posh     *posh.Client // nil: web servers are not asked
	revoked  func(ctx context.Context, domain jid.JID, cs *tls.ConnectionState) error
	tls      *tls.Config
	statics  statics // its certificates
	addr     string
	direct   string
	software Software
	bidi     bool
	random   func() uint64
	dialback *dialbacks
	reach    Reach
	limits   Limits
	log      *slog.Logger
	trace    Trace

	domains domains
	rules   atomic.Pointer[rules] // the policy
	changes atomic.Uint64         // counts what permits depends on
	ids     streamIDs
	jids    jidCache
	disco   stanza.Handler // answers discovery requests that the host's handler leaves
	lanes   *lane.Pool[pair, arrival]
	wait    requests

	sessions sessions

	anyTLS   atomic.Pointer[tls.Config] // of inbound handshakes before a domain is known
	arena    xmlscan.Arena              // for reading
	buffers  sync.Pool                  // *[]byte, for writing
	checkers sync.Pool                  // *checker

	born       time.Time
	limiter    limiter
	chains     pkixid.Cache
	handshakes *gate // inbound ones; one processor is left for everything else
	connecting places

	lmu     sync.RWMutex
	links   routes
	pausing atomic.Int64 // links that wait for their next attempt

	identities IdentityStore
	onChange   func(ctx context.Context, change Change) error

	outbox     Outbox
	resumed    atomic.Bool // what it held at the start
	total      totals
	tallies    tallies
	deliveries *deliveries
	recorder   *recorder // nil: none

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	inbound   int
	closed    bool // Shutdown or Close has begun

	expiryWarning time.Duration
	certTimer     *time.Timer // under mu

	stopped chan struct{} // closed when Shutdown or Close begins
	sealed  atomic.Bool   // nothing is accepted for sending any more
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup // all goroutines but the lanes'
}

var _ stanza.Requester = (*Server)(nil)

// New checks cfg and returns a Server that has opened nothing yet. Handler may
// still be an empty Mux. cfg is copied; its TLS field is cloned.
func New(cfg Config) (*Server, error) {
	if cfg.Handler == nil {
		return nil, errors.New("s2s: Config.Handler is missing")
	}
	if err := checkTLS(&cfg); err != nil {
		return nil, err
	}
	if err := cfg.Limits.fill(); err != nil {
		return nil, err
	}
	switch {
	case cfg.ExpiryWarning < 0:
		return nil, fmt.Errorf("s2s: Config.ExpiryWarning is %v", cfg.ExpiryWarning)
	case cfg.ExpiryWarning == 0:
		cfg.ExpiryWarning = defaultExpiryWarning
	}
	rules, err := newRules(cfg.Policy)
	if err != nil {
		return nil, err
	}
	keys, err := newDialbacks(cfg.Dialback, cfg.Limits)
	if err != nil {
		return nil, err
	}
	s := &Server{
		handler:   cfg.Handler,
		users:     cfg.Users,
		verifier:  cfg.Verifier,
		resolver:  cfg.Resolver,
		dialer:    cfg.Dialer,
		tls:       tlsBase(cfg.TLS),
		addr:      cfg.Addr,
		direct:    cfg.DirectTLS,
		software:  cfg.Software,
		bidi:      cfg.Bidi,
		random:    cfg.Rand,
		reach:     cfg.Reach,
		dialback:  keys,
		limits:    cfg.Limits,
		log:       cfg.Logger,
		listeners: make(map[net.Listener]struct{}),
		conns:     make(map[*conn]struct{}),
		born:      time.Now(),

		expiryWarning: cfg.ExpiryWarning,

		stopped: make(chan struct{}),
	}
	s.outbox, s.deliveries = cfg.Outbox, newDeliveries(cfg.Deliveries)
	s.rules.Store(rules)
	s.recorder = newRecorder(cfg.Record)
	if err := s.domains.addAll(&cfg); err != nil {
		return nil, err
	}
	if f, ok := cfg.Handler.(interface{ Features() []string }); ok {
		s.features = f
	}
	if s.verifier == nil {
		s.verifier = PKIX{}
	}
	if s.random == nil {
		s.random = randv2.Uint64
	}
	if s.resolver == nil {
		s.resolver = &locate.Client{Servers: cfg.DNS, TrustAD: cfg.DNSSEC, Rand: s.intN}
	}
	if s.dialer == nil {
		s.dialer = &net.Dialer{}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := s.setProofs(&cfg); err != nil {
		return nil, err
	}
	if cfg.Trace != nil {
		s.trace = *cfg.Trace
	}
	if s.addr == "" {
		s.addr = ":5269"
	}
	s.statics = newStatics(s.tls.Certificates)
	s.disco = &disco.Service{Features: builtin{s}, Contacts: cfg.Contacts}
	s.jids.seed = maphash.MakeSeed()
	s.limiter.domains = newTable(s.newDomainUse, (*domainUse).clear)
	s.limiter.addresses = newTable(newAddressUse, (*addressUse).clear)
	s.limiter.reports = make(map[limitError]*report)
	s.handshakes = newGate(max(1, runtime.GOMAXPROCS(0)-1))
	s.connecting = make(places, s.limits.Connecting)
	s.checkers.New = func() any { return newChecker(s.stanzaLimits()) }
	s.buffers.New = func() any { b := make([]byte, 0, batch+4<<10); return &b }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.lanes = lane.New(s.limits.Lane, s.limits.LaneWait, s.dispatch)
	return s, nil
}

// newID returns 130 random bits for a stream or a request.
func newID() string { return rand.Text() }

// intN chooses from 0 to n-1 where nothing depends on its being secret.
func (s *Server) intN(n int) int { return int(s.random() % uint64(n)) }

// Run listens as configured and serves until ctx ends, then shuts down in good
// order within 30 seconds. It returns nil after that, or the error that kept it
// from listening.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	listen := func(addr string, serve func(net.Listener) error) error {
		if addr == "-" || addr == "" {
			return nil
		}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		s.log.Info("listening", "addr", l.Addr().String())
		go func() { failed <- serve(l) }()
		return nil
	}
	err := listen(s.addr, s.Serve)
	if err == nil {
		err = listen(s.direct, s.ServeTLS)
	}
	if err == nil {
		s.resume()
		select {
		case <-ctx.Done():
		case err = <-failed:
			if errors.Is(err, ErrClosed) {
				err = nil
			}
		}
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(err, s.Shutdown(end))
}

// begin reserves a place for a goroutine; it reports false after the server
// was closed. The goroutine calls s.running.Done.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.running.Add(1)
	s.watchCertificates()
	return true
}

// draining reports whether Shutdown or Close has begun.
func (s *Server) draining() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Add(1)
	s.watchCertificates()
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	l.Close()
}

// addConn makes a stream one of the server's. The error is ErrClosed or a
// limitError.
func (s *Server) addConn(c *conn) error {
	name := registered(c.remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil || !c.out && s.closed:
		return ErrClosed
	case !c.out && s.inbound >= s.limits.Streams:
		return limitError("Streams")
	}
	if err := s.occupy(c, name); err != nil {
		return err
	}
	s.conns[c] = struct{}{}
	if !c.out {
		s.inbound++
	}
	return nil
}

func (s *Server) removeConn(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		return
	}
	delete(s.conns, c)
	s.vacate(c)
	if !c.out {
		s.inbound--
	}
}
