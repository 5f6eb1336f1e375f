package store

import (
	"context"
	"crypto/subtle"
	"sync"

	"isthmus.im/jid"
)

// maxKept is how many events of each user a Memory keeps.
const maxKept = 1 << 16

// Memory is a Store without a disk. It keeps the last 65,536 events of each
// user. Make one with NewMemory.
type Memory struct {
	hub hub
	memoryPeople

	mu      sync.RWMutex
	closed  bool
	byAddr  map[jid.JID]*mailbox
	byKey   map[string]*mailbox
	byToken map[TokenHash]*mailbox
}

type mailbox struct {
	user  jid.JID
	token TokenHash

	mu   sync.Mutex
	last int64
	// events holds event i at index (i-1) % maxKept.
	events []Event
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{
		byAddr:  make(map[jid.JID]*mailbox),
		byKey:   make(map[string]*mailbox),
		byToken: make(map[TokenHash]*mailbox),
	}
}

// AddUser implements Store.
func (m *Memory) AddUser(ctx context.Context, user jid.JID, token TokenHash) error {
	user = user.Bare()
	key := user.LegacyKey()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if m.byAddr[user] != nil || m.byKey[key] != nil {
		return ErrExists
	}
	box := &mailbox{user: user, token: token}
	m.byAddr[user], m.byKey[key], m.byToken[token] = box, box, box
	return nil
}

// find returns the mailbox of addr, or ErrNoUser.
func (m *Memory) find(addr jid.JID) (*mailbox, error) {
	addr = addr.Bare()
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, ErrClosed
	}
	if box := m.byAddr[addr]; box != nil {
		return box, nil
	}
	if box := m.byKey[addr.LegacyKey()]; box != nil {
		return box, nil
	}
	return nil, ErrNoUser
}

// UserExists implements Store.
func (m *Memory) UserExists(ctx context.Context, addr jid.JID) (bool, error) {
	_, err := m.find(addr)
	if err == ErrNoUser {
		return false, nil
	}
	return err == nil, err
}

// UserByToken implements Store.
func (m *Memory) UserByToken(ctx context.Context, token TokenHash) (jid.JID, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return jid.JID{}, ErrClosed
	}
	box := m.byToken[token]
	if box == nil || subtle.ConstantTimeCompare(box.token[:], token[:]) != 1 {
		return jid.JID{}, ErrNoUser
	}
	return box.user, nil
}

// Append implements Store.
func (m *Memory) Append(ctx context.Context, addr jid.JID, e Event) (int64, error) {
	box, err := m.find(addr)
	if err != nil {
		return 0, err
	}
	id := box.append(e)
	m.hub.wake(box.user)
	return id, nil
}

func (b *mailbox) append(e Event) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	e.ID = b.last
	if len(b.events) < maxKept {
		b.events = append(b.events, e)
	} else {
		b.events[(e.ID-1)%maxKept] = e
	}
	return e.ID
}

// Events implements Store.
func (m *Memory) Events(ctx context.Context, user jid.JID, after int64, limit int) ([]Event, error) {
	box, err := m.find(user)
	if err == ErrNoUser {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return box.read(after, limit), nil
}

func (b *mailbox) read(after int64, limit int) []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	after = min(b.last, max(after, b.last-int64(len(b.events))))
	n := min(int64(limit), b.last-after)
	out := make([]Event, 0, n)
	for id := after + 1; id <= after+n; id++ {
		out = append(out, b.events[(id-1)%maxKept])
	}
	return out
}

// Watch implements Store.
func (m *Memory) Watch(user jid.JID) (<-chan struct{}, func()) {
	return m.hub.watch(user.Bare())
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
