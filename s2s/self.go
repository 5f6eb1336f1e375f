package s2s

import (
	"sync"

	"isthmus.im/internal/stream"
)

// streamIDs are the ids that this server gave to the last streams that reached
// it. A server that reads one of them from its peer is talking to itself. Unlike
// addresses they tell this through every translation of addresses.
type streamIDs struct {
	mu   sync.Mutex
	last [1024]string // a ring
	next int
	all  map[string]struct{}
}

// issue returns a new id for a stream.
func (s *streamIDs) issue() string {
	id := newID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[string]struct{})
	}
	delete(s.all, s.last[s.next])
	s.last[s.next] = id
	s.next = (s.next + 1) % len(s.last)
	s.all[id] = struct{}{}
	return id
}

func (s *streamIDs) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.all[id]
	return ok
}

// notSelf returns an error if the peer of a stream that we open turns out to be
// this server: DNS names us for a domain that is none of ours.
func (c *conn) notSelf(e stream.Event) error {
	if h, ok := e.(stream.Header); ok && c.out && c.s.ids.has(h.ID) {
		if !c.s.rules.Load().of(c.remote).Reach.or(c.s.reach).Self {
			return errSelf
		}
	}
	return nil
}
