package pep

import (
	"context"
	"slices"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// notice is something to be sent to those who want to know of a node.
type notice struct {
	node  Node // as it is, or was
	event eventXML
	delay *delayXML // nil: it happened now
	to    []jid.JID // nil: all who are interested or have subscribed
}

// maxNotices is how many notices of one owner wait while an earlier one is being sent.
const maxNotices = 1024

// enqueue puts a notice behind the others of the owner. The owner's lock is held, so
// that notices are in the order of what they tell.
func (s *Service) enqueue(owner jid.JID, n notice) {
	s.mu.Lock()
	u := s.ensure(owner)
	full := len(u.notices) >= maxNotices
	if !full {
		u.notices = append(u.notices, n)
	}
	s.mu.Unlock()
	if full {
		s.log().Warn("notification not sent, too many wait", "local", owner, "node", n.node.Name)
	}
}

// drain sends the notices of an owner. If somebody else is at it, they do.
func (s *Service) drain(ctx context.Context, owner jid.JID) {
	ctx = context.WithoutCancel(ctx) // others' notices are sent, too
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[owner]
	if u == nil || u.draining {
		return
	}
	u.draining = true
	defer func() {
		u.draining = false
		s.tidy(owner, u)
	}()
	for len(u.notices) > 0 {
		n := u.notices[0]
		u.notices = u.notices[1:]
		s.unlocked(func() { s.send(ctx, owner, n) })
	}
	u.notices = nil
}

// unlocked calls f without Service.mu, which is held before and after, whatever f does.
func (s *Service) unlocked(f func()) {
	s.mu.Unlock()
	defer s.mu.Lock()
	f()
}

// send sends a notice to everybody it is for.
func (s *Service) send(ctx context.Context, owner jid.JID, n notice) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	st, err := stanza.NewMessage(stanza.Headline, owner, jid.JID{}, n.event)
	if err == nil && n.delay != nil {
		err = st.Append(*n.delay)
	}
	if err != nil {
		s.log().Error("notification not made", "local", owner, "node", n.node.Name, "err", err)
		return
	}
	to := n.to
	if to == nil {
		if to, err = s.audience(ctx, owner, n.node); err != nil {
			s.log().Error("notification not sent", "local", owner, "node", n.node.Name, "err", err)
			return
		}
	}
	for _, who := range to {
		m := st.Clone()
		m.To, m.ID = who, stanza.NewID()
		if err := s.Out.Send(ctx, m); err != nil {
			s.log().Warn("notification not sent", "local", owner, "remote", who, "err", err)
		}
	}
}

// audience is who is to be notified of a node: each session that is interested, and
// subscribers of which there is none (XEP-0163 section 4.3.2).
func (s *Service) audience(ctx context.Context, owner jid.JID, n Node) ([]jid.JID, error) {
	interested := s.interested(owner, n.Name)
	if len(interested)+len(n.Subscribers) == 0 {
		return nil, nil
	}
	items, err := s.Roster.Items(ctx, owner)
	if err != nil {
		return nil, err
	}
	contacts := make(map[jid.JID]roster.Item, len(items))
	for _, it := range items {
		contacts[it.Contact] = it
	}
	sees := func(who jid.JID) bool {
		return viewer{who: who.Bare(), owner: who.Bare() == owner, item: contacts[who.Bare()]}.sees(n.Config)
	}
	var to, lost []jid.JID
	told := make(map[jid.JID]bool)
	for _, who := range interested {
		if sees(who) {
			to = append(to, who)
			told[who], told[who.Bare()] = true, true
		}
	}
	for _, who := range n.Subscribers {
		switch {
		case !sees(who):
			lost = append(lost, who)
		case !told[who]:
			to = append(to, who)
		}
	}
	if len(lost) > 0 {
		s.cancel(ctx, owner, n.Name, lost)
	}
	return to, nil
}

// cancel ends the subscriptions of those who may not see a node any more (XEP-0163
// section 8.1).
func (s *Service) cancel(ctx context.Context, owner jid.JID, node string, lost []jid.JID) {
	_, err := s.Store.Update(ctx, owner, node, func(n Node) (Node, error) {
		n.Subscribers = slices.DeleteFunc(n.Subscribers, func(j jid.JID) bool { return slices.Contains(lost, j) })
		return n, nil
	})
	if err != nil {
		s.log().Error("subscriptions not ended", "local", owner, "node", node, "err", err)
	}
}
