package s2s

import (
	"context"
	"errors"
	"net"

	"isthmus.im/internal/dialback"
	"isthmus.im/internal/stream"
)

// verify finds out, without holding up the stream, whether the peer speaks for
// the domain that it claims. It is the caller's turn.
func (d *dialbackStream) verify(q *dialback.Question) {
	s := d.c.s
	if !s.begin() {
		return // and nobody is going to wait for the answer
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.limits.Verification)
	d.asking[q] = cancel
	go func() {
		defer s.running.Done()
		defer cancel()
		changes := s.changes.Load()
		method, verdict := s.judge(ctx, d.c, q)
		d.turn.Lock()
		delete(d.asking, q)
		d.changes, d.refused = changes, nil
		d.settle(q, method, verdict)
		refused := d.refused
		d.turn.Unlock()
		if method > 0 && d.proved.Load() && s.changes.Load() != changes {
			if err := s.permits(s.ctx, Route{q.Local(), q.Remote()}); err != nil {
				d.c.end(notPermitted(d.c, err))
			}
		}
		if refused != nil && d.proved.Load() { // of others it is said when they end
			s.log.Warn("dialback failed", "local", q.Local(), "remote", q.Remote(), "addr", d.c.addr().String(), "stream", d.c.id, "err", refused)
		}
	}()
}

// settle passes on what a question came to: a method that is more than dialback
// stands for itself, otherwise the verdict counts. It is the caller's turn.
func (d *dialbackStream) settle(q *dialback.Question, method Method, verdict dialback.Verdict) {
	if method == 0 {
		d.perform(d.m.Step(verdict))
		return
	}
	r := Route{q.Local(), q.Remote()}
	d.setMethod(r, method)
	if method > MethodDialback {
		d.perform(d.m.Confirm(q))
	} else {
		d.perform(d.m.Step(verdict))
	}
	if !d.m.Accepts(r.Local, r.Remote) {
		d.setMethod(r, 0)
	}
}

func (d *dialbackStream) setMethod(r Route, m Method) {
	d.pmu.Lock()
	defer d.pmu.Unlock()
	if m == 0 {
		delete(d.methods, r)
	} else {
		d.methods[r] = m
	}
}

// judge decides about a key that came by c: by the peer's certificate if that
// speaks for the domain, or else by asking the servers of the domain.
func (s *Server) judge(ctx context.Context, c *conn, q *dialback.Question) (Method, dialback.Verdict) {
	select {
	case s.dialback.slots <- struct{}{}:
		defer func() { <-s.dialback.slots }()
	default:
		return 0, dialback.Unverified(q, dialback.ResourceConstraint, "too many keys are being verified here; try again later")
	}
	if err := s.permits(ctx, Route{q.Local(), q.Remote()}); err != nil {
		return 0, dialback.Unverified(q, dialback.PolicyViolation, "federation with "+q.Remote().String()+" is not allowed here")
	}
	rule := s.rules.Load().of(q.Remote())
	var verdict dialback.Verdict
	method, err := c.proof(ctx, q.Remote())
	switch {
	case errors.As(err, new(*disprovedError)):
		return 0, dialback.Unverified(q, dialback.PolicyViolation, "the certificate shown is known to be a wrong one for "+q.Remote().String()+": "+err.Error())
	case err == nil && rule.good(method) == nil:
	case s.dialback.off:
		return 0, dialback.Unverified(q, dialback.PolicyViolation, "the certificate shown on this stream does not prove "+q.Remote().String()+": open a stream of its own for it")
	case rule.good(MethodDialback) != nil:
		return 0, dialback.Unverified(q, dialback.PolicyViolation, q.Remote().String()+" has to be proved by "+rule.MinMethod.String()+" or better here")
	default:
		if verdict = s.ask(ctx, c, q); verdict.Type() != dialback.Valid {
			return 0, verdict
		}
		method = MethodDialback
	}
	if s.recognize(ctx, c, q.Remote(), method) != nil {
		return 0, dialback.Unverified(q, dialback.PolicyViolation, unrecognized(q.Remote()))
	}
	return method, verdict
}

// ask puts a question to a server of the domain: by the stream to it, if there is
// one whose peer speaks Server Dialback, or by one that is opened for it, also when
// the former ends without an answer. It does not wait for any other request, since
// the other side may be waiting for us.
func (s *Server) ask(ctx context.Context, c *conn, q *dialback.Question) dialback.Verdict {
	if d := s.dialbackTo(Route{q.Local(), q.Remote()}); d != nil && d != c.dialback.Load() {
		if v, ok := d.ask(ctx, q); ok {
			return v
		}
	}
	if !s.dialback.enter(q.Remote()) {
		return dialback.Unverified(q, dialback.ResourceConstraint, "too many keys of "+q.Remote().String()+" are being verified here; try again later")
	}
	defer s.dialback.leave(q.Remote())
	asker, err := s.connect(ctx, Route{q.Local(), q.Remote()}, nil)
	switch {
	case err != nil && ctx.Err() != nil:
		return dialback.Unverified(q, dialback.RemoteServerTimeout, "no stream to the servers of "+q.Remote().String()+
			" came about in time: its SRV records have to lead to one that answers")
	case err != nil:
		return unreachable(q, err)
	}
	defer asker.sock.Close()
	return asker.dialback.Load().askAlone(ctx, q)
}

// dialbackTo returns the Server Dialback of the stream that stanzas of a route
// are written to; nil if there is none that could be asked. A server that does
// not know the protocol would end the stream.
func (s *Server) dialbackTo(r Route) *dialbackStream {
	l := s.linkAt(r)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.conn; c != nil && c.out {
		if d := c.dialback.Load(); d != nil && d.offered {
			return d
		}
	}
	return nil
}

// put puts a question to the peer. The channel gets the verdict.
func (d *dialbackStream) put(q *dialback.Question) <-chan dialback.Verdict {
	answer := make(chan dialback.Verdict, 1)
	d.turn.Lock()
	defer d.turn.Unlock()
	d.asked[q] = answer
	d.perform(d.m.Ask(q))
	return answer
}

// ask puts a question to the peer of a stream that somebody reads. It reports
// false if the stream ended first.
func (d *dialbackStream) ask(ctx context.Context, q *dialback.Question) (v dialback.Verdict, ok bool) {
	answer := d.put(q)
	select {
	case v = <-answer:
		d.turn.Lock()
		defer d.turn.Unlock()
		return v, !d.over || v.Type() == dialback.Valid
	case <-ctx.Done():
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	d.m.Withdraw(q)
	delete(d.asked, q)
	return late(q), true
}

func late(q *dialback.Question) dialback.Verdict {
	return dialback.Unverified(q, dialback.RemoteServerTimeout, "the server of "+q.Remote().String()+" did not answer whether it knows the key")
}

// askAlone puts a question to the peer of a stream that is there for nothing
// else, and ends it.
func (d *dialbackStream) askAlone(ctx context.Context, q *dialback.Question) dialback.Verdict {
	stop := context.AfterFunc(ctx, func() { d.c.sock.Close() })
	defer stop()
	answer := d.put(q)
	err := d.until(func() bool { return len(answer) > 0 })
	var se *stream.Error
	switch {
	case err == nil:
		d.c.end(nil)
		return <-answer
	case ctx.Err() != nil:
		return late(q)
	case !errors.As(err, &se):
		return dialback.Unverified(q, dialback.RemoteServerTimeout, "the server of "+q.Remote().String()+" closed the connection without an answer")
	case se.Remote:
		return refusedToAnswer(q, se)
	}
	d.c.end(se)
	return dialback.Unverified(q, dialback.RemoteServerTimeout, "the server of "+q.Remote().String()+" does not keep to the protocol: "+se.Text)
}

// refusedToAnswer is the verdict on a question that was answered with the end of
// the stream.
func refusedToAnswer(q *dialback.Question, e *stream.Error) dialback.Verdict {
	remote := q.Remote().String()
	switch e.Condition {
	case stream.HostUnknown, stream.HostGone:
		return dialback.Unverified(q, dialback.RemoteServerNotFound,
			"the server that DNS names for "+remote+" does not serve it: put the SRV records right, or its domains")
	}
	return dialback.Unverified(q, dialback.RemoteServerTimeout, "the server of "+remote+" ended the stream with "+e.Condition+
		" instead of an answer: Server Dialback has to be enabled there")
}

// unreachable is the verdict on a question that could not be put. The peer's
// administrator is told what to look at.
func unreachable(q *dialback.Question, e *ConnectError) dialback.Verdict {
	var se *StreamError
	var ne net.Error
	switch {
	case e.Stage == StageStream && errors.As(e, &se) && se.Remote:
		return refusedToAnswer(q, &stream.Error{Condition: se.Condition})
	case e.Stage == StageDNS && e.Final:
		return dialback.Unverified(q, dialback.RemoteServerNotFound, e.Stanza().Text+": its SRV records have to name the server that asks")
	}
	condition := dialback.RemoteConnectionFailed
	if e.Timeout() || errors.As(e, &ne) && ne.Timeout() {
		condition = dialback.RemoteServerTimeout
	}
	return dialback.Unverified(q, condition, "the key cannot be checked: "+e.Stanza().Text+
		": its SRV records have to lead to a server that can be connected to from here and has TLS")
}
