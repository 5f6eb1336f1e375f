package presence

import (
	"context"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// domain is what is kept of a domain while local users are online who see the
// presence of contacts there, or have asked to. Service.mu guards it.
type domain struct {
	users map[jid.JID]struct{}
	lost  bool // what the host said last
	told  bool // what the users were told last
	busy  bool // a goroutine tells them

	missed bool // the link was back before they were told that it was lost
}

// watch notes that a user who is online has a contact at a domain. Service.mu is
// held.
func (s *Service) watch(u *user, bare jid.JID, name string) {
	d := s.domains[name]
	if d == nil {
		if s.domains == nil {
			s.domains = make(map[string]*domain)
		}
		d = &domain{users: make(map[jid.JID]struct{})}
		s.domains[name] = d
	}
	if u.watching == nil {
		u.watching = make(map[string]struct{})
	}
	d.users[bare] = struct{}{}
	u.watching[name] = struct{}{}
}

// watchItem watches what an item makes worth watching, for a user who is online: the
// domain of a contact, and the answer to a request. Service.mu is held.
func (s *Service) watchItem(u *user, bare jid.JID, it roster.Item) {
	if it.Ask || it.Subscription.HasTo() {
		s.watch(u, bare, it.Contact.Domain())
	}
	if it.Ask && u.retry == nil {
		s.retryLater(u, bare)
	}
}

func (s *Service) watchIfOnline(bare jid.JID, it roster.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[bare]; u != nil && u.online() {
		s.watchItem(u, bare, it)
	}
}

// unwatch undoes watchItem for all. Service.mu is held.
func (s *Service) unwatch(u *user, bare jid.JID) {
	if u.retry != nil {
		u.retry.Stop()
		u.retry = nil
	}
	for name := range u.watching {
		d := s.domains[name]
		delete(d.users, bare)
		if len(d.users) == 0 {
			delete(s.domains, name)
		}
	}
	u.watching = nil
}

// DomainLost says that the link with a domain broke: what is known of its users may
// be wrong from now on. OnUnknown is called for each contact there of each user who
// is online. A host calls it when no stream with the domain is left and the last one
// ended by an error; [Links] finds that out.
//
// DomainLost does not block; a goroutine does the work. Calls that come faster than
// it works are one, and the last of DomainLost and DomainBack counts: of a link that is
// back at once nobody hears.
func (s *Service) DomainLost(domain jid.JID) { s.link(domain.Domain(), true) }

// DomainBack says that there is a link with a domain again, which [Links] finds out, too.
// If it was lost, its users are probed again. It does not block either.
func (s *Service) DomainBack(domain jid.JID) { s.link(domain.Domain(), false) }

func (s *Service) link(name string, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.domains[name]
	if d == nil {
		return
	}
	d.missed = d.missed || d.lost && !d.told && !lost
	d.lost = lost
	if !d.busy && d.lost != d.told {
		d.busy = true
		go s.work.Do(func(ctx context.Context) { s.tell(ctx, name, d) })
	}
}

// tell runs until users know what the host said last of a domain.
func (s *Service) tell(ctx context.Context, name string, d *domain) {
	for {
		s.mu.Lock()
		if d.lost == d.told && !d.missed {
			d.busy = false
			s.mu.Unlock()
			return
		}
		d.told, d.missed = d.lost, false
		lost := d.lost
		users := make([]jid.JID, 0, len(d.users))
		for user := range d.users {
			users = append(users, user)
		}
		s.mu.Unlock()
		for _, user := range users {
			s.tellUser(ctx, user, name, lost)
		}
	}
}

func (s *Service) tellUser(ctx context.Context, user jid.JID, name string, lost bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	items, err := s.Roster.Items(ctx, user)
	if err != nil {
		s.log().Error("contacts of a domain not found", "local", user, "remote", name, "err", err)
		return
	}
	for _, it := range items {
		switch {
		case it.Contact.Domain() != name:
		case it.Ask && !lost:
			s.tryType(ctx, stanza.Subscribe, user, it.Contact, "")
		case !it.Subscription.HasTo():
		case !lost:
			s.tryType(ctx, stanza.Probe, user, it.Contact, "")
		case s.OnUnknown != nil:
			s.OnUnknown(ctx, user, it.Contact)
		}
	}
}
