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

	// Client is what the sessions of accounts can do, and their presence says by
	// [Info.AppendCaps]. It must not change. Zero: nothing that is known here.
	Client Info

	// Contacts are how to reach those who run the domains (XEP-0157); they are part of
	// every domain's info. Nil: not said. A Service that is registered with the Mux of
	// a server answers in place of the server's own, whose Config.Contacts nobody gets
	// then.
	Contacts Contacts

	// Info decides the answer to a disco#info request. It gets what the Service would
	// say and returns it, changed or not: other identities for an address of its own,
	// forms, fewer features. What it gets is, for a domain, the identity server/im and
	// the Features; for an account, the identity account/registered; for a full
	// address, which is somebody's session, Client; and for a node, or where there is
	// no Client, nothing but the two features of service discovery.
	//
	// An Info without identities is answered with item-not-found for a node and else
	// with service-unavailable. A [*stanza.Error] refuses in other words. An account
	// is to be shown only to those who may see its presence (XEP-0030 section 8).
	//
	// Nil: domains are answered as said, all else with these errors.
	Info func(ctx context.Context, q Query, info Info) (Info, error)

	// Items lists what an address or node has. A node that does not exist is the
	// function's to refuse, with item-not-found; an address that has nothing has an
	// empty list. An account is to be shown only to those who may see its presence;
	// service-unavailable is what others hear.
	//
	// Nil: domains have nothing and no nodes, and accounts are not answered for.
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
		if s.Contacts != nil {
			form, err := s.Contacts.Form()
			if err != nil {
				return Info{}, err
			}
			info.Forms = append(info.Forms, form)
		}
		if s.Info == nil {
			return info, nil
		}
	case q.To.IsBare():
		info.Identities = []Identity{{Category: "account", Type: "registered"}}
	case q.To.Local() != "" && len(s.Client.Identities) > 0:
		info = s.Client
		info.Identities, info.Features = slices.Clone(info.Identities), slices.Clone(info.Features)
	}
	if s.Info == nil {
		return Info{}, nil
	}
	return s.Info(ctx, q, info)
}

// caps answers for a node that names the address's own capabilities: the hash of what
// it answers without a node (XEP-0115 section 6.2, XEP-0390 section 5.5).
func (s *Service) caps(ctx context.Context, q Query) (Info, error) {
	if !strings.Contains(q.Node, "#") {
		return Info{}, nil
	}
	info, err := s.decide(ctx, Query{From: q.From, To: q.To})
	if err != nil || !hasHash(info, q.Node) {
		return Info{}, err
	}
	return info, nil
}

// hasHash reports whether a node names the hash of i.
func hasHash(i Info, node string) bool {
	_, hash, ok := strings.Cut(node, "#")
	if !ok {
		return false
	}
	if algo, value, ok := strings.Cut(hash, "."); ok && strings.HasPrefix(node, nsCaps+"#") {
		if own, err := i.Hash(algo); err == nil && own == value {
			return true
		}
	}
	ver, err := i.Ver()
	return err == nil && ver == hash
}

// items answers for an address or a node.
func (s *Service) items(ctx context.Context, q Query) (Items, error) {
	items := Items{Node: q.Node}
	var err error
	switch {
	case s.Items != nil:
		items.Items, err = s.Items(ctx, q)
	case q.To.Local() != "":
		err = stanza.Errorf(stanza.ServiceUnavailable, "")
	case q.Node != "":
		err = stanza.Errorf(stanza.ItemNotFound, "")
	}
	return items, err
}
