package pep

import (
	"context"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// features are what XEP-0060 calls what the Service can do.
var features = []string{
	NS,
	NS + "#access-open", NS + "#access-presence", NS + "#access-roster", NS + "#access-whitelist",
	NS + "#auto-create", NS + "#auto-subscribe", NS + "#config-node", NS + "#config-node-max",
	NS + "#create-and-configure", NS + "#create-nodes", NS + "#delete-items", NS + "#delete-nodes",
	NS + "#filtered-notifications", NS + "#item-ids", NS + "#last-published", NS + "#member-affiliation",
	NS + "#modify-affiliations", NS + "#multi-items", NS + "#persistent-items", NS + "#publish",
	NS + "#publish-options", NS + "#purge-nodes", NS + "#retrieve-items", NS + "#retrieve-subscriptions",
	NS + "#subscribe",
}

// Info answers disco#info for accounts, their nodes and their sessions; it has the form
// of disco.Service.Info, where the host sets it or calls it from. An account is shown to
// those who may see the owner's presence or one of the nodes (XEP-0163 section 7), a
// node to those who may see it, and sessions to those who may see the owner's presence
// and to their servers, which ask on their behalf. All others are answered as if there was
// no such user. What is asked of domains is returned as given.
func (s *Service) Info(ctx context.Context, q disco.Query, info disco.Info) (disco.Info, error) {
	if q.To.Local() == "" {
		return info, nil
	}
	owner := q.To.Bare()
	v, err := s.view(ctx, owner, q.From)
	if err != nil {
		return disco.Info{}, err
	}
	if !q.To.IsBare() {
		if ok, err := s.showsSessions(ctx, owner, v); !ok {
			return disco.Info{}, err
		}
		return info, nil
	}
	if q.Node != "" {
		n, err := s.Store.Read(ctx, owner, q.Node, Query{})
		if err != nil || v.refusal(n) != nil {
			return disco.Info{}, err
		}
		return disco.Info{
			Identities: []disco.Identity{{Category: "pubsub", Type: "leaf"}},
			Features:   []string{disco.NSInfo, disco.NSItems, NS},
		}, nil
	}
	if shown, err := s.shown(ctx, owner, v); !shown {
		return disco.Info{}, err
	}
	info.Identities = append(info.Identities, disco.Identity{Category: "pubsub", Type: "pep"})
	info.Features = append(info.Features, features...)
	return info, nil
}

// showsSessions reports whether somebody may know what sessions of a user can do: who
// may see the presence, or is the server of one who may.
func (s *Service) showsSessions(ctx context.Context, owner jid.JID, v viewer) (bool, error) {
	if v.known() || v.who.Local() != "" {
		return v.known(), nil
	}
	items, err := s.Roster.Items(ctx, owner)
	if err != nil {
		return false, err
	}
	for _, it := range items {
		if it.Subscription.HasFrom() && it.Contact.Domain() == v.who.Domain() {
			return true, nil
		}
	}
	return false, nil
}

// Items answers disco#items: an account's nodes, and the ids of a node's items, each to
// those who may see them. It has the form of disco.Service.Items.
func (s *Service) Items(ctx context.Context, q disco.Query) ([]disco.Item, error) {
	if q.To.Local() == "" {
		if q.Node != "" {
			return nil, stanza.Errorf(stanza.ItemNotFound, "")
		}
		return nil, nil
	}
	owner := q.To.Bare()
	v, err := s.view(ctx, owner, q.From)
	if err != nil {
		return nil, err
	}
	if shown, err := s.shown(ctx, owner, v); err != nil {
		return nil, err
	} else if !shown || !q.To.IsBare() {
		return nil, stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	var items []disco.Item
	if q.Node == "" {
		nodes, err := s.visible(ctx, owner, v)
		for _, n := range nodes {
			items = append(items, disco.Item{JID: owner, Node: n.Name})
		}
		return items, err
	}
	n, err := s.Store.Read(ctx, owner, q.Node, Query{Max: s.maxItems(), Bytes: orDefault(s.MaxAnswer, 262144)})
	if err != nil {
		return nil, err
	}
	if v.refusal(n) != nil {
		return nil, stanza.Errorf(stanza.ItemNotFound, "")
	}
	for _, it := range n.Items {
		items = append(items, disco.Item{JID: owner, Name: it.ID})
	}
	return items, nil
}

// visible lists the nodes that somebody may see.
func (s *Service) visible(ctx context.Context, owner jid.JID, v viewer) ([]Node, error) {
	nodes, err := s.Store.Nodes(ctx, owner)
	if err != nil {
		return nil, err
	}
	var seen []Node
	for _, n := range nodes {
		if v.sees(n.Config) {
			seen = append(seen, n)
		}
	}
	return seen, nil
}
