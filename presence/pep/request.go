package pep

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// request answers an IQ to the bare address of a user.
func (s *Service) request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	owner := iq.To.Bare()
	v, err := s.view(ctx, owner, iq.From)
	if err != nil {
		return nil, err
	}
	answer, proof, err := s.perform(ctx, owner, v, iq)
	if !v.known() && (err != nil || !proof) {
		shown, failed := s.shown(ctx, owner, v)
		switch {
		case failed != nil:
			return nil, failed
		case !shown:
			return nil, stanza.Errorf(stanza.ServiceUnavailable, "") // as of users that there are not
		}
	}
	if err != nil {
		return nil, wire(err)
	}
	return iq.Reply(stanza.Result, answer)
}

// perform does what a request asks for. proof tells that it was about a node which the
// requester may see, so that the answer gives nothing away.
func (s *Service) perform(ctx context.Context, owner jid.JID, v viewer, iq *stanza.Stanza) (answer any, proof bool, err error) {
	var space string
	var children []child
	for name, raw := range iq.Payloads() {
		if name.Local == "pubsub" && (name.Space == NS || name.Space == nsOwner) {
			space = name.Space
			for name, raw := range raw.Children() {
				children = append(children, child{name, raw})
			}
			break
		}
	}
	if len(children) == 0 {
		return nil, false, stanza.Errorf(stanza.BadRequest, "")
	}
	first := children[0]
	switch verb := string(iq.Type) + " " + first.name.Local; {
	case first.name.Space != space:
		err = stanza.Errorf(stanza.BadRequest, "")
	case space == nsOwner && !v.owner:
		err = stanza.Errorf(stanza.Forbidden, "")
	case space == nsOwner:
		answer, err = s.manage(ctx, owner, verb, first.raw)
	case verb == "get items":
		answer, err = s.retrieve(ctx, owner, v, first.raw)
		proof = true
	case verb == "get subscriptions":
		answer, err = s.subscriptions(ctx, owner, v, first.raw)
	case verb == "set subscribe":
		answer, err = s.subscribe(ctx, owner, v, first.raw)
		proof = true
	case verb == "set unsubscribe":
		answer, err = s.unsubscribe(ctx, owner, v, first.raw)
		proof = true
	case verb == "set publish", verb == "set retract", verb == "set create":
		if !v.owner {
			return nil, false, stanza.Errorf(stanza.Forbidden, "")
		}
		answer, err = s.own(ctx, owner, first, children[1:])
	default:
		err = unsupported(featureOf(first.name.Local))
	}
	return answer, proof, err
}

// child is a child of a request.
type child struct {
	name xml.Name
	raw  stanza.Raw
}

// featureOf is the feature that a request without an answer needs (XEP-0060 section
// 10).
func featureOf(element string) string {
	switch element {
	case "affiliations":
		return "retrieve-affiliations"
	case "options":
		return "subscription-options"
	case "default":
		return "retrieve-default-sub"
	}
	return element
}

// wire is an error as a requester gets to see it.
func wire(err error) error {
	var se *stanza.Error
	switch {
	case errors.As(err, &se):
		return se
	case errors.Is(err, ErrNone):
		return stanza.Errorf(stanza.ItemNotFound, "")
	case errors.Is(err, ErrConfig):
		return refuse(stanza.Conflict, stanza.Cancel, "precondition-not-met")
	case errors.Is(err, ErrPayload):
		return refuse(stanza.BadRequest, stanza.Modify, "invalid-payload")
	case errors.Is(err, ErrLimit):
		return refuse(stanza.NotAcceptable, stanza.Modify, "payload-too-big")
	}
	return err
}

var errNode = refuse(stanza.BadRequest, stanza.Modify, "nodeid-required")

// retrieve answers a request for items (XEP-0060 section 6.5).
func (s *Service) retrieve(ctx context.Context, owner jid.JID, v viewer, raw stanza.Raw) (any, error) {
	a, err := attributesOf(raw)
	if err != nil {
		return nil, stanza.Errorf(stanza.BadRequest, "")
	}
	q := Query{Max: s.maxItems(), Bytes: orDefault(s.MaxAnswer, 262144)}
	if a.MaxItems != "" {
		n, err := strconv.ParseUint(strings.TrimSpace(a.MaxItems), 10, 31)
		if err != nil || n == 0 {
			return nil, stanza.Errorf(stanza.BadRequest, "")
		}
		q.Max = min(q.Max, int(n))
	}
	for name, item := range raw.Children() {
		it, err := attributesOf(item)
		switch {
		case name.Space != NS || name.Local != "item":
			continue
		case err != nil || it.ID == "":
			return nil, refuse(stanza.BadRequest, stanza.Modify, "item-required")
		case len(q.IDs) >= s.maxItems():
			return nil, stanza.Errorf(stanza.PolicyViolation, "")
		}
		q.IDs = append(q.IDs, it.ID)
	}
	if a.Node == "" {
		return nil, errNode
	}
	n, err := s.Store.Read(ctx, owner, a.Node, Query{})
	if err != nil {
		return nil, fmt.Errorf("pep: read %s of %s: %w", a.Node, owner, err)
	}
	if err := v.refusal(n); err != nil {
		return nil, err
	}
	if n, err = s.Store.Read(ctx, owner, a.Node, q); err != nil {
		return nil, fmt.Errorf("pep: read %s of %s: %w", a.Node, owner, err)
	}
	if err := v.refusal(n); err != nil { // it was changed meanwhile
		return nil, err
	}
	return pubsubXML{Items: itemsOf(a.Node, n.Items, true), Set: s.cut(ctx, owner, a.Node, q, n.Items)}, nil
}

// cut tells the reader of items that MaxAnswer has left some out (XEP-0060 section 6.5.4).
// It returns nil if that is not so. The items of the node are counted only if it may be.
func (s *Service) cut(ctx context.Context, owner jid.JID, node string, q Query, items []Item) *setXML {
	size := orDefault(s.MaxItem, 131072) // of the next one
	for _, it := range items {
		size += len(it.Payload)
	}
	if len(items) == 0 || len(items) == q.Max || len(items) == len(q.IDs) || size <= q.Bytes {
		return nil
	}
	count := 0
	_, err := s.Store.Update(ctx, owner, node, func(n Node) (Node, error) {
		if count = len(n.Items); q.IDs != nil {
			n.Items = slices.DeleteFunc(n.Items, func(it Item) bool { return !slices.Contains(q.IDs, it.ID) })
			count = len(n.Items)
		}
		return n, errCounted
	})
	if !errors.Is(err, errCounted) {
		s.log().Error("items not counted", "local", owner, "node", node, "err", err)
		return nil
	}
	if count <= len(items) {
		return nil
	}
	return &setXML{First: firstXML{count - len(items), items[0].ID}, Last: items[len(items)-1].ID, Count: count}
}

// errCounted ends an Update that is only to count.
var errCounted = errors.New("pep: only counted")

// subscriptions answers with a requester's own subscriptions (XEP-0060 section 5.6).
func (s *Service) subscriptions(ctx context.Context, owner jid.JID, v viewer, raw stanza.Raw) (any, error) {
	a, err := attributesOf(raw)
	if err != nil {
		return nil, stanza.Errorf(stanza.BadRequest, "")
	}
	nodes := []Node{{Name: a.Node}}
	if a.Node == "" {
		if nodes, err = s.Store.Nodes(ctx, owner); err != nil {
			return nil, err
		}
	}
	answer := &subscriptionsXML{Node: a.Node}
	for _, n := range nodes {
		if n, err = s.Store.Read(ctx, owner, n.Name, Query{}); err != nil {
			return nil, err
		}
		for _, j := range n.Subscribers {
			if j.Bare() == v.who && v.sees(n.Config) {
				answer.Subscriptions = append(answer.Subscriptions, subscriptionXML{n.Name, j.String(), "subscribed"})
			}
		}
	}
	return pubsubXML{Subscriptions: answer}, nil
}

// subscriber reads what a subscription is about. The address must be the requester's.
func subscriber(v viewer, raw stanza.Raw) (attributes, jid.JID, error) {
	a, err := attributesOf(raw)
	if err != nil {
		return a, jid.JID{}, stanza.Errorf(stanza.BadRequest, "")
	}
	who, _, err := jid.ParseLegacy(a.JID)
	switch {
	case a.Node == "":
		return a, who, errNode
	case err != nil || who.Bare() != v.who:
		return a, who, refuse(stanza.BadRequest, stanza.Modify, "invalid-jid")
	}
	return a, who, nil
}

// subscribe adds a subscription (XEP-0060 section 6.1).
func (s *Service) subscribe(ctx context.Context, owner jid.JID, v viewer, raw stanza.Raw) (any, error) {
	a, who, err := subscriber(v, raw)
	if err != nil {
		return nil, err
	}
	most := orDefault(s.MaxSubscribers, 1000)
	fresh := false
	n, err := s.Store.Update(ctx, owner, a.Node, func(n Node) (Node, error) {
		if err := v.refusal(n); err != nil {
			return n, err
		}
		if fresh = !slices.Contains(n.Subscribers, who); !fresh {
			return n, nil
		}
		neighbours := 0
		for _, j := range n.Subscribers {
			if j.Domain() == who.Domain() {
				neighbours++
			}
		}
		if len(n.Subscribers) >= most || neighbours >= max(most/4, 1) {
			return n, refuse(stanza.PolicyViolation, stanza.Wait, "too-many-subscriptions")
		}
		n.Subscribers = append(n.Subscribers, who)
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	if fresh && n.Config.SendLast != Never {
		if err := s.lastItem(ctx, owner, a.Node, v, []jid.JID{who}); err != nil {
			s.log().Error("last item not sent", "local", owner, "remote", who, "err", err)
		}
		s.drain(ctx, owner)
	}
	return pubsubXML{Subscription: &subscriptionXML{a.Node, who.String(), "subscribed"}}, nil
}

// unsubscribe ends a subscription (XEP-0060 section 6.2).
func (s *Service) unsubscribe(ctx context.Context, owner jid.JID, v viewer, raw stanza.Raw) (any, error) {
	a, who, err := subscriber(v, raw)
	if err != nil {
		return nil, err
	}
	_, err = s.Store.Update(ctx, owner, a.Node, func(n Node) (Node, error) {
		before := len(n.Subscribers)
		n.Subscribers = slices.DeleteFunc(n.Subscribers, func(j jid.JID) bool { return j == who })
		if len(n.Subscribers) < before {
			return n, nil
		}
		if err := v.refusal(n); err != nil {
			return n, err
		}
		return n, refuse(stanza.UnexpectedRequest, stanza.Cancel, "not-subscribed")
	})
	return nil, err
}
