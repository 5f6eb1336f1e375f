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

// Info answers disco#info for accounts and their nodes; it has the form of
// disco.Service.Info, where the host sets it or calls it from. An account is shown to
// those who may see the owner's presence or one of the nodes (XEP-0163 section 7), and
// a node to those who may see it. Others are answered as if there was no such user. What
// is asked of domains and sessions is returned as given.
func (s *Service) Info(ctx context.Context, q disco.Query, info disco.Info) (disco.Info, error) {
	if q.To.Local() == "" || !q.To.IsBare() {
		return info, nil
	}
	v, err := s.view(ctx, q.To, q.From)
	if err != nil {
		return disco.Info{}, err
	}
	if q.Node != "" {
		n, err := s.Store.Read(ctx, q.To, q.Node, Query{})
		if err != nil || v.refusal(n) != nil {
			return disco.Info{}, err
		}
		return disco.Info{
			Identities: []disco.Identity{{Category: "pubsub", Type: "leaf"}},
			Features:   []string{disco.NSInfo, disco.NSItems, NS},
		}, nil
	}
	if !v.known() {
		nodes, err := s.visible(ctx, q.To, v)
		if err != nil || len(nodes) == 0 {
			return disco.Info{}, err
		}
	}
	info.Identities = append(info.Identities, disco.Identity{Category: "pubsub", Type: "pep"})
	info.Features = append(info.Features, features...)
	return info, nil
}

// Items answers disco#items: an account's nodes, and the ids of a node's items, each to
// those who may see them. It has the form of disco.Service.Items.
func (s *Service) Items(ctx context.Context, q disco.Query) ([]disco.Item, error) {
	if q.To.Local() == "" || !q.To.IsBare() {
		if q.Node != "" {
			return nil, stanza.Errorf(stanza.ItemNotFound, "")
		}
		return nil, nil
	}
	v, err := s.view(ctx, q.To, q.From)
	if err != nil {
		return nil, err
	}
	var items []disco.Item
	if q.Node == "" {
		nodes, err := s.visible(ctx, q.To, v)
		for _, n := range nodes {
			items = append(items, disco.Item{JID: q.To, Node: n.Name})
		}
		return items, err
	}
	n, err := s.Store.Read(ctx, q.To, q.Node, Query{Max: s.maxItems(), Bytes: orDefault(s.MaxAnswer, 262144)})
	if err != nil {
		return nil, err
	}
	if v.refusal(n) != nil {
		return nil, stanza.Errorf(stanza.ItemNotFound, "")
	}
	for _, it := range n.Items {
		items = append(items, disco.Item{JID: q.To, Name: it.ID})
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
