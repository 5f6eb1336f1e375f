package s2s

import (
	"context"
	"errors"
	"fmt"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/stanza"
)

// Send accepts a stanza for delivery. From must be at a local domain, To must
// be set. The stanza belongs to the server from then on; it must not be changed.
//
// A nil error means that the stanza was accepted: it stays queued until it was
// written to an authenticated stream with the recipient's domain, in the order
// of Send calls. If that is not possible within Limits.QueueAge, or at once when
// the domain does not exist or is refused, the handler gets exactly one error
// stanza from the recipient to the sender, with the reason; errors and iq
// results are dropped instead, as errors are never answered with errors. A
// stanza that was written to a stream that then broke may arrive twice.
//
// Send fails for what can be known at once: [ErrNotLocal], [ErrNoRecipient], a
// stanza that is not well-formed or larger than Limits.StanzaBytes,
// [ErrQueueFull], [ErrClosed]. It waits, until ctx ends, only while the queue of
// a connected domain is full.
func (s *Server) Send(ctx context.Context, st *stanza.Stanza) error {
	size, err := s.check(st)
	if err != nil {
		return err
	}
	return s.route(ctx, st, size)
}

// route takes a stanza that was checked to its recipient.
func (s *Server) route(ctx context.Context, st *stanza.Stanza, size int) error {
	if s.sealed.Load() {
		return ErrClosed
	}
	if s.serves(st.To) {
		if !s.deliver(st, nil) {
			s.bounce(st, &stanza.Error{Condition: stanza.ResourceConstraint, Type: stanza.Wait,
				Text: "too many stanzas wait for this recipient"})
		}
		return nil
	}
	return s.push(ctx, Route{Local: st.From.Host(), Remote: st.To.Host()}, st, size)
}

// pushNow queues a stanza of the server's own making, and drops it if the queue
// is full: a reader must not wait for a writer.
func (s *Server) pushNow(st *stanza.Stanza) {
	if err := s.route(ended, st, len(st.Inner)+128); err != nil {
		s.log.Debug("error stanza dropped", "local", st.From, "remote", st.To, "err", err)
	}
}

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

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

// bounce tells the sender of an outgoing stanza that it was not delivered.
func (s *Server) bounce(st *stanza.Stanza, why *stanza.Error) {
	if t := s.trace.Bounced; t != nil {
		t(st, why)
	}
	reply := st.ErrorReply(why)
	if reply == nil {
		return
	}
	s.log.Debug("bounced", "local", st.From, "remote", st.To, "kind", st.Kind.String(), "id", st.ID, "condition", string(why.Condition))
	if !s.deliver(reply, nil) {
		s.log.Warn("bounce dropped: too many stanzas wait for its recipient", "local", st.From, "remote", st.To)
	}
}

func (s *Server) bounceAll(list []entry, why *stanza.Error) {
	for _, e := range list {
		s.bounce(e.st, why)
	}
}
