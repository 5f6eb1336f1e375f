package s2stest

import (
	"context"
	"fmt"
	"time"

	"isthmus.im/internal/memnet"
)

// Impairment is what is wrong with the way from one server to another, for
// [Network.Impair]. The zero Impairment is a good line. Several things may be
// wrong at once.
type Impairment struct {
	// Delay is how much later bytes arrive, Jitter how much later still at
	// most, at random; nothing overtakes anything. A connection takes the time
	// for the way there and back to open.
	Delay, Jitter time.Duration
	Bandwidth     int // bytes per second of one connection; zero: no limit
	// Split is how many bytes arrive together at most: with 1, every write
	// arrives split at every boundary. Zero: as they were written. Within TLS
	// that is the business of [RawStream.Split].
	Split int

	// ResetAfter this many bytes have passed, a connection is reset. Zero:
	// never.
	ResetAfter int64
	// CorruptAt is the number of the byte that arrives with all its bits
	// inverted, counted from 1. Zero: none.
	CorruptAt int64
	// Once lets ResetAfter and CorruptAt hit one connection, the first that
	// gets as far, and then no other.
	Once bool

	// Lose makes everything vanish in silence, also the opening and closing of
	// connections.
	Lose bool
}

// way is a direction between two servers, each known by its first domain.
type way struct{ from, to string }

// wire is a connection between two servers.
type wire struct {
	near     *memnet.Conn // the end of who opened it
	from, to string
	number   uint64 // of the connections of that way
	dead     bool   // half-open
}

// end returns the end of a wire that writes in a direction.
func (w *wire) end(d way) *memnet.Conn {
	if w.from == d.from {
		return w.near
	}
	return w.near.Far()
}

func pathOf(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// first returns the first domain of the server of a domain, or the domain
// itself if it has none. n.mu is held.
func (n *Network) first(name string) string {
	if owner, ok := n.owners[name]; ok {
		return owner
	}
	return name
}

// way returns the direction between the servers of two domains. n.mu is held.
func (n *Network) way(names []string) way { return way{n.first(names[0]), n.first(names[1])} }

// roundTrip returns how long it takes to open a connection, and whether it
// cannot be opened. n.mu is held.
func (n *Network) roundTrip(from, to string) (d time.Duration, lost bool) {
	there, back := n.impaired[way{from, to}], n.impaired[way{to, from}]
	return there.Delay + back.Delay, there.Lose || back.Lose
}

// travel waits for a connection to open.
func travel(ctx context.Context, d time.Duration, lost bool) error {
	if d == 0 && !lost {
		return nil
	}
	var arrived <-chan time.Time
	if !lost {
		timer := time.NewTimer(d)
		defer timer.Stop()
		arrived = timer.C
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spoil makes a wire what its two ways are. n.mu is held.
func (n *Network) spoil(w *wire) {
	for _, d := range []way{{w.from, w.to}, {w.to, w.from}} {
		n.spoilOne(w, d)
	}
}

func (n *Network) spoilOne(w *wire, d way) {
	if w.dead {
		return
	}
	i := n.impaired[d]
	f := memnet.Fault{
		Delay: i.Delay, Jitter: i.Jitter, Bandwidth: i.Bandwidth, Split: i.Split,
		ResetAfter: i.ResetAfter, CorruptAt: i.CorruptAt, Lose: i.Lose,
		Rand: n.Rand(fmt.Sprint("line ", w.from, w.to, w.number, d)),
	}
	if i.Once {
		f.Hit = func() { n.spent(d) }
	}
	w.end(d).SetFault(f)
}

// spent ends faults that happen once.
func (n *Network) spent(d way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := n.impaired[d]
	if i.Once {
		i.ResetAfter, i.CorruptAt, i.Once = 0, 0, false
		n.impair(d, i)
	}
}

// impair replaces what is wrong with a way. n.mu is held.
func (n *Network) impair(d way, i Impairment) {
	n.impaired[d] = i
	for _, w := range n.wires[pathOf(d.from, d.to)] {
		n.spoilOne(w, d)
	}
}

// Impair replaces what is wrong with the way from one server to another, each
// named by one of its domains. It holds for present connections, whose bytes
// are counted from now on, and for later ones, whoever opens them. The way back
// is another matter.
func (n *Network) Impair(from, to string, i Impairment) {
	n.t.Helper()
	names := ascii(n.t, []string{from, to})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.impair(n.way(names), i)
}

// Delay sets the delay both ways between two servers and leaves other
// impairments as they are.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.t.Helper()
	names := ascii(n.t, []string{a, b})
	n.mu.Lock()
	defer n.mu.Unlock()
	there := n.way(names)
	for _, way := range []way{there, {there.to, there.from}} {
		i := n.impaired[way]
		i.Delay = d
		n.impair(way, i)
	}
}

// Cut resets all connections between two servers and lets no new ones through
// until [Network.Heal].
func (n *Network) Cut(a, b string) {
	n.t.Helper()
	n.between(a, b, func(path [2]string) { n.cut[path] = true })
	n.Reset(a, b)
}

// Heal undoes [Network.Cut].
func (n *Network) Heal(a, b string) {
	n.t.Helper()
	n.between(a, b, func(path [2]string) { delete(n.cut, path) })
}

// Reset resets the connections between two servers once; new ones work.
func (n *Network) Reset(a, b string) {
	n.t.Helper()
	n.between(a, b, func(path [2]string) {
		for _, w := range n.wires[path] {
			w.near.Cut()
		}
		delete(n.wires, path)
	})
}

// HalfOpen leaves the present connections between two servers open at both
// ends while nothing passes any more, as if each had been replaced by one that
// knows nothing of them; new ones work. [Network.Reset] ends them.
func (n *Network) HalfOpen(a, b string) {
	n.t.Helper()
	n.between(a, b, func(path [2]string) {
		for _, w := range n.wires[path] {
			w.dead = true
			w.near.SetFault(memnet.Fault{Lose: true})
			w.near.Far().SetFault(memnet.Fault{Lose: true})
		}
	})
}

// swallow lets nothing arrive any more of what one server writes on the present
// connections to another that it has opened, or on those that the other has.
func (n *Network) swallow(from, to string, opened bool) {
	n.t.Helper()
	names := ascii(n.t, []string{from, to})
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.way(names)
	for _, w := range n.wires[pathOf(d.from, d.to)] {
		if (w.from == d.from) == opened {
			w.end(d).SetFault(memnet.Fault{Lose: true})
		}
	}
}

// between does something about the path between two servers.
func (n *Network) between(a, b string, do func(path [2]string)) {
	n.t.Helper()
	names := ascii(n.t, []string{a, b})
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.way(names)
	do(pathOf(d.from, d.to))
}
