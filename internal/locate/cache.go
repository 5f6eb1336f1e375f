package locate

import (
	"context"
	"errors"
	"time"
)

// Stale answers, RFC 8767 section 5.
const (
	staleWait  = 1800 * time.Millisecond // for the servers, with a stale answer at hand
	staleRetry = 30 * time.Second        // until the servers are asked again
)

// maxBulk is how many octets of TLSA data an answer may have to be remembered.
const maxBulk = 16 << 10

// entry is a remembered answer. Past its end it is stale.
type entry struct {
	answer *answer
	until  time.Time
	retry  time.Time // before this time the stale answer serves without asking
}

// flight is a question under way, for everyone who asked it meanwhile.
type flight struct {
	done    chan struct{} // closed once answer and err are set
	answer  *answer
	err     error
	waiting int
	cancel  context.CancelFunc
}

// shared answers from the cache or joins a flight, which lives until the last
// of those who wait for it has lost interest. Who takes a stale answer instead
// stays interested, so that the flight runs to its own end.
func (c *Client) shared(ctx context.Context, q question) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	e, now := c.cache[q], c.now()
	if now.Before(e.until) || c.serves(e, now) && now.Before(e.retry) {
		c.mu.Unlock()
		return e.answer, nil
	}
	f, ok := c.flights[q]
	if !ok {
		f = &flight{done: make(chan struct{})}
		var fctx context.Context
		fctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
		if c.flights == nil {
			c.flights = make(map[question]*flight)
		}
		c.flights[q] = f
		go c.fly(fctx, q, f)
	}
	f.waiting++
	c.mu.Unlock()

	var late <-chan time.Time
	if c.serves(e, now) {
		timer := time.NewTimer(staleWait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-f.done:
		return f.answer, f.err
	case <-late:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.postpone(q)
		return e.answer, nil // the flight goes on and may bring a newer one
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.waiting--
	if f.waiting == 0 {
		f.cancel()
		c.land(q, f)
	}
	return nil, ctx.Err()
}

func (c *Client) fly(ctx context.Context, q question, f *flight) {
	defer f.cancel()
	a, err := c.resolve(ctx, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	f.answer, f.err = a, err
	c.land(q, f)
	var at *serverError
	if e := c.cache[q]; err == nil {
		c.remember(q, a)
	} else if errors.As(err, &at) && c.serves(e, c.now()) {
		f.answer, f.err = e.answer, nil
		c.postpone(q)
	}
	close(f.done)
}

// serves reports whether an answer may be used at a time while there is no
// newer one.
func (c *Client) serves(e entry, now time.Time) bool {
	stale := c.Stale
	if stale == 0 {
		stale = time.Hour
	}
	return e.answer != nil && now.Before(e.until.Add(stale))
}

// postpone makes a stale answer serve at once for a while.
func (c *Client) postpone(q question) {
	now := c.now()
	if e, ok := c.cache[q]; ok && !now.Before(e.until) {
		e.retry = now.Add(staleRetry)
		c.cache[q] = e
	}
}

// land makes the next one to ask q start a new flight.
func (c *Client) land(q question, f *flight) {
	if c.flights[q] == f {
		delete(c.flights, q)
	}
}

func (c *Client) remember(q question, a *answer) {
	size := c.CacheSize
	if size == 0 {
		size = 4096
	}
	bulk := 0
	for _, t := range a.tlsa {
		bulk += len(t.Data)
	}
	if a.ttl <= 0 || size < 0 || bulk > maxBulk {
		delete(c.cache, q) // or it would come back as a stale answer
		return
	}
	now := c.now()
	if c.cache == nil {
		c.cache = make(map[question]entry)
	}
	if _, known := c.cache[q]; !known && len(c.cache) >= size {
		c.evict(now, size)
	}
	c.cache[q] = entry{answer: a, until: now.Add(a.ttl)}
}

// evict makes room for an answer in a cache of size: it forgets what cannot be
// used any more, then an eighth of the cache in stale answers, and if there
// are none in others.
func (c *Client) evict(now time.Time, size int) {
	for q, e := range c.cache {
		if !now.Before(e.until) && !c.serves(e, now) {
			delete(c.cache, q)
		}
	}
	keep := size - size/8 - 1
	for q, e := range c.cache {
		if len(c.cache) > keep && !now.Before(e.until) {
			delete(c.cache, q)
		}
	}
	if len(c.cache) < size {
		return
	}
	for q := range c.cache {
		if len(c.cache) <= keep {
			return
		}
		delete(c.cache, q)
	}
}
