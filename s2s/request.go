package s2s

import (
	"context"
	"sync"
	"sync/atomic"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Request sends an iq of type get or set and waits for its answer. An empty ID
// is filled in with 130 random bits. Only an answer from the very address that
// was asked, to the address that asked, with the same id counts; any other goes
// to the handler.
//
// An answer of type error, one that the server makes when the domain cannot be
// reached included, is returned as [*stanza.Error]. The other errors are those
// of Send, ctx's, [ErrUnanswerable], [ErrTooManyRequests] and [ErrClosed].
func (s *Server) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	if iq == nil || iq.Kind != stanza.IQ || iq.Type != stanza.Get && iq.Type != stanza.Set {
		return nil, ErrUnanswerable
	}
	if iq.ID == "" {
		iq.ID = newID()
	}
	key := requestKey{local: iq.From, remote: iq.To, id: iq.ID}
	answer, err := s.wait.add(key, s.limits.Requests)
	if err != nil {
		return nil, err
	}
	defer s.wait.remove(key)
	if err := s.Send(ctx, iq); err != nil {
		return nil, err
	}
	select {
	case st, ok := <-answer:
		switch {
		case !ok:
			return nil, ErrClosed
		case st.Type == stanza.TypeError:
			return nil, st.Err()
		}
		return st, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type requestKey struct {
	local, remote jid.JID
	id            string
}

// requests are the requests that wait for their answers.
type requests struct {
	n      atomic.Int64 // len(m), so that a stream without requests takes no lock
	mu     sync.Mutex
	m      map[requestKey]chan *stanza.Stanza
	closed bool
}

func (r *requests) add(key requestKey, limit int) (<-chan *stanza.Stanza, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if _, twice := r.m[key]; twice {
		return nil, ErrDuplicateID
	}
	if len(r.m) >= limit {
		return nil, ErrTooManyRequests
	}
	if r.m == nil {
		r.m = make(map[requestKey]chan *stanza.Stanza)
	}
	c := make(chan *stanza.Stanza, 1)
	r.m[key] = c
	r.n.Store(int64(len(r.m)))
	return c, nil
}

func (r *requests) remove(key requestKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.m, key)
	r.n.Store(int64(len(r.m)))
}

// answer gives a result or error to the request that waits for it, if any.
func (r *requests) answer(st *stanza.Stanza) bool {
	if r.n.Load() == 0 {
		return false
	}
	key := requestKey{local: st.To, remote: st.From, id: st.ID}
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.m[key]
	if ok {
		delete(r.m, key)
		r.n.Store(int64(len(r.m)))
		c <- st
	}
	return ok
}

// close ends all waiting.
func (r *requests) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for key, c := range r.m {
		close(c)
		delete(r.m, key)
	}
	r.n.Store(0)
}
