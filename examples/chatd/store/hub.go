package store

import (
	"sync"

	"isthmus.im/jid"
)

// hub wakes those who wait for a user's next event. The zero hub is ready to use.
type hub struct {
	mu      sync.RWMutex
	waiters map[jid.JID]map[chan struct{}]struct{}
}

func (h *hub) watch(user jid.JID) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiters == nil {
		h.waiters = make(map[jid.JID]map[chan struct{}]struct{})
	}
	if h.waiters[user] == nil {
		h.waiters[user] = make(map[chan struct{}]struct{})
	}
	h.waiters[user][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiters[user], c)
		if len(h.waiters[user]) == 0 {
			delete(h.waiters, user)
		}
	}
}

func (h *hub) wake(user jid.JID) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for c := range h.waiters[user] {
		select {
		case c <- struct{}{}:
		default: // it has not yet seen the last call
		}
	}
}
