package locate

import (
	"context"
	"time"
)

// entry is a remembered answer.
type entry struct {
	answer *answer
	until  time.Time
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
// of those who wait for it has lost interest.
func (c *Client) shared(ctx context.Context, q question) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if e, ok := c.cache[q]; ok && c.now().Before(e.until) {
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

	select {
	case <-f.done:
		return f.answer, f.err
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
	if err == nil {
		c.remember(q, a)
	}
	close(f.done)
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
	if a.ttl <= 0 || size < 0 {
		return
	}
	now := c.now()
	if c.cache == nil {
		c.cache = make(map[question]entry)
	}
	if _, known := c.cache[q]; !known && len(c.cache) >= size {
		c.evict(now, size-size/8-1)
	}
	c.cache[q] = entry{answer: a, until: now.Add(a.ttl)}
}

// evict forgets what is too old, and then any entries until keep are left.
func (c *Client) evict(now time.Time, keep int) {
	for q, e := range c.cache {
		if !now.Before(e.until) {
			delete(c.cache, q)
		}
	}
	for q := range c.cache {
		if len(c.cache) <= keep {
			return
		}
		delete(c.cache, q)
	}
}
