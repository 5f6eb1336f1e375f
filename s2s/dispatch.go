package s2s

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// pair is the key of what keeps an order: stanzas from one address to an account
// and its resources, which count as one (RFC 6120 section 10.1).
type pair struct{ from, to jid.JID }

func pairOf(st *stanza.Stanza) pair { return pair{st.From, st.To.Bare()} }

// arrival is a stanza in a lane, with the stream it came by; nil for one of our
// own.
type arrival struct {
	st *stanza.Stanza
	c  *conn
	// track begins to follow the delivery of one of our own, if it does not yet;
	// nil: nobody asks.
	track func() *record
}

// tracked begins to follow the delivery, before anything can be heard of it.
func (a *arrival) tracked() *record {
	if a.track == nil {
		return nil
	}
	return a.track()
}

// errNoRoom says that a session is full, or that a lane still was after
// Limits.LaneWait.
var errNoRoom = errors.New("s2s: too many stanzas wait for this recipient")

// deliver hands a stanza for a local address to whoever waits for it, to a
// session, or to the handler by way of its lane. For room in a full lane it waits
// if it is told to, until ctx ends. The error is errNoRoom, ErrClosed, ctx's or,
// where it would have to wait and must not, ErrQueueFull.
func (s *Server) deliver(ctx context.Context, a arrival, wait bool) error {
	st := a.st
	s.deliveries.arrived(st)
	if st.Kind == stanza.IQ && (st.Type == stanza.Result || st.Type == stanza.TypeError) && s.wait.answer(st) {
		return nil
	}
	if s.sessions.find(st.To) != nil {
		a.tracked()
		if taken, room := s.toSession(st, a.c); taken && !room {
			return errNoRoom
		} else if taken {
			return nil
		}
	}
	if a.c != nil {
		a.c.took()
	}
	err := s.enterLane(ctx, a, wait)
	if err != nil && a.c != nil {
		a.c.domain.queue.leave()
	}
	return err
}

// enterLane puts a stanza into its lane. The error is that of deliver.
func (s *Server) enterLane(ctx context.Context, a arrival, wait bool) error {
	key := pairOf(a.st)
	switch {
	case s.lanes.TryPush(key, a):
		return nil
	case !wait:
		return ErrQueueFull
	}
	patient, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	switch {
	case s.lanes.Push(patient.Done(), key, a):
		return nil
	case s.ctx.Err() != nil:
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errNoRoom
}

// dispatch runs in a lane: it has one stanza handled and sends the reply.
func (s *Server) dispatch(_ pair, a arrival) {
	if a.c != nil {
		a.c.handling()
		defer a.c.handledOne()
	}
	st := a.st
	begin := time.Now()
	ctx := &handlerContext{Context: s.ctx, deadline: begin.Add(s.limits.HandlerTime), from: a.c}
	if a.c != nil {
		if d := a.c.dialback.Load(); d != nil {
			ctx.method = d.method(st.To, st.From)
		}
	}
	defer ctx.end(context.Canceled)
	a.tracked()
	head := *st // the handler owns st
	head.Inner = nil
	reply, err := s.handle(ctx, st)
	if t := s.trace.Handled; t != nil {
		t(&head, time.Since(begin), err)
	}
	if errors.Is(err, stanza.ErrDeferred) {
		return
	}
	if err != nil {
		reply = head.ErrorReply(s.hostError(&head, err))
	}
	if reply == nil {
		return
	}
	if err := s.Send(ctx, reply); err != nil && !errors.Is(err, ErrClosed) {
		s.log.Error("reply not sent", "local", reply.From, "remote", reply.To, "err", err)
	}
}

// handle finds the answer to a stanza: the directory's, the handler's, or the
// server's own for requests that the handler left unanswered.
func (s *Server) handle(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	if d := s.domains.get(st.To.Domain()); s.users != nil && st.To.Local() != "" && d != nil && d.users {
		exists, err := s.users.UserExists(ctx, st.To.Bare())
		if err != nil {
			return nil, fmt.Errorf("s2s: user directory: %w", err)
		}
		if !exists {
			return noSuchUser(st)
		}
	}
	if st.Kind != stanza.IQ || st.Type != stanza.Get && st.Type != stanza.Set {
		return s.callHandler(ctx, st)
	}
	asked := *st
	reply, err := s.callHandler(ctx, st)
	if reply != nil || err != nil {
		return reply, err
	}
	return s.answer(ctx, &asked)
}

// noSuchUser is what senders to an unknown account are told (RFC 6121 section
// 8.5.1). It does not differ from what they would hear of an existing account
// without the asked service, nor of one that they may not see.
func noSuchUser(st *stanza.Stanza) (*stanza.Stanza, error) {
	switch {
	case st.Kind == stanza.Presence && st.Type == stanza.Probe:
		return st.DenyProbe(), nil
	case st.Kind == stanza.Presence, st.Kind == stanza.Message && st.Type == stanza.Headline && st.To.IsBare():
		return nil, nil
	}
	return nil, &stanza.Error{Condition: stanza.ServiceUnavailable}
}

// callHandler contains the handler's panics.
func (s *Server) callHandler(ctx context.Context, st *stanza.Stanza) (reply *stanza.Stanza, err error) {
	defer func() {
		if p := recover(); p != nil {
			reply, err = nil, fmt.Errorf("s2s: handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return s.handler.HandleStanza(ctx, st)
}

// hostError turns what a handler returned into what the sender is told.
func (s *Server) hostError(st *stanza.Stanza, err error) *stanza.Error {
	var e *stanza.Error
	if errors.As(err, &e) {
		return e
	}
	s.log.Error("handler failed", "local", st.To, "remote", st.From, "kind", st.Kind.String(), "id", st.ID, "err", err)
	return &stanza.Error{Condition: stanza.InternalServerError}
}
