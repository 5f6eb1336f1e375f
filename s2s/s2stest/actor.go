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
				answer = s.ErrorReply(refusal)
			case err != nil:
				answer = s.ErrorReply(nil)
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

// post queues something for a domain, and writes it if it can.
func (a *actor) post(domain string, i item) {
	a.mu.Lock()
	r := a.routes[domain]
	if r == nil {
		r = new(route)
		a.routes[domain] = r
	}
	if i.st != nil && time.Now().Before(r.refuse) {
		a.mu.Unlock()
		a.giveUp([]item{i}, r.reached)
		return
	}
	r.items = append(r.items, i)
	l := r.line
	if l == nil && !r.busy && a.ctx.Err() == nil {
		r.busy = true
		a.running.Go(func() { a.connect(domain, r) })
	}
	a.mu.Unlock()
	if l != nil {
		a.flush(l, r)
	}
}

// flush writes what waits.
func (a *actor) flush(l *line, r *route) {
	l.fmu.Lock()
	defer l.fmu.Unlock()
	for {
		a.mu.Lock()
		if r.line != l {
			a.mu.Unlock()
			return
		}
		items := r.items
		r.items = nil
		a.mu.Unlock()
		if len(items) == 0 {
			a.wrote(l)
			return
		}
		for _, i := range items {
			l.put(i.raw)
		}
	}
}

// connect opens the stream of a route and reads it.
func (a *actor) connect(domain string, r *route) {
	l := a.dial(domain)
	ok := l != nil && a.open(l)
	a.mu.Lock()
	r.busy = false
	if !ok {
		items := r.items
		r.items = nil
		reached := r.reached
		a.mu.Unlock()
		if l != nil {
			l.close()
		}
		a.failed(a, domain)
		a.giveUp(items, reached)
		return
	}
	r.line, r.reached = l, true
	a.mu.Unlock()
	defer l.close()
	a.flush(l, r)
	l.read()
}

// attach lets a line that the other side opened carry stanzas both ways.
func (a *actor) attach(l *line) {
	a.mu.Lock()
	r := a.routes[l.remote]
	if r == nil {
		r = new(route)
		a.routes[l.remote] = r
	}
	if r.line == nil {
		r.line = l
	}
	r.reached = true
	a.mu.Unlock()
	a.flush(l, r)
}

// giveUp tells the senders of stanzas that they cannot be delivered.
func (a *actor) giveUp(items []item, reached bool) {
	for _, i := range items {
		if i.st == nil {
			continue
		}
		if b := a.bounce(i.st, reached); b != nil {
			a.take(b)
		}
	}
}

// lost forgets a line. What waits is for the next.
func (a *actor) lost(l *line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.lines, l)
	for _, r := range a.routes {
		if r.line == l {
			r.line = nil
		}
	}
}

func (a *actor) stop() {
	a.listener.Close()
	a.mu.Lock()
	lines := make([]*line, 0, len(a.lines))
	for l := range a.lines {
		lines = append(lines, l)
	}
	a.mu.Unlock()
	for _, l := range lines {
		a.leave(l)
	}
	a.close()
}

func (a *actor) close() {
	a.listener.Close()
	a.cancel()
	a.mu.Lock()
	for l := range a.lines {
		l.sock.Close()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// target is a server of a domain.
type target struct {
	host   string
	port   uint16
	direct bool
}

// services returns the targets of one kind of SRV record.
func (a *actor) services(service, domain string) (list []target, records []*net.SRV) {
	_, records, err := a.dns.LookupSRV(a.ctx, service, "tcp", domain)
	if err != nil {
		return nil, nil
	}
	for _, s := range records {
		if s.Target != "." {
			list = append(list, target{s.Target, s.Port, service == "xmpps-server"})
		}
	}
	return list, records
}

// dial connects to the first server of a domain that listens, as a personality
// does that does not race.
func (a *actor) dial(domain string) *line {
	name := ascii(a.n.t, []string{domain})[0]
	for _, t := range a.targets(a, name) {
		addrs, err := a.dns.LookupNetIP(a.ctx, "ip", t.host)
		if err != nil {
			continue
		}
		for _, addr := range addrs {
			ctx, cancel := context.WithTimeout(a.ctx, patience)
			c, err := a.n.Dialer(a.domain).DialContext(ctx, "tcp", net.JoinHostPort(addr.String(), fmt.Sprint(t.port)))
			cancel()
			if err != nil {
				continue
			}
			l := a.newLine(c, domain)
			if !t.direct || l.secure(name) {
				return l
			}
			l.close()
		}
	}
	return nil
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
