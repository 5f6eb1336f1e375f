package s2s

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/stanza"
)

// Send accepts a stanza for delivery. From must be at a local domain, To must
// be set. The stanza belongs to the server from then on; it must not be changed.
//
// A nil error means that the stanza was accepted: it stays queued until it was
// written to an authenticated stream with the recipient's domain. Stanzas of the
// same From and To are written in the order of Send calls; where many wait,
// messages go before requests and those before presence, of which only the
// latest to a bare address is kept. If that is not possible within Limits.QueueAge, or at once when
// the domain does not exist or is refused, the handler gets exactly one error
// stanza from the recipient to the sender, with the reason; errors and iq
// results are dropped instead, as errors are never answered with errors. A
// stanza that was written to a stream that then broke may arrive twice.
//
// A message without an id gets one, 130 random bits, by which its delivery can
// be followed (see [Server.Delivery]) and a repetition told. Ids that hosts give
// should be as good, since messages without an origin-id (XEP-0359) leave with one
// that is the same.
//
// Pauses between attempts to reach a domain, and refusals, are remembered for a
// minute or so, by this process: a new one tries each domain once.
//
// Send fails for what can be known at once: [ErrNotLocal], [ErrNoRecipient], a
// stanza that is not well-formed or larger than Limits.StanzaBytes,
// [ErrQueueFull], [ErrClosed], what Config.Outbox returned and, if ctx is from
// [WithImmediate], that the domain is out of reach. It waits, until ctx ends,
// only for Config.Outbox, while the queue of a connected domain is full and, for
// Limits.LaneWait at most, while too many stanzas wait for a local recipient.
func (s *Server) Send(ctx context.Context, st *stanza.Stanza) error {
	size, err := s.check(st)
	if err != nil {
		return err
	}
	return s.route(ctx, st, size, true)
}

// TrySend is [Server.Send] for those who must not wait: where Send would wait
// for room, in the queue of a connected domain or for a local recipient, it
// returns [ErrQueueFull] and accepts nothing. Only Config.Outbox may take its
// time.
func (s *Server) TrySend(ctx context.Context, st *stanza.Stanza) error {
	size, err := s.check(st)
	if err != nil {
		return err
	}
	return s.route(ctx, st, size, false)
}

// route takes a stanza that was checked to its recipient.
func (s *Server) route(ctx context.Context, st *stanza.Stanza, size int, wait bool) error {
	if s.sealed.Load() {
		return ErrClosed
	}
	if s.serves(st.To) {
		return s.loop(ctx, st, wait)
	}
	r := Route{Local: st.From.Host(), Remote: st.To.Host()}
	if err := s.outOfReach(ctx, r); err != nil {
		return err
	}
	s.recorder.stanza(r, stanzaAccepted, st)
	if s.outbox != nil {
		return s.store(ctx, r, st)
	}
	return s.push(ctx, r, st, size, wait)
}

// loop delivers a stanza for a local address, which does not leave the process.
// The error is that of deliver, but for want of room the sender hears as of any
// other stanza that was accepted.
func (s *Server) loop(ctx context.Context, st *stanza.Stanza, wait bool) error {
	now := time.Now()
	a := arrival{st: st}
	if s.deliveries != nil {
		a.track = sync.OnceValue(func() *record { return s.deliveries.queued(st, now) })
	}
	err := s.deliver(ctx, a, wait)
	switch {
	case err == nil:
		s.deliveries.change(a.tracked(), StateAcknowledged, now, nil)
	case errors.Is(err, errNoRoom):
		why := &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait, Text: "too many stanzas wait for this recipient"}
		s.giveUpAside([]entry{{st: st, track: a.tracked()}}, why)
		return nil
	}
	return err
}

// pushNow queues a stanza of the server's own making, in memory, and drops it if
// the queue is full: a reader must not wait for a writer.
func (s *Server) pushNow(st *stanza.Stanza) {
	err := ErrClosed
	switch {
	case s.sealed.Load():
	case s.serves(st.To):
		s.aside(st)
		return
	default:
		err = s.push(s.ctx, Route{Local: st.From.Host(), Remote: st.To.Host()}, st, len(st.Inner)+128, false)
	}
	if err != nil {
		s.log.Debug("error stanza dropped", "local", st.From, "remote", st.To, "err", err)
	}
}

var errStanza = errors.New("s2s: not exactly one well-formed stanza")

// check makes sure that a stanza can go onto the wire without harm to the
// stream, and returns its size as XML.
func (s *Server) check(st *stanza.Stanza) (int, error) {
	switch {
	case st == nil || st.Kind.String() == "stanza":
		return 0, errors.New("s2s: stanza without kind")
	case st.To.IsZero():
		return 0, ErrNoRecipient
	case !st.Type.Valid(st.Kind):
		return 0, fmt.Errorf("s2s: %s of type %q", st.Kind, st.Type)
	case st.Kind == stanza.IQ && st.ID == "":
		return 0, errors.New("s2s: iq without id")
	case !s.serves(st.From):
		return 0, fmt.Errorf("%w: %q", ErrNotLocal, st.From)
	}
	if st.Kind == stanza.Message && st.ID == "" {
		st.ID = newID()
	}
	k := s.checkers.Get().(*checker)
	size, err := k.check(st)
	if err == nil {
		s.checkers.Put(k)
	}
	return size, err
}

// checker validates outgoing stanzas: it reads what would be written with the
// scanner that a careful peer would use. After an error it is spent.
type checker struct {
	scan *xmlscan.Scanner
	buf  []byte
}

func newChecker(l xmlscan.Limits) *checker {
	k := &checker{scan: xmlscan.New(l)}
	const header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:server'>"
	copy(k.scan.Buffer(len(header)), header)
	k.scan.Fill(len(header))
	if _, err := k.scan.Next(); err != nil {
		panic(err) // the constant above is well-formed
	}
	return k
}

func (k *checker) check(st *stanza.Stanza) (int, error) {
	k.buf = st.AppendXML(k.buf[:0])
	n := copy(k.scan.Buffer(len(k.buf)), k.buf)
	k.scan.Fill(n)
	tok, err := k.scan.Next()
	if err == xmlscan.ErrMore {
		return 0, errStanza
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errStanza, err)
	}
	if tok.Kind != xmlscan.Element || k.scan.Buffered() > 0 {
		return 0, errStanza
	}
	return n, nil
}

// bounced reports that an outgoing stanza was not delivered, and returns what its
// sender is to be told; nil: nothing.
func (s *Server) bounced(st *stanza.Stanza, why *stanza.Error) *stanza.Stanza {
	if t := s.trace.Bounced; t != nil {
		t(st, why)
	}
	reply := st.ErrorReply(why)
	if reply != nil {
		s.log.Debug("bounced", "local", st.From, "remote", st.To, "kind", st.Kind.String(), "id", st.ID, "condition", string(why.Condition))
	}
	return reply
}

// bounceAll tells the senders of entries that have left a queue undelivered.
func (s *Server) bounceAll(list []entry, why *stanza.Error) { s.giveUp(list, why, StateRefused) }

// giveUp tells them, and waits while too many stanzas wait for one of them.
func (s *Server) giveUp(list []entry, why *stanza.Error, state DeliveryState) {
	for i := range list {
		s.deliveries.change(list[i].track, state, time.Now(), why)
		if reply := s.bounced(list[i].st, why); reply != nil {
			s.undelivered(reply, s.deliver(s.ctx, arrival{st: reply}, true))
		}
	}
}

// giveUpAside tells the senders of entries that were refused, without waiting: it
// is a sender who calls it.
func (s *Server) giveUpAside(list []entry, why *stanza.Error) {
	var later []*stanza.Stanza
	for i := range list {
		s.deliveries.change(list[i].track, StateRefused, time.Now(), why)
		if reply := s.bounced(list[i].st, why); reply != nil {
			later = append(later, reply)
		}
	}
	s.aside(later...)
}

// aside delivers stanzas of the server's own making to local addresses. Those for
// which there is no room wait for it on a goroutine of their own.
func (s *Server) aside(list ...*stanza.Stanza) {
	var later []*stanza.Stanza
	for _, st := range list {
		if err := s.deliver(s.ctx, arrival{st: st}, false); errors.Is(err, ErrQueueFull) {
			later = append(later, st)
		} else {
			s.undelivered(st, err)
		}
	}
	if len(later) == 0 {
		return
	}
	if !s.begin() {
		for _, st := range later {
			s.undelivered(st, ErrClosed)
		}
		return
	}
	go func() {
		defer s.running.Done()
		for _, st := range later {
			s.undelivered(st, s.deliver(s.ctx, arrival{st: st}, true))
		}
	}()
}

// undelivered logs that nobody could be told, if err says so.
func (s *Server) undelivered(st *stanza.Stanza, err error) {
	if err != nil {
		s.log.Warn("error stanza dropped", "local", st.To, "remote", st.From, "err", err)
	}
}
