package chat

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"isthmus.im/examples/chatd/api"
	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

// outbox is what is sent to other domains, none of which answers unless answer is set.
type outbox struct {
	mu     sync.Mutex
	sent   []string
	fail   error
	answer func(iq *stanza.Stanza) (*stanza.Stanza, error)
}

func (o *outbox) Send(_ context.Context, s *stanza.Stanza) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.sent = append(o.sent, s.String())
	return nil
}

func (o *outbox) Request(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	if o.answer != nil {
		return o.answer(iq)
	}
	return nil, &stanza.Error{Condition: stanza.RemoteServerNotFound}
}

// take returns what was sent since it was called last.
func (o *outbox) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	sent := o.sent
	o.sent = nil
	return sent
}

// rig is the people of a service whose only user is Juliet.
type rig struct {
	*people
	*outbox
	t    *testing.T
	last int64
}

func newRig(t *testing.T) *rig {
	r := &rig{outbox: new(outbox), t: t}
	s := store.NewMemory()
	r.must(s.AddUser(t.Context(), juliet, store.TokenHash{}))
	r.people = newPeople(s, stanza.NewMux(), nil, slog.New(slog.DiscardHandler))
	r.gate.Out = r.outbox
	r.presence.Interval = -1
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// in lets a stanza arrive.
func (r *rig) in(xml string) {
	r.t.Helper()
	_, err := r.gate.HandleStanza(r.t.Context(), stanza.MustParse(xml))
	r.must(err)
}

// from lets presence of a type arrive.
func (r *rig) from(who jid.JID, typ string) {
	r.t.Helper()
	r.in(fmt.Sprintf(`<presence from="%s" to="%s" type="%s"/>`, who, juliet, typ))
}

// told returns the events since it was called last, contacts left out.
func (r *rig) told() []string {
	r.t.Helper()
	events, err := r.store.Events(r.t.Context(), juliet, r.last, 10_000)
	r.must(err)
	var list []string
	for _, e := range events {
		r.last = e.ID
		if e.Type != store.TypeContact {
			list = append(list, fmt.Sprintf("%s %s %s", e.Type, e.From, e.Condition))
		}
	}
	return list
}

func (r *rig) expect(what string, want ...string) {
	r.t.Helper()
	if got := r.told(); !slices.Equal(got, want) {
		r.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// The user is told of each request once, however it was answered or withdrawn before,
// and however often the user comes online.
func TestRequests(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	const asks = "request romeo@montague.example "
	r.must(r.SetPresence(ctx, juliet, store.Presence{Available: true}))
	for what, end := range map[string]func(){
		"denied":    func() { r.must(r.Answer(ctx, juliet, romeo, false)) },
		"withdrawn": func() { r.from(romeo, "unsubscribe") },
		"granted and left": func() {
			r.must(r.Answer(ctx, juliet, romeo, true))
			r.from(romeo, "unsubscribe")
		},
		"removed": func() { r.must(r.RemoveContact(ctx, juliet, romeo)) },
	} {
		r.from(romeo, "subscribe")
		r.from(romeo, "subscribe")
		r.expect("before it was "+what, asks)
		r.must(r.SetPresence(ctx, juliet, store.Presence{}))
		r.must(r.SetPresence(ctx, juliet, store.Presence{Available: true}))
		r.expect("at a login")
		end()
		r.told()
		r.from(romeo, "subscribe")
		r.expect("after it was "+what, asks)
		r.must(r.RemoveContact(ctx, juliet, romeo))
	}
}

// What strangers ask and take back leaves nothing.
func TestRequestsAreForgotten(t *testing.T) {
	r := newRig(t)
	for n := range 1000 {
		stranger := jid.MustParse(fmt.Sprintf("s%d@montague.example", n))
		r.from(stranger, "subscribe")
		r.from(stranger, "unsubscribe")
	}
	if n := len(r.told()); n != 1000 {
		t.Errorf("%d requests told, want 1000", n)
	}
	if n := len(r.asked); n != 0 {
		t.Errorf("%d requests kept", n)
	}
}

// Presence of contacts is shown as it comes; an error says that it is not known. Of
// strangers nothing is shown.
func TestPresenceOfContacts(t *testing.T) {
	for sub, want := range map[roster.Subscription][]string{
		roster.To: {
			"presence romeo@montague.example/orchard away", "presence romeo@montague.example/orchard online",
			"presence romeo@montague.example/orchard offline", "presence romeo@montague.example unknown",
		},
		roster.From: nil,
	} {
		r := newRig(t)
		_, err := r.store.Contacts().Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it.Subscription = sub
			return it, nil
		})
		r.must(err)
		r.in(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"><show>away</show></presence>`)
		r.in(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`)
		r.in(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example" type="unavailable"/>`)
		r.in(`<presence from="romeo@montague.example" to="juliet@capulet.example" type="error"/>`)
		r.expect(sub.String(), want...)
	}
}

// A contact's image is found at a server that shows it in nodes only, as those without
// XEP-0398 do, and in the vCard of one that has no nodes.
func TestAvatarOfContact(t *testing.T) {
	image := []byte("\x89PNG\r\n\x1a\n and so on")
	sum := sha1.Sum(image)
	id, data := hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(image)
	nodes := map[string]string{
		"urn:xmpp:avatar:metadata": `<metadata xmlns="urn:xmpp:avatar:metadata"><info id="` + id + `" type="image/png" bytes="` + strconv.Itoa(len(image)) + `"/></metadata>`,
		"urn:xmpp:avatar:data":     `<data xmlns="urn:xmpp:avatar:data">` + data + `</data>`,
	}
	none := stanza.Errorf(stanza.ItemNotFound, "")
	for what, answer := range map[string]func(iq *stanza.Stanza) (*stanza.Stanza, error){
		"nodes": func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			for node, payload := range nodes {
				if strings.Contains(string(iq.Inner), `node="`+node+`"`) {
					return iq.Reply(stanza.Result, stanza.Raw(`<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="`+node+
						`"><item id="`+id+`">`+payload+`</item></items></pubsub>`))
				}
			}
			return nil, none
		},
		"vCard": func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			if !strings.Contains(string(iq.Inner), "vcard-temp") {
				return nil, none
			}
			return iq.Reply(stanza.Result, stanza.Raw(`<vCard xmlns="vcard-temp"><PHOTO><TYPE>image/png</TYPE><BINVAL>`+data+`</BINVAL></PHOTO></vCard>`))
		},
	} {
		r := newRig(t)
		r.answer = answer
		typ, got, err := r.Avatar(t.Context(), juliet, romeo)
		if err != nil || typ != "image/png" || !bytes.Equal(got, image) {
			t.Errorf("%s: %q of type %q, %v", what, got, typ, err)
		}
	}
	r := newRig(t)
	r.answer = func(*stanza.Stanza) (*stanza.Stanza, error) { return nil, none }
	if _, got, err := r.Avatar(t.Context(), juliet, romeo); err != nil || len(got) > 0 {
		t.Errorf("no image: %q, %v", got, err)
	}
}

// Nobody can refuse what was not asked, which would end what was granted.
func TestAnswerWithoutRequest(t *testing.T) {
	r := newRig(t)
	r.from(romeo, "subscribe")
	r.must(r.Answer(t.Context(), juliet, romeo, true))
	for _, accept := range []bool{false, true} {
		if err := r.Answer(t.Context(), juliet, romeo, accept); !errors.Is(err, api.ErrNoRequest) {
			t.Errorf("accept %t: %v", accept, err)
		}
	}
	if it, err := roster.Get(t.Context(), r.store.Contacts(), juliet, romeo); err != nil || it.Subscription != roster.From {
		t.Errorf("%+v, %v", it, err)
	}
}

// While a contact is blocked their presence is not known and nothing goes out but goodbye,
// and the contact can be removed all the same. Afterwards it is asked for again.
func TestBlockedContact(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	befriend := func() {
		_, err := r.store.Contacts().Update(ctx, juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.Both
			return it, nil
		})
		r.must(err)
	}
	befriend()
	r.must(r.SetPresence(ctx, juliet, store.Presence{Available: true}))
	r.take()
	r.must(r.SetBlocked(ctx, juliet, romeo, true))
	r.expect("blocked", "presence romeo@montague.example unknown")
	if sent := r.take(); len(sent) != 1 || !strings.Contains(sent[0], `type="unavailable"`) {
		t.Errorf("blocking sends %q", sent)
	}
	if err := r.AddContact(ctx, juliet, romeo, ""); !errors.Is(err, gate.ErrBlocked) {
		t.Errorf("asking somebody who is blocked: %v", err)
	}
	r.must(r.RemoveContact(ctx, juliet, romeo))
	if sent := r.take(); len(sent) != 0 {
		t.Errorf("somebody who is blocked is sent %q", sent)
	}
	befriend()
	r.must(r.SetBlocked(ctx, juliet, romeo, false))
	if sent := r.take(); len(sent) != 2 || !slices.Contains(sent, probe) {
		t.Errorf("unblocking sends %q", sent)
	}
}
