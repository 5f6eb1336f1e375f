// Package work runs what a service does on its own, beside what its callers wait for,
// until the service is closed.
package work

import (
	"context"
	"sync"
)

// Work is what a service does on its own. The zero Work is ready to use. It is safe for
// concurrent use.
type Work struct {
	mu      sync.Mutex
	ctx     context.Context
	end     context.CancelFunc
	closed  bool
	running sync.WaitGroup
}

// Do calls f, unless Close was called. The context of f ends when it is.
func (w *Work) Do(f func(ctx context.Context)) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return
	}
	if w.end == nil {
		w.ctx, w.end = context.WithCancel(context.Background())
	}
	ctx := w.ctx
	w.running.Add(1)
	w.mu.Unlock()
	defer w.running.Done()
	f(ctx)
}

// Close has Do call nothing more, and waits for what it has called.
func (w *Work) Close() {
	w.mu.Lock()
	w.closed = true
	if w.end != nil {
		w.end()
	}
	w.mu.Unlock()
	w.running.Wait()
}
