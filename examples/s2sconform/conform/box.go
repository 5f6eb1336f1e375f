package conform

import (
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// arrival is an event with the stream it came by; nil for what was delivered to
// a user.
type arrival struct {
	s *stream
	wire.Event
}

// box keeps arrivals until somebody asks for them. One goroutine takes.
type box struct {
	arrived chan struct{} // buffered; there is something new

	mu   sync.Mutex
	list []arrival
}

func (b *box) put(a arrival) {
	b.mu.Lock()
	b.list = append(b.list, a)
	b.mu.Unlock()
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// look takes the first arrival that matches, if there is one.
func (b *box) look(match func(arrival) bool) (arrival, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, a := range b.list {
		if match(a) {
			b.list = append(b.list[:i:i], b.list[i+1:]...)
			return a, true
		}
	}
	return arrival{}, false
}

// wait is look with a time to wait for it.
func (b *box) wait(deadline time.Time, match func(arrival) bool) (arrival, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		if a, ok := b.look(match); ok {
			return a, true
		}
		select {
		case <-b.arrived:
		case <-timer.C:
			return b.look(match)
		}
	}
}

// await waits for an arrival.
func (d *driver) await(match func(arrival) bool) (arrival, bool) {
	return d.box.wait(d.deadline(), match)
}

// stanzaWith matches the stanzas with an id that came to us.
func stanzaWith(id string) func(arrival) bool {
	return func(a arrival) bool {
		return a.s != nil && a.Kind == wire.Element && isStanza(a.Node) && a.Node.Attr("id") == id
	}
}

func isStanza(n *wire.Node) bool {
	switch n.Name.Local {
	case "message", "presence", "iq":
		return n.Name.Space == wire.NSServer || n.Name.Space == wire.NSClient
	}
	return false
}

// endOf matches what ends a stream: an error, the closing tag or the end of the
// connection.
func endOf(s *stream) func(arrival) bool {
	return func(a arrival) bool {
		return a.s == s && (a.Error() != nil || a.Kind == wire.Footer || a.Kind == wire.End)
	}
}
