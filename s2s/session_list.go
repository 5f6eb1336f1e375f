package s2s

import (
	"fmt"
	"sync"
	"sync/atomic"

	"isthmus.im/jid"
)

// sessions are those that are open.
type sessions struct {
	n      atomic.Int64 // len(m), so that a server without sessions takes no lock
	mu     sync.RWMutex
	m      map[jid.JID]*session
	closed bool
}

func (l *sessions) add(c *session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	if l.m[c.address] != nil {
		return fmt.Errorf("%w: %s", ErrSessionConflict, c.address)
	}
	if l.m == nil {
		l.m = make(map[jid.JID]*session)
	}
	l.m[c.address] = c
	l.n.Store(int64(len(l.m)))
	return nil
}

func (l *sessions) remove(c *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[c.address] == c {
		delete(l.m, c.address)
		l.n.Store(int64(len(l.m)))
	}
}

// find returns the session that a local address belongs to; nil: none.
func (l *sessions) find(address jid.JID) *session {
	if l.n.Load() == 0 {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if c := l.m[address]; c != nil {
		return c
	}
	if c := l.m[address.Bare()]; c != nil && c.whole {
		return c
	}
	return nil
}

// at returns those of addresses at a domain; of all for the zero JID.
func (l *sessions) at(domain jid.JID) []*session {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []*session
	for address, c := range l.m {
		if domain.IsZero() || address.Host() == domain {
			list = append(list, c)
		}
	}
	return list
}

// close refuses new ones and returns those that there are.
func (l *sessions) close() []*session {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	return l.at(jid.JID{})
}
