package lane

import (
	"hash/maphash"
	"sync"
	"time"
)

const shards = 64

// Pool runs a function over items, in order per key. Make one with [New].
// Its methods are safe for concurrent use.
type Pool[K comparable, T any] struct {
	run      func(K, T)
	limit    int
	patience time.Duration
	seed     maphash.Seed
	shard    [shards]shard[K, T]
	work     sync.WaitGroup
}

type shard[K comparable, T any] struct {
	mu    sync.Mutex
	lanes map[K]*lane[T]
	spare *lane[T]
}

type lane[T any] struct {
	queue []T // waiting; the batch being worked on is not in it
	busy  int // items of the current batch not yet finished
	stuck bool
	room  chan struct{} // closed when a quarter is free; nil when nobody waits
}

// New returns a Pool that calls run for each item. A lane holds up to limit
// items, those being worked on included; a push onto a full one waits up to
// patience.
func New[K comparable, T any](limit int, patience time.Duration, run func(K, T)) *Pool[K, T] {
	return &Pool[K, T]{run: run, limit: max(limit, 1), patience: patience, seed: maphash.MakeSeed()}
}

// Push adds an item to its key's lane and reports whether it was taken: false
// means that the lane is stuck, or that cancel was closed while waiting for
// room. A nil cancel never cancels.
func (p *Pool[K, T]) Push(cancel <-chan struct{}, key K, item T) bool {
	sh := &p.shard[maphash.Comparable(p.seed, key)%shards]
	var timer *time.Timer
	for {
		sh.mu.Lock()
		if p.add(sh, key, item) {
			sh.mu.Unlock()
			return true
		}
		l := sh.lanes[key]
		if l.stuck {
			sh.mu.Unlock()
			return false
		}
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		sh.mu.Unlock()
		if timer == nil {
			timer = time.NewTimer(p.patience)
			defer timer.Stop()
		}
		select {
		case <-room:
		case <-cancel:
			return false
		case <-timer.C:
			sh.mu.Lock()
			if l := sh.lanes[key]; l != nil && l.room == room {
				l.stuck = true
			}
			sh.mu.Unlock()
			return false
		}
	}
}

// TryPush adds an item as Push does, without waiting: it reports false if the
// lane is full. That says nothing of whether it is stuck.
func (p *Pool[K, T]) TryPush(key K, item T) bool {
	sh := &p.shard[maphash.Comparable(p.seed, key)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return p.add(sh, key, item)
}

// add adds an item if there is room. sh.mu is held.
func (p *Pool[K, T]) add(sh *shard[K, T], key K, item T) bool {
	l := sh.lanes[key]
	switch {
	case l == nil:
		p.start(sh, key, item)
	case len(l.queue)+l.busy < p.limit:
		l.queue = append(l.queue, item)
	default:
		return false
	}
	return true
}

// start opens a lane with its first item. sh.mu is held.
func (p *Pool[K, T]) start(sh *shard[K, T], key K, item T) {
	l := sh.spare
	if l == nil {
		l = new(lane[T])
	}
	sh.spare = nil
	l.queue = append(l.queue, item)
	if sh.lanes == nil {
		sh.lanes = make(map[K]*lane[T])
	}
	sh.lanes[key] = l
	p.work.Add(1)
	go p.drain(sh, key, l)
}

// drain works a lane until it is empty.
func (p *Pool[K, T]) drain(sh *shard[K, T], key K, l *lane[T]) {
	defer p.work.Done()
	var batch []T
	for {
		sh.mu.Lock()
		if len(l.queue) == 0 {
			delete(sh.lanes, key)
			if cap(batch) <= 64 && cap(l.queue) <= 64 {
				*l = lane[T]{queue: l.queue[:0]}
				sh.spare = l
			}
			sh.mu.Unlock()
			return
		}
		batch, l.queue = l.queue, batch[:0]
		l.busy = len(batch)
		sh.mu.Unlock()
		var zero T
		for i := range batch {
			p.run(key, batch[i])
			batch[i] = zero
			p.finished(sh, l, len(batch)-i-1)
		}
	}
}

// finished notes that an item is done and left more of its batch are not, and
// lets waiting pushes go on when enough of the lane is free.
func (p *Pool[K, T]) finished(sh *shard[K, T], l *lane[T], left int) {
	if left%16 != 0 && left < p.limit/2 {
		return
	}
	sh.mu.Lock()
	l.busy = left
	if (l.room != nil || l.stuck) && len(l.queue)+left <= p.limit-(p.limit+3)/4 {
		if l.room != nil {
			close(l.room)
			l.room = nil
		}
		l.stuck = false
	}
	sh.mu.Unlock()
}

// Wait returns when no lane has work. Work pushed meanwhile is waited for too;
// the caller sees to it that pushes end.
func (p *Pool[K, T]) Wait() { p.work.Wait() }

// Busy returns the number of lanes that have work.
func (p *Pool[K, T]) Busy() int {
	n := 0
	for i := range p.shard {
		sh := &p.shard[i]
		sh.mu.Lock()
		n += len(sh.lanes)
		sh.mu.Unlock()
	}
	return n
}
