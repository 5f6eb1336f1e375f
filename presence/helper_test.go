package presence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	nurse  = jid.MustParse("nurse@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

// sink is a Sender that keeps what it is given.
type sink struct {
	mu   sync.Mutex
	sent []string
	err  error
}

func (s *sink) Send(_ context.Context, st *stanza.Stanza) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.sent = append(s.sent, st.String())
	return nil
}

// take returns what was sent since it was called last.
func (s *sink) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// rig is a Service with a sink, whose calls of the host are kept as text.
type rig struct {
	*Service
	*sink
	t   *testing.T
	mu  sync.Mutex
	log []string
}

func newRig(t *testing.T) *rig {
	r := &rig{sink: &sink{}, t: t}
	note := func(format string, args ...any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.log = append(r.log, fmt.Sprintf(format, args...))
	}
	r.Service = &Service{
		Roster: &roster.MemStore{}, Out: r.sink, Interval: -1,
		OnRequest: func(_ context.Context, user, contact jid.JID, req *stanza.Stanza) {
			note("request %s %s %s", user, contact, req)
		},
		OnPresence: func(_ context.Context, user, contact jid.JID, p *stanza.Stanza) {
			note("presence %s %s %s", user, contact, p.Type)
		},
		OnUnknown: func(_ context.Context, user, contact jid.JID) { note("unknown %s %s", user, contact) },
		OnRoster: func(_ context.Context, user jid.JID, it roster.Item) {
			note("roster %s %s %s", user, it.Contact, it.State())
		},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	return r
}

// told returns what the host was told since it was called last.
func (r *rig) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log
	r.log = nil
	return log
}

// in handles a stanza and returns what was sent, the answer last.
func (r *rig) in(xml string) []string {
	r.t.Helper()
	answer, err := r.HandleStanza(r.t.Context(), stanza.MustParse(xml))
	if err != nil {
		r.t.Fatalf("%s: %v", xml, err)
	}
	sent := r.take()
	if answer != nil {
		sent = append(sent, answer.String())
	}
	return sent
}

func (r *rig) announce(xml string) []string {
	r.t.Helper()
	if err := r.Announce(r.t.Context(), stanza.MustParse(xml)); err != nil {
		r.t.Fatalf("%s: %v", xml, err)
	}
	return r.take()
}

// put makes an item in the store.
func (r *rig) put(user jid.JID, it roster.Item) {
	r.t.Helper()
	_, err := r.Roster.Update(r.t.Context(), user, it.Contact, func(roster.Item) (roster.Item, error) { return it, nil })
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) state(user, contact jid.JID) roster.Item {
	r.t.Helper()
	it, err := r.item(r.t.Context(), user, contact)
	if err != nil {
		r.t.Fatal(err)
	}
	return it
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// broken is a Store that fails while it is told to.
type broken struct {
	roster.Store
	mu   sync.Mutex
	fail bool
}

var errBroken = errors.New("database on fire")

func (b *broken) set(fail bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = fail
}

func (b *broken) failing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fail
}

func (b *broken) Items(ctx context.Context, user jid.JID) ([]roster.Item, error) {
	if b.failing() {
		return nil, errBroken
	}
	return b.Store.Items(ctx, user)
}

func (b *broken) Update(ctx context.Context, user, contact jid.JID, fn func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	if b.failing() {
		return roster.Item{}, errBroken
	}
	return b.Store.Update(ctx, user, contact, fn)
}

// talks are conversations that do not change.
type talks map[jid.JID][]jid.JID

func (c talks) Contacts(_ context.Context, user jid.JID) ([]jid.JID, error) { return c[user], nil }

// kept counts the users and domains that the Service remembers.
func (r *rig) kept() int {
	r.Service.mu.Lock()
	defer r.Service.mu.Unlock()
	return len(r.users) + len(r.domains)
}
