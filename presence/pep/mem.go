package pep

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"isthmus.im/jid"
)

// MemStore is a [Store] in memory. The zero MemStore is empty and ready to use. It
// must not be copied after first use.
//
// Nodes come in the order of their names. One lock is held while a function given to
// Update runs. There is no limit to what it holds.
type MemStore struct {
	mu    sync.Mutex
	users map[jid.JID]map[string]Node
}

// Nodes returns the nodes of owner, as [Store] says. It fails only when ctx has ended.
func (m *MemStore) Nodes(ctx context.Context, owner jid.JID) ([]Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Node
	for _, n := range m.users[owner] {
		n.Config = n.Config.clone()
		n.Items, n.Subscribers = nil, nil
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// Read returns a node, as [Store] says. It fails only when ctx has ended.
func (m *MemStore) Read(ctx context.Context, owner jid.JID, node string, q Query) (Node, error) {
	if err := ctx.Err(); err != nil {
		return Node{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.users[owner][node]
	if !ok {
		return Node{Name: node}, nil
	}
	n.Config, n.Subscribers = n.Config.clone(), slices.Clone(n.Subscribers)
	n.Items = q.Pick(n.Items)
	return n, nil
}

// Pick returns the items that q picks of all, which are in the order of their
// publication, in a list of its own. Stores that have all items at hand use it.
func (q Query) Pick(all []Item) []Item {
	var picked []Item
	bytes := 0
	for _, it := range slices.Backward(all) {
		if len(picked) >= q.Max {
			break
		}
		if q.IDs != nil && !slices.Contains(q.IDs, it.ID) {
			continue
		}
		bytes += len(it.Payload)
		if q.Bytes > 0 && bytes > q.Bytes && len(picked) > 0 {
			break
		}
		picked = append(picked, it)
	}
	slices.Reverse(picked)
	return picked
}

// Update changes a node, as [Store] says. Its only errors are those of fn and ctx. It
// calls fn once.
func (m *MemStore) Update(ctx context.Context, owner jid.JID, node string, fn func(Node) (Node, error)) (Node, error) {
	if err := ctx.Err(); err != nil {
		return Node{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil { // it may have ended while the lock was waited for
		return Node{}, err
	}
	old := m.users[owner][node]
	old.Name = node
	result, err := fn(heads(old))
	if err != nil {
		return Node{}, err
	}
	if !result.Exists() {
		delete(m.users[owner], node)
		if len(m.users[owner]) == 0 {
			delete(m.users, owner)
		}
		return Node{Name: node}, nil
	}
	result.Name = node
	stored := result
	stored.Config = result.Config.clone()
	stored.Subscribers = nil
	for _, j := range result.Subscribers {
		stored.Subscribers = append(stored.Subscribers, detach(j))
	}
	stored.Items = nil
	for _, it := range result.Items {
		if it.Payload == nil {
			i := slices.IndexFunc(old.Items, func(o Item) bool { return o.ID == it.ID })
			if i >= 0 {
				it.Payload = old.Items[i].Payload
			}
		} else {
			it.Payload = slices.Clone(it.Payload)
		}
		stored.Items = append(stored.Items, it)
	}
	m.put(owner, stored)
	return heads(stored), nil
}

// put stores a node.
func (m *MemStore) put(owner jid.JID, n Node) {
	if m.users == nil {
		m.users = make(map[jid.JID]map[string]Node)
	}
	if m.users[owner] == nil {
		m.users[detach(owner)] = make(map[string]Node)
	}
	if old, ok := m.users[owner][n.Name]; ok {
		n.Name = old.Name
	} else {
		n.Name = strings.Clone(n.Name)
	}
	m.users[owner][n.Name] = n
}

// heads returns n with lists of its own and items without payloads.
func heads(n Node) Node {
	n.Config, n.Subscribers, n.Items = n.Config.clone(), slices.Clone(n.Subscribers), slices.Clone(n.Items)
	for i := range n.Items {
		n.Items[i].Payload = nil
	}
	return n
}

// detach returns j in memory of its own: an address that came with a stanza may
// share that stanza's.
func detach(j jid.JID) jid.JID {
	text, _ := j.MarshalText() // never fails
	var own jid.JID
	if err := own.UnmarshalText(text); err != nil || own != j {
		return j
	}
	return own
}
