package s2stest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"isthmus.im/stanza"
)

// guard counts the calls of a handler that have not returned, so that one that
// never does is found at the end of the test.
type guard struct {
	stanza.Handler
	calls atomic.Int64
}

func (g *guard) HandleStanza(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	g.calls.Add(1)
	defer g.calls.Add(-1)
	return g.Handler.HandleStanza(ctx, s)
}

// featured is a guard for handlers that say what they serve.
type featured struct {
	*guard
	features interface{ Features() []string }
}

func (f featured) Features() []string { return f.features.Features() }

func newGuard(h stanza.Handler) (*guard, stanza.Handler) {
	g := &guard{Handler: h}
	if f, ok := h.(interface{ Features() []string }); ok {
		return g, featured{g, f}
	}
	return g, g
}

// returned waits until all calls have returned and says whether they have.
func (g *guard) returned() bool {
	for end := time.Now().Add(patience); g.calls.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// goroutines describes those that are running.
func goroutines() string {
	buf := make([]byte, 64<<10)
	return string(buf[:runtime.Stack(buf, true)])
}

// within fails the test if f does not return in time.
func (n *Network) within(what string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		n.t.Errorf("s2stest: %s has not ended within %v:\n%s", what, patience, goroutines())
	}
}

// end closes a server under test.
func (n *Network) end(s *server) {
	name := fmt.Sprint("the server of ", s.domains[0])
	n.within(name, s.close)
	if !s.guard.returned() {
		n.t.Errorf("s2stest: a handler of %s has not returned within %v:\n%s", name, patience, goroutines())
	}
}

// eternity is a time that no test waits for. A test that waits for what never
// comes gets there, in virtual time: timers of servers go off for ever, so that
// what is a deadlock for the test is none for the bubble.
const eternity = 366 * 24 * time.Hour

// stuck fails a test that waits for ever, and ends all that keeps time running,
// so that the bubble says where everybody waits.
func (n *Network) stuck() {
	n.mu.Lock()
	servers, peers := slices.Clone(n.servers), slices.Clone(n.peers)
	n.mu.Unlock()
	text := ""
	for _, p := range peers {
		text += p.past() + "\n"
	}
	n.printSeed()
	n.t.Errorf("s2stest: the test has waited for a year of virtual time\n%s%s", text, goroutines())
	for _, s := range servers {
		s.Close()
	}
	for _, p := range peers {
		if srv := p.engine(); srv != nil {
			srv.close()
		}
	}
}
