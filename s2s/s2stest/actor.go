package s2stest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// engine is the server that a Peer is made of.
type engine interface {
	// Send accepts a stanza for delivery; errors come to the peer's inbox.
	Send(context.Context, *stanza.Stanza) error
	Request(context.Context, *stanza.Stanza) (*stanza.Stanza, error)
	// stop ends it in its own way, close at once.
	stop()
	close()
}

// actor is the server of a personality: one domain, one stream each way with
// every other domain. What is particular to the personality is in its character.
type actor struct {
	character
	p        *Peer
	n        *Network
	domain   string // as in addresses
	cert     tls.Certificate
	secret   string // of dialback keys
	dns      s2s.Resolver
	listener net.Listener

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	rand      *rand.Rand
	lines     map[*line]struct{}
	routes    map[string]*route
	waiting   map[waiter]chan *stanza.Stanza
	questions map[waiter]*line // dialback keys being verified, by stream id
	inbox     []*stanza.Stanza // for the peer
	wake      chan struct{}    // buffered; there is more in inbox
}

// route is what waits for a remote domain.
type route struct {
	items   []item
	line    *line // it may be written to; nil: none
	busy    bool  // a goroutine connects
	reached bool  // it has answered once
	refuse  time.Time
}

// item is a stanza, or something else that is written to a stream.
type item struct {
	st  *stanza.Stanza
	raw string
}

// waiter is a request under way.
type waiter struct{ from, to, id string }

func (n *Network) newActor(p *Peer, persona Persona) *actor {
	n.t.Helper()
	a := &actor{
		character: n.character(persona), p: p, n: n, domain: p.domain.Domain(), dns: n.Resolver(),
		rand:  n.Rand(fmt.Sprint("persona ", persona.Like, " ", p.domain)),
		lines: make(map[*line]struct{}), routes: make(map[string]*route),
		waiting: make(map[waiter]chan *stanza.Stanza), questions: make(map[waiter]*line),
		wake: make(chan struct{}, 1),
	}
	if persona.TLS == nil {
		persona.TLS = n.TLS(GoodCert, persona.Domain)
	}
	if len(persona.TLS.Certificates) > 0 {
		a.cert = persona.TLS.Certificates[0]
	}
	a.secret = a.hex(32)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.listener = n.Listen(persona.Domain)
	a.running.Go(a.listen)
	a.running.Go(a.dispatch)
	return a
}

func (a *actor) listen() {
	for {
		c, err := a.listener.Accept()
		if err != nil {
			return
		}
		a.running.Go(func() {
			l := a.newLine(c, "")
			defer l.close()
			if a.accept(l) {
				l.read()
			}
		})
	}
}

// dispatch hands what arrives to the peer, in order.
func (a *actor) dispatch() {
	for {
		a.mu.Lock()
		list := a.inbox
		a.inbox = nil
		a.mu.Unlock()
		for _, s := range list {
			answer, err := a.p.receive(a.ctx, s)
			var refusal *stanza.Error
			switch {
			case errors.Is(err, stanza.ErrDeferred):
			case errors.As(err, &refusal):
				answer = a.refuse(s, refusal)
			case err != nil:
				answer = a.refuse(s, nil)
			}
			if answer != nil {
				a.p.note(true, answer)
				a.Send(a.ctx, answer)
			}
		}
		if len(list) > 0 {
			continue
		}
		select {
		case <-a.wake:
		case <-a.ctx.Done():
			return
		}
	}
}

// take gives a stanza to who waits for it, or to the peer.
func (a *actor) take(s *stanza.Stanza) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := waiter{s.To.String(), s.From.String(), s.ID}
	if c := a.waiting[w]; c != nil && s.Kind == stanza.IQ && (s.Type == stanza.Result || s.Type == stanza.TypeError) {
		delete(a.waiting, w)
		c <- s
		return
	}
	a.inbox = append(a.inbox, s)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Send queues a stanza.
func (a *actor) Send(_ context.Context, s *stanza.Stanza) error {
	if _, honest := a.character.(*hostile); !honest && s.From.Domain() != a.domain {
		return s2s.ErrNotLocal
	}
	a.post(s.To.Domain(), item{st: s, raw: s.String()})
	return nil
}

// Request sends a get or set and waits for its answer.
func (a *actor) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	if s.ID == "" {
		return nil, errors.New("a request needs an id")
	}
	w := waiter{s.From.String(), s.To.String(), s.ID}
	c := make(chan *stanza.Stanza, 1)
	a.mu.Lock()
	a.waiting[w] = c
	a.mu.Unlock()
	if err := a.Send(ctx, s); err != nil {
		return nil, err
	}
	select {
	case answer := <-c:
		if e := answer.Err(); e != nil {
			return nil, e
		}
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// key is the dialback key for a stream of another domain.
func (a *actor) key(remote, id string) string {
	sum := sha256.Sum256([]byte(a.secret + "\x00" + remote + "\x00" + id))
	return fmt.Sprintf("%x", sum)
}

func (a *actor) hex(digits int) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := make([]byte, digits)
	for i := range b {
		b[i] = "0123456789abcdef"[a.rand.IntN(16)]
	}
	return string(b)
}

func (a *actor) number() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rand.Uint64()
}

// shuffled returns texts in a random order.
func (a *actor) shuffled(parts ...string) (all string) {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	a.mu.Lock()
	a.rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	a.mu.Unlock()
	for _, p := range parts {
		all += p
	}
	return all
}
