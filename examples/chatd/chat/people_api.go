package chat

import (
	"context"
	"errors"
	"time"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/presence/pep"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// AddContact implements api.People: it puts somebody into a user's contact list
// and asks to see their presence.
func (p *people) AddContact(ctx context.Context, user, contact jid.JID, name string) error {
	_, err := p.store.Contacts().Update(ctx, user, contact, func(it roster.Item) (roster.Item, error) {
		it.Listed = true
		if name != "" {
			it.Name = name
		}
		return it, nil
	})
	if err != nil {
		return err
	}
	return p.presence.Subscribe(ctx, user, contact)
}

// RemoveContact implements api.People.
func (p *people) RemoveContact(ctx context.Context, user, contact jid.JID) error {
	defer p.answered(user, contact)
	return unlessBlocked(p.presence.Remove(ctx, user, contact))
}

// unlessBlocked is err, but nil if it only says that somebody who is blocked was not told.
func unlessBlocked(err error) error {
	if errors.Is(err, gate.ErrBlocked) {
		return nil
	}
	return err
}

// Contacts implements api.People.
func (p *people) Contacts(ctx context.Context, user jid.JID) ([]api.Contact, error) {
	items, err := p.store.Contacts().Items(ctx, user)
	list := make([]api.Contact, 0, len(items))
	for _, it := range items {
		if it.InRoster() || it.Pending {
			list = append(list, contactOf(it))
		}
	}
	return list, err
}

// Answer implements api.People.
func (p *people) Answer(ctx context.Context, user, contact jid.JID, accept bool) error {
	it, err := roster.Get(ctx, p.store.Contacts(), user, contact)
	if err != nil {
		return err
	}
	if !it.Pending {
		return api.ErrNoRequest
	}
	defer p.answered(user, contact) // a stranger who is refused is no contact that changes
	if accept {
		return p.presence.Approve(ctx, user, contact)
	}
	return unlessBlocked(p.presence.Deny(ctx, user, contact))
}

// SetBlocked implements api.People.
func (p *people) SetBlocked(ctx context.Context, user, address jid.JID, blocked bool) error {
	if blocked {
		return p.gate.Block(ctx, user, address)
	}
	return p.gate.Unblock(ctx, user, address)
}

// SetPresence implements api.People.
func (p *people) SetPresence(ctx context.Context, user jid.JID, to store.Presence) error {
	if err := p.store.SetPresence(ctx, user, to); err != nil {
		return err
	}
	return p.announce(ctx, user, to)
}

// announce tells those who may see a user how the user is there.
func (p *people) announce(ctx context.Context, user jid.JID, as store.Presence) error {
	s, err := p.session(ctx, user, as)
	if err != nil {
		return err
	}
	return p.presence.Announce(ctx, s)
}

// session is the presence of a user's session.
func (p *people) session(ctx context.Context, user jid.JID, as store.Presence) (*stanza.Stanza, error) {
	from, err := user.WithResource(resource)
	if err != nil {
		return nil, err
	}
	s := &stanza.Stanza{Kind: stanza.Presence, From: from}
	if !as.Available {
		s.Type = stanza.Unavailable
		return s, nil
	}
	if as.Show != "" {
		if err := s.Append(showXML{Text: as.Show}); err != nil {
			return nil, err
		}
	}
	if as.Status != "" {
		if err := s.Append(statusXML{Text: as.Status}); err != nil {
			return nil, err
		}
	}
	if err := p.client.AppendCaps(s, software); err != nil {
		return nil, err
	}
	return s, p.profiles.Decorate(ctx, s)
}

// shown is what those who may see a user see of them.
func (p *people) shown(user jid.JID) []*stanza.Stanza {
	var list []*stanza.Stanza
	for _, s := range p.presence.Sessions(user) {
		list = append(list, s.Presence)
	}
	return list
}

// UserProfile implements api.People.
func (p *people) UserProfile(ctx context.Context, user jid.JID) (store.Profile, error) {
	return p.store.UserProfile(ctx, user)
}

// SetProfile implements api.People. Contacts are told.
func (p *people) SetProfile(ctx context.Context, user jid.JID, to store.Profile) error {
	to.Changed = time.Now().UTC().Truncate(time.Millisecond)
	if err := p.store.SetUserProfile(ctx, user, to); err != nil {
		return err
	}
	if err := p.profiles.Changed(ctx, user); err != nil {
		return err
	}
	online, err := p.store.Online(ctx)
	if err != nil {
		return err
	}
	if as, ok := online[user]; ok {
		return p.announce(ctx, user, as)
	}
	return nil
}

// Avatar implements api.People.
func (p *people) Avatar(ctx context.Context, user, contact jid.JID) (typ string, data []byte, err error) {
	avatar, err := p.profiles.Avatar(ctx, user, contact, "")
	if errors.Is(err, pep.ErrNone) || errors.Is(err, pep.ErrNotVisible) {
		return "", nil, nil
	}
	return avatar.Type, avatar.Data, err
}

// start announces, in a goroutine of its own, the users who were there. Only the first
// call does anything.
func (p *people) start() {
	p.once.Do(func() {
		p.restart.Go(func() { p.restore(p.ctx) })
	})
}

// stop says goodbye to everybody's contacts.
func (p *people) stop(ctx context.Context) error {
	p.once.Do(func() {}) // it does not start any more
	p.quit()
	p.restart.Wait()
	return p.leave(ctx)
}

// close ends what goes on without anybody's asking, before the store is closed.
func (p *people) close() {
	p.presence.Close()
	p.nodes.Close()
}

// restore announces the users who were there when the service ended.
func (p *people) restore(ctx context.Context) {
	online, err := p.store.Online(ctx)
	if err != nil {
		p.log.Error("presence not restored", "err", err)
	}
	for user, as := range online {
		if err := p.announce(ctx, user, as); err != nil {
			p.log.Error("presence not restored", "local", user, "err", err)
		}
	}
}

// leave tells everybody's contacts that the service ends.
func (p *people) leave(ctx context.Context) error {
	online, err := p.store.Online(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for user := range online {
		errs = append(errs, p.announce(ctx, user, store.Presence{}))
	}
	return errors.Join(append(errs, p.presence.Flush(ctx))...)
}
