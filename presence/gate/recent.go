package gate

import (
	"container/list"
	"sync"
	"time"
)

// recent is a map of limited size that forgets what was used least recently.
type recent[K comparable, V any] struct {
	limit int

	mu    sync.Mutex
	m     map[K]*list.Element
	order list.List // of *pair[K, V], the latest first
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, m: make(map[K]*list.Element)}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.m[key]; ok {
		r.order.MoveToFront(e)
		return e.Value.(*pair[K, V]).value, true
	}
	var none V
	return none, false
}

func (r *recent[K, V]) put(key K, v V) {
	r.update(key, func(V) V { return v })
}

// update replaces a value, the zero one if there is none.
func (r *recent[K, V]) update(key K, f func(V) V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.m[key]
	if !ok {
		for len(r.m) >= r.limit {
			last := r.order.Back()
			delete(r.m, r.order.Remove(last).(*pair[K, V]).key)
		}
		e = r.order.PushFront(&pair[K, V]{key: key})
		r.m[key] = e
	} else {
		r.order.MoveToFront(e)
	}
	p := e.Value.(*pair[K, V])
	p.value = f(p.value)
}

// bucket is a budget that fills up evenly: how much of it was spent, and when
// that was so.
type bucket struct {
	spent float64
	at    time.Time
}

// spend takes one from a budget of n a minute, and reports whether it was there.
func spend[K comparable](r *recent[K, bucket], key K, n int, now time.Time) (ok bool) {
	r.update(key, func(b bucket) bucket {
		b.spent = max(0, b.spent-now.Sub(b.at).Minutes()*float64(n))
		b.at = now
		if ok = b.spent+1 <= float64(n); ok {
			b.spent++
		}
		return b
	})
	return ok
}
