package s2stest

import (
	"context"
	"slices"
	"sync"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// MemOutbox is an [s2s.Outbox] in memory, for tests in which a server dies and
// another goes on with what it left. The zero MemOutbox is empty and ready to
// use.
type MemOutbox struct {
	mu     sync.Mutex
	last   map[s2s.Route]uint64
	queues map[s2s.Route][]s2s.Queued
}

var (
	_ s2s.Outbox      = (*MemOutbox)(nil)
	_ s2s.RouteLister = (*MemOutbox)(nil)
)

// Push implements [s2s.Outbox].
func (o *MemOutbox) Push(ctx context.Context, r s2s.Route, at time.Time, list ...*stanza.Stanza) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == nil {
		o.last, o.queues = make(map[s2s.Route]uint64), make(map[s2s.Route][]s2s.Queued)
	}
	first := o.last[r] + 1
	for _, st := range list {
		o.last[r]++
		o.queues[r] = append(o.queues[r], s2s.Queued{Seq: o.last[r], At: at, Stanza: st})
	}
	return first, nil
}

// Pending implements [s2s.Outbox].
func (o *MemOutbox) Pending(ctx context.Context, r s2s.Route, after uint64, limit int) ([]s2s.Queued, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queues[r]
	i, _ := slices.BinarySearchFunc(q, after+1, func(e s2s.Queued, seq uint64) int { return int(int64(e.Seq - seq)) })
	q = q[i:]
	list := slices.Clone(q[:min(limit, len(q))])
	for i := range list {
		st := *list[i].Stanza
		list[i].Stanza = &st
	}
	return list, nil
}

// Done implements [s2s.Outbox].
func (o *MemOutbox) Done(ctx context.Context, r s2s.Route, seqs ...uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	done := make(map[uint64]bool, len(seqs))
	for _, seq := range seqs {
		done[seq] = true
	}
	o.queues[r] = slices.DeleteFunc(o.queues[r], func(e s2s.Queued) bool { return done[e.Seq] })
	if len(o.queues[r]) == 0 {
		delete(o.queues, r)
	}
	return nil
}

// Routes implements [s2s.RouteLister].
func (o *MemOutbox) Routes(ctx context.Context) ([]s2s.Route, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []s2s.Route
	for r := range o.queues {
		list = append(list, r)
	}
	return list, nil
}

// Len returns how many stanzas are pending on all routes.
func (o *MemOutbox) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, q := range o.queues {
		n += len(q)
	}
	return n
}
