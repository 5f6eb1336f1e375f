package gate

import (
	"context"
	"fmt"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// Policy is what becomes of something that a stranger sends.
type Policy int

const (
	// Default is Hold for messages if Gate.Hold is set. Otherwise it is Throttle for
	// messages and requests for subscription, and Pass for everything else.
	Default Policy = iota
	// Pass lets it through without counting it.
	Pass
	// Throttle lets it through within the rates.
	Throttle
	// Hold gives it to Gate.Hold within the rates. For queries, which want an answer,
	// and without Gate.Hold it is Drop.
	Hold
	// Drop refuses it, without telling more than if there were no such user.
	Drop
)

// Strangers is what becomes of what strangers send to users, by kind. What answers
// something, and what nobody sees unless it does, passes in any case: errors, results,
// messages of rooms, probes, and presence that grants, withdraws or ends a subscription.
type Strangers struct {
	Messages Policy
	Requests Policy // for subscription
	Presence Policy // of sessions, available and unavailable
	Queries  Policy // IQs that want an answer
}

// policy is what becomes of a stanza if its sender is a stranger.
func (g *Gate) policy(st *stanza.Stanza) Policy {
	p, usual := Pass, Pass
	switch {
	case st.Kind == stanza.Message && st.Type != stanza.TypeError && st.Type != stanza.GroupChat:
		p, usual = g.Strangers.Messages, Throttle
		if g.Hold != nil {
			usual = Hold
		}
	case st.Kind == stanza.Presence && st.Type == stanza.Subscribe:
		p, usual = g.Strangers.Requests, Throttle
	case st.Kind == stanza.Presence && (st.Type == "" || st.Type == stanza.Unavailable):
		p = g.Strangers.Presence
	case st.Kind == stanza.IQ && (st.Type == stanza.Get || st.Type == stanza.Set):
		p = g.Strangers.Queries
	}
	if p == Default {
		p = usual
	}
	if p == Hold && (g.Hold == nil || st.Kind == stanza.IQ) {
		p = Drop
	}
	return p
}

// stranger says why a stanza to a user does not pass because of who sent it.
func (g *Gate) stranger(ctx context.Context, st *stanza.Stanza) (Reason, error) {
	policy := g.policy(st)
	if policy == Pass {
		return "", nil
	}
	known, err := g.known(ctx, st.To.Bare(), st.From.Bare())
	switch {
	case err != nil || known:
		return "", err
	case policy == Drop:
		return ReasonDropped, nil
	case !g.spend(st.From):
		return ReasonRate, nil
	case policy == Hold:
		return ReasonHeld, nil
	}
	return "", nil
}

// known reports whether sender is no stranger to user.
func (g *Gate) known(ctx context.Context, user, sender jid.JID) (bool, error) {
	if _, ok := g.written.get([2]jid.JID{user, sender}); ok {
		return true, nil
	}
	if g.Known == nil {
		return false, nil
	}
	known, err := g.Known(ctx, user, sender)
	if err != nil {
		return false, fmt.Errorf("gate: does %s know %s: %w", user, sender, err)
	}
	return known, nil
}

// Contacts knows the contacts of a user: whoever is in the roster, and whoever
// the user has asked or granted something.
func Contacts(store roster.Store) func(ctx context.Context, user, sender jid.JID) (bool, error) {
	return func(ctx context.Context, user, sender jid.JID) (bool, error) {
		item, err := roster.Get(ctx, store, user, sender)
		return item.InRoster(), err
	}
}

// spend takes one from the budgets of a stranger and of their domain.
func (g *Gate) spend(sender jid.JID) bool {
	one := orDefault(g.StrangerRate, 3)
	return (one < 0 || spend(g.strangers, sender.Bare(), one, time.Now())) && g.spendDomain(sender)
}

// spendDomain takes one from the budget of the strangers of a domain.
func (g *Gate) spendDomain(sender jid.JID) bool {
	all := orDefault(g.DomainRate, 60)
	return all < 0 || spend(g.domains, sender.Host(), all, time.Now())
}
