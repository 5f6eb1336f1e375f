package s2s

import "sync"

// waitLock is a mutex for what may take long, a write for one. Who waits for it
// waits on a condition, as for everything that takes time here: in virtual time
// (testing/synctest) a wait for a mutex would stop the clock that its holder
// waits for. The zero waitLock is unlocked.
type waitLock struct {
	mu   sync.Mutex
	held bool
	free sync.Cond
}

// Lock waits until the lock is free, and takes it.
func (w *waitLock) Lock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.held {
		w.free.L = &w.mu
		w.free.Wait()
	}
	w.held = true
}

// TryLock takes the lock if it is free, and reports whether it was.
func (w *waitLock) TryLock() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held {
		return false
	}
	w.held = true
	return true
}

// Unlock frees the lock.
func (w *waitLock) Unlock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = false
	w.free.Signal()
}
