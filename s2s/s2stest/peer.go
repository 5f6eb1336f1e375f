package s2stest

import (
	"context"
	"fmt"
	"strings"
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
	t      TB
	n      *Network
	domain jid.JID
	srv    *server
	got    chan struct{} // buffered; something was put into inbox

	mu       sync.Mutex
	inbox    []*stanza.Stanza
	handler  stanza.Handler
	ignore   bool
	log      []string // the last stanzas both ways
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
	p := &Peer{t: n.t, n: n, got: make(chan struct{}, 1), captured: make(map[string]string)}
	cfg.Handler = stanza.HandlerFunc(p.receive)
	p.srv = n.start(cfg)
	p.domain = jid.MustParse(append(append([]string{}, cfg.Services...), cfg.Domains...)[0])
	n.mu.Lock()
	defer n.mu.Unlock()
	n.peers = append(n.peers, p)
	return p
}

// Pair starts cfg and one peer on a network of their own.
func Pair(t TB, cfg s2s.Config, peerDomain string) (*s2s.Server, *Peer) {
	t.Helper()
	n := NewNetwork(t)
	return n.Server(cfg), n.Peer(peerDomain)
}

// Network returns the network the peer is on.
func (p *Peer) Network() *Network { return p.n }

// Server returns the server that the peer is made of.
func (p *Peer) Server() *s2s.Server { return p.srv.Server }

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
	p.note("got  ", s)
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
		p.note("sent ", s)
		err = p.srv.Send(p.t.Context(), s)
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
	p.note("sent ", s)
	answer, err := p.srv.Request(ctx, s)
	if err != nil {
		p.t.Fatalf("s2stest: request %s: %v", xml, err)
	}
	p.note("got  ", answer)
	return answer
}

// Next returns the next stanza that arrived, waiting for it up to 30 seconds.
func (p *Peer) Next() *stanza.Stanza {
	p.t.Helper()
	s := p.next(patience)
	if s == nil {
		p.t.Fatalf("s2stest: %s got nothing within %v\n%s", p.domain, patience, p.history())
	}
	return s
}

// Expect takes the next stanza and fails the test unless it matches the
// pattern; see the package comment.
func (p *Peer) Expect(pattern string) *stanza.Stanza {
	p.t.Helper()
	want, err := parsePattern(pattern)
	if err != nil {
		p.t.Fatalf("s2stest: pattern %s: %v", pattern, err)
	}
	s := p.next(patience)
	if s == nil {
		p.t.Fatalf("s2stest: %s got nothing within %v\nwant %s\n%s", p.domain, patience, pattern, p.history())
	}
	got, err := parsePattern(s.String())
	if err != nil {
		p.t.Fatalf("s2stest: got %s: %v", s, err)
	}
	p.mu.Lock()
	why := want.match(got, p.captured)
	p.mu.Unlock()
	if why != "" {
		p.t.Fatalf("s2stest: %s: %s\nwant %s\ngot  %s\n%s", p.domain, why, pattern, s, p.history())
	}
	return s
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
		p.t.Fatalf("s2stest: %s got what it should not have: %s\n%s", p.domain, s, p.history())
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

func (p *Peer) note(what string, s *stanza.Stanza) {
	line := fmt.Sprintf("%s %s%s", time.Now().Format("15:04:05.000"), what, s)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
	if len(p.log) > 20 {
		p.log = p.log[len(p.log)-20:]
	}
}

func (p *Peer) history() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.log) == 0 {
		return "nothing was sent or received before"
	}
	return "the last stanzas of " + p.domain.String() + ":\n" + strings.Join(p.log, "\n")
}

// finish fails the test over stanzas that nobody asked for.
func (p *Peer) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ignore || p.t.Failed() {
		return
	}
	for _, s := range p.inbox {
		p.t.Errorf("s2stest: %s received a stanza that the test did not ask for: %s", p.domain, s)
	}
}
