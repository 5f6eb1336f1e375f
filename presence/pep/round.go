package pep

import (
	"cmp"
	"context"
	"slices"
	"time"

	"isthmus.im/jid"
)

func (s *Service) interval() time.Duration { return max(orDefault(s.Interval, time.Second), 0) }

// later arranges for a round. Service.mu is held.
func (s *Service) later(owner, who jid.JID, c *contact, wait time.Duration) {
	c.timer = true
	time.AfterFunc(wait, func() {
		s.work.Do(func(ctx context.Context) { s.due(ctx, owner, who, c) })
	})
}

// due does what later was called for.
func (s *Service) due(ctx context.Context, owner, who jid.JID, c *contact) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.mu.Lock()
	c.timer = false
	if u := s.users[owner]; u != nil && u.contacts[who] == c {
		s.settle(owner, u, who, c)
	}
	s.mu.Unlock()
	s.round(ctx, owner, who)
}

// round sends a contact the last items that their sessions have not had, now or when
// the interval has passed.
func (s *Service) round(ctx context.Context, owner, who jid.JID) {
	s.mu.Lock()
	var c *contact
	if u := s.users[owner]; u != nil {
		c = u.contacts[who]
	}
	if c == nil || c.timer {
		s.mu.Unlock()
		return
	}
	wants := make(map[string][]jid.JID)
	for _, ss := range c.sessions {
		for _, node := range ss.pending {
			wants[node] = append(wants[node], ss.jid)
		}
	}
	if len(wants) == 0 {
		s.mu.Unlock()
		return
	}
	if wait := s.interval() - time.Since(c.last); wait > 0 {
		s.later(owner, who, c, wait)
		s.mu.Unlock()
		return
	}
	c.last = time.Now()
	for _, ss := range c.sessions {
		ss.pending = nil
	}
	s.mu.Unlock()

	v, err := s.view(ctx, owner, who)
	if err == nil {
		s.mu.Lock()
		c.from = v.known()
		s.mu.Unlock()
		err = s.lastItems(ctx, owner, v, wants)
	}
	if err != nil {
		s.log().Error("last items not sent", "local", owner, "remote", who, "err", err)
	}
}

// lastItems sends the last items of the nodes that sessions of a contact are
// interested in.
func (s *Service) lastItems(ctx context.Context, owner jid.JID, v viewer, wants map[string][]jid.JID) error {
	nodes, err := s.Store.Nodes(ctx, owner)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		to := wants[n.Name]
		if len(to) == 0 || n.Config.SendLast != OnSubAndPresence || !v.sees(n.Config) {
			continue
		}
		slices.SortFunc(to, jid.JID.Compare)
		if err := s.lastItem(ctx, owner, n.Name, v, to); err != nil {
			return err
		}
	}
	s.drain(ctx, owner)
	return nil
}

// lastItem puts the last item of a node into the queue, for the given addresses of
// one who may see it.
func (s *Service) lastItem(ctx context.Context, owner jid.JID, node string, v viewer, to []jid.JID) error {
	lock := s.ordered(owner)
	lock.Lock()
	defer lock.Unlock()
	n, err := s.Store.Read(ctx, owner, node, Query{Max: 1})
	if err != nil {
		return err
	}
	it, ok := n.last()
	if !ok || !v.sees(n.Config) {
		return nil
	}
	s.enqueue(owner, notice{node: n, event: itemsEvent(n, it), to: to,
		delay: &delayXML{Stamp: cmp.Or(it.Published, n.Created).Format(stampLayout)}})
	return nil
}
