package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"isthmus.im/jid"
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
// shown that the user goes away (XEP-0191 section 3.3); their subscriptions stay.
func (g *Gate) Block(ctx context.Context, user jid.JID, addresses ...jid.JID) error {
	if g.Blocks == nil {
		return errors.New("gate: no Blocks")
	}
	hidden := g.show(ctx, user, addresses, true)
	return errors.Join(g.Blocks.SetBlocked(ctx, user.Bare(), true, addresses...), hidden)
}

// Unblock takes blocks back, and shows the user's presence again to those who
// may see it.
func (g *Gate) Unblock(ctx context.Context, user jid.JID, addresses ...jid.JID) error {
	if g.Blocks == nil {
		return errors.New("gate: no Blocks")
	}
	if err := g.Blocks.SetBlocked(ctx, user.Bare(), false, addresses...); err != nil {
		return err
	}
	return g.show(ctx, user, addresses, false)
}

// show sends the presence of a user's sessions, or that they go away, to those
// of their contacts whom one of the addresses covers.
func (g *Gate) show(ctx context.Context, user jid.JID, addresses []jid.JID, away bool) error {
	if g.Presence == nil || g.Roster == nil {
		return nil
	}
	sessions := g.Presence(user.Bare())
	if len(sessions) == 0 {
		return nil
	}
	items, err := g.Roster.Items(ctx, user.Bare())
	if err != nil {
		return fmt.Errorf("gate: roster of %s: %w", user.Bare(), err)
	}
	var errs []error
	for _, it := range items {
		if !it.Subscription.HasFrom() || !slices.ContainsFunc(addresses, func(a jid.JID) bool { return Matches(a, it.Contact) }) {
			continue
		}
		for _, p := range sessions {
			to := *p
			to.To = it.Contact
			if away {
				to = stanza.Stanza{Kind: stanza.Presence, Type: stanza.Unavailable, From: p.From, To: it.Contact}
			}
			errs = append(errs, g.Send(ctx, &to))
		}
	}
	return errors.Join(errs...)
}
