package pep

import (
	"context"
	"fmt"
	"slices"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// viewer is somebody who looks at the nodes of a user.
type viewer struct {
	who   jid.JID // bare
	owner bool
	item  roster.Item // the owner's on them
}

// view finds out what somebody is to a user.
func (s *Service) view(ctx context.Context, owner, who jid.JID) (viewer, error) {
	who = who.Bare()
	if who == owner {
		return viewer{who: who, owner: true}, nil
	}
	it, err := roster.Get(ctx, s.Roster, owner, who)
	if err != nil {
		return viewer{}, fmt.Errorf("pep: what %s is to %s: %w", who, owner, err)
	}
	return viewer{who: who, item: it}, nil
}

// MaySee reports whether somebody may see a node of a local user that is configured so,
// for services that have more to show to the same people. The error is that of the Roster.
func (s *Service) MaySee(ctx context.Context, owner, who jid.JID, c Config) (bool, error) {
	v, err := s.view(ctx, owner.Bare(), who)
	return err == nil && v.sees(c), err
}

// known reports whether the viewer may see the presence of the user.
func (v viewer) known() bool { return v.owner || v.item.Subscription.HasFrom() }

// sees reports whether the viewer may see a node that is configured so.
func (v viewer) sees(c Config) bool {
	switch {
	case v.owner:
		return true
	case c.Access == Open:
		return true
	case c.Access == Presence:
		return v.known()
	case c.Access == Roster:
		return v.known() && slices.ContainsFunc(v.item.Groups, func(g string) bool { return slices.Contains(c.Groups, g) })
	}
	return slices.ContainsFunc(c.Allowed, func(j jid.JID) bool { return j.Bare() == v.who })
}

// shown reports whether a viewer may know that there is such a user: who may see the
// presence or a node.
func (s *Service) shown(ctx context.Context, owner jid.JID, v viewer) (bool, error) {
	if v.known() {
		return true, nil
	}
	nodes, err := s.visible(ctx, owner, v)
	return len(nodes) > 0, err
}

// refusal is the answer to a viewer who may not see a node, and nil for one who may.
// Who may not see the owner's presence is told the same of nodes that are hidden and
// of nodes that there are not.
func (v viewer) refusal(n Node) error {
	switch {
	case n.Exists() && v.sees(n.Config):
		return nil
	case !v.known():
		return refuse(stanza.NotAuthorized, stanza.Auth, "presence-subscription-required")
	case !n.Exists():
		return stanza.Errorf(stanza.ItemNotFound, "")
	case n.Config.Access == Roster:
		return refuse(stanza.NotAuthorized, stanza.Auth, "not-in-roster-group")
	}
	return refuse(stanza.NotAllowed, stanza.Cancel, "closed-node")
}

// refuse is an error with a condition of XEP-0060.
func refuse(c stanza.Condition, typ stanza.ErrorType, condition string) *stanza.Error {
	return &stanza.Error{Type: typ, Condition: c, App: stanza.Raw("<" + condition + ` xmlns="` + nsErrors + `"/>`)}
}

// unsupported is the answer to what the service cannot do (XEP-0060 section 6.1.3).
func unsupported(feature string) *stanza.Error {
	return &stanza.Error{Type: stanza.Cancel, Condition: stanza.FeatureNotImplemented,
		App: stanza.Raw(`<unsupported xmlns="` + nsErrors + `" feature="` + feature + `"/>`)}
}
