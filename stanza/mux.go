package stanza

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// Mux routes each stanza to exactly one handler: the one registered for its To
// domain, else for its first child that anyone registered for, in document order,
// else for its kind. Nobody: it returns nil and nil, and the server answers a
// request that nobody handled (see [Handler]); but a probe is answered by
// [Stanza.DenyProbe], as for an account that does not exist. Combining several handlers is a
// handler's business.
//
// A payload is named as in an encoding/xml tag, "urn:xmpp:ping ping"; "space *"
// matches every element of a namespace that is not registered by its own name. A
// name without a namespace is one in the content namespace.
//
// Registering the same thing twice panics and names both places, as does a nil
// handler or a type that the kind does not have. Registering while serving is
// safe. The zero Mux is ready to use; a Mux must not be copied once it is in use.
type Mux struct {
	mu    sync.Mutex // held while registering
	table atomic.Pointer[routes]
}

// NewMux returns an empty Mux.
func NewMux() *Mux { return new(Mux) }

// routes is one version of a Mux's table; it does not change once published.
type routes struct {
	domains  map[string]route
	messages map[xml.Name]route // the zero name: any message
	presence map[Type]route
	iqs      map[Type]map[xml.Name]route // the zero name: any of the type
	features []string                    // sorted, each once
}

type route struct {
	h    Handler
	site string // file:line of the registration
}

// HandleMessage registers h for messages whose child is payload, or with "" for
// any message left. An error message may echo the payload of what it is about, so
// it goes to the handler of "error", if any, else to that of "".
func (m *Mux) HandleMessage(payload string, h Handler) {
	name := checkName("HandleMessage", payload)
	m.register(fmt.Sprintf("HandleMessage(%q)", payload), h, func(t *routes, r route) (string, bool) {
		t.messages = maps.Clone(t.messages)
		return put(&t.messages, name, r)
	})
}

// HandlePresence registers h for presence of type typ, or with [AnyType] for all
// types, errors included, that have no handler of their own.
func (m *Mux) HandlePresence(typ Type, h Handler) {
	if typ != AnyType && !typ.Valid(Presence) {
		panic(fmt.Sprintf("stanza: HandlePresence(%q): no such presence type", typ))
	}
	m.register(fmt.Sprintf("HandlePresence(%q)", typ), h, func(t *routes, r route) (string, bool) {
		t.presence = maps.Clone(t.presence)
		return put(&t.presence, typ, r)
	})
}

// HandleIQ registers h for IQs of type typ whose child is payload, or with "" for
// any of that type left. The namespace of a get's or set's payload is advertised
// as by [Mux.Advertise]. Results and errors that answer a [Requester] never come
// here.
func (m *Mux) HandleIQ(typ Type, payload string, h Handler) {
	name := checkName("HandleIQ", payload)
	if !typ.Valid(IQ) {
		panic(fmt.Sprintf("stanza: HandleIQ(%q, %q): no such iq type", typ, payload))
	}
	m.register(fmt.Sprintf("HandleIQ(%q, %q)", typ, payload), h, func(t *routes, r route) (string, bool) {
		t.iqs = maps.Clone(t.iqs)
		if t.iqs == nil {
			t.iqs = make(map[Type]map[xml.Name]route)
		}
		names := maps.Clone(t.iqs[typ])
		site, ok := put(&names, name, r)
		t.iqs[typ] = names
		if name.Space != "" && (typ == Get || typ == Set) {
			t.advertise(name.Space)
		}
		return site, ok
	})
}

// HandleDomain registers h for everything addressed to a domain, whatever its kind
// and payload. It panics if domain is not the domain part of an address.
func (m *Mux) HandleDomain(domain string, h Handler) {
	j, err := jid.New("", domain, "")
	if err != nil {
		panic(fmt.Sprintf("stanza: HandleDomain(%q): %v", domain, err))
	}
	m.register(fmt.Sprintf("HandleDomain(%q)", domain), h, func(t *routes, r route) (string, bool) {
		t.domains = maps.Clone(t.domains)
		return put(&t.domains, j.Domain(), r)
	})
}

// Advertise adds features to those that [Mux.Features] returns, for protocols that
// have no request of their own. Adding one twice is no mistake.
func (m *Mux) Advertise(features ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.copy()
	t.advertise(features...)
	m.table.Store(&t)
}

// Features returns what this Mux serves, for service discovery: the namespaces of
// the requests that have handlers and what was advertised, sorted, each once. What
// handlers of whole domains serve is theirs to tell. The caller owns the result.
func (m *Mux) Features() []string {
	t := m.table.Load()
	if t == nil {
		return nil
	}
	return slices.Clone(t.features)
}

// HandleStanza implements [Handler]. It takes no lock, and allocates nothing but
// answers to probes.
func (m *Mux) HandleStanza(ctx context.Context, s *Stanza) (*Stanza, error) {
	if t := m.table.Load(); t != nil {
		if h := t.lookup(s); h != nil {
			return h.HandleStanza(ctx, s)
		}
	}
	if s.Kind == Presence && s.Type == Probe {
		return s.DenyProbe(), nil
	}
	return nil, nil
}

func (t *routes) lookup(s *Stanza) Handler {
	if len(t.domains) != 0 {
		if r, ok := t.domains[s.To.Domain()]; ok {
			return r.h
		}
	}
	switch s.Kind {
	case Message:
		if s.Type == TypeError {
			if r, ok := t.messages[xml.Name{Local: "error"}]; ok {
				return r.h
			}
			return t.messages[xml.Name{}].h
		}
		return byPayload(t.messages, s.Inner)
	case Presence:
		if r, ok := t.presence[s.Type]; ok {
			return r.h
		}
		return t.presence[AnyType].h
	case IQ:
		return byPayload(t.iqs[s.Type], s.Inner)
	}
	return nil
}

// byPayload returns the handler of the first child that has one, by its own name
// before its namespace, else the general one.
func byPayload(m map[xml.Name]route, inner []byte) Handler {
	general, ok := m[xml.Name{}]
	if len(m) == 0 || ok && len(m) == 1 {
		return general.h
	}
	for c := range xmlscan.Children(inner, "") {
		space := contentSpace(c.Space)
		if r, ok := m[xml.Name{Space: string(space), Local: string(c.Local)}]; ok {
			return r.h
		}
		if r, ok := m[xml.Name{Space: string(space), Local: "*"}]; ok {
			return r.h
		}
	}
	return general.h
}

// register publishes a copy of the table that add has changed. It is called by an
// exported method directly, so that the caller's caller is the registration.
func (m *Mux) register(what string, h Handler, add func(*routes, route) (string, bool)) {
	if h == nil {
		panic("stanza: " + what + ": nil handler")
	}
	site := "an unknown place"
	if _, file, line, ok := runtime.Caller(2); ok {
		site = fmt.Sprintf("%s:%d", file, line)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.copy()
	if first, ok := add(&t, route{h, site}); !ok {
		panic(fmt.Sprintf("stanza: %s at %s conflicts with the one at %s", what, site, first))
	}
	m.table.Store(&t)
}

func (m *Mux) copy() routes {
	if t := m.table.Load(); t != nil {
		return *t
	}
	return routes{}
}

func (t *routes) advertise(features ...string) {
	all := append(slices.Clone(t.features), features...)
	slices.Sort(all)
	t.features = slices.Compact(all)
}

// put adds to a map that may be nil. If the key is taken it returns where and
// false.
func put[K comparable](m *map[K]route, k K, r route) (string, bool) {
	if old, ok := (*m)[k]; ok {
		return old.site, false
	}
	if *m == nil {
		*m = make(map[K]route)
	}
	(*m)[k] = r
	return "", true
}

func checkName(method, payload string) xml.Name {
	name := parseName(payload)
	if payload != "" && name.Local == "" || name.Space == "" && name.Local == "*" {
		panic(fmt.Sprintf("stanza: %s(%q): not a payload name", method, payload))
	}
	return name
}
