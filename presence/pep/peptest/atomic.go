package peptest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/stanza"
)

// hostError is an error that no store knows. It is compared by address.
type hostError struct{ text string }

func (e *hostError) Error() string { return e.text }

// scribble overwrites all memory that a caller was given with a node, payloads
// excepted.
func scribble(n pep.Node) {
	for i := range n.Config.Groups[:cap(n.Config.Groups)] {
		n.Config.Groups[:cap(n.Config.Groups)][i] = "scribbled"
	}
	for i := range n.Config.Allowed[:cap(n.Config.Allowed)] {
		n.Config.Allowed[:cap(n.Config.Allowed)][i] = juliet
	}
	for i := range n.Subscribers[:cap(n.Subscribers)] {
		n.Subscribers[:cap(n.Subscribers)][i] = juliet
	}
	for i := range n.Items[:cap(n.Items)] {
		n.Items[:cap(n.Items)][i] = pep.Item{ID: "scribbled"}
	}
}

// An error of the function is returned unchanged and nothing is stored, neither what
// came with the error nor what was done to the node given.
func testError(t testing.TB, s pep.Store) {
	set(t, s, juliet, full("n"))
	refused := &hostError{"peptest: refused"}
	for _, name := range []string{"n", "m"} {
		for _, result := range []pep.Node{{}, {Name: name, Created: then}} {
			_, err := s.Update(t.Context(), juliet, name, func(given pep.Node) (pep.Node, error) {
				scribble(given)
				return result, refused
			})
			if err != error(refused) {
				t.Errorf("Update returned the error %#v, not that of the function", err)
			}
			expect(t, s, juliet, full("n"))
		}
	}
}

// A panic of the function is passed on, stores nothing and leaves the store usable.
func testPanic(t testing.TB, s pep.Store) {
	set(t, s, juliet, full("n"))
	const boom = "peptest: boom"
	func() {
		defer func() {
			if got := recover(); got != boom {
				t.Errorf("recovered %v, not what the function panicked with", got)
			}
		}()
		_, err := s.Update(t.Context(), juliet, "n", func(given pep.Node) (pep.Node, error) {
			scribble(given)
			panic(boom)
		})
		t.Errorf("Update returned %v although the function panicked", err)
	}()
	expect(t, s, juliet, full("n"))
	set(t, s, juliet, full("m"))
	expect(t, s, juliet, full("n"), full("m"))
}

// The function may keep and change what it was given.
func testOwnGiven(t testing.TB, s pep.Store) {
	set(t, s, juliet, full("n"))
	var kept pep.Node
	_, err := s.Update(t.Context(), juliet, "n", func(n pep.Node) (pep.Node, error) {
		kept = n
		return clone(n), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	scribble(kept)
	expect(t, s, juliet, full("n"))
}

// The store keeps no reference to what the function returned.
func testOwnStored(t testing.TB, s pep.Store) {
	n := full("n")
	got, err := s.Update(t.Context(), juliet, "n", func(pep.Node) (pep.Node, error) { return n, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range n.Items {
		copy(it.Payload, "scribbled")
	}
	scribble(n)
	expect(t, s, juliet, full("n"))
	if d := differs(got, bare(full("n"))); d != "" {
		t.Errorf("what Update returned shares memory with what the function returned: %s", d)
	}
}

// What is returned belongs to the caller.
func testOwnReturned(t testing.TB, s pep.Store) {
	for range 2 {
		got, err := s.Update(t.Context(), juliet, "n", func(pep.Node) (pep.Node, error) { return full("n"), nil })
		if err != nil {
			t.Fatal(err)
		}
		scribble(got)
		scribble(read(t, s, juliet, "n", all))
		nodes, err := s.Nodes(t.Context(), juliet)
		if err != nil {
			t.Fatal(err)
		}
		for i := range nodes {
			scribble(nodes[i])
			nodes[i] = pep.Node{Name: "scribbled"}
		}
		expect(t, s, juliet, full("n"))
	}
}

// With a context that has ended nothing is done.
func testContextEnded(t testing.TB, s pep.Store) {
	set(t, s, juliet, full("n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Nodes(ctx, juliet); !errors.Is(err, context.Canceled) {
		t.Errorf("Nodes returned the error %v, want context.Canceled", err)
	}
	if _, err := s.Read(ctx, juliet, "n", all); !errors.Is(err, context.Canceled) {
		t.Errorf("Read returned the error %v, want context.Canceled", err)
	}
	for _, name := range []string{"n", "m"} {
		_, err := s.Update(ctx, juliet, name, func(pep.Node) (pep.Node, error) { return pep.Node{Created: then}, nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Update returned the error %v, want context.Canceled", err)
		}
	}
	expect(t, s, juliet, full("n"))
}

// When the context ends while the function runs, the Update happens or it does not,
// and its error tells which.
func testContextEnds(t testing.TB, s pep.Store) {
	set(t, s, juliet, full("n"))
	changed := full("n")
	changed.Items = changed.Items[1:]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.Update(ctx, juliet, "n", func(pep.Node) (pep.Node, error) {
		cancel()
		return clone(changed), nil
	})
	switch {
	case err == nil:
		expect(t, s, juliet, changed)
	case errors.Is(err, context.Canceled):
		expect(t, s, juliet, full("n"))
	default:
		t.Errorf("Update returned the error %v, want none or context.Canceled", err)
	}
}

const (
	writers = 8
	rounds  = 15 // of each writer
)

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

// count adds an item whose id is the number of items so far, to the items and to the
// groups. It gives way in between, so that another Update can come between if the store
// lets it.
func count(n pep.Node) (pep.Node, error) {
	n.Created = then
	id := strconv.Itoa(len(n.Items))
	runtime.Gosched()
	n.Items = append(n.Items, pep.Item{ID: id, Published: then, Payload: stanza.Raw(id)})
	n.Config.Groups = []string{strconv.Itoa(len(n.Items))}
	return n, nil
}

// counted checks that a node is the work of count, so many times.
func counted(n pep.Node, times int) string {
	if len(n.Items) != times {
		return fmt.Sprintf("there are %d items, want %d", len(n.Items), times)
	}
	for i, it := range n.Items {
		if it.ID != strconv.Itoa(i) || string(it.Payload) != it.ID {
			return fmt.Sprintf("item %d is %q, %q", i, it.ID, it.Payload)
		}
	}
	if len(n.Config.Groups) != 1 || n.Config.Groups[0] != strconv.Itoa(times) {
		return fmt.Sprintf("the groups are %q, want %d", n.Config.Groups, times)
	}
	return ""
}

// No Update of one node is lost, and each returns what it stored itself.
func testConcurrentUpdates(t testing.TB, s pep.Store) {
	var mu sync.Mutex
	returned := map[int]bool{}
	parallel(func(int) {
		for range rounds {
			n, err := s.Update(t.Context(), juliet, "n", count)
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			mu.Lock()
			if returned[len(n.Items)] {
				t.Errorf("two Updates returned a node of %d items", len(n.Items))
			}
			returned[len(n.Items)] = true
			mu.Unlock()
		}
	})
	if d := counted(read(t, s, juliet, "n", all), writers*rounds); d != "" {
		t.Error(d)
	}
}

// Nodes are made, changed and deleted at once, without harm to each other.
func testConcurrentNodes(t testing.TB, s pep.Store) {
	owner := func(w int) jid.JID { return jid.MustParse(fmt.Sprintf("user%d@capulet.example", w/4)) }
	name := func(w int) string { return fmt.Sprint("node", w%4) }
	parallel(func(w int) {
		for i := range rounds {
			_, err := s.Update(t.Context(), owner(w), name(w), func(n pep.Node) (pep.Node, error) {
				if w%2 == 0 && i%5 == 4 {
					return pep.Node{}, nil
				}
				return count(n)
			})
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
		}
	})
	for w := range writers {
		n := read(t, s, owner(w), name(w), all)
		if w%2 == 0 {
			if d := differs(n, pep.Node{Name: name(w)}); d != "" {
				t.Errorf("a node that was deleted last: %s", d)
			}
		} else if d := counted(n, rounds); d != "" {
			t.Errorf("%s of %s: %s", name(w), owner(w), d)
		}
	}
}

// Nothing shows half an Update, and everything shows all Updates that returned before.
func testConcurrentReads(t testing.TB, s pep.Store) {
	parallel(func(w int) {
		name := fmt.Sprint("node", w/2) // two write the same
		for range rounds {
			mine, err := s.Update(t.Context(), juliet, name, count)
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			n, err := s.Read(t.Context(), juliet, name, all)
			if err != nil {
				t.Errorf("Read: %v", err)
				return
			}
			if len(n.Items) < len(mine.Items) {
				t.Errorf("Read has %d items after an Update returned %d", len(n.Items), len(mine.Items))
			}
			if d := counted(n, len(n.Items)); d != "" {
				t.Errorf("Read shows half an Update: %s", d)
			}
			nodes, err := s.Nodes(t.Context(), juliet)
			if err != nil {
				t.Errorf("Nodes: %v", err)
				return
			}
			seen := 0
			for _, other := range nodes {
				if other.Name == name {
					seen++
				}
			}
			if seen != 1 {
				t.Errorf("Nodes has %s %d times", name, seen)
			}
		}
	})
}
