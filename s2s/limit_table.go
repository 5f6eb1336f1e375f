package s2s

import (
	"math"
	"time"
)

const (
	// maxResting is how many domains, and how many addresses, are remembered
	// that have no stream.
	maxResting = 4096
	// sample is how many of them are looked at to find one to forget.
	sample = 16
)

// table holds what is known of those who share a key: while it is used, and
// afterwards for as long as it makes a difference. It is not safe for concurrent
// use.
//
// An entry that is as good as new is forgotten without loss. When there are too
// many others, the one that will be soonest is, of a random sample: that favours
// whoever it belongs to, so that nobody can be harmed by filling the table; and
// whoever wants a bad record forgotten has to leave thousands that are worse.
type table[K comparable, E any] struct {
	fresh func(K) *E
	// clear is when an entry will be as good as new.
	clear func(*E) time.Duration

	used    map[K]*usage[E]
	resting map[K]*E
}

type usage[E any] struct {
	e *E
	n int
}

func newTable[K comparable, E any](fresh func(K) *E, clear func(*E) time.Duration) *table[K, E] {
	return &table[K, E]{fresh: fresh, clear: clear, used: make(map[K]*usage[E]), resting: make(map[K]*E)}
}

// use returns the entry of a key, which stays until as many calls of done.
func (t *table[K, E]) use(key K) *E {
	if u := t.used[key]; u != nil {
		u.n++
		return u.e
	}
	e := t.resting[key]
	delete(t.resting, key)
	if e == nil {
		e = t.fresh(key)
	}
	t.used[key] = &usage[E]{e, 1}
	return e
}

// done ends one use.
func (t *table[K, E]) done(key K, now time.Duration) {
	u := t.used[key]
	if u.n--; u.n > 0 {
		return
	}
	delete(t.used, key)
	if t.clear(u.e) <= now {
		return
	}
	if len(t.resting) >= maxResting {
		t.forget(now)
	}
	t.resting[key] = u.e
}

// forget removes at least one entry that is not used.
func (t *table[K, E]) forget(now time.Duration) {
	var soonest K
	least := time.Duration(math.MaxInt64)
	seen, clear := 0, 0
	for k, e := range t.resting { // begins anywhere
		if at := t.clear(e); at <= now {
			delete(t.resting, k)
			clear++
		} else if at <= least {
			soonest, least = k, at
		}
		if seen++; seen == sample {
			break
		}
	}
	if clear == 0 {
		delete(t.resting, soonest)
	}
}
