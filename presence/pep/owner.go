package pep

import (
	"context"
	"encoding/xml"
	"slices"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// own does what the owner of a node asks for by XEP-0060 section 7: publish, retract
// and create. rest are the children beside the first.
func (s *Service) own(ctx context.Context, owner jid.JID, first child, rest []child) (any, error) {
	a, err := attributesOf(first.raw)
	if err != nil {
		return nil, stanza.Errorf(stanza.BadRequest, "")
	}
	if first.name.Local == "create" {
		return s.create(ctx, owner, a.Node, rest)
	}
	if a.Node == "" {
		return nil, errNode
	}
	var items []child
	for name, raw := range first.raw.Children() {
		if name.Space == NS && name.Local == "item" {
			items = append(items, child{name, raw})
		}
	}
	if len(items) != 1 {
		return nil, refuse(stanza.BadRequest, stanza.Modify, "item-required")
	}
	item, err := attributesOf(items[0].raw)
	if err != nil {
		return nil, stanza.Errorf(stanza.BadRequest, "")
	}
	if first.name.Local == "retract" {
		if item.ID == "" {
			return nil, refuse(stanza.BadRequest, stanza.Modify, "item-required")
		}
		notify, _ := readBool(a.Notify)
		return nil, s.retract(ctx, owner, a.Node, item.ID, notify)
	}
	it := Item{ID: item.ID}
	for _, payload := range items[0].raw.Children() {
		if it.Payload != nil {
			return nil, ErrPayload
		}
		it.Payload = payload
	}
	var meets func(Config) Config
	for _, c := range rest {
		if c.name.Space != NS || c.name.Local != "publish-options" {
			continue
		}
		ok := false
		if meets, ok = readForm(c.raw, formPublish); !ok {
			return nil, ErrConfig
		}
	}
	if it, err = s.publish(ctx, owner, a.Node, it, meets); err != nil {
		return nil, err
	}
	return pubsubXML{Publish: &publishedXML{a.Node, retractXML{it.ID}}}, nil
}

// create makes a node (XEP-0060 section 8.1).
func (s *Service) create(ctx context.Context, owner jid.JID, node string, rest []child) (any, error) {
	change := func(c Config) Config { return c }
	for _, c := range rest {
		if c.name.Space == NS && c.name.Local == "configure" {
			ok := false
			if change, ok = readForm(c.raw, formConfig); !ok && hasChildren(c.raw) {
				return nil, stanza.Errorf(stanza.NotAcceptable, "")
			} else if !ok {
				change = func(c Config) Config { return c }
			}
		}
	}
	if node == "" {
		return nil, errNode
	}
	n, err := s.Store.Read(ctx, owner, node, Query{})
	switch {
	case err != nil:
		return nil, err
	case n.Exists():
		return nil, stanza.Errorf(stanza.Conflict, "")
	}
	return nil, s.configure(ctx, owner, node, change)
}

func hasChildren(raw stanza.Raw) bool {
	for range raw.Children() {
		return true
	}
	return false
}

// configXML is what the owner's requests and answers are made of.
type configXML struct {
	XMLName   xml.Name `xml:"http://jabber.org/protocol/pubsub#owner pubsub"`
	Configure *struct {
		Node string  `xml:"node,attr"`
		Form formXML `xml:"jabber:x:data x"`
	} `xml:"configure"`
	Affiliations *affiliationsXML `xml:"affiliations"`
}

type affiliationsXML struct {
	Node         string           `xml:"node,attr"`
	Affiliations []affiliationXML `xml:"affiliation"`
}

type affiliationXML struct {
	JID         string `xml:"jid,attr"`
	Affiliation string `xml:"affiliation,attr"`
}

// manage does what the owner of a node asks for by XEP-0060 section 8.
func (s *Service) manage(ctx context.Context, owner jid.JID, verb string, raw stanza.Raw) (any, error) {
	a, err := attributesOf(raw)
	switch {
	case err != nil:
		return nil, stanza.Errorf(stanza.BadRequest, "")
	case a.Node == "":
		return nil, errNode
	}
	n, err := s.Store.Read(ctx, owner, a.Node, Query{})
	switch {
	case err != nil:
		return nil, err
	case !n.Exists():
		return nil, ErrNone
	}
	switch verb {
	case "get configure":
		var x configXML
		x.Configure = &struct {
			Node string  `xml:"node,attr"`
			Form formXML `xml:"jabber:x:data x"`
		}{a.Node, n.Config.form()}
		return x, nil
	case "set configure":
		change, ok := readForm(raw, formConfig)
		if !ok {
			return nil, stanza.Errorf(stanza.NotAcceptable, "")
		}
		return nil, s.configure(ctx, owner, a.Node, change)
	case "set delete":
		return nil, s.Delete(ctx, owner, a.Node)
	case "set purge":
		return nil, s.Purge(ctx, owner, a.Node)
	case "get affiliations":
		x := &affiliationsXML{Node: a.Node, Affiliations: []affiliationXML{{owner.String(), "owner"}}}
		for _, j := range n.Config.Allowed {
			x.Affiliations = append(x.Affiliations, affiliationXML{j.String(), "member"})
		}
		return configXML{Affiliations: x}, nil
	case "set affiliations":
		return nil, s.affiliate(ctx, owner, a.Node, raw)
	}
	return nil, stanza.Errorf(stanza.FeatureNotImplemented, "")
}

// affiliate changes who is on the whitelist (XEP-0060 section 8.9.2).
func (s *Service) affiliate(ctx context.Context, owner jid.JID, node string, raw stanza.Raw) error {
	var x affiliationsXML
	if err := raw.Decode(&x); err != nil {
		return stanza.Errorf(stanza.BadRequest, "")
	}
	members := make(map[jid.JID]bool)
	for _, a := range x.Affiliations {
		j, _, err := jid.ParseLegacy(a.JID)
		if err != nil || a.Affiliation != "member" && a.Affiliation != "none" || j.Bare() == owner {
			return stanza.Errorf(stanza.NotAcceptable, "")
		}
		members[j.Bare()] = a.Affiliation == "member"
	}
	return s.configure(ctx, owner, node, func(c Config) Config {
		c.Allowed = slices.DeleteFunc(c.Allowed, func(j jid.JID) bool { _, ok := members[j]; return ok })
		for j, member := range members {
			if member {
				c.Allowed = append(c.Allowed, j)
			}
		}
		c.Allowed = sortedJIDs(c.Allowed)
		return c
	})
}
