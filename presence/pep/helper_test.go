package pep

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

var (
	juliet  = jid.MustParse("juliet@capulet.example")
	romeo   = jid.MustParse("romeo@montague.example")
	orchard = jid.MustParse("romeo@montague.example/orchard")
	tomb    = jid.MustParse("romeo@montague.example/tomb")
	nurse   = jid.MustParse("nurse@capulet.example")
	paris   = jid.MustParse("paris@verona.example")
)

const (
	tune = "http://jabber.org/protocol/tune"
	keys = "urn:example:keys"
	song = `<tune xmlns='http://jabber.org/protocol/tune'><title>A &amp; B</title></tune>`
)

// rig is a Service whose Requester keeps what is sent and answers by a function.
type rig struct {
	*Service
	t      *testing.T
	mux    *stanza.Mux
	answer func(iq *stanza.Stanza) (*stanza.Stanza, error)

	mu     sync.Mutex
	sent   []*stanza.Stanza
	asked  int
	events []Event
	broken error // what Send returns
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, mux: stanza.NewMux()}
	r.Service = &Service{
		Store: &MemStore{}, Roster: &roster.MemStore{}, Out: r, Interval: -1,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		OnEvent: func(_ context.Context, e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
	}
	r.Register(r.mux)
	return r
}

// Send keeps a stanza.
func (r *rig) Send(_ context.Context, st *stanza.Stanza) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	r.sent = append(r.sent, st)
	return nil
}

// Request counts a question and answers it.
func (r *rig) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	r.mu.Lock()
	r.asked++
	answer := r.answer
	r.mu.Unlock()
	if answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return answer(iq)
}

// take returns who was sent what since the last call, in order.
func (r *rig) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, st := range r.sent {
		if st.Kind != stanza.Message || st.Type != stanza.Headline || st.ID == "" || !st.From.IsBare() {
			r.t.Errorf("not a notification: %s", st)
		}
		all = append(all, st.To.String()+" "+string(st.Inner))
	}
	r.sent = nil
	return all
}

// recipients is take without what they were sent.
func (r *rig) recipients() []string {
	var all []string
	for _, s := range r.take() {
		to, _, _ := strings.Cut(s, " ")
		all = append(all, to)
	}
	return all
}

func (r *rig) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.asked
	r.asked = 0
	return n
}

func (r *rig) told() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events
	r.events = nil
	return e
}

// iq handles a request and returns the inside of its answer, or its error.
func (r *rig) iq(from, typ string, to jid.JID, payload string) (string, error) {
	r.t.Helper()
	in := stanza.MustParse(`<iq from="` + from + `" to="` + to.String() + `" type="` + typ + `" id="1">` + payload + `</iq>`)
	answer, err := r.mux.HandleStanza(r.t.Context(), in)
	if err != nil {
		return "", err
	}
	if answer == nil {
		return "", stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	if answer.Type != stanza.Result || answer.ID != "1" || answer.To.String() != from {
		r.t.Errorf("answered %s", answer)
	}
	return string(answer.Inner), nil
}

// pub wraps the children of a request.
func pub(children string) string { return `<pubsub xmlns="` + NS + `">` + children + `</pubsub>` }

func owned(children string) string {
	return `<pubsub xmlns="` + nsOwner + `">` + children + `</pubsub>`
}

// subscribe gives contacts a roster item with sight of the user's presence.
func (r *rig) befriend(user jid.JID, contacts ...jid.JID) {
	r.t.Helper()
	for _, c := range contacts {
		r.put(user, roster.Item{Contact: c, Subscription: roster.Both})
	}
}

func (r *rig) put(user jid.JID, it roster.Item) {
	r.t.Helper()
	_, err := r.Roster.Update(r.t.Context(), user, it.Contact, func(roster.Item) (roster.Item, error) { return it, nil })
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) publish1(node, id, payload string, want *Config) {
	r.t.Helper()
	if _, err := r.Publish(r.t.Context(), juliet, node, Item{ID: id, Payload: stanza.Raw(payload)}, want); err != nil {
		r.t.Fatalf("publish %s at %s: %v", id, node, err)
	}
}

// interests is what a session with these +notify features answers to disco#info.
func interests(nodes ...string) disco.Info {
	i := disco.Info{Identities: []disco.Identity{{Category: "client", Type: "pc"}}, Features: []string{disco.NSInfo}}
	for _, n := range nodes {
		i.Features = append(i.Features, n+"+notify")
	}
	return i
}

// available is presence of a session with the capabilities of i.
func available(t *testing.T, from jid.JID, i disco.Info) *stanza.Stanza {
	t.Helper()
	p := &stanza.Stanza{Kind: stanza.Presence, From: from, To: juliet}
	if err := i.AppendCaps(p, "urn:client"); err != nil {
		t.Fatal(err)
	}
	return p
}

// says lets all sessions answer disco#info with i.
func (r *rig) says(i disco.Info) {
	r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) { return iq.Reply(stanza.Result, i) })
}

// answers sets how questions are answered. Nil: not at all.
func (r *rig) answers(f func(iq *stanza.Stanza) (*stanza.Stanza, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// fails lets Send fail.
func (r *rig) fails(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

// learns counts the hashes that are being found out, and the sessions kept of a contact
// of juliet's.
func (r *rig) learns(who jid.JID) (learning, sessions int) {
	r.Service.mu.Lock()
	defer r.Service.mu.Unlock()
	if u := r.users[juliet]; u != nil && u.contacts[who] != nil {
		sessions = len(u.contacts[who].sessions)
	}
	return len(r.lessons), sessions
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// condition is how an error goes over the wire, with the condition of XEP-0060.
func condition(err error) string {
	var se *stanza.Error
	if !errors.As(err, &se) {
		if err == nil {
			return "ok"
		}
		return "not a stanza error: " + err.Error()
	}
	s := string(se.Condition)
	if se.App != nil {
		name, _, _ := strings.Cut(strings.TrimPrefix(string(se.App), "<"), " ")
		s += " " + name
	}
	return s
}

// kept counts the users that the Service remembers.
func (r *rig) kept() int {
	r.Service.mu.Lock()
	defer r.Service.mu.Unlock()
	return len(r.users)
}

// loop is a Requester that asks the rig itself.
type loop struct{ r *rig }

func (l loop) Send(context.Context, *stanza.Stanza) error { return nil }

func (l loop) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	answer, err := l.r.mux.HandleStanza(ctx, stanza.MustParse(iq.String()))
	if err == nil && answer == nil {
		err = stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	return answer, err
}
