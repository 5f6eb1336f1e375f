package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/peptest"
	"isthmus.im/roster"
	"isthmus.im/roster/rostertest"
	"isthmus.im/stanza"
)

func TestContacts(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		rostertest.TestStore(t, func(t testing.TB) roster.Store {
			s := openSQLite(t, filepath.Join(t.TempDir(), "chat.db"))
			t.Cleanup(func() { s.Close() })
			return s.Contacts()
		})
	})
	t.Run("memory", func(t *testing.T) {
		rostertest.TestStore(t, func(testing.TB) roster.Store {
			return store.NewMemory().Contacts()
		})
	})
}

func TestNodes(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		peptest.TestStore(t, func(t testing.TB) pep.Store {
			s := openSQLite(t, filepath.Join(t.TempDir(), "chat.db"))
			t.Cleanup(func() { s.Close() })
			return s.Nodes()
		})
	})
	t.Run("memory", func(t *testing.T) {
		peptest.TestStore(t, func(testing.TB) pep.Store {
			return store.NewMemory().Nodes()
		})
	})
}

// Who has subscribed to a node is still told of it when the service starts again.
func TestNodesOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	juliet, romeo := jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example/orchard")
	s := openSQLite(t, path)
	if _, err := s.Nodes().Update(t.Context(), juliet, "urn:a", func(n pep.Node) (pep.Node, error) {
		n.Created, n.Subscribers = time.UnixMilli(1).UTC(), []jid.JID{romeo}
		n.Items = []pep.Item{{ID: "1", Published: n.Created, Payload: stanza.Raw(`<a xmlns="urn:a"/>`)}}
		return n, nil
	}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openSQLite(t, path)
	defer s.Close()
	n, err := s.Nodes().Read(t.Context(), juliet, "urn:a", pep.Query{Max: 1})
	if err != nil || !slices.Equal(n.Subscribers, []jid.JID{romeo}) || len(n.Items) != 1 || string(n.Items[0].Payload) != `<a xmlns="urn:a"/>` {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestBlocked(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		var blocks gate.BlockStore = s
		juliet, _ := addUser(t, s, "juliet@capulet.example")
		a, b := jid.MustParse("paris@verona.example"), jid.MustParse("montague.example")
		for range 2 {
			if err := blocks.SetBlocked(t.Context(), juliet, true, a, b); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := blocks.Blocked(t.Context(), juliet); err != nil || len(list) != 2 {
			t.Errorf("blocked %v, %v", list, err)
		}
		if err := blocks.SetBlocked(t.Context(), juliet, false, a, a); err != nil {
			t.Fatal(err)
		}
		if list, err := blocks.Blocked(t.Context(), juliet); err != nil || len(list) != 1 || list[0] != b {
			t.Errorf("blocked %v, %v; want %v", list, err, b)
		}
		if list, err := blocks.Blocked(t.Context(), jid.MustParse("nobody@capulet.example")); err != nil || len(list) != 0 {
			t.Errorf("nobody has blocked %v, %v", list, err)
		}
	})
}

func TestProfilesAndPresence(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, _ := addUser(t, s, "juliet@capulet.example")
		nobody := jid.MustParse("nobody@capulet.example")
		if p, err := s.UserProfile(t.Context(), juliet); err != nil || p.Name != "" || !p.Changed.IsZero() {
			t.Errorf("profile before any: %+v, %v", p, err)
		}
		want := store.Profile{Name: "Juliet Capulet", Nick: "Jule", AvatarType: "image/png", Avatar: []byte{1, 2, 0, 3}, Changed: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
		for _, want := range []store.Profile{want, {Name: "J", Changed: want.Changed}} {
			if err := s.SetUserProfile(t.Context(), juliet, want); err != nil {
				t.Fatal(err)
			}
			p, err := s.UserProfile(t.Context(), juliet)
			if err != nil || p.Name != want.Name || p.Nick != want.Nick || !bytes.Equal(p.Avatar, want.Avatar) || !p.Changed.Equal(want.Changed) {
				t.Errorf("profile %+v, %v; want %+v", p, err, want)
			}
		}
		if err := s.SetUserProfile(t.Context(), nobody, want); !errors.Is(err, store.ErrNoUser) {
			t.Errorf("profile of nobody: %v", err)
		}
		away := store.Presence{Available: true, Show: "away", Status: "at the ball"}
		if err := s.SetPresence(t.Context(), juliet, away); err != nil {
			t.Fatal(err)
		}
		if all, err := s.Online(t.Context()); err != nil || len(all) != 1 || all[juliet] != away {
			t.Errorf("online: %v, %v", all, err)
		}
		if err := s.SetPresence(t.Context(), juliet, store.Presence{}); err != nil {
			t.Fatal(err)
		}
		if all, err := s.Online(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("online: %v, %v", all, err)
		}
		if err := s.SetPresence(t.Context(), nobody, away); !errors.Is(err, store.ErrNoUser) {
			t.Errorf("presence of nobody: %v", err)
		}
	})
}

// A database of the first version is brought up to date, with what is in it; one
// of a later program is left alone.
func TestMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Exec(string(first) + `INSERT INTO users VALUES (1, 'juliet@capulet.example', 'juliet@capulet.example', x'00', 0);
		INSERT INTO events VALUES (1, 1, 'message', 'a@b.example', 'juliet@capulet.example', 'hi', '', '', '', '', 0)`); err != nil {
		t.Fatal(err)
	}
	old.Close()
	for range 2 {
		s := openSQLite(t, path)
		events, err := s.Events(t.Context(), jid.MustParse("juliet@capulet.example"), 0, 10)
		if err != nil || len(events) != 1 || events[0].Body != "hi" {
			t.Errorf("events %v, %v", events, err)
		}
		s.Close()
	}
	later, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := later.Exec(`PRAGMA user_version = 99`); err != nil {
		t.Fatal(err)
	}
	later.Close()
	if _, err := store.OpenSQLite(path); err == nil {
		t.Error("a database of a later program was opened")
	}
}
