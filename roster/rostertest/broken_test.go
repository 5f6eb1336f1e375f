package rostertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

func yield() { runtime.Gosched() }

// recorder is a testing.TB that keeps failures to itself.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failures runs all checks and returns what each has to say against the store.
func failures(t *testing.T, open func() roster.Store) map[string][]string {
	failed := map[string][]string{}
	for _, c := range checks {
		r := &recorder{TB: t}
		var wg sync.WaitGroup
		wg.Go(func() { c.run(r, open()) })
		wg.Wait()
		if len(r.failed) > 0 {
			failed[c.name] = r.failed
		}
	}
	return failed
}

func TestGoodStores(t *testing.T) {
	for name, open := range map[string]func() roster.Store{
		"memory": func() roster.Store { return &roster.MemStore{} },
		"naive":  func() roster.Store { return &naiveStore{} },
		"repeats transactions": func() roster.Store {
			return &naiveStore{run: func(fn change, it item) (item, error, bool) {
				if _, err := fn(clone(it)); err != nil {
					return item{}, err, false
				}
				it, err := fn(clone(it))
				return it, err, err == nil
			}}
		},
		"sorts groups and turns items round": func() roster.Store {
			return &naiveStore{
				save: func(it item) item { slices.Sort(it.Groups); return it },
				list: func(items []item) []item { slices.Reverse(items); return items },
			}
		},
		"rolls back when the context ends": func() roster.Store {
			return &rollback{}
		},
	} {
		if failed := failures(t, open); len(failed) > 0 {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

// rollback is a store that looks at the context before it commits.
type rollback struct{ naiveStore }

func (s *rollback) Update(ctx context.Context, user, contact jid.JID, fn change) (item, error) {
	return s.naiveStore.Update(ctx, user, contact, func(it item) (item, error) {
		it, err := fn(it)
		if err == nil {
			err = ctx.Err()
		}
		return it, err
	})
}

// share returns a copy hook that does not copy at some places.
func share(places ...string) func(string, item) item {
	return func(where string, it item) item {
		if slices.Contains(places, where) {
			return it
		}
		return clone(it)
	}
}

// fold returns a comparison of keys that takes addresses for the same when f does.
func fold(f func(jid.JID) string) func(u, u2, c, c2 jid.JID) bool {
	return func(u, u2, c, c2 jid.JID) bool { return u == u2 && f(c) == f(c2) }
}

// drop returns a save hook that loses a part of the item.
func drop(f func(it *item)) func(item) item {
	return func(it item) item {
		f(&it)
		return it
	}
}

// Each store breaks one rule, and the named check finds out; others may as well.
func TestBrokenStores(t *testing.T) {
	errOther := errors.New("store: failed")
	tests := []struct {
		name  string
		check string
		open  func() roster.Store
	}{
		{"makes items by looking", "Empty", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Listed = true })}
		}},
		{"gives no Contact", "Empty", func() roster.Store {
			return &naiveStore{copy: func(where string, it item) item {
				if where == "given" {
					it.Contact = jid.JID{}
				}
				return clone(it)
			}}
		}},
		{"loses Name", "Fields", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Name = "" })} }},
		{"trims Name", "Fields", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Name = strings.TrimSpace(it.Name) })}
		}},
		{"cuts Name", "Fields", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Name = it.Name[:min(255, len(it.Name))] })}
		}},
		{"loses Groups", "Fields", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Groups = nil })} }},
		{"joins Groups with commas", "Fields", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) {
				if len(it.Groups) > 0 {
					it.Groups = strings.Split(strings.Join(it.Groups, ","), ",")
				}
			})}
		}},
		{"loses Request", "Fields", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Request = "" })} }},
		{"loses Listed", "States", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Listed = false })} }},
		{"loses Subscription", "States", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Subscription &= 1 })}
		}},
		{"loses Ask", "States", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Ask = false })} }},
		{"loses Pending", "States", func() roster.Store { return &naiveStore{save: drop(func(it *item) { it.Pending = false })} }},
		{"loses Approved", "States", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Approved = false })}
		}},
		{"corrects contradictions", "States", func() roster.Store {
			return &naiveStore{save: drop(func(it *item) { it.Ask = it.Ask && !it.Subscription.HasTo() })}
		}},
		{"trusts Contact", "Contact", func() roster.Store { return &trusting{} }},
		{"returns the old item", "Sequence", func() roster.Store {
			return &naiveStore{finish: func(_ context.Context, given, _ item) (item, error) { return given, nil }}
		}},
		{"does not delete", "Delete", func() roster.Store { return &naiveStore{keepOld: true} }},
		{"returns nothing for a deletion", "Delete", func() roster.Store {
			return &naiveStore{finish: func(_ context.Context, _, it item) (item, error) {
				if it.IsZero() {
					return item{}, nil
				}
				return it, nil
			}}
		}},
		{"stores in spite of an error", "Error", func() roster.Store {
			return &naiveStore{run: func(fn change, it item) (item, error, bool) {
				it, err := fn(it)
				return it, err, true
			}}
		}},
		{"wraps errors", "Error", func() roster.Store {
			return &naiveStore{run: func(fn change, it item) (item, error, bool) {
				it, err := fn(it)
				if err != nil {
					return item{}, fmt.Errorf("store: %w", err), false
				}
				return it, nil, true
			}}
		}},
		{"hides errors", "Error", func() roster.Store {
			return &naiveStore{run: func(fn change, it item) (item, error, bool) {
				it, err := fn(it)
				return it, nil, err == nil
			}}
		}},
		{"swallows panics", "Panic", func() roster.Store {
			return &naiveStore{run: func(fn change, it item) (_ item, err error, _ bool) {
				defer func() {
					if recover() != nil {
						err = errOther
					}
				}()
				it, err = fn(it)
				return it, err, err == nil
			}}
		}},
		{"is unusable after a panic", "Panic", func() roster.Store {
			stuck := false
			return &naiveStore{run: func(fn change, it item) (item, error, bool) {
				if stuck {
					return item{}, errOther, false
				}
				stuck = true
				it, err := fn(it)
				stuck = false
				return it, err, err == nil
			}}
		}},
		{"copies nothing it is given back", "OwnGiven", func() roster.Store { return &naiveStore{copy: share("given", "stored")} }},
		{"shares what it gives", "Error", func() roster.Store { return &naiveStore{copy: share("given")} }},
		{"shares what it stores", "OwnStored", func() roster.Store { return &naiveStore{copy: share("stored")} }},
		{"returns what fn returned", "OwnStored", func() roster.Store { return &naiveStore{copy: share("returned")} }},
		{"returns what it stored", "OwnReturned", func() roster.Store {
			var last item
			return &naiveStore{
				copy: func(where string, it item) item {
					it = clone(it)
					if where == "stored" {
						last = it
					}
					return it
				},
				finish: func(context.Context, item, item) (item, error) { return last, nil },
			}
		}},
		{"shares what it lists", "OwnItems", func() roster.Store { return &naiveStore{copy: share("items")} }},
		{"ignores the context", "ContextEnded", func() roster.Store { return &naiveStore{noCtx: true} }},
		{"commits and reports the context", "ContextEndsDuringUpdate", func() roster.Store {
			return &naiveStore{finish: func(ctx context.Context, _, it item) (item, error) { return it, ctx.Err() }}
		}},
		{"lists a page", "ManyContacts", func() roster.Store {
			return &naiveStore{list: func(items []item) []item { return items[:min(100, len(items))] }}
		}},
		{"lists twice", "ManyContacts", func() roster.Store {
			return &naiveStore{list: func(items []item) []item { return append(items, items...) }}
		}},
		{"mixes users", "ManyUsers", func() roster.Store {
			return &naiveStore{same: func(_, _, c, c2 jid.JID) bool { return c == c2 }}
		}},
		{"lists other users' items", "ManyUsers", func() roster.Store {
			return &naiveStore{sameTo: func(u, u2 jid.JID) bool { return u.Domain() == u2.Domain() }}
		}},
		{"ignores case", "Addresses", func() roster.Store {
			return &naiveStore{same: fold(func(j jid.JID) string { return strings.ToLower(j.String()) })}
		}},
		{"ignores trailing spaces", "Addresses", func() roster.Store {
			return &naiveStore{same: fold(func(j jid.JID) string { return strings.TrimRight(j.String(), " ") })}
		}},
		{"drops resources", "Addresses", func() roster.Store {
			return &naiveStore{same: fold(func(j jid.JID) string { return j.Bare().String() })}
		}},
		{"writes ss for ß", "Addresses", func() roster.Store { return &naiveStore{same: fold(jid.JID.LegacyKey)} }},
		{"ignores accents", "Addresses", func() roster.Store {
			return &naiveStore{same: fold(func(j jid.JID) string { return strings.ReplaceAll(j.String(), "é", "e") })}
		}},
		{"cuts addresses", "Addresses", func() roster.Store {
			return &naiveStore{same: fold(func(j jid.JID) string { return j.String()[:min(255, len(j.String()))] })}
		}},
		{"joins user and contact", "AddressesOfUsers", func() roster.Store {
			return &naiveStore{same: func(u, u2, c, c2 jid.JID) bool { return u.String()+c.String() == u2.String()+c2.String() }}
		}},
		{"finds users by pattern", "AddressesOfUsers", func() roster.Store {
			return &naiveStore{sameTo: func(u, u2 jid.JID) bool {
				before, after, found := strings.Cut(u2.String(), "%")
				return found && strings.HasPrefix(u.String(), before) && strings.HasSuffix(u.String(), after)
			}}
		}},
		{"loses updates", "ConcurrentUpdates", func() roster.Store { return &naiveStore{noAtom: true} }},
		{"writes in two steps", "ConcurrentItems", func() roster.Store { return &naiveStore{inTwo: true} }},
		{"fails when busy", "ConcurrentContacts", func() roster.Store { return &busy{} }},
		{"lists from a cache", "ConcurrentItems", func() roster.Store { return &cached{} }},
	}
	caught := map[string]bool{}
	for _, tt := range tests {
		failed := failures(t, tt.open)
		if len(failed[tt.check]) == 0 {
			t.Errorf("%s: %s passed; failed: %v", tt.name, tt.check, slices.Sorted(maps.Keys(failed)))
		}
		caught[tt.check] = true
	}
	for _, c := range checks {
		if !caught[c.name] {
			t.Errorf("no broken store shows that %s can fail", c.name)
		}
	}
}

// trusting stores an item under the Contact that it has.
type trusting struct{ naiveStore }

func (s *trusting) Update(ctx context.Context, user, contact jid.JID, fn change) (item, error) {
	it, err := fn(item{Contact: contact})
	if err != nil {
		return item{}, err
	}
	return s.naiveStore.Update(ctx, user, it.Contact, func(item) (item, error) { return it, nil })
}

// busy refuses an Update while another one runs.
type busy struct {
	naiveStore
	running sync.Mutex
}

func (s *busy) Update(ctx context.Context, user, contact jid.JID, fn change) (item, error) {
	if !s.running.TryLock() {
		return item{}, errors.New("store: busy")
	}
	defer s.running.Unlock()
	return s.naiveStore.Update(ctx, user, contact, fn)
}

// cached lists what it listed before, every other time.
type cached struct {
	naiveStore
	mu   sync.Mutex
	last []item
	n    int
}

func (s *cached) Items(ctx context.Context, user jid.JID) ([]item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n%2 == 0 && ctx.Err() == nil {
		return s.last, nil
	}
	items, err := s.naiveStore.Items(ctx, user)
	s.last = items
	return items, err
}
