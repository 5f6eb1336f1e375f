package demo

import (
	"fmt"
	"log/slog"
	"testing"

	"isthmus.im/examples/chatd/store"
)

// A thousand messages from one user to another arrive, each once and in order,
// though each is on the disk before the next is handled.
func TestBurst(t *testing.T) {
	const n = 1000
	ca, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	names, err := startNameServer()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{dir: t.TempDir(), ca: ca, names: names, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	defer func() {
		if err := h.stop(); err != nil {
			t.Error(err)
		}
		names.close()
	}()
	var users []*user
	for domain, name := range map[string]string{"alpha.test": "alice", "beta.test": "bob"} {
		s, err := h.start(domain)
		if err != nil {
			t.Fatal(err)
		}
		u, err := s.newUser(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u)
	}
	for i := range n {
		if _, err := users[0].send(t.Context(), users[1].Address, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := users[1].collect(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		if e.Type != store.TypeMessage || e.Body != fmt.Sprint(i) {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
}
