package s2stest

import (
	"context"
	"slices"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// patience is how long a Peer waits for something to happen; in virtual time
// that is no time at all.
const patience = 30 * time.Second

// Peer is a remote server under the test's control, with users of any name.
type Peer struct {
	t TB // fails when an expectation does
	*remote
}

// remote is what peers of one server, each for a test of its own, have in common.
type remote struct {
	n      *Network
	domain jid.JID
	launch func() engine
	got    chan struct{} // buffered; something was put into inbox

	mu       sync.Mutex
	srv      engine // nil: stopped
	inbox    []*stanza.Stanza
	handler  stanza.Handler
	ignore   bool
	history  history
	captured map[string]string
}

// Peer starts a peer for a domain. It ends with the test.
func (n *Network) Peer(domain string) *Peer {
	n.t.Helper()
	return n.PeerConfig(s2s.Config{Services: []string{domain}})
}

// PeerConfig starts a peer for the domains of cfg, whose Handler is the peer's
// own. Use it for peers with other certificates or limits.
func (n *Network) PeerConfig(cfg s2s.Config) *Peer {
	n.t.Helper()
	domains := append(append([]string{}, cfg.Services...), cfg.Domains...)
	if len(domains) == 0 {
		n.t.Fatalf("s2stest: Config has neither Domains nor Services")
	}
	p := n.newPeer(domains[0])
	cfg.Handler = stanza.HandlerFunc(p.receive)
	p.launch = func() engine { return n.start(cfg) }
	p.start()
	return p
}

// newPeer returns a peer that has not been started.
func (n *Network) newPeer(domain string) *Peer {
	n.t.Helper()
	d, err := jid.Parse(domain)
	if err != nil {
		n.t.Fatalf("s2stest: domain %q: %v", domain, err)
	}
	return &Peer{n.t, &remote{n: n, domain: d, got: make(chan struct{}, 1), captured: make(map[string]string)}}
}

// In returns the same peer for a subtest: what it fails is t, and a stanza that
// was received meanwhile and not asked for fails t at its end. Subtests that
// share a peer must not run in parallel.
func (p *Peer) In(t TB) *Peer {
	in := &Peer{t, p.remote}
	t.Cleanup(func() {
		settle()
		in.finish()
	})
	return in
}

// start starts the peer's server and lets it end with the test.
func (p *Peer) start() {
	p.t.Helper()
	srv := p.launch()
	p.mu.Lock()
	p.srv = srv
	p.mu.Unlock()
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	if !slices.ContainsFunc(p.n.peers, func(o *Peer) bool { return o.remote == p.remote }) {
		p.n.peers = append(p.n.peers, p)
	}
}

// Stop shuts the peer's server down in its own way: in good order, or as its
// personality does. Nobody listens then, and what it had still to send is lost,
// until [Peer.Start].
func (p *Peer) Stop() {
	p.mu.Lock()
	srv := p.srv
	p.srv = nil
	p.mu.Unlock()
	if srv != nil {
		srv.stop()
	}
}

// Start starts the server of a peer again that was stopped. It remembers
// nothing.
func (p *Peer) Start() {
	p.t.Helper()
	if p.engine() != nil {
		p.t.Fatalf("s2stest: %s was not stopped", p.domain)
	}
	p.start()
}

func (p *Peer) engine() engine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.srv
}

// running returns the server, and fails the test if it was stopped.
func (p *Peer) running() engine {
	p.t.Helper()
	srv := p.engine()
	if srv == nil {
		p.t.Fatalf("s2stest: %s was stopped", p.domain)
	}
	return srv
}

// Pair starts cfg and one peer on a network of their own.
func Pair(t TB, cfg s2s.Config, peerDomain string) (*s2s.Server, *Peer) {
	t.Helper()
	n := NewNetwork(t)
	return n.Server(cfg), n.Peer(peerDomain)
}

// Network returns the network the peer is on.
func (p *Peer) Network() *Network { return p.n }

// Server returns the server that the peer is made of; nil if it is stopped, or
// has a personality.
func (p *Peer) Server() *s2s.Server {
	if s, ok := p.engine().(*server); ok {
		return s.Server
	}
	return nil
}

// JID returns an address at the peer's domain.
func (p *Peer) JID(local string) jid.JID {
	p.t.Helper()
	j, err := jid.New(local, p.domain.Domain(), "")
	if err != nil {
		p.t.Fatalf("s2stest: %v", err)
	}
	return j
}

// receive is the peer's handler.
func (p *Peer) receive(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	p.note(false, s)
	p.mu.Lock()
	h := p.handler
	p.mu.Unlock()
	if h != nil {
		return h.HandleStanza(ctx, s)
	}
	p.mu.Lock()
	p.inbox = append(p.inbox, s)
	p.mu.Unlock()
	select {
	case p.got <- struct{}{}:
	default:
	}
	return nil, stanza.ErrDeferred
}

// Handle gives everything that arrives from now on to h instead of keeping it
// for Next and Expect. A nil h undoes it.
func (p *Peer) Handle(h stanza.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

// Send sends a stanza from an address at the peer's domain. Requests get no
// answer before the server under test gave one: see [Peer.Request].
func (p *Peer) Send(xml string) {
	p.t.Helper()
	s, err := stanza.Parse([]byte(xml))
	if err == nil {
		p.note(true, s)
		err = p.running().Send(p.t.Context(), s)
	}
	if err != nil {
		p.t.Fatalf("s2stest: send %s: %v", xml, err)
	}
}

// Request sends a get or set and returns its result. An error answer fails the
// test.
func (p *Peer) Request(xml string) *stanza.Stanza {
	p.t.Helper()
	s, err := stanza.Parse([]byte(xml))
	if err != nil {
		p.t.Fatalf("s2stest: request %s: %v", xml, err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	p.note(true, s)
	answer, err := p.running().Request(ctx, s)
	if err != nil {
		p.t.Fatalf("s2stest: request %s: %v\n%s", xml, err, p.past())
	}
	p.note(false, answer)
	return answer
}

// Next returns the next stanza that arrived, waiting for it up to 30 seconds.
func (p *Peer) Next() *stanza.Stanza {
	p.t.Helper()
	s := p.next(patience)
	if s == nil {
		p.t.Fatalf("s2stest: %s got nothing within %v\n%s", p.domain, patience, p.past())
	}
	return s
}

// Expect takes the next stanza and fails the test unless it matches the
// pattern; see the package comment.
func (p *Peer) Expect(pattern string) *stanza.Stanza {
	p.t.Helper()
	return p.ExpectAll(pattern)[0]
}

// ExpectAll takes as many stanzas as there are patterns and fails the test
// unless each matches one, in any order. It returns them in the order of the
// patterns.
func (p *Peer) ExpectAll(patterns ...string) []*stanza.Stanza {
	p.t.Helper()
	want := make([]*node, len(patterns))
	for i, pattern := range patterns {
		n, err := parsePattern(pattern)
		if err != nil {
			p.t.Fatalf("s2stest: pattern %s: %v", pattern, err)
		}
		want[i] = n
	}
	found := make([]*stanza.Stanza, len(patterns))
	for range patterns {
		s := p.next(patience)
		if s == nil {
			p.t.Fatalf("s2stest: %s got nothing within %v%s\n%s", p.domain, patience, missing(patterns, found, nil), p.past())
		}
		got, err := parsePattern(s.String())
		if err != nil {
			p.t.Fatalf("s2stest: got %s: %v", s, err)
		}
		i, why := p.match(want, found, got)
		if i < 0 {
			p.t.Fatalf("s2stest: %s%s\ngot  %s\n%s", p.domain, missing(patterns, found, why), s, p.past())
		}
		found[i] = s
	}
	return found
}

// match returns the first pattern that a stanza fits and nothing was found for,
// or -1 and why it fits none of them.
func (p *Peer) match(want []*node, found []*stanza.Stanza, got *node) (i int, why []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	why = make([]string, len(want))
	for i, n := range want {
		if found[i] != nil {
			continue
		}
		if why[i] = n.match(got, p.captured); why[i] == "" {
			return i, nil
		}
	}
	return -1, why
}

// missing lists the patterns that nothing was found for, and why the last
// stanza does not fit them.
func missing(patterns []string, found []*stanza.Stanza, why []string) (text string) {
	for i, pattern := range patterns {
		if found[i] != nil {
			continue
		}
		if why != nil {
			text += ": " + why[i]
		}
		text += "\nwant " + pattern
	}
	return text
}

// Captured returns what "{name}" stood for in an earlier pattern.
func (p *Peer) Captured(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.captured[name]
}

// Quiet fails the test if anything arrives within d.
func (p *Peer) Quiet(d time.Duration) {
	p.t.Helper()
	if s := p.next(d); s != nil {
		p.t.Fatalf("s2stest: %s got what it should not have: %s\n%s", p.domain, s, p.past())
	}
}

// Ignore lets the test pass although stanzas were received and not asked for.
func (p *Peer) Ignore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ignore = true
}

// Disconnect resets all connections between the peer and another server.
func (p *Peer) Disconnect(domain string) { p.n.Reset(p.domain.String(), domain) }

// next returns the oldest stanza, or nil if none arrives in time.
func (p *Peer) next(d time.Duration) *stanza.Stanza {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		p.mu.Lock()
		if len(p.inbox) > 0 {
			s := p.inbox[0]
			p.inbox = p.inbox[1:]
			p.mu.Unlock()
			return s
		}
		p.mu.Unlock()
		select {
		case <-p.got:
		case <-timer.C:
			return nil
		}
	}
}

// finish fails the test over stanzas that nobody asked for.
func (p *Peer) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.inbox
	p.inbox = nil
	if p.ignore || p.t.Failed() {
		return
	}
	for _, s := range left {
		p.t.Errorf("s2stest: %s received a stanza that the test did not ask for: %s", p.domain, s)
	}
}
