package profile

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/peptest"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
	paris  = jid.MustParse("paris@verona.example")
	nobody = jid.MustParse("nobody@capulet.example")
)

var png = []byte("\x89PNG\r\n\x1a\n and so on")

// people are profiles by user.
type people struct {
	mu  sync.Mutex
	all map[jid.JID]Profile
	err error
}

func (p *people) Profile(_ context.Context, user jid.JID) (Profile, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	profile, ok := p.all[user]
	return profile, ok, p.err
}

func (p *people) set(user jid.JID, profile Profile) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[user] = profile
}

// rig is a Service over a peer of a test's choice.
type rig struct {
	*Service
	t      *testing.T
	mux    *stanza.Mux
	people *people
	sent   []string
	answer func(iq *stanza.Stanza) (*stanza.Stanza, error)
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, mux: stanza.NewMux(), people: &people{all: map[jid.JID]Profile{
		juliet: {Name: "Juliet Capulet", Nick: "Jule", Avatar: Avatar{Data: png, Type: "image/png", Width: 64, Height: 32}},
	}}}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	r.Service = &Service{Profiles: r.people, Logger: quiet}
	contacts := &roster.MemStore{}
	_, err := contacts.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		it.Subscription = roster.Both
		return it, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Nodes = &pep.Service{Store: r.Store(&pep.MemStore{}), Roster: contacts, Out: r, Logger: quiet}
	r.Nodes.Register(r.mux)
	r.Register(r.mux)
	return r
}

func (r *rig) Send(_ context.Context, st *stanza.Stanza) error {
	r.sent = append(r.sent, st.To.String()+" "+string(st.Inner))
	return nil
}

func (r *rig) Request(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return r.answer(iq)
}

func (r *rig) get(from, to jid.JID, payload string) (string, error) {
	r.t.Helper()
	iq, err := stanza.NewIQ(stanza.Get, from, to, stanza.Raw(payload))
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.mux.HandleStanza(r.t.Context(), iq)
	if err != nil {
		return "", err
	}
	if answer == nil {
		return "", stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	return string(answer.Inner), nil
}

func items(node string) string {
	return `<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="` + node + `"/></pubsub>`
}

const card = `<vCard xmlns="vcard-temp"/>`

func unavailable(err error) bool {
	return errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable})
}

// What is not in a profile is kept as it is.
func TestStoreKeeps(t *testing.T) {
	peptest.TestStore(t, func(testing.TB) pep.Store {
		return (&Service{Profiles: &people{}}).Store(&pep.MemStore{})
	})
}

// One profile, in all the ways to ask for it.
func TestFaces(t *testing.T) {
	r := newRig(t)
	sum := sha1.Sum(png)
	id := fmt.Sprintf("%x", sum)
	image := base64.StdEncoding.EncodeToString(png)
	for payload, want := range map[string]string{
		items(AvatarNode): `<item id="` + id + `"><metadata xmlns="urn:xmpp:avatar:metadata"><info bytes="18" id="` + id + `" type="image/png" width="64" height="32"></info></metadata></item>`,
		items(DataNode):   `<item id="` + id + `"><data xmlns="urn:xmpp:avatar:data">` + image + `</data></item>`,
		items(NickNode):   `<item id="current"><nick xmlns="http://jabber.org/protocol/nick">Jule</nick></item>`,
		card: `<vCard xmlns="vcard-temp"><FN>Juliet Capulet</FN><NICKNAME>Jule</NICKNAME>` +
			`<PHOTO><TYPE>image/png</TYPE><BINVAL>` + image + `</BINVAL></PHOTO></vCard>`,
	} {
		for _, who := range []jid.JID{romeo, juliet} {
			if got, err := r.get(who, juliet, payload); err != nil || !strings.Contains(got, want) {
				t.Errorf("%s asks %s:\n got %s, %v\nwant %s", who, payload, got, err, want)
			}
		}
		for _, to := range []jid.JID{juliet, nobody} {
			if got, err := r.get(paris, to, payload); !unavailable(err) {
				t.Errorf("a stranger asks %s: %s, %v", payload, got, err)
			}
		}
	}
	p := stanza.MustParse(`<presence from="juliet@capulet.example/balcony"><show>away</show></presence>`)
	if err := r.Decorate(t.Context(), p); err != nil {
		t.Error(err)
	}
	if got, ok := PhotoOf(p); !ok || got != id || !strings.Contains(p.String(), "<show>away</show>") {
		t.Errorf("presence: %s", p)
	}
	for _, who := range []jid.JID{romeo, paris} {
		info, err := r.Service.Info(t.Context(), disco.Query{From: who, To: juliet}, disco.Info{})
		if err != nil || info.Has(nsConversion) != (who == romeo) || info.Has(nsVCard) != (who == romeo) {
			t.Errorf("%s: %+v, %v", who, info, err)
		}
	}
	r.Access = pep.Open
	for _, payload := range []string{items(AvatarNode), items(DataNode), card} {
		if _, err := r.get(paris, juliet, payload); err != nil {
			t.Errorf("a stranger asks for what is open, %s: %v", payload, err)
		}
		if _, err := r.get(paris, nobody, payload); !unavailable(err) {
			t.Errorf("nobody has %s: %v", payload, err)
		}
	}
	for _, to := range []jid.JID{juliet.Host(), jid.MustParse("juliet@capulet.example/balcony")} {
		if _, err := r.get(romeo, to, card); !unavailable(err) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// Profiles that lack something, and those that cannot be read.
func TestLacking(t *testing.T) {
	r := newRig(t)
	decorated := func(inner string) string {
		t.Helper()
		p := stanza.MustParse(`<presence from="juliet@capulet.example/balcony">` + inner + `</presence>`)
		if err := r.Decorate(t.Context(), p); err != nil {
			t.Error(err)
		}
		return string(p.Inner)
	}
	const none = `<x xmlns="vcard-temp:x:update"><photo></photo></x>`
	id := Avatar{Data: png}.ID()
	some := strings.Replace(none, "></photo>", ">"+id+"</photo>", 1)
	for inner, want := range map[string]string{
		``:                                 some,
		`<x xmlns="vcard-temp:x:update"/>`: some,
		`<x xmlns="vcard-temp:x:update"><photo>0000</photo></x><show>dnd</show>`: `<show>dnd</show>` + some,
		`<x xmlns="vcard-temp:x:update"><photo/></x>`:                            `<x xmlns="vcard-temp:x:update"><photo/></x>`,
	} {
		if got := decorated(inner); got != want {
			t.Errorf("%s became %s, want %s", inner, got, want)
		}
	}
	gone := stanza.MustParse(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
	if err := r.Decorate(t.Context(), gone); err != nil || len(gone.Inner) != 0 {
		t.Errorf("%s, %v", gone, err)
	}

	for name, p := range map[string]Profile{"nothing": {}, "too large": {Avatar: Avatar{Data: make([]byte, 65537)}}} {
		r.people.set(juliet, p)
		if got := decorated(""); got != none {
			t.Errorf("%s: presence %s", name, got)
		}
		for payload, want := range map[string]string{
			items(AvatarNode): `<metadata xmlns="urn:xmpp:avatar:metadata"></metadata>`,
			items(NickNode):   `<nick xmlns="http://jabber.org/protocol/nick"></nick>`,
			card:              `<vCard xmlns="vcard-temp"></vCard>`,
		} {
			if got, err := r.get(romeo, juliet, payload); err != nil || !strings.Contains(got, want) {
				t.Errorf("%s: %s, %v; want %s", name, got, err, want)
			}
		}
		if _, err := r.get(romeo, juliet, items(DataNode)); !errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}) {
			t.Errorf("%s: data: %v", name, err)
		}
	}
	r.people.err = errors.New("database on fire")
	for _, payload := range []string{items(AvatarNode), card} {
		if _, err := r.get(romeo, juliet, payload); !errors.Is(err, r.people.err) {
			t.Errorf("%s: %v", payload, err)
		}
	}
	if err := r.Changed(t.Context(), juliet); !errors.Is(err, r.people.err) {
		t.Errorf("changed: %v", err)
	}
	if err := r.Decorate(t.Context(), stanza.MustParse(`<presence from="juliet@capulet.example/balcony"/>`)); !errors.Is(err, r.people.err) {
		t.Errorf("decorate: %v", err)
	}
}

// The nodes of a profile cannot be changed, but subscribed to, and Changed tells of them.
func TestChanged(t *testing.T) {
	r := newRig(t)
	r.Access = pep.Open
	ctx := t.Context()
	for name, err := range map[string]error{
		"publish": func() error {
			_, err := r.Nodes.Publish(ctx, juliet, AvatarNode, pep.Item{Payload: stanza.Raw(`<metadata xmlns="urn:xmpp:avatar:metadata"/>`)}, nil)
			return err
		}(),
		"republish": func() error {
			_, err := r.Nodes.Publish(ctx, juliet, NickNode, pep.Item{ID: "current", Payload: stanza.Raw(`<nick xmlns="http://jabber.org/protocol/nick"/>`)}, nil)
			return err
		}(),
		"make": func() error {
			_, err := r.Nodes.Publish(ctx, nobody, AvatarNode, pep.Item{}, nil)
			return err
		}(),
		"configure": r.Nodes.Configure(ctx, juliet, DataNode, pep.Config{Access: pep.Whitelist}),
		"purge":     r.Nodes.Purge(ctx, juliet, AvatarNode),
		"delete":    r.Nodes.Delete(ctx, juliet, NickNode),
	} {
		if !errors.Is(err, ErrFixed) || !errors.Is(err, &stanza.Error{Condition: stanza.NotAllowed}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	subscribe := func(verb, node string) {
		t.Helper()
		iq, err := stanza.NewIQ(stanza.Set, paris, juliet, stanza.Raw(`<pubsub xmlns="http://jabber.org/protocol/pubsub"><`+verb+` node="`+node+`" jid="paris@verona.example"/></pubsub>`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.mux.HandleStanza(ctx, iq); err != nil {
			t.Errorf("%s %s: %v", verb, node, err)
		}
	}
	subscribe("subscribe", AvatarNode)
	subscribe("subscribe", NickNode)
	if len(r.sent) != 2 || !strings.Contains(r.sent[0], "<delay ") {
		t.Errorf("last items: %s", r.sent)
	}
	r.sent = nil
	r.people.set(juliet, Profile{Nick: "Julia"})
	if err := r.Changed(ctx, juliet); err != nil {
		t.Error(err)
	}
	if len(r.sent) != 2 || !strings.Contains(r.sent[0], `<metadata xmlns="urn:xmpp:avatar:metadata"></metadata>`) || !strings.Contains(r.sent[1], ">Julia</nick>") {
		t.Errorf("told %s", r.sent)
	}
	nodes, err := r.Nodes.Store.Nodes(ctx, juliet)
	if err != nil || len(nodes) != 2 {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
	subscribe("unsubscribe", AvatarNode)
	subscribe("unsubscribe", NickNode)
	r.sent = nil
	if err := r.Changed(ctx, juliet); err != nil || len(r.sent) != 0 {
		t.Errorf("told %s, %v", r.sent, err)
	}
	if err := r.Changed(ctx, nobody); err != nil {
		t.Error(err)
	}
	// Other nodes are kept, and subscriptions of a profile that is gone are forgotten.
	if _, err := r.Nodes.Publish(ctx, nobody, "urn:x", pep.Item{ID: "1"}, nil); err != nil {
		t.Error(err)
	}
	if n, err := r.Nodes.Store.Read(ctx, nobody, "urn:x", pep.Query{Max: 1}); err != nil || len(n.Items) != 1 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Requests for subscriptions carry the nick, and nothing else does.
func TestSender(t *testing.T) {
	r := newRig(t)
	out := r.Sender(r)
	r.people.set(romeo, Profile{})
	for _, xml := range []string{
		`<presence type="subscribe" from="juliet@capulet.example" to="romeo@montague.example"/>`,
		`<presence type="subscribe" from="juliet@capulet.example" to="romeo@montague.example"><nick xmlns="http://jabber.org/protocol/nick">J</nick></presence>`,
		`<presence type="subscribe" from="romeo@montague.example" to="paris@verona.example"/>`,
		`<presence type="subscribed" from="juliet@capulet.example" to="romeo@montague.example"/>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`,
	} {
		if err := out.Send(t.Context(), stanza.MustParse(xml)); err != nil {
			t.Error(err)
		}
	}
	want := []string{`romeo@montague.example <nick xmlns="http://jabber.org/protocol/nick">Jule</nick>`,
		`romeo@montague.example <nick xmlns="http://jabber.org/protocol/nick">J</nick>`, `paris@verona.example `, `romeo@montague.example `, `romeo@montague.example `}
	if !slices.Equal(r.sent, want) {
		t.Errorf("sent %q", r.sent)
	}
	if got := NickOf(stanza.MustParse(`<presence type="subscribe"><nick xmlns="http://jabber.org/protocol/nick"> Jule </nick></presence>`)); got != "Jule" {
		t.Errorf("nick %q", got)
	}
	r.people.err = errors.New("down")
	r.sent = nil
	if err := out.Send(t.Context(), stanza.MustParse(`<presence type="subscribe" from="juliet@capulet.example" to="romeo@montague.example"/>`)); err != nil || len(r.sent) != 1 {
		t.Errorf("without profiles: %q, %v", r.sent, err)
	}
}
