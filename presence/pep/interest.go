package pep

import (
	"context"
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
	caps    disco.Caps // zero: none, to be asked for again, or the session has gone
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
	begun := s.attend(caps, pupil{u: owner, ss: ss})
	full := ss.caps == disco.Caps{}
	s.mu.Unlock()
	switch {
	case full:
		s.log().Warn("interests not learnt, too many at once", "local", owner, "remote", from)
	case begun:
		go s.work.Do(func(ctx context.Context) { s.teach(ctx, caps) })
	}
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
		c.forget()
	} else if ss := c.sessions[full.Resource()]; ss != nil {
		ss.caps = disco.Caps{}
		delete(c.sessions, full.Resource())
	}
	s.settle(owner, u, who, c)
}

// forget forgets all sessions, also in lessons. Service.mu is held.
func (c *contact) forget() {
	for _, ss := range c.sessions {
		ss.caps = disco.Caps{}
	}
	clear(c.sessions)
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
				c.forget()
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
		c.forget()
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
