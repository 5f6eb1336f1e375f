package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// BlockStore keeps whom each user has blocked. Implementations are safe for
// concurrent use. What is missing is no error: a user nobody heard of has
// blocked nobody.
type BlockStore interface {
	// Blocked returns the addresses that a user has blocked, in any order. The
	// slice belongs to the caller.
	Blocked(ctx context.Context, user jid.JID) ([]jid.JID, error)
	// SetBlocked blocks addresses, or unblocks them. Doing so twice is no error.
	SetBlocked(ctx context.Context, user jid.JID, blocked bool, addresses ...jid.JID) error
}

// MemBlocks is a [BlockStore] in memory. The zero MemBlocks is empty and ready
// to use.
type MemBlocks struct {
	mu sync.Mutex
	m  map[jid.JID][]jid.JID
}

// Blocked implements [BlockStore].
func (b *MemBlocks) Blocked(ctx context.Context, user jid.JID) ([]jid.JID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.m[user]), ctx.Err()
}

// SetBlocked implements [BlockStore].
func (b *MemBlocks) SetBlocked(ctx context.Context, user jid.JID, blocked bool, addresses ...jid.JID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = make(map[jid.JID][]jid.JID)
	}
	list := slices.DeleteFunc(b.m[user], func(j jid.JID) bool { return slices.Contains(addresses, j) })
	if blocked {
		list = append(list, addresses...)
		slices.SortFunc(list, jid.JID.Compare)
		list = slices.Compact(list)
	}
	b.m[user] = list
	return nil
}

// Matches reports whether a block of address covers sender (XEP-0191 section 5):
// a full address covers itself, an account all its resources, a domain everybody
// there. Addresses that older servers take for the same are the same.
func Matches(address, sender jid.JID) bool {
	if address.LegacyKey() == sender.LegacyKey() {
		return true
	}
	switch {
	case address.Resource() != "":
		return false
	case address.Local() != "":
		return address.LegacyKey() == sender.Bare().LegacyKey()
	}
	return address.LegacyKey() == sender.Host().LegacyKey()
}

// ErrBlocked is returned for what is sent to an address that its sender has
// blocked: not-acceptable, with the condition of XEP-0191.
var ErrBlocked = &stanza.Error{Type: stanza.Cancel, Condition: stanza.NotAcceptable, Text: "you have blocked this address",
	App: stanza.Raw("<blocked xmlns='urn:xmpp:blocking:errors'/>")}

// blocked reports whether user has blocked other.
func (g *Gate) blocked(ctx context.Context, user, other jid.JID) (bool, error) {
	if g.Blocks == nil || user.Local() == "" || other.Bare() == user.Bare() {
		return false, nil
	}
	list, err := g.Blocks.Blocked(ctx, user.Bare())
	if err != nil {
		return false, fmt.Errorf("gate: blocks of %s: %w", user.Bare(), err)
	}
	return slices.ContainsFunc(list, func(j jid.JID) bool { return Matches(j, other) }), nil
}

// Block blocks addresses for a user. Those who may see the user's presence are
// shown that the user goes away (XEP-0191 section 3.3); their subscriptions stay. What
// the user sees of them is not known any more.
func (g *Gate) Block(ctx context.Context, user jid.JID, addresses ...jid.JID) error {
	if g.Blocks == nil {
		return errors.New("gate: no Blocks")
	}
	user = user.Bare()
	items, sessions, failed := g.covered(ctx, user, addresses)
	errs := []error{failed}
	for _, it := range items {
		if !it.Subscription.HasFrom() {
			continue
		}
		for _, p := range sessions {
			errs = append(errs, g.Send(ctx, &stanza.Stanza{Kind: stanza.Presence, Type: stanza.Unavailable, From: p.From, To: it.Contact}))
		}
	}
	if err := g.Blocks.SetBlocked(ctx, user, true, addresses...); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, it := range items {
		if it.Subscription.HasTo() && g.OnUnknown != nil {
			g.OnUnknown(ctx, user, it.Contact)
		}
	}
	return errors.Join(errs...)
}

// Unblock takes blocks back, and shows the user's presence again to those who may see
// it. Those whose presence the user may see are probed, and requests without answer
// sent again, since what they sent meanwhile did not pass.
func (g *Gate) Unblock(ctx context.Context, user jid.JID, addresses ...jid.JID) error {
	if g.Blocks == nil {
		return errors.New("gate: no Blocks")
	}
	user = user.Bare()
	if err := g.Blocks.SetBlocked(ctx, user, false, addresses...); err != nil {
		return err
	}
	items, sessions, err := g.covered(ctx, user, addresses)
	errs := []error{err}
	for _, it := range items {
		if blocked, err := g.blocked(ctx, user, it.Contact); err != nil || blocked { // by another block
			errs = append(errs, err)
			continue
		}
		if it.Subscription.HasFrom() {
			for _, p := range sessions {
				to := *p
				to.To = it.Contact
				errs = append(errs, g.Send(ctx, &to))
			}
		}
		ask := &stanza.Stanza{Kind: stanza.Presence, Type: stanza.Probe, From: user, To: it.Contact}
		switch {
		case it.Ask:
			ask.Type = stanza.Subscribe
			fallthrough
		case it.Subscription.HasTo():
			errs = append(errs, g.Send(ctx, ask))
		}
	}
	return errors.Join(errs...)
}

// covered returns the presence of a user's sessions, and those contacts whom one of the
// addresses covers; none for a user who has no sessions.
func (g *Gate) covered(ctx context.Context, user jid.JID, addresses []jid.JID) ([]roster.Item, []*stanza.Stanza, error) {
	if g.Presence == nil || g.Roster == nil {
		return nil, nil, nil
	}
	sessions := g.Presence(user)
	if len(sessions) == 0 {
		return nil, nil, nil
	}
	items, err := g.Roster.Items(ctx, user)
	if err != nil {
		return nil, nil, fmt.Errorf("gate: roster of %s: %w", user, err)
	}
	items = slices.DeleteFunc(items, func(it roster.Item) bool {
		return !slices.ContainsFunc(addresses, func(a jid.JID) bool { return Matches(a, it.Contact) })
	})
	return items, sessions, nil
}
