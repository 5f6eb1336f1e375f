package disco

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// ErrTooLarge is returned for an answer of more than Cache.Bytes.
var ErrTooLarge = errors.New("disco: too large an answer")

// Cache finds out what entities can do from the capabilities in their presence, and
// asks only for hashes that it does not know. Ask is required; all fields are set
// before the first use. A Cache is safe for concurrent use and must not be copied.
//
// An answer is kept, for everybody who announces the same hash, if it has that hash.
// What is kept is what was hashed and nothing else. XEP-0115 lets several answers have
// one hash; where that is possible (a form whose FORM_TYPE sorts after all features, a
// feature that could be an identity, an identity without type), the answer holds for
// the entity that gave it and is not kept, nor is one whose hash function is unknown.
type Cache struct {
	// Ask sends the questions.
	Ask stanza.Requester
	// Entries is how many answers are kept. One that is too many replaces another.
	// Zero: 1000.
	Entries int
	// Bytes is how large an answer may be, in bytes of XML. Zero: 32768.
	Bytes int
	// Queries is how many questions are out at once; more wait. Zero: 32.
	Queries int
	// DomainQueries is the same for entities of one domain, so that one that does not
	// answer holds nobody else up. Zero: 4.
	DomainQueries int
	// Timeout is how long an answer is waited for. Zero: 30 s.
	Timeout time.Duration

	mu      sync.Mutex
	known   map[Caps]Info          // Node is empty in the keys
	flights map[Caps]chan struct{} // questions that are out; closed when answered or not
	slots   map[string]*slots      // by domain; the empty one is for all
}

// slots are the questions that may be out at once.
type slots struct {
	ch    chan struct{}
	users int // who hold or wait for one
}

// key is what c is known by: whoever announces a hash means the same by it, whatever
// their program.
func (c Caps) key() Caps {
	c.Node = ""
	return c
}

// Known returns the answer that is kept for a hash. It does not wait. The Info is shared
// with others and must not be changed.
func (c *Cache) Known(caps Caps) (Info, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.known[caps.key()]
	return i, ok
}

// Get returns what entity to, whose presence has the given capabilities, can do. It
// asks on behalf of the local address from when it does not know. Of several calls for
// one hash only one asks; if it learns nothing, the next asks the entity that it
// is called for. The Info is shared with others and must not be changed.
//
// The error is [ErrMismatch], [ErrIllFormed], [ErrTooLarge], that of ctx, the peer's
// refusal as a [*stanza.Error], or Ask's own. None is remembered.
func (c *Cache) Get(ctx context.Context, from, to jid.JID, caps Caps) (Info, error) {
	key := caps.key()
	for {
		c.mu.Lock()
		if i, ok := c.known[key]; ok {
			c.mu.Unlock()
			return i, nil
		}
		out := c.flights[key]
		if out == nil {
			break
		}
		c.mu.Unlock()
		select {
		case <-out:
		case <-ctx.Done():
			return Info{}, ctx.Err()
		}
	}
	out := make(chan struct{})
	if c.flights == nil {
		c.flights = make(map[Caps]chan struct{})
	}
	c.flights[key] = out
	c.mu.Unlock()

	i, shared, err := c.ask(ctx, from, to, caps)
	c.mu.Lock()
	if shared && err == nil {
		c.keep(key, i)
	}
	delete(c.flights, key)
	c.mu.Unlock()
	close(out)
	return i, err
}

// keep adds an answer. c.mu is held.
func (c *Cache) keep(key Caps, i Info) {
	if c.known == nil {
		c.known = make(map[Caps]Info)
	}
	for other := range c.known {
		if len(c.known) < orDefault(c.Entries, 1000) {
			break
		}
		delete(c.known, other)
	}
	c.known[key] = i
}

// ask asks the entity and checks its answer.
func (c *Cache) ask(ctx context.Context, from, to jid.JID, caps Caps) (Info, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.Timeout, 30*time.Second))
	defer cancel()
	for _, who := range []struct {
		name string
		many int
	}{{to.Domain(), orDefault(c.DomainQueries, 4)}, {"", orDefault(c.Queries, 32)}} {
		if err := c.acquire(ctx, who.name, who.many); err != nil {
			return Info{}, false, err
		}
		defer c.release(who.name)
	}
	i, err := getInfo(ctx, c.Ask, from, to, caps.Node, orDefault(c.Bytes, 32768))
	if err != nil {
		return Info{}, false, err
	}
	i, shared, err := caps.verify(i)
	if err != nil {
		return Info{}, false, fmt.Errorf("disco: capabilities of %s: %w", to, err)
	}
	return i, shared, nil
}

// acquire waits for one of many slots.
func (c *Cache) acquire(ctx context.Context, name string, many int) error {
	c.mu.Lock()
	if c.slots == nil {
		c.slots = make(map[string]*slots)
	}
	s := c.slots[name]
	if s == nil {
		s = &slots{ch: make(chan struct{}, many)}
		c.slots[name] = s
	}
	s.users++
	c.mu.Unlock()
	select {
	case s.ch <- struct{}{}:
		return nil
	case <-ctx.Done():
		c.leave(name)
		return ctx.Err()
	}
}

func (c *Cache) release(name string) {
	c.mu.Lock()
	s := c.slots[name]
	c.mu.Unlock()
	<-s.ch
	c.leave(name)
}

// leave forgets slots that nobody uses.
func (c *Cache) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[name]
	if s.users--; s.users == 0 {
		delete(c.slots, name)
	}
}

// orDefault is v, or the default for a v that is not set.
func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
