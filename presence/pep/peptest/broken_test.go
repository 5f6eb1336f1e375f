package peptest

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
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
)

type (
	node   = pep.Node
	change = func(node) (node, error)
)

// hooked is a good store, except for what its hooks do.
type hooked struct {
	pep.MemStore

	key    func(s string) string                                             // what names are compared by
	save   func(n node) node                                                 // what is kept of a result
	load   func(n node) node                                                 // what Read returns
	given  func(n node) node                                                 // what fn is given
	back   func(n node) node                                                 // what Update returns
	list   func(nodes []node) []node                                         // what Nodes returns
	query  func(q pep.Query) pep.Query                                       // what is picked
	update func(ctx context.Context, run func() (node, error)) (node, error) // around Update
	noCtx  bool                                                              // the context is not looked at
}

func (h *hooked) ctx(ctx context.Context) context.Context {
	if h.noCtx {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (h *hooked) name(s string) string {
	if h.key != nil {
		return h.key(s)
	}
	return s
}

func (h *hooked) Nodes(ctx context.Context, owner jid.JID) ([]node, error) {
	nodes, err := h.MemStore.Nodes(h.ctx(ctx), owner)
	if h.list != nil {
		nodes = h.list(nodes)
	}
	return nodes, err
}

func (h *hooked) Read(ctx context.Context, owner jid.JID, name string, q pep.Query) (node, error) {
	if h.query != nil {
		q = h.query(q)
	}
	n, err := h.MemStore.Read(h.ctx(ctx), owner, h.name(name), q)
	if h.load != nil {
		n = h.load(n)
	}
	return n, err
}

func (h *hooked) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	run := func() (node, error) {
		return h.MemStore.Update(h.ctx(ctx), owner, h.name(name), func(n node) (node, error) {
			if h.given != nil {
				n = h.given(n)
			}
			n, err := fn(n)
			if h.save != nil && err == nil {
				n = h.save(n)
			}
			return n, err
		})
	}
	around := h.update
	if around == nil {
		around = func(_ context.Context, run func() (node, error)) (node, error) { return run() }
	}
	n, err := around(ctx, run)
	if h.back != nil && err == nil {
		n = h.back(n)
	}
	return n, err
}

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

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failures runs all checks and returns what each has to say against the store.
func failures(t *testing.T, open func() pep.Store) map[string][]string {
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

// store returns a function that opens stores with the hooks of h.
func store(h func() *hooked) func() pep.Store { return func() pep.Store { return h() } }

func TestGoodStores(t *testing.T) {
	for name, open := range map[string]func() pep.Store{
		"memory": func() pep.Store { return &pep.MemStore{} },
		"hooked": store(func() *hooked { return &hooked{} }),
		"turns sets round": store(func() *hooked {
			return &hooked{
				save: func(n node) node {
					n = clone(n)
					slices.Reverse(n.Subscribers)
					slices.Reverse(n.Config.Groups)
					return n
				},
				list: func(nodes []node) []node { slices.Reverse(nodes); return nodes },
			}
		}),
		"repeats transactions":             func() pep.Store { return &repeating{} },
		"rolls back when the context ends": func() pep.Store { return &rollback{} },
	} {
		if failed := failures(t, open); len(failed) > 0 {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

// repeating runs each function twice.
type repeating struct{ pep.MemStore }

func (s *repeating) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	return s.MemStore.Update(ctx, owner, name, func(n node) (node, error) {
		if n, err := fn(clone(n)); err != nil {
			return n, err
		}
		return fn(n)
	})
}

// rollback looks at the context before it commits.
type rollback struct{ pep.MemStore }

func (s *rollback) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	return s.MemStore.Update(ctx, owner, name, func(n node) (node, error) {
		n, err := fn(n)
		if err == nil {
			err = ctx.Err()
		}
		return n, err
	})
}

// racy runs functions without a lock.
type racy struct{ pep.MemStore }

func (s *racy) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	var old node
	if _, err := s.MemStore.Update(ctx, owner, name, func(n node) (node, error) { old = n; return n, nil }); err != nil {
		return node{}, err
	}
	n, err := fn(old)
	if err != nil {
		return node{}, err
	}
	return s.MemStore.Update(ctx, owner, name, func(node) (node, error) { return n, nil })
}

// stale reads what it read before, every other time.
type stale struct {
	pep.MemStore
	mu   sync.Mutex
	last map[string]node
	n    int
}

func (s *stale) Read(ctx context.Context, owner jid.JID, name string, q pep.Query) (node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.last[name]; ok && s.n%2 == 0 {
		s.n++
		return old, nil
	}
	s.n++
	n, err := s.MemStore.Read(ctx, owner, name, q)
	if s.last == nil {
		s.last = map[string]node{}
	}
	s.last[name] = n
	return n, err
}

// box keeps a node without copying it.
type box struct {
	mu   sync.Mutex
	last node
}

func (b *box) keep(n node) node {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = n
	return n
}

// scribbled returns what is kept if somebody wrote into it, else n.
func (b *box) scribbled(n node) node {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.last.Items) > 0 && b.last.Items[0].ID == "scribbled" {
		return b.last
	}
	return n
}

// Each store breaks one rule, and the named check finds out; others may as well.
func TestBrokenStores(t *testing.T) {
	errOther := errors.New("store: failed")
	save := func(f func(n *node)) func() pep.Store {
		return store(func() *hooked {
			return &hooked{save: func(n node) node {
				n = clone(n)
				f(&n)
				return n
			}}
		})
	}
	items := func(f func(it *pep.Item)) func() pep.Store {
		return save(func(n *node) {
			for i := range n.Items {
				f(&n.Items[i])
			}
		})
	}
	fold := func(f func(string) string) func() pep.Store {
		return store(func() *hooked { return &hooked{key: f} })
	}
	query := func(f func(q *pep.Query)) func() pep.Store {
		return store(func() *hooked { return &hooked{query: func(q pep.Query) pep.Query { f(&q); return q }} })
	}
	around := func(f func(ctx context.Context, run func() (node, error)) (node, error)) func() pep.Store {
		return store(func() *hooked { return &hooked{update: f} })
	}
	tests := []struct {
		name, check string
		open        func() pep.Store
	}{
		{"makes nodes by looking", "Empty", save(func(n *node) { n.Created = then })},
		{"gives no Name", "Empty", store(func() *hooked { return &hooked{given: func(n node) node { n.Name = ""; return n }} })},
		{"loses empty nodes", "Empty", save(func(n *node) {
			if len(n.Items) == 0 {
				n.Created = time.Time{}
			}
		})},
		{"loses Access", "Config", save(func(n *node) { n.Config.Access &= 1 })},
		{"loses SendLast", "Config", save(func(n *node) { n.Config.SendLast = 0 })},
		{"loses MaxItems", "Config", save(func(n *node) { n.Config.MaxItems &= 0xffff })},
		{"loses Transient", "Config", save(func(n *node) { n.Config.Transient = false })},
		{"loses NoPayload", "Config", save(func(n *node) { n.Config.NoPayload = false })},
		{"loses Allowed", "Config", save(func(n *node) { n.Config.Allowed = nil })},
		{"joins Groups with commas", "Config", save(func(n *node) {
			if len(n.Config.Groups) > 0 {
				n.Config.Groups = strings.Split(strings.Join(n.Config.Groups, ","), ",")
			}
		})},
		{"trims ids", "Texts", items(func(it *pep.Item) { it.ID = strings.TrimSpace(it.ID) })},
		{"writes payloads anew", "Texts", items(func(it *pep.Item) { it.Payload = []byte(strings.ReplaceAll(string(it.Payload), "\r\n", "\n")) })},
		{"trusts Name", "Name", store(func() *hooked {
			return &hooked{back: func(n node) node {
				if n.Exists() && len(n.Items) > 0 {
					n.Name = "other"
				}
				return n
			}}
		})},
		{"keeps seconds", "Times", items(func(it *pep.Item) { it.Published = it.Published.Truncate(time.Second) })},
		{"keeps local times", "Times", items(func(it *pep.Item) { it.Published = it.Published.In(time.FixedZone("", 7200)) })},
		{"drops resources", "Subscribers", save(func(n *node) {
			for i, j := range n.Subscribers {
				n.Subscribers[i] = j.Bare()
			}
		})},
		{"keeps a page of subscribers", "Subscribers", save(func(n *node) { n.Subscribers = n.Subscribers[:min(100, len(n.Subscribers))] })},
		{"sorts items", "Order", save(func(n *node) {
			slices.SortFunc(n.Items, func(a, b pep.Item) int { return strings.Compare(a.ID, b.ID) })
		})},
		{"loses payloads that are kept", "Payloads", items(func(it *pep.Item) {
			if it.Payload == nil {
				it.Payload = []byte{}
			}
		})},
		{"cuts payloads", "Large", items(func(it *pep.Item) { it.Payload = it.Payload[:min(65536, len(it.Payload))] })},
		{"keeps a page of items", "Large", save(func(n *node) { n.Items = n.Items[:min(255, len(n.Items))] })},
		{"ignores Max", "Query", query(func(q *pep.Query) { q.Max = max(q.Max, 3) })},
		{"ignores Bytes", "Query", query(func(q *pep.Query) { q.Bytes = 0 })},
		{"ignores IDs", "Query", query(func(q *pep.Query) { q.IDs = nil })},
		{"returns the newest first", "Query", store(func() *hooked {
			return &hooked{load: func(n node) node { slices.Reverse(n.Items); return n }}
		})},
		{"does not delete", "Delete", store(func() *hooked {
			return &hooked{save: func(n node) node {
				if !n.Exists() && n.Subscribers != nil {
					n.Created = then
				}
				return n
			}}
		})},
		{"ignores case", "Lookalikes", fold(strings.ToLower)},
		{"ignores trailing spaces", "Lookalikes", fold(func(s string) string { return strings.TrimRight(s, " ") })},
		{"lists other users' nodes", "Users", func() pep.Store { return &shared{} }},
		{"stores in spite of an error", "Error", func() pep.Store { return &careless{} }},
		{"wraps errors", "Error", around(func(_ context.Context, run func() (node, error)) (node, error) {
			n, err := run()
			if err != nil {
				err = fmt.Errorf("store: %w", err)
			}
			return n, err
		})},
		{"swallows panics", "Panic", around(func(_ context.Context, run func() (node, error)) (n node, err error) {
			defer func() {
				if recover() != nil {
					err = errOther
				}
			}()
			return run()
		})},
		{"shares what it gives", "OwnGiven", store(func() *hooked {
			var b box
			return &hooked{given: b.keep, load: b.scribbled}
		})},
		{"shares what it stores", "OwnStored", store(func() *hooked {
			var b box
			return &hooked{save: b.keep, load: b.scribbled}
		})},
		{"shares what it reads", "OwnReturned", store(func() *hooked {
			var b box
			return &hooked{load: func(n node) node { return b.keep(b.scribbled(n)) }}
		})},
		{"ignores the context", "ContextEnded", store(func() *hooked { return &hooked{noCtx: true} })},
		{"commits and reports the context", "ContextEndsDuringUpdate", around(func(ctx context.Context, run func() (node, error)) (node, error) {
			n, err := run()
			if err == nil {
				err = ctx.Err()
			}
			return n, err
		})},
		{"loses updates", "ConcurrentUpdates", func() pep.Store { return &racy{} }},
		{"fails when busy", "ConcurrentNodes", func() pep.Store { return &busy{} }},
		{"reads from a cache", "ConcurrentReads", func() pep.Store { return &stale{} }},
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

// shared takes all users of a domain for one.
type shared struct{ pep.MemStore }

func (s *shared) Nodes(ctx context.Context, owner jid.JID) ([]node, error) {
	return s.MemStore.Nodes(ctx, owner.Host())
}

func (s *shared) Read(ctx context.Context, owner jid.JID, name string, q pep.Query) (node, error) {
	return s.MemStore.Read(ctx, owner.Host(), name, q)
}

func (s *shared) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	return s.MemStore.Update(ctx, owner.Host(), name, fn)
}

// careless stores what came with an error.
type careless struct{ pep.MemStore }

func (s *careless) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	var failed error
	n, err := s.MemStore.Update(ctx, owner, name, func(n node) (node, error) {
		n, failed = fn(n)
		return n, nil
	})
	if failed != nil {
		return node{}, failed
	}
	return n, err
}

// busy refuses an Update while another one runs.
type busy struct {
	pep.MemStore
	running sync.Mutex
}

func (s *busy) Update(ctx context.Context, owner jid.JID, name string, fn change) (node, error) {
	if !s.running.TryLock() {
		return node{}, errors.New("store: busy")
	}
	defer s.running.Unlock()
	return s.MemStore.Update(ctx, owner, name, func(n node) (node, error) {
		runtime.Gosched()
		return fn(n)
	})
}
