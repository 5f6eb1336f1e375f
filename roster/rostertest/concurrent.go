package rostertest

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

const (
	writers = 8
	rounds  = 25 // of each writer
)

// count adds one to the number that is the name of an item, and keeps its groups the
// same text. It gives way in between, so that another Update can come between if the
// store lets it.
func count(it roster.Item) (roster.Item, error) {
	n, _ := strconv.Atoi(it.Name) // none is 0
	runtime.Gosched()
	it.Name = strconv.Itoa(n + 1)
	it.Groups = []string{it.Name}
	return it, nil
}

// parallel runs f in as many goroutines as there are writers, all at once.
func parallel(f func(writer int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for w := range writers {
		wg.Go(func() {
			<-start
			f(w)
		})
	}
	close(start)
	wg.Wait()
}

// No Update of one item is lost, and each returns what it stored itself.
func testConcurrentUpdates(t testing.TB, s roster.Store) {
	var mu sync.Mutex
	returned := map[string]bool{}
	parallel(func(int) {
		for range rounds {
			it, err := s.Update(t.Context(), juliet, romeo, count)
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			mu.Lock()
			if returned[it.Name] {
				t.Errorf("two Updates returned the item %q", it.Name)
			}
			returned[it.Name] = true
			mu.Unlock()
		}
	})
	total := strconv.Itoa(writers * rounds)
	expect(t, s, juliet, roster.Item{Contact: romeo, Name: total, Groups: []string{total}})
}

// Items of one user are added, changed and removed at once, without harm to each
// other.
func testConcurrentContacts(t testing.TB, s roster.Store) {
	contact := func(w int) jid.JID { return jid.MustParse(fmt.Sprintf("user%d@montague.example", w)) }
	parallel(func(w int) {
		for i := range rounds {
			_, err := s.Update(t.Context(), juliet, contact(w), func(it roster.Item) (roster.Item, error) {
				if w%2 == 0 && i%5 == 4 {
					return roster.Item{}, nil
				}
				return count(it)
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	})
	var want []roster.Item
	for w := range writers {
		if w%2 != 0 {
			total := strconv.Itoa(rounds)
			want = append(want, roster.Item{Contact: contact(w), Name: total, Groups: []string{total}})
		}
	}
	expect(t, s, juliet, want...)
}

// Items never shows half an Update, and shows all Updates that returned before.
func testConcurrentItems(t testing.TB, s roster.Store) {
	parallel(func(w int) {
		contact := jid.MustParse(fmt.Sprintf("user%d@montague.example", w/2)) // two write the same
		for range rounds {
			mine, err := s.Update(t.Context(), juliet, contact, count)
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			items, err := s.Items(t.Context(), juliet)
			if err != nil {
				t.Errorf("Items: %v", err)
				return
			}
			found := false
			seen := map[jid.JID]bool{}
			for _, it := range items {
				if seen[it.Contact] {
					t.Errorf("Items has %v twice", it.Contact)
				}
				seen[it.Contact] = true
				if len(it.Groups) != 1 || it.Groups[0] != it.Name {
					t.Errorf("Items has the name %q of one Update and the groups %q of another", it.Name, it.Groups)
				}
				if it.Contact == contact {
					now, _ := strconv.Atoi(it.Name)
					then, _ := strconv.Atoi(mine.Name)
					found = now >= then
				}
			}
			if !found {
				t.Errorf("Items lacks an Update of %v that returned before", contact)
			}
		}
	})
}
