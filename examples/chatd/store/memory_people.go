package store

import (
	"context"
	"maps"
	"sync"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/presence/pep"
	"isthmus.im/roster"
)

// memoryPeople is the People of a Memory.
type memoryPeople struct {
	contacts roster.MemStore
	nodes    pep.MemStore
	gate.MemBlocks

	mu       sync.Mutex
	profiles map[jid.JID]Profile
	online   map[jid.JID]Presence
}

// Contacts implements People.
func (p *memoryPeople) Contacts() roster.Store { return &p.contacts }

// Nodes implements People.
func (p *memoryPeople) Nodes() pep.Store { return &p.nodes }

// UserProfile implements People.
func (p *memoryPeople) UserProfile(_ context.Context, user jid.JID) (Profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.profiles[user.Bare()], nil
}

// Online implements People.
func (p *memoryPeople) Online(context.Context) (map[jid.JID]Presence, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.online), nil
}

// SetUserProfile implements People.
func (m *Memory) SetUserProfile(_ context.Context, user jid.JID, p Profile) error {
	box, err := m.find(user)
	if err != nil {
		return err
	}
	m.memoryPeople.mu.Lock()
	defer m.memoryPeople.mu.Unlock()
	if m.profiles == nil {
		m.profiles = make(map[jid.JID]Profile)
	}
	m.profiles[box.user] = p
	return nil
}

// SetPresence implements People.
func (m *Memory) SetPresence(_ context.Context, user jid.JID, p Presence) error {
	box, err := m.find(user)
	if err != nil {
		return err
	}
	m.memoryPeople.mu.Lock()
	defer m.memoryPeople.mu.Unlock()
	if !p.Available {
		delete(m.online, box.user)
		return nil
	}
	if m.online == nil {
		m.online = make(map[jid.JID]Presence)
	}
	m.online[box.user] = p
	return nil
}
