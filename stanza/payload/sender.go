package payload

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// ErrNothingLeft is returned for a message that had extensions only, which its
// recipient does not know and nothing stands for.
var ErrNothingLeft = errors.New("payload: nothing left to send")

// Sender sends stanzas with extensions: the extensions themselves to domains that
// announce their namespaces, what stands for them to all others, as
// [Registry.Prepare] makes it. Extensions, Ask and Out are required; all fields are
// set before the first use. A Sender is safe for concurrent use and must not be copied.
//
// It asks the domain of a recipient, on behalf of the sender's domain, once (XEP-0030)
// and remembers the answer. The domain, for it is another service of the host's kind
// that understands the payload, whichever user it is for; and a room's speaks for
// everybody in the room. A domain that refuses, does not answer or cannot be reached
// announces nothing for a while. Stanzas without extensions, and IQs, cost no question.
type Sender struct {
	// Extensions are the host's. One that is registered later is sent to a domain that
	// was asked before when that is asked again.
	Extensions *Registry
	// Ask sends the questions, at most one at a time for a pair of domains.
	Ask stanza.Requester
	// Out sends the stanzas.
	Out stanza.Sender
	// Age is how long an answer counts. Zero: 1 h.
	Age time.Duration
	// Pause is how long a domain that gave no answer is not asked again. Zero: 5 min.
	Pause time.Duration
	// Timeout is how long an answer is waited for. Zero: 10 s.
	Timeout time.Duration
	// Entries is how many answers are remembered. One that is too many replaces
	// another. Zero: 1000.
	Entries int

	mu      sync.Mutex
	known   map[route]announcement
	flights map[route]*flight // questions that are out
	lines   map[pair]*line    // of who sends now
}

var _ stanza.Sender = (*Sender)(nil)

// route is a local and a remote domain: what a domain says holds for who asked.
type route struct{ from, to string }

// announcement is what a domain has announced.
type announcement struct {
	spaces []string // of the extensions
	until  time.Time
}

// flight is a question that is out.
type flight struct {
	done chan struct{} // closed when it was answered, or not
	announcement
}

// pair is the key of what keeps an order (RFC 6120 section 10.1).
type pair struct{ from, to jid.JID }

// line has those who send for a pair one behind the other: a place, given on in the
// order in which it was asked for.
type line struct {
	place chan struct{}
	users int // who has the place or waits for it
}

// Send implements [stanza.Sender]. It returns when the stanza was given to Out, for
// which it may have to wait for an answer. Stanzas from one address to an account, or to
// its sessions, leave in the order of the calls.
//
// The error is ctx's, a Codec's, [ErrNothingLeft], or Out's own. Nothing was sent then.
func (s *Sender) Send(ctx context.Context, m *stanza.Stanza) error {
	p := pair{m.From, m.To.Bare()}
	if err := s.enter(ctx, p); err != nil {
		return err
	}
	defer s.leave(p)
	if m.Kind == stanza.IQ || !s.Extensions.within(m) {
		return s.Out.Send(ctx, m)
	}
	spaces, err := s.announced(ctx, m.From.Host(), m.To.Host())
	if err != nil {
		return err
	}
	out, err := s.Extensions.Prepare(m, func(ns string) bool { return slices.Contains(spaces, ns) })
	if err != nil {
		return err
	}
	if out == nil {
		return ErrNothingLeft
	}
	return s.Out.Send(ctx, out)
}

// within reports whether m has extensions.
func (r *Registry) within(m *stanza.Stanza) bool {
	for name := range m.Payloads() {
		if r.extension(name) != nil {
			return true
		}
	}
	return false
}

// enter waits for the place of a pair.
func (s *Sender) enter(ctx context.Context, p pair) error {
	s.mu.Lock()
	l := s.lines[p]
	if l == nil {
		l = &line{place: make(chan struct{}, 1)}
		if s.lines == nil {
			s.lines = make(map[pair]*line)
		}
		s.lines[p] = l
	}
	l.users++
	s.mu.Unlock()
	select {
	case l.place <- struct{}{}: // those who wait get it first come, first served
		return nil
	case <-ctx.Done():
		s.forget(p)
		return ctx.Err()
	}
}

func (s *Sender) leave(p pair) {
	s.mu.Lock()
	l := s.lines[p]
	s.mu.Unlock()
	<-l.place
	s.forget(p)
}

// forget drops a line that nobody uses.
func (s *Sender) forget(p pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[p]
	if l.users--; l.users == 0 {
		delete(s.lines, p)
	}
}

// announced returns the namespaces of extensions that a domain announces.
func (s *Sender) announced(ctx context.Context, from, to jid.JID) ([]string, error) {
	r := route{from.Domain(), to.Domain()}
	s.mu.Lock()
	if a, ok := s.known[r]; ok && time.Now().Before(a.until) {
		s.mu.Unlock()
		return a.spaces, nil
	}
	f := s.flights[r]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		if s.flights == nil {
			s.flights = make(map[route]*flight)
		}
		s.flights[r] = f
		go s.ask(context.WithoutCancel(ctx), from, to, f) // others may wait for it, too
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.spaces, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask asks a domain what it announces, and remembers the answer.
func (s *Sender) ask(ctx context.Context, from, to jid.JID, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Timeout, 10*time.Second))
	defer cancel()
	info, err := disco.GetInfo(ctx, s.Ask, from, to, "")
	f.until = time.Now().Add(cmp.Or(s.Age, time.Hour))
	if err != nil {
		f.until = time.Now().Add(cmp.Or(s.Pause, 5*time.Minute))
	}
	for _, space := range s.Extensions.Features() {
		if slices.Contains(info.Features, space) {
			f.spaces = append(f.spaces, space)
		}
	}
	r := route{strings.Clone(from.Domain()), strings.Clone(to.Domain())} // they may be parts of a stanza
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, r)
	s.keep(r, f.announcement)
	close(f.done)
}

// keep remembers an announcement. s.mu is held.
func (s *Sender) keep(r route, a announcement) {
	if s.known == nil {
		s.known = make(map[route]announcement)
	}
	delete(s.known, r)
	for other := range s.known {
		if len(s.known) < cmp.Or(s.Entries, 1000) {
			break
		}
		delete(s.known, other)
	}
	s.known[r] = a
}
