package profile

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// Store returns a [pep.Store] in which each user who has a profile has the nodes for it:
// AvatarNode, DataNode while there is an avatar, and NickNode. They are made of
// the profile when somebody asks, so nothing has to be published, and cannot be
// changed: Update returns [ErrFixed] for all but explicit subscriptions, which are
// kept in kept. A profile without avatar or nick says so by an empty element.
//
// All other nodes are those of kept, whose nodes of these names are hidden.
func (s *Service) Store(kept pep.Store) pep.Store { return &overlay{s, kept} }

type overlay struct {
	s    *Service
	kept pep.Store
}

func isFixed(node string) bool { return node == AvatarNode || node == DataNode || node == NickNode }

// Nodes returns the nodes of kept and those of the profile.
func (o *overlay) Nodes(ctx context.Context, owner jid.JID) ([]pep.Node, error) {
	nodes, err := o.kept.Nodes(ctx, owner)
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(n pep.Node) bool { return isFixed(n.Name) })
	made, err := o.s.nodes(ctx, owner)
	for _, n := range made {
		n.Items = nil
		nodes = append(nodes, n)
	}
	return nodes, err
}

// Read returns a node of kept, or one of the profile with the subscribers of kept.
func (o *overlay) Read(ctx context.Context, owner jid.JID, node string, q pep.Query) (pep.Node, error) {
	if !isFixed(node) {
		return o.kept.Read(ctx, owner, node, q)
	}
	n, err := o.s.node(ctx, owner, node)
	if err != nil || !n.Exists() {
		return n, err
	}
	k, err := o.kept.Read(ctx, owner, node, pep.Query{})
	n.Items, n.Subscribers = q.Pick(n.Items), k.Subscribers
	return n, err
}

// Update changes a node of kept, or the subscribers of one of the profile.
func (o *overlay) Update(ctx context.Context, owner jid.JID, node string, fn func(pep.Node) (pep.Node, error)) (pep.Node, error) {
	if !isFixed(node) {
		return o.kept.Update(ctx, owner, node, fn)
	}
	made, err := o.s.node(ctx, owner, node)
	if err != nil {
		return pep.Node{}, err
	}
	for i := range made.Items {
		made.Items[i].Payload = nil
	}
	k, err := o.kept.Update(ctx, owner, node, func(k pep.Node) (pep.Node, error) {
		given := made
		given.Items = slices.Clone(made.Items)
		if made.Exists() {
			given.Subscribers = k.Subscribers
		}
		result, err := fn(given)
		if err != nil {
			return k, err
		}
		if result.Exists() != made.Exists() || !result.Config.Equal(made.Config) || !slices.EqualFunc(result.Items, made.Items, sameItem) {
			return k, ErrFixed
		}
		if len(result.Subscribers) == 0 {
			return pep.Node{}, nil
		}
		return pep.Node{Created: made.Created, Subscribers: result.Subscribers}, nil
	})
	made.Subscribers = k.Subscribers
	return made, err
}

func sameItem(a, b pep.Item) bool {
	return a.ID == b.ID && a.Payload == nil && b.Payload == nil && a.Published.Equal(b.Published)
}

// node returns a node of a profile with its item, one that does not exist if there is
// none.
func (s *Service) node(ctx context.Context, owner jid.JID, name string) (pep.Node, error) {
	nodes, err := s.nodes(ctx, owner)
	for _, n := range nodes {
		if n.Name == name {
			return n, err
		}
	}
	return pep.Node{Name: name}, err
}

// nodes returns the nodes of a profile.
func (s *Service) nodes(ctx context.Context, owner jid.JID) ([]pep.Node, error) {
	p, ok, err := s.profile(ctx, owner)
	if !ok {
		return nil, err
	}
	at := p.Changed
	if at.IsZero() {
		at = time.Now()
	}
	at = at.UTC().Truncate(time.Millisecond)
	id := p.Avatar.ID()
	if id == "" {
		id = "current"
	}
	var meta metadata
	parts := []part{{AvatarNode, id, &meta}, {NickNode, "current", nick{Text: p.Nick}}}
	if len(p.Avatar.Data) > 0 {
		meta.Info = []info{{
			Bytes: len(p.Avatar.Data), ID: id, Type: p.Avatar.Type, Width: p.Avatar.Width, Height: p.Avatar.Height,
		}}
		parts = append(parts, part{DataNode, id, data{Text: base64.StdEncoding.EncodeToString(p.Avatar.Data)}})
	}
	var nodes []pep.Node
	for _, part := range parts {
		payload, err := stanza.Marshal(part.payload)
		if err != nil {
			return nil, err
		}
		n := pep.Node{Name: part.node, Created: at, Config: pep.Config{Access: s.Access}}
		if part.node == DataNode { // fetched by those who do not know it
			n.Config.SendLast = pep.Never
		}
		n.Items = []pep.Item{{ID: part.id, Published: at, Payload: payload}}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// part is one node of a profile.
type part struct {
	node, id string
	payload  any
}

// metadata and data are the payloads of XEP-0084 section 4, nick that of XEP-0172
// section 3.
type metadata struct {
	XMLName xml.Name `xml:"urn:xmpp:avatar:metadata metadata"`
	Info    []info   `xml:"info"`
}

type info struct {
	Bytes  int    `xml:"bytes,attr"`
	ID     string `xml:"id,attr"`
	Type   string `xml:"type,attr"`
	Width  int    `xml:"width,attr,omitempty"`
	Height int    `xml:"height,attr,omitempty"`
	URL    string `xml:"url,attr,omitempty"`
}

type data struct {
	XMLName xml.Name `xml:"urn:xmpp:avatar:data data"`
	Text    string   `xml:",chardata"`
}

type nick struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/nick nick"`
	Text    string   `xml:",chardata"`
}
