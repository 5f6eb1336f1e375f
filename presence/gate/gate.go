package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// Gate keeps unwanted stanzas from the users behind it. Next is required, and Out
// before anything is sent; the rest is optional. Do not change a Gate once it
// handles stanzas, nor copy it. It is safe for concurrent use if what it is
// given is. Functions are called without a lock held.
type Gate struct {
	// Next handles what passes.
	Next stanza.Handler
	// Out sends what passes the other way.
	Out stanza.Requester

	// Blocks keeps whom each user has blocked. Nil: nobody can be.
	Blocks BlockStore
	// Roster and Presence are who may see a user, and what of: the presence of
	// each session, from its full address. They are of use when somebody is
	// blocked. Nil: nobody sees presence.
	Roster   roster.Store
	Presence func(user jid.JID) []*stanza.Stanza
	// OnUnknown is told of contacts whose presence a user who is online does not know any
	// more, having blocked them. It has the form of presence.Service.OnUnknown. Nil:
	// nobody is.
	OnUnknown func(ctx context.Context, user, contact jid.JID)

	// Known says whether sender is no stranger to user; both are bare addresses.
	// Whom the user has sent something since the start, up to MaxKnown addresses,
	// is known without asking. Nil: all are strangers otherwise. See [Contacts].
	Known func(ctx context.Context, user, sender jid.JID) (bool, error)
	// Strangers is what becomes of what they send.
	Strangers Strangers
	// StrangerRate is how much of what is counted one stranger may send a minute, to all
	// users together. Zero: 3. Negative: any number.
	StrangerRate int
	// DomainRate is how much all strangers of one domain may, and how many reports of
	// abuse anybody there may send to local domains. Zero: 60. Negative: any number.
	DomainRate int
	// Hold takes what is held of strangers, by default their messages; Next does not see
	// it, unless the host passes it on later. An error is answered as such. Nil: nothing
	// is held.
	Hold func(ctx context.Context, st *stanza.Stanza) error
	// Lists keep out whom they list.
	Lists []*List

	// OnReport is told of a report of abuse by one of our users that somebody
	// sends to a local domain or one of its accounts. Nil: nobody is.
	OnReport func(ctx context.Context, from jid.JID, r Report)
	// OnRefused is told of what did not pass, for statistics. It must not block.
	// Nil: nobody is.
	OnRefused func(st *stanza.Stanza, why Reason)

	// MaxKnown is how many pairs of users and those whom they have written to are
	// remembered. Zero: 100,000.
	MaxKnown int
	// MaxCounted is how many strangers, and how many domains, are counted at a
	// time. Zero: 100,000.
	MaxCounted int

	// Logger receives what goes wrong. Nil: [slog.Default].
	Logger *slog.Logger

	once      sync.Once
	written   *recent[[2]jid.JID, struct{}]
	strangers *recent[jid.JID, bucket]
	domains   *recent[jid.JID, bucket]
}

var (
	_ stanza.Handler   = (*Gate)(nil)
	_ stanza.Requester = (*Gate)(nil)
)

// Reason is why something did not pass.
type Reason string

const (
	ReasonBlocked Reason = "blocked" // by the user
	ReasonListed  Reason = "listed"  // on a block list
	ReasonRate    Reason = "rate"    // too much of a stranger, or of the strangers of a domain
	ReasonHeld    Reason = "held"    // given to Hold
	ReasonDropped Reason = "dropped" // of a stranger, whom Strangers drops
)

func (g *Gate) init() {
	g.once.Do(func() {
		g.written = newRecent[[2]jid.JID, struct{}](orDefault(g.MaxKnown, 100_000))
		g.strangers = newRecent[jid.JID, bucket](orDefault(g.MaxCounted, 100_000))
		g.domains = newRecent[jid.JID, bucket](orDefault(g.MaxCounted, 100_000))
	})
}

func orDefault(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}

// HandleStanza implements [stanza.Handler].
func (g *Gate) HandleStanza(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	g.init()
	for _, l := range g.Lists {
		if l.handle(st) {
			return nil, nil
		}
	}
	why, err := g.refuse(ctx, st)
	switch {
	case err != nil:
		return nil, err
	case why == ReasonHeld:
		if err := g.Hold(ctx, st); err != nil {
			return nil, fmt.Errorf("gate: hold: %w", err)
		}
		g.refused(st, why)
		return nil, nil
	case why != "":
		g.refused(st, why)
		return nil, answer(st, why)
	}
	if g.report(ctx, st) {
		return nil, nil
	}
	return g.Next.HandleStanza(ctx, st)
}

func (g *Gate) refused(st *stanza.Stanza, why Reason) {
	if g.OnRefused != nil {
		g.OnRefused(st, why)
	}
}

// refuse says why a stanza does not pass; an empty Reason: it does.
func (g *Gate) refuse(ctx context.Context, st *stanza.Stanza) (Reason, error) {
	if st.From.Bare() == st.To.Bare() {
		return "", nil
	}
	for _, l := range g.Lists {
		if l.Has(st.From) {
			return ReasonListed, nil
		}
	}
	if blocked, err := g.blocked(ctx, st.To, st.From); err != nil || blocked {
		return ReasonBlocked, err
	}
	if st.To.Local() != "" {
		return g.stranger(ctx, st)
	}
	if g.reports(st) && !g.spendDomain(st.From) {
		return ReasonRate, nil
	}
	return "", nil
}

// answer is what the sender of something that did not pass is told: of users nothing
// that would differ if there were no such user, for rates would tell who exists.
func answer(st *stanza.Stanza, why Reason) error {
	switch {
	case st.Kind == stanza.Presence, st.Kind == stanza.Message && st.Type == stanza.Headline:
		return nil
	case why == ReasonRate && st.To.Local() == "":
		return &stanza.Error{Type: stanza.Wait, Condition: stanza.PolicyViolation, Text: "too many reports"}
	}
	return &stanza.Error{Condition: stanza.ServiceUnavailable}
}

// Send implements [stanza.Sender]: it passes a stanza to Out unless its sender has
// blocked its recipient. Then it returns [ErrBlocked], but drops what the user did not
// mean for this recipient alone: probes, unavailable presence, and available presence
// to a contact who may see it; without Roster, to anybody. Errors and results go
// through: they answer what was let in.
func (g *Gate) Send(ctx context.Context, st *stanza.Stanza) error {
	if stop, err := g.outbound(ctx, st); stop || err != nil {
		return err
	}
	return g.Out.Send(ctx, st)
}

// Request implements [stanza.Requester], with the rule of Send.
func (g *Gate) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	if _, err := g.outbound(ctx, iq); err != nil {
		return nil, err
	}
	return g.Out.Request(ctx, iq)
}

// outbound reports whether a stanza of our side stops here.
func (g *Gate) outbound(ctx context.Context, st *stanza.Stanza) (stop bool, err error) {
	if st == nil || st.Type == stanza.TypeError || st.Type == stanza.Result {
		return false, nil
	}
	blocked, err := g.blocked(ctx, st.From, st.To)
	switch {
	case err != nil:
		return true, err
	case blocked:
		return true, g.refusal(ctx, st)
	}
	if st.From.Local() != "" && (st.Kind == stanza.Message || st.Type == stanza.Subscribe || st.Type == stanza.Subscribed) {
		g.init()
		g.written.put([2]jid.JID{st.From.Bare(), st.To.Bare()}, struct{}{})
	}
	return false, nil
}

// refusal is what the sender of something to an address that they have blocked is told.
func (g *Gate) refusal(ctx context.Context, st *stanza.Stanza) error {
	switch {
	case st.Kind != stanza.Presence:
		return ErrBlocked
	case st.Type == stanza.Probe || st.Type == stanza.Unavailable:
		return nil
	case st.Type != "":
		return ErrBlocked
	case g.Roster == nil:
		return nil
	}
	it, err := roster.Get(ctx, g.Roster, st.From.Bare(), st.To)
	switch {
	case err != nil:
		return fmt.Errorf("gate: roster of %s: %w", st.From.Bare(), err)
	case it.Subscription.HasFrom():
		return nil
	}
	return ErrBlocked
}

// Features implements [disco.FeatureLister] with what Next can do.
func (g *Gate) Features() []string {
	var list []string
	if f, ok := g.Next.(disco.FeatureLister); ok {
		list = f.Features()
	}
	if g.OnReport != nil {
		list = append(list, NSReporting)
	}
	return list
}

// errNoOut tells of a Gate that has nowhere to send.
var errNoOut = errors.New("gate: no Out")

func (g *Gate) logger() *slog.Logger {
	if g.Logger != nil {
		return g.Logger
	}
	return slog.Default()
}
