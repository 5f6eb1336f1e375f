package s2s

import (
	"context"
	"sync/atomic"
	"time"

	"isthmus.im/stanza"
)

// Outbox keeps accepted stanzas until the remote server has them or their
// sender was told why not, so that they outlive the process. Without one,
// Config.Outbox nil, they are kept in memory.
//
// A stanza may be delivered twice after a crash, as what the peer has
// acknowledged may not have been noted; recipients tell by its id.
//
// Implementations are safe for concurrent use, honour ctx, return only when
// what they did is durable, and change nothing when they return an error.
// Several calls of Push for a route may be under way at once. Outboxes are
// checked by [isthmus.im/s2s/s2stest.TestOutbox].
type Outbox interface {
	// Push adds stanzas to the end of a route's queue, all or none of them, and
	// returns the number of the first; those that follow have the numbers that
	// follow. Numbers are above zero and grow within a route, for ever: none is
	// given twice, not even after a restart. Returning [ErrQueueFull], or an
	// error that wraps it, tells senders that the store is at its limit.
	// The stanzas must not be changed.
	Push(ctx context.Context, r Route, at time.Time, list ...*stanza.Stanza) (first uint64, err error)
	// Pending returns up to max stanzas of a route with numbers above after, in
	// the order of their numbers. Once it has shown a number, none below it may
	// appear. The stanzas belong to the caller.
	Pending(ctx context.Context, r Route, after uint64, max int) ([]Queued, error)
	// Done removes stanzas. Numbers that are not there are ignored.
	Done(ctx context.Context, r Route, seqs ...uint64) error
}

// RouteLister is implemented by an [Outbox] that outlives the process. A server
// goes on with what it lists as soon as it runs.
type RouteLister interface {
	// Routes returns the routes that have stanzas pending.
	Routes(ctx context.Context) ([]Route, error)
}

// Queued is a stanza in an [Outbox].
type Queued struct {
	Seq    uint64
	At     time.Time // when it was accepted
	Stanza *stanza.Stanza
}

const (
	// readAhead is how many stanzas of an Outbox a route takes into memory at
	// once, and readPaused how many while it has no stream: enough to see which
	// are too old.
	readAhead  = 256
	readPaused = 16
	// storePause is the time between attempts to use an Outbox that failed.
	storePause = time.Second
)

// totals counts what all routes hold.
type totals struct {
	stanzas atomic.Int64
	memory  atomic.Int64
}

// overhead is what a stanza in a queue costs beside its text: the entry, the
// stanza's header, its addresses.
const overhead = 512

// take reserves room for a stanza. It reports false if there is none.
func (t *totals) take(size int, l *Limits) bool {
	if t.stanzas.Add(1) > int64(l.TotalQueue) || t.memory.Load()+int64(size+overhead) > int64(l.TotalQueueBytes) {
		t.stanzas.Add(-1)
		return false
	}
	t.memory.Add(int64(size + overhead))
	return true
}

// give undoes take.
func (t *totals) give(size int) {
	t.stanzas.Add(-1)
	t.memory.Add(-int64(size + overhead))
}

// resume goes on with what an earlier process left in the Outbox.
func (s *Server) resume() {
	lister, ok := s.outbox.(RouteLister)
	if !ok || s.resumed.Swap(true) || !s.begin() {
		return
	}
	go func() {
		defer s.running.Done()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-timer.C:
			case <-s.stopped:
				return
			}
			routes, err := lister.Routes(s.ctx)
			if err == nil {
				for _, r := range routes {
					s.resumeRoute(r)
				}
				return
			}
			s.log.Error("outbox: routes", "err", err)
			timer.Reset(storePause)
		}
	}()
}

func (s *Server) resumeRoute(r Route) {
	if !s.serves(r.Local) {
		s.log.Warn("outbox: stanzas of a domain that is not served", "local", r.Local, "remote", r.Remote)
		return
	}
	for {
		l := s.link(r)
		l.mu.Lock()
		if l.dead {
			l.mu.Unlock()
			continue
		}
		l.more = true
		l.wakeUp()
		l.mu.Unlock()
		return
	}
}

// load takes stanzas of the Outbox into memory if there is room and may be
// some. Only the link's goroutine calls it. It reports false if the Outbox
// failed.
func (l *link) load() bool {
	l.mu.Lock()
	after, n := l.loaded, l.appetite()
	if !l.more || n == 0 {
		l.mu.Unlock()
		return true
	}
	l.more = false // before asking: what is pushed from now on sets it again
	l.mu.Unlock()
	list, err := l.s.outbox.Pending(l.s.ctx, l.route, after, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.more = true
		l.s.log.Error("outbox: pending", "local", l.route.Local, "remote", l.route.Remote, "err", err)
		return false
	}
	if len(list) == n {
		l.more = true
	}
	l.largest = 0
	for _, item := range list {
		size := len(item.Stanza.AppendXML(nil))
		l.largest = max(l.largest, size)
		if l.full(size) || !l.claim(size) {
			l.more = true
			break
		}
		l.loaded = item.Seq
		l.q.push(entry{st: item.Stanza, at: item.At, size: size, seq: item.Seq, track: l.s.deliveries.stored(item.Stanza, item.At)})
	}
	return true
}

// appetite returns how many stanzas of the Outbox to ask for; zero while there are
// enough. Large ones are asked for a few at a time, so that what is read fits.
// l.mu is held.
func (l *link) appetite() int {
	n, limits, total := readAhead, &l.s.limits, &l.s.total
	if l.conn == nil {
		n = readPaused
	}
	waiting := l.q.waiting()
	if waiting >= n/2 {
		return 0
	}
	room := min(limits.QueueBytes-l.q.bytes(), limits.TotalQueueBytes-int(total.memory.Load()))
	likely := l.largest
	if likely == 0 {
		likely = limits.StanzaBytes
	}
	n = min(n, limits.Queue-waiting, limits.TotalQueue-int(total.stanzas.Load()), room/(likely+overhead))
	if waiting == 0 {
		return max(n, 1) // whether that fits is seen then
	}
	return max(n, 0)
}

// finish removes from the Outbox what has left memory. Only the link's
// goroutine calls it. It reports false if the Outbox failed.
func (l *link) finish(ctx context.Context) bool {
	l.mu.Lock()
	done := l.done
	l.done = nil
	l.mu.Unlock()
	if len(done) == 0 {
		return true
	}
	err := l.s.outbox.Done(ctx, l.route, done...)
	if err == nil {
		return true
	}
	l.s.log.Error("outbox: done", "local", l.route.Local, "remote", l.route.Remote, "err", err)
	l.mu.Lock()
	l.done = append(done, l.done...)
	l.mu.Unlock()
	return false
}

// store accepts stanzas for a route through the Outbox.
func (s *Server) store(ctx context.Context, r Route, list ...*stanza.Stanza) error {
	now := time.Now()
	tracks := s.deliveries.offered(list)
	if _, err := s.outbox.Push(ctx, r, now, list...); err != nil {
		s.deliveries.withdraw(tracks)
		return err
	}
	for _, t := range tracks {
		s.deliveries.change(t, StateQueued, now, nil)
	}
	s.resumeRoute(r)
	return nil
}
