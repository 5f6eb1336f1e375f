package disco

import (
	"context"
	"slices"
	"strings"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// FeatureLister tells what something can do. A [*stanza.Mux] is one. Features is
// called for each request, by several goroutines at once.
type FeatureLister interface {
	Features() []string
}

// Query is what a request asked.
type Query struct {
	From, To jid.JID
	Node     string // empty: the address itself
}

// Service answers disco#info and disco#items for local addresses. The zero Service
// answers for domains, as an IM server that can do nothing but this. Its fields must
// not change while it serves; it is safe for concurrent use.
type Service struct {
	// Features lists what the domains can do, beside service discovery itself. Nil:
	// nothing more.
	Features FeatureLister

	// Info decides the answer to a disco#info request. It gets what the Service would
	// say and returns it, changed or not: other identities for an address of its own,
	// forms, fewer features. What it gets is, for a domain, the identity server/im and
	// the Features; for an account, the identity account/registered; and for a node,
	// or for a full address, which is somebody's session, nothing but the two features
	// of service discovery.
	//
	// An Info without identities is answered with item-not-found for a node and else
	// with service-unavailable. A [*stanza.Error] refuses in other words. An account
	// is to be shown only to those who may see its presence (XEP-0030 section 8).
	//
	// Nil: domains are answered as said, all else with these errors.
	Info func(ctx context.Context, q Query, info Info) (Info, error)

	// Items lists what an address or node has. A node that does not exist is the
	// function's to refuse, with item-not-found; an address that has nothing has an
	// empty list.
	//
	// Nil: nothing, and no node of a domain exists.
	Items func(ctx context.Context, q Query) ([]Item, error)
}

// Register has the mux route both requests to s. It panics if it did so before.
func (s *Service) Register(m *stanza.Mux) {
	m.HandleIQ(stanza.Get, NSInfo+" query", s)
	m.HandleIQ(stanza.Get, NSItems+" query", s)
}

// HandleStanza implements [stanza.Handler]. It leaves all but the two requests
// unhandled.
func (s *Service) HandleStanza(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
	if st.Kind != stanza.IQ || st.Type != stanza.Get {
		return nil, nil
	}
	for name, raw := range st.Payloads() {
		if name.Local != "query" || name.Space != NSInfo && name.Space != NSItems {
			continue
		}
		var r request
		if err := raw.Decode(&r); err != nil {
			return nil, stanza.Errorf(stanza.BadRequest, "")
		}
		q := Query{From: st.From, To: st.To, Node: r.Node}
		if name.Space == NSInfo {
			info, err := s.info(ctx, q)
			if err != nil {
				return nil, err
			}
			return st.Reply(stanza.Result, info)
		}
		items, err := s.items(ctx, q)
		if err != nil {
			return nil, err
		}
		return st.Reply(stanza.Result, items)
	}
	return nil, nil
}

// info answers for an address or a node.
func (s *Service) info(ctx context.Context, q Query) (Info, error) {
	info, err := s.decide(ctx, q)
	if err != nil {
		return Info{}, err
	}
	if len(info.Identities) == 0 && q.Node != "" {
		if info, err = s.caps(ctx, q); err != nil {
			return Info{}, err
		}
	}
	switch {
	case len(info.Identities) != 0:
		info.Node = q.Node // XEP-0030 section 3.2: mirrored
		return info, nil
	case q.Node != "" && q.To.Local() == "":
		return Info{}, stanza.Errorf(stanza.ItemNotFound, "")
	}
	return Info{}, stanza.Errorf(stanza.ServiceUnavailable, "")
}

// decide asks the host what to answer.
func (s *Service) decide(ctx context.Context, q Query) (Info, error) {
	info := Info{Features: []string{NSInfo, NSItems}}
	switch isDomain := q.To.Local() == "" && q.To.IsBare(); {
	case q.Node != "":
	case isDomain:
		info.Identities = []Identity{{Category: "server", Type: "im"}}
		if s.Features != nil {
			info.Features = append(info.Features, s.Features.Features()...)
			slices.Sort(info.Features)
			info.Features = slices.Compact(info.Features)
		}
		if s.Info == nil {
			return info, nil
		}
	case q.To.IsBare():
		info.Identities = []Identity{{Category: "account", Type: "registered"}}
	}
	if s.Info == nil {
		return Info{}, nil
	}
	return s.Info(ctx, q, info)
}

// caps answers for a node that names the address's own capabilities: the hash of what
// it answers without a node (XEP-0115 section 6.2, XEP-0390 section 5.5).
func (s *Service) caps(ctx context.Context, q Query) (Info, error) {
	_, hash, ok := strings.Cut(q.Node, "#")
	if !ok {
		return Info{}, nil
	}
	info, err := s.decide(ctx, Query{From: q.From, To: q.To})
	if err != nil {
		return Info{}, err
	}
	if algo, value, ok := strings.Cut(hash, "."); ok && strings.HasPrefix(q.Node, nsCaps+"#") {
		if own, err := info.Hash(algo); err == nil && own == value {
			return info, nil
		}
	}
	if ver, err := info.Ver(); err == nil && ver == hash {
		return info, nil
	}
	return Info{}, nil
}

// items answers for an address or a node.
func (s *Service) items(ctx context.Context, q Query) (Items, error) {
	items := Items{Node: q.Node}
	var err error
	switch {
	case s.Items != nil:
		items.Items, err = s.Items(ctx, q)
	case q.Node != "" && q.To.Local() == "":
		err = stanza.Errorf(stanza.ItemNotFound, "")
	}
	return items, err
}
