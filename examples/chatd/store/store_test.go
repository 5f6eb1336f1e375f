package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
)

// everyStore runs a test against each implementation.
func everyStore(t *testing.T, test func(*testing.T, store.Store)) {
	t.Run("memory", func(t *testing.T) {
		s := store.NewMemory()
		defer s.Close()
		test(t, s)
	})
	t.Run("sqlite", func(t *testing.T) {
		s := openSQLite(t, filepath.Join(t.TempDir(), "chat.db"))
		defer s.Close()
		test(t, s)
	})
}

func openSQLite(t testing.TB, path string) *store.SQLite {
	t.Helper()
	s, err := store.OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addUser(t testing.TB, s store.Store, address string) (jid.JID, store.TokenHash) {
	t.Helper()
	user, token := jid.MustParse(address), store.HashToken(rand.Text())
	if err := s.AddUser(t.Context(), user, token); err != nil {
		t.Fatalf("AddUser(%s): %v", address, err)
	}
	return user, token
}

func message(body string) store.Event {
	return store.Event{
		Type: store.TypeMessage, From: "romeo@montague.example/orchard", To: "juliet@capulet.example",
		Body: body, StanzaID: "id-" + body, At: time.Date(2026, 5, 4, 3, 2, 1, 123456000, time.UTC),
	}
}

func TestUsers(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, token := addUser(t, s, "juliet@capulet.example")
		for _, tt := range []struct {
			addr string
			want bool
		}{
			{"juliet@capulet.example", true},
			{"Juliet@CAPULET.example/balcony", true},
			{"romeo@capulet.example", false},
			{"juliet@montague.example", false},
			{"capulet.example", false},
		} {
			for range 2 { // the second look may come from a cache
				if got, err := s.UserExists(t.Context(), jid.MustParse(tt.addr)); got != tt.want || err != nil {
					t.Errorf("UserExists(%s) = %v, %v; want %v", tt.addr, got, err, tt.want)
				}
			}
		}
		if got, err := s.UserByToken(t.Context(), token); got != juliet || err != nil {
			t.Errorf("UserByToken = %v, %v; want %v", got, err, juliet)
		}
		if got, err := s.UserByToken(t.Context(), store.HashToken("guess")); !errors.Is(err, store.ErrNoUser) {
			t.Errorf("UserByToken of nobody's = %v, %v; want ErrNoUser", got, err)
		}
	})
}

func TestNamesCollide(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		addUser(t, s, "straße@capulet.example")
		for _, address := range []string{"straße@capulet.example", "Straße@capulet.example", "strasse@capulet.example"} {
			err := s.AddUser(t.Context(), jid.MustParse(address), store.HashToken(rand.Text()))
			if !errors.Is(err, store.ErrExists) {
				t.Errorf("AddUser(%s) = %v, want ErrExists", address, err)
			}
		}
		addUser(t, s, "strasse@montague.example")
	})
}

// A server of the stringprep era folds the address of a user before it sends.
func TestFoldedAddressFindsItsUser(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		user, _ := addUser(t, s, "straße@capulet.example")
		folded := jid.MustParse("strasse@capulet.example/phone")
		if ok, err := s.UserExists(t.Context(), folded); !ok || err != nil {
			t.Errorf("UserExists(%s) = %v, %v", folded, ok, err)
		}
		wake, stop := s.Watch(user)
		defer stop()
		if _, err := s.Append(t.Context(), folded, message("hello")); err != nil {
			t.Fatal(err)
		}
		<-wake
		if got, err := s.Events(t.Context(), user, 0, 10); len(got) != 1 || err != nil {
			t.Errorf("Events = %v, %v; want one", got, err)
		}
	})
}

func TestEventsKeepTheirFieldsAndOrder(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, _ := addUser(t, s, "juliet@capulet.example")
		nurse, _ := addUser(t, s, "nurse@capulet.example")
		want := []store.Event{
			message("but soft"),
			{Type: store.TypeError, From: "a", To: "b", InReplyTo: "c", Condition: "d", Text: "e", At: time.Unix(1, 0).UTC()},
			message("what light"),
		}
		for i, e := range want {
			id, err := s.Append(t.Context(), juliet, e)
			if id != int64(i+1) || err != nil {
				t.Fatalf("Append = %d, %v; want %d", id, err, i+1)
			}
			want[i].ID = id
		}
		if id, err := s.Append(t.Context(), nurse, message("mine")); id != 1 || err != nil {
			t.Errorf("Append for another user = %d, %v; want 1", id, err)
		}
		for _, tt := range []struct {
			after int64
			limit int
			want  []store.Event
		}{
			{0, 10, want}, {0, 2, want[:2]}, {1, 10, want[1:]}, {2, 1, want[2:]}, {3, 10, nil}, {99, 10, nil},
		} {
			got, err := s.Events(t.Context(), juliet, tt.after, tt.limit)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("Events(after %d, limit %d) = %v, %v; want %v", tt.after, tt.limit, got, err, tt.want)
			}
		}
	})
}

func TestNobodysEvents(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		nobody := jid.MustParse("nobody@capulet.example")
		if _, err := s.Append(t.Context(), nobody, message("x")); !errors.Is(err, store.ErrNoUser) {
			t.Errorf("Append = %v, want ErrNoUser", err)
		}
		if got, err := s.Events(t.Context(), nobody, 0, 10); len(got) != 0 || err != nil {
			t.Errorf("Events = %v, %v; want none", got, err)
		}
	})
}

func TestWatch(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, _ := addUser(t, s, "juliet@capulet.example")
		nurse, _ := addUser(t, s, "nurse@capulet.example")
		wake, stop := s.Watch(juliet)
		other, stopOther := s.Watch(nurse)
		defer stopOther()
		for range 3 { // a watcher that does not look holds nobody up
			if _, err := s.Append(t.Context(), juliet, message("x")); err != nil {
				t.Fatal(err)
			}
		}
		<-wake
		stop()
		if _, err := s.Append(t.Context(), juliet, message("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-wake:
			t.Error("woken after the watch has ended")
		case <-other:
			t.Error("woken for another user's event")
		default:
		}
	})
}

// A burst from many senders: nothing is lost and each sender's order is kept.
func TestBurst(t *testing.T) {
	const senders, each = 40, 50
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, _ := addUser(t, s, "juliet@capulet.example")
		var wg sync.WaitGroup
		for sender := range senders {
			wg.Go(func() {
				for n := range each {
					e := message(fmt.Sprint(n))
					e.From = fmt.Sprint(sender)
					if _, err := s.Append(t.Context(), juliet, e); err != nil {
						t.Errorf("Append: %v", err)
					}
				}
			})
		}
		wg.Wait()
		got, err := s.Events(t.Context(), juliet, 0, senders*each+1)
		if len(got) != senders*each || err != nil {
			t.Fatalf("Events: %d, %v; want %d", len(got), err, senders*each)
		}
		next := make(map[string]int)
		for i, e := range got {
			if e.ID != int64(i+1) {
				t.Fatalf("event %d has id %d", i+1, e.ID)
			}
			if e.Body != fmt.Sprint(next[e.From]) {
				t.Fatalf("sender %s: %s came when %d was next", e.From, e.Body, next[e.From])
			}
			next[e.From]++
		}
	})
}

func TestClosed(t *testing.T) {
	everyStore(t, func(t *testing.T, s store.Store) {
		juliet, token := addUser(t, s, "juliet@capulet.example")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, appendErr := s.Append(t.Context(), juliet, message("x"))
		_, eventsErr := s.Events(t.Context(), juliet, 0, 1)
		_, tokenErr := s.UserByToken(t.Context(), token)
		addErr := s.AddUser(t.Context(), jid.MustParse("nurse@capulet.example"), store.TokenHash{})
		for what, err := range map[string]error{"Append": appendErr, "Events": eventsErr, "UserByToken": tokenErr, "AddUser": addErr} {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("%s after Close: %v, want ErrClosed", what, err)
			}
		}
	})
}

func TestSQLiteSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a chat?#%.db") // a name that a URL would have to escape
	s := openSQLite(t, path)
	juliet, token := addUser(t, s, "juliet@capulet.example")
	if _, err := s.Append(t.Context(), juliet, message("kept")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openSQLite(t, path)
	defer s.Close()
	if got, err := s.UserByToken(t.Context(), token); got != juliet || err != nil {
		t.Errorf("UserByToken = %v, %v", got, err)
	}
	if id, err := s.Append(t.Context(), juliet, message("next")); id != 2 || err != nil {
		t.Errorf("Append = %d, %v; want 2", id, err)
	}
	got, err := s.Events(t.Context(), juliet, 0, 10)
	if len(got) != 2 || err != nil || got[0].Body != "kept" {
		t.Errorf("Events = %v, %v", got, err)
	}
}

func TestSQLiteAppendHonoursContext(t *testing.T) {
	s := openSQLite(t, filepath.Join(t.TempDir(), "chat.db"))
	defer s.Close()
	juliet, _ := addUser(t, s, "juliet@capulet.example")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.UserExists(t.Context(), juliet); err != nil { // now in the cache
		t.Fatal(err)
	}
	// Either order of events is right, but an error must mean that nothing was kept.
	_, err := s.Append(ctx, juliet, message("x"))
	got, readErr := s.Events(t.Context(), juliet, 0, 10)
	if readErr != nil || (err == nil) != (len(got) == 1) {
		t.Errorf("Append = %v, and %d events are kept", err, len(got))
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	s := store.NewMemory()
	juliet, _ := addUser(t, s, "juliet@capulet.example")
	const kept, more = 1 << 16, 10
	for range kept + more {
		if _, err := s.Append(t.Context(), juliet, store.Event{Type: store.TypeMessage}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Events(t.Context(), juliet, 0, 2*kept)
	if err != nil || len(got) != kept || got[0].ID != more+1 || got[kept-1].ID != kept+more {
		t.Errorf("%d events, %v; want the last %d", len(got), err, kept)
	}
}

func BenchmarkAppend(b *testing.B) {
	body := strings.Repeat("wherefore ", 10)
	bench := func(b *testing.B, s store.Store, parallel int) {
		defer s.Close()
		juliet, _ := addUser(b, s, "juliet@capulet.example")
		e := message(body)
		b.ReportAllocs()
		b.SetParallelism(parallel)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.Append(b.Context(), juliet, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("memory", func(b *testing.B) { bench(b, store.NewMemory(), 1) })
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("sqlite/callers=%dxCPU", callers), func(b *testing.B) {
			bench(b, openSQLite(b, filepath.Join(b.TempDir(), "chat.db")), callers)
		})
	}
}
