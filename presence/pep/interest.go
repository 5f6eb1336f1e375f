package pep

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// user is what is kept of a local user while contacts are online or something is to
// be sent. Service.mu guards it and all below.
type user struct {
	contacts map[jid.JID]*contact // by bare address
	notices  []notice
	draining bool
}

// contact is somebody of whom a session is online. It stays for Service.Interval after
// the last round of items, so that one who comes and goes is held to the interval too.
type contact struct {
	sessions map[string]*session // by resource
	from     bool                // saw the owner's presence in the last round
	last     time.Time           // of the last round
	timer    bool                // there will be a round later
}

// session is one session of a contact.
type session struct {
	jid     jid.JID
	caps    disco.Caps // zero: none, or to be asked for again
	nodes   []string   // of interest
	pending []string   // of those, whose last items are to be sent
}

// ensure returns what is kept of a user. Service.mu is held.
func (s *Service) ensure(owner jid.JID) *user {
	u := s.users[owner]
	if u == nil {
		if s.users == nil {
			s.users = make(map[jid.JID]*user)
		}
		u = &user{contacts: make(map[jid.JID]*contact)}
		s.users[detach(owner)] = u
	}
	return u
}

// tidy forgets a user of whom nothing is kept. Service.mu is held.
func (s *Service) tidy(owner jid.JID, u *user) {
	if len(u.contacts) == 0 && len(u.notices) == 0 && !u.draining && s.users[owner] == u {
		delete(s.users, owner)
	}
}

// interested lists the sessions that are interested in a node, in the order of their
// addresses.
func (s *Service) interested(owner jid.JID, node string) []jid.JID {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[owner]
	if u == nil {
		return nil
	}
	var all []jid.JID
	for _, c := range u.contacts {
		for _, ss := range c.sessions {
			if slices.Contains(ss.nodes, node) {
				all = append(all, ss.jid)
			}
		}
	}
	slices.SortFunc(all, jid.JID.Compare)
	return all
}

// Presence takes presence that contact sent to user. It has the form of
// presence.Service.OnPresence, where the host sets it, or calls it from. From available
// presence of a contact who is in the roster the Service learns what the session is
// interested in, and sends it the last items; of others it takes no notice. A host that
// wants the same for the user's own sessions passes their presence, too.
func (s *Service) Presence(ctx context.Context, user, contact jid.JID, p *stanza.Stanza) {
	user = user.Bare()
	switch p.Type {
	case "":
		if !contact.IsBare() {
			s.online(ctx, user, contact, p)
		}
	case stanza.Unavailable, stanza.TypeError:
		s.offline(user, contact)
	case stanza.Subscribed, stanza.Unsubscribed:
		s.cache.forget(user, contact.Bare())
	}
}

func (s *Service) online(ctx context.Context, owner, from jid.JID, p *stanza.Stanza) {
	caps, ok := disco.ReadCaps(p)
	if s.sameAsBefore(owner, from, caps, ok) {
		return
	}
	v, err := s.view(ctx, owner, from)
	if err != nil {
		s.log().Error("interests not learnt", "local", owner, "remote", from, "err", err)
		return
	}
	if !v.owner && !v.item.InRoster() {
		return
	}
	s.mu.Lock()
	u := s.ensure(owner)
	c := u.contacts[v.who]
	if c == nil {
		c = &contact{}
		u.contacts[detach(v.who)] = c
	}
	ss := c.sessions[from.Resource()]
	if ss == nil {
		if len(c.sessions) >= orDefault(s.MaxResources, 16) {
			s.mu.Unlock()
			s.log().Warn("interests not learnt, too many sessions", "local", owner, "remote", from)
			return
		}
		ss = &session{jid: detach(from)}
		if c.sessions == nil {
			c.sessions = make(map[string]*session)
		}
		c.sessions[ss.jid.Resource()] = ss
	}
	if !ok || ss.caps == caps { // known, or being found out
		s.mu.Unlock()
		return
	}
	ss.caps = caps
	if info, known := s.entities().Known(caps); known {
		ss.learnt(info)
		s.mu.Unlock()
		s.round(ctx, owner, v.who)
		return
	}
	full := s.learning >= orDefault(s.MaxLearning, 1024)
	if full {
		ss.caps = disco.Caps{} // asked when they send presence again
	} else {
		s.learning++
	}
	s.mu.Unlock()
	if full {
		s.log().Warn("interests not learnt, too many at once", "local", owner, "remote", from)
		return
	}
	go s.learn(owner, ss, caps)
}

// sameAsBefore reports whether presence says nothing new of a session. What is not
// repeated still holds (XEP-0115 section 8.4).
func (s *Service) sameAsBefore(owner, from jid.JID, caps disco.Caps, ok bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[owner]
	if u == nil || u.contacts[from.Bare()] == nil {
		return false
	}
	ss := u.contacts[from.Bare()].sessions[from.Resource()]
	return ss != nil && (!ok || ss.caps == caps)
}

// learn finds out what a session is interested in.
func (s *Service) learn(owner jid.JID, ss *session, caps disco.Caps) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	info, err := s.entities().Get(ctx, owner, ss.jid, caps)
	s.mu.Lock()
	s.learning--
	current := ss.caps == caps
	switch {
	case !current:
	case err == nil:
		ss.learnt(info)
	case errors.Is(err, disco.ErrMismatch) || errors.Is(err, disco.ErrIllFormed) || errors.Is(err, disco.ErrTooLarge):
		ss.learnt(disco.Info{}) // as good as nothing, and not asked again
	default:
		ss.caps = disco.Caps{} // asked again when they send presence again
	}
	s.mu.Unlock()
	if err != nil {
		s.log().Info("interests not learnt", "local", owner, "remote", ss.jid, "err", err)
		return
	}
	s.round(ctx, owner, ss.jid.Bare())
}

// learnt takes over what a session can do. Service.mu is held.
func (ss *session) learnt(info disco.Info) {
	var nodes, pending []string
	for _, f := range info.Features {
		node, ok := strings.CutSuffix(f, "+notify")
		if !ok || node == "" {
			continue
		}
		nodes = append(nodes, node)
		if !slices.Contains(ss.nodes, node) || slices.Contains(ss.pending, node) {
			pending = append(pending, node)
		}
	}
	ss.nodes, ss.pending = nodes, pending
}

// offline forgets a session, or with a bare address all of them.
func (s *Service) offline(owner, full jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[owner]
	if u == nil {
		return
	}
	who := full.Bare()
	c := u.contacts[who]
	if c == nil {
		return
	}
	if full.IsBare() {
		clear(c.sessions)
	} else {
		delete(c.sessions, full.Resource())
	}
	s.settle(owner, u, who, c)
}

// settle forgets a contact without sessions, at once or when the interval has passed.
// Service.mu is held.
func (s *Service) settle(owner jid.JID, u *user, who jid.JID, c *contact) {
	if len(c.sessions) > 0 || c.timer {
		return
	}
	if wait := s.interval() - time.Since(c.last); wait > 0 {
		s.later(owner, who, c, wait)
		return
	}
	delete(u.contacts, who)
	s.tidy(owner, u)
}

// DomainLost says that the link with a domain broke: what is known of who is online
// there may be wrong. Presence that arrives later counts as the first. A host calls
// it with that of presence.Service.
func (s *Service) DomainLost(domain jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for owner, u := range s.users {
		for who, c := range u.contacts {
			if who.Domain() == domain.Domain() {
				clear(c.sessions)
				s.settle(owner, u, who, c)
			}
		}
	}
}

// RosterChanged takes a changed roster item of a user. It has the form of
// presence.Service.OnRoster. A contact who may see the user's presence from now on gets
// the last items.
func (s *Service) RosterChanged(ctx context.Context, user jid.JID, it roster.Item) {
	user, who := user.Bare(), it.Contact.Bare()
	s.mu.Lock()
	var c *contact
	if u := s.users[user]; u != nil {
		c = u.contacts[who]
	}
	if c == nil {
		s.mu.Unlock()
		return
	}
	if !it.InRoster() {
		clear(c.sessions)
		s.settle(user, s.users[user], who, c)
		s.mu.Unlock()
		return
	}
	fresh := it.Subscription.HasFrom() && !c.from
	c.from = it.Subscription.HasFrom()
	if fresh {
		for _, ss := range c.sessions {
			ss.pending = slices.Clone(ss.nodes)
		}
	}
	s.mu.Unlock()
	if fresh {
		s.round(ctx, user, who)
	}
}

func (s *Service) interval() time.Duration { return max(orDefault(s.Interval, time.Second), 0) }

// later arranges for a round. Service.mu is held.
func (s *Service) later(owner, who jid.JID, c *contact, wait time.Duration) {
	c.timer = true
	time.AfterFunc(wait, func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.mu.Lock()
		c.timer = false
		if u := s.users[owner]; u != nil && u.contacts[who] == c {
			s.settle(owner, u, who, c)
		}
		s.mu.Unlock()
		s.round(ctx, owner, who)
	})
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
