package disco

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// peer is a Requester whose requests a handler answers, by way of bytes.
type peer struct{ h stanza.Handler }

func (p peer) Send(context.Context, *stanza.Stanza) error { return nil }

func (p peer) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	answer, err := p.h.HandleStanza(ctx, stanza.MustParse(iq.String()))
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	return stanza.MustParse(answer.String()), nil
}

// says answers every request with one payload.
func says(payload string) peer {
	return peer{stanza.IQFunc(func(context.Context, *stanza.Stanza) (any, error) {
		if payload == "" {
			return nil, nil
		}
		return stanza.Raw(payload), nil
	})}
}

var (
	here    = jid.MustParse("capulet.example")
	account = jid.MustParse("juliet@capulet.example")
	session = jid.MustParse("juliet@capulet.example/balcony")
	there   = jid.MustParse("montague.example")
)

type features []string

func (f features) Features() []string { return f }

func TestServiceInfo(t *testing.T) {
	rooms := &Service{
		Features: features{"urn:a", NSInfo, "urn:a"},
		Info: func(_ context.Context, q Query, info Info) (Info, error) {
			switch {
			case q.To == here && q.Node == "":
				info.Identities[0].Name = "The Capulets"
				info.Forms = []stanza.Raw{stanza.Raw(`<x xmlns="jabber:x:data" type="result">` + hidden + `</x>`)}
			case q.To == here && q.Node == "known":
				info.Identities = []Identity{{Category: "hierarchy", Type: "leaf"}}
			case q.To == account && q.From == there:
				return Info{}, stanza.Errorf(stanza.Forbidden, "")
			case q.To == session:
				info.Identities = []Identity{{"client", "bot", "B", "en"}}
			}
			return info, nil
		},
	}
	server := Identity{Category: "server", Type: "im"}
	both := []string{NSInfo, NSItems}
	for _, tt := range []struct {
		name       string
		s          *Service
		to         jid.JID
		node       string
		identity   Identity
		features   []string
		unanswered stanza.Condition
	}{
		{"zero, domain", &Service{}, here, "", server, both, ""},
		{"zero, node", &Service{}, here, "x", Identity{}, nil, stanza.ItemNotFound},
		{"zero, account", &Service{}, account, "", Identity{}, nil, stanza.ServiceUnavailable},
		{"zero, node of account", &Service{}, account, "x", Identity{}, nil, stanza.ServiceUnavailable},
		{"zero, session", &Service{}, session, "", Identity{}, nil, stanza.ServiceUnavailable},
		{"zero, resource of domain", &Service{}, jid.MustParse("capulet.example/x"), "", Identity{}, nil, stanza.ServiceUnavailable},
		{"features", &Service{Features: features{"urn:b", NSItems, "urn:a"}}, here, "", server, append(slices.Clone(both), "urn:a", "urn:b"), ""},
		{"named domain", rooms, here, "", Identity{"server", "im", "The Capulets", ""}, append(slices.Clone(both), "urn:a"), ""},
		{"known node", rooms, here, "known", Identity{Category: "hierarchy", Type: "leaf"}, both, ""},
		{"unknown node", rooms, here, "unknown", Identity{}, nil, stanza.ItemNotFound},
		{"refused account", rooms, account, "", Identity{}, nil, stanza.Forbidden},
		{"account", rooms, jid.MustParse("nurse@capulet.example"), "", Identity{Category: "account", Type: "registered"}, both, ""},
		{"session", rooms, session, "", Identity{"client", "bot", "B", "en"}, both, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			info, err := GetInfo(t.Context(), peer{tt.s}, there, tt.to, tt.node)
			if tt.unanswered != "" {
				if !errors.Is(err, &stanza.Error{Condition: tt.unanswered}) {
					t.Errorf("%+v, %v", info, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(info.Identities) != 1 || info.Identities[0] != tt.identity || !slices.Equal(info.Features, tt.features) || info.Node != tt.node {
				t.Errorf("%+v", info)
			}
		})
	}
	info, err := GetInfo(t.Context(), peer{rooms}, there, here, "")
	if err != nil || len(info.Forms) != 1 || !strings.Contains(string(info.Forms[0]), "urn:f") {
		t.Errorf("forms: %s, %v", info.Forms, err)
	}
}

func TestServiceAnswersItsOwnCapabilities(t *testing.T) {
	s := &Service{Features: features{"urn:a"}}
	info, err := GetInfo(t.Context(), peer{s}, there, here, "")
	if err != nil {
		t.Fatal(err)
	}
	ver, err := info.Ver()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := info.Hash("sha-256")
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"https://isthmus.im#" + ver, "urn:xmpp:caps#sha-256." + hash} {
		got, err := GetInfo(t.Context(), peer{s}, there, here, node)
		if err != nil || got.Node != node || !got.Has("urn:a") {
			t.Errorf("%s: %+v, %v", node, got, err)
		}
	}
	for _, node := range []string{"#", "x#y", ver, "urn:xmpp:caps#sha-256.x", "urn:xmpp:caps#md5." + hash, "urn:other#sha-256." + hash} {
		if got, err := GetInfo(t.Context(), peer{s}, there, here, node); !errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}) {
			t.Errorf("%s: %+v, %v", node, got, err)
		}
	}
	if _, err := GetInfo(t.Context(), peer{s}, there, account, "x#"+ver); !errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}) {
		t.Errorf("an account answers for the domain: %v", err)
	}
}

func TestServiceItems(t *testing.T) {
	want := []Item{{JID: jid.MustParse("rooms.capulet.example"), Name: "Rooms <&>"}, {JID: here, Node: "n"}}
	s := &Service{Items: func(_ context.Context, q Query) ([]Item, error) {
		switch q.Node {
		case "":
			return want, nil
		case "empty":
			return nil, nil
		}
		return nil, stanza.Errorf(stanza.ItemNotFound, "")
	}}
	got, err := GetItems(t.Context(), peer{s}, there, here, "")
	if err != nil || !slices.Equal(got.Items, want) || got.Node != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := GetItems(t.Context(), peer{s}, there, here, "empty"); err != nil || len(got.Items) != 0 || got.Node != "empty" {
		t.Errorf("empty node: %+v, %v", got, err)
	}
	if got, err := GetItems(t.Context(), peer{&Service{}}, there, here, ""); err != nil || len(got.Items) != 0 {
		t.Errorf("zero service: %+v, %v", got, err)
	}
	for _, node := range []string{"", "x"} {
		if _, err := GetItems(t.Context(), peer{&Service{}}, there, account, node); !errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}) {
			t.Errorf("account of the zero service, node %q: %v", node, err)
		}
	}
	for _, p := range []peer{{s}, {&Service{}}} {
		if _, err := GetItems(t.Context(), p, there, here, "x"); !errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}) {
			t.Errorf("unknown node: %v", err)
		}
	}
}

func TestServiceLeavesTheRest(t *testing.T) {
	s := &Service{}
	for _, in := range []string{
		`<message><query xmlns="http://jabber.org/protocol/disco#info"/></message>`,
		`<iq id="1" type="set"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
		`<iq id="1" type="result"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
		`<iq id="1" type="get"><query xmlns="jabber:iq:version"/></iq>`,
		`<iq id="1" type="get"><x xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
		`<iq id="1" type="get"/>`,
	} {
		if got, err := s.HandleStanza(t.Context(), stanza.MustParse(in)); got != nil || err != nil {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
}

func TestHostFailures(t *testing.T) {
	failure := errors.New("database down")
	s := &Service{
		Info:  func(context.Context, Query, Info) (Info, error) { return Info{}, failure },
		Items: func(context.Context, Query) ([]Item, error) { return nil, failure },
	}
	for _, node := range []string{"", "x", "x#y"} {
		if _, err := GetInfo(t.Context(), peer{s}, there, here, node); !errors.Is(err, failure) {
			t.Errorf("info of %q: %v", node, err)
		}
		if _, err := GetItems(t.Context(), peer{s}, there, here, node); !errors.Is(err, failure) {
			t.Errorf("items of %q: %v", node, err)
		}
	}
	form := &Service{Info: func(_ context.Context, _ Query, info Info) (Info, error) {
		info.Forms = []stanza.Raw{stanza.Raw(`</query></iq>`)}
		return info, nil
	}}
	if _, err := GetInfo(t.Context(), peer{form}, there, here, ""); err == nil {
		t.Error("a malformed form was sent")
	}
}

func TestGetFromOddPeers(t *testing.T) {
	for _, payload := range []string{"", `<query xmlns="urn:other"/>`} {
		if _, err := GetInfo(t.Context(), says(payload), here, there, ""); !errors.Is(err, stanza.ErrNoPayload) {
			t.Errorf("%q: %v", payload, err)
		}
		if _, err := GetItems(t.Context(), says(payload), here, there, ""); !errors.Is(err, stanza.ErrNoPayload) {
			t.Errorf("%q: %v", payload, err)
		}
	}
	info, err := GetInfo(t.Context(), says(`<d:query xmlns:d="http://jabber.org/protocol/disco#info" xml:lang="en" node="n">
		<d:identity category="a" type="b" xml:lang="de"/><other xmlns="urn:o"/><feature xmlns="urn:o" var="no"/><d:feature var="urn:a"/>
		<f:x xmlns:f="jabber:x:data"/></d:query>`), here, there, "")
	if err != nil || info.Lang != "en" || info.Node != "n" || len(info.Features) != 1 || len(info.Forms) != 1 ||
		info.Identities[0] != (Identity{"a", "b", "", "de"}) {
		t.Errorf("%+v, %v", info, err)
	}
	if !info.Has("urn:a") || !info.Has(NSInfo) || info.Has("no") || !info.Is("a", "") || !info.Is("a", "b") || info.Is("a", "c") {
		t.Errorf("Has or Is is wrong about %+v", info)
	}
	items, err := GetItems(t.Context(), says(`<query xmlns="http://jabber.org/protocol/disco#items">
		<item jid="@bad"/><item/><item jid="A.example" node="n"/></query>`), here, there, "")
	if err != nil || !slices.Equal(items.Items, []Item{{JID: jid.MustParse("a.example"), Node: "n"}}) {
		t.Errorf("%+v, %v", items, err)
	}
}

func TestRegister(t *testing.T) {
	m := stanza.NewMux()
	(&Service{Features: m}).Register(m)
	info, err := GetInfo(t.Context(), peer{m}, there, here, "")
	if err != nil || !slices.Equal(info.Features, []string{NSInfo, NSItems}) {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := GetItems(t.Context(), peer{m}, there, here, ""); err != nil {
		t.Error(err)
	}
}
