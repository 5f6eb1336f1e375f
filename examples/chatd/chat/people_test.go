package chat

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

// outbox is what is sent to other domains, none of which answers.
type outbox struct {
	mu   sync.Mutex
	sent []string
	fail error
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

func (o *outbox) Request(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
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
	r.people = newPeople(s, stanza.NewMux(), slog.New(slog.DiscardHandler))
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
