package pep

import (
	"errors"
	"sync"
	"time"

	"isthmus.im/jid"
)

// cache keeps what contacts' nodes were like when they were asked for.
type cache struct {
	mu      sync.Mutex
	places  map[place]*answers
	entries int
	bytes   int
}

// place is a contact's node as a user sees it. Others may see it otherwise.
type place struct {
	user, contact jid.JID
	node          string
}

// answers are those of one place, by what was asked.
type answers struct {
	known map[string]result
	out   map[string]*question
}

// question is one that is out. got and again are set before done is closed.
type question struct {
	done    chan struct{}
	changed bool // since it was asked
	got     result
	again   bool // got is no answer for those who wait
}

// result is an answer or that there was none.
type result struct {
	Answer
	err error
}

// older returns the answer with an error that says that there is no newer one.
func (r result) older(err error) (Answer, error) {
	if r.err != nil {
		return Answer{}, err
	}
	return r.Answer, err
}

func (r result) size(what string) int {
	n := len(what) + 256 // for everything beside the payloads
	for _, it := range r.Items {
		n += len(it.ID) + len(it.Payload) + 64
	}
	return n
}

// limits are those of a cache.
type limits struct{ entries, bytes int }

func (s *Service) limits() limits {
	return limits{orDefault(s.MaxCached, 10000), orDefault(s.MaxCachedBytes, 16777216)}
}

// look returns what is known. If that is not fresh enough it returns a question as
// well, which lead tells the caller to ask, or to wait for.
func (c *cache) look(where place, what string, age time.Duration) (known result, out *question, lead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.places[where]
	if a == nil {
		a = &answers{known: make(map[string]result), out: make(map[string]*question)}
	}
	known, ok := a.known[what]
	if age == 0 {
		age = maxAge
	}
	if known.err != nil || len(known.Items) == 0 {
		age = min(age, maxNoneAge)
	}
	if ok && time.Since(known.At) < age {
		return known, nil, false
	}
	if out := a.out[what]; out != nil {
		return known, out, false
	}
	out = &question{done: make(chan struct{})}
	a.out[what] = out
	if c.places == nil {
		c.places = make(map[place]*answers)
	}
	c.places[where] = a
	return known, out, true
}

// settle ends a question. It reports whether it has to be asked again. gaveUp tells
// that the caller could not wait for the answer, which says nothing to others.
func (c *cache) settle(where place, what string, out *question, got result, gaveUp bool, l limits) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out.got, out.again = got, out.changed || gaveUp
	a := c.places[where]
	delete(a.out, what)
	definite := !errors.Is(got.err, ErrUnknown)
	if definite && !out.changed {
		c.drop(a, what)
		size := got.size(what)
		for other, b := range c.places {
			if c.entries < l.entries && c.bytes+size <= l.bytes {
				break
			}
			if other != where {
				c.dropAll(other, b)
			}
		}
		if c.entries < l.entries && c.bytes+size <= l.bytes {
			a.known[what] = got
			c.entries++
			c.bytes += size
		}
	}
	c.tidy(where, a)
	close(out.done)
	return out.changed
}

// drop forgets an answer. c.mu is held.
func (c *cache) drop(a *answers, what string) {
	if r, ok := a.known[what]; ok {
		c.entries--
		c.bytes -= r.size(what)
		delete(a.known, what)
	}
}

func (c *cache) dropAll(where place, a *answers) {
	for what := range a.known {
		c.drop(a, what)
	}
	c.tidy(where, a)
}

func (c *cache) tidy(where place, a *answers) {
	if len(a.known)+len(a.out) == 0 {
		delete(c.places, where)
	}
}

// change forgets what is known of a node.
func (c *cache) change(user, contact jid.JID, node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	where := place{user, contact, node}
	if a := c.places[where]; a != nil {
		c.changed(where, a)
	}
}

// forget forgets what is known of all nodes of a contact.
func (c *cache) forget(user, contact jid.JID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for where, a := range c.places {
		if where.user == user && where.contact == contact {
			c.changed(where, a)
		}
	}
}

func (c *cache) changed(where place, a *answers) {
	for _, out := range a.out {
		out.changed = true
	}
	c.dropAll(where, a)
}
