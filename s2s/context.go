package s2s

import (
	"context"
	"sync"
	"time"
)

// handlerContext is the context of one call of the handler. It ends with the
// server, at its deadline, or with the call. It costs a timer and a channel
// only if somebody asks for Done: most handlers hand it on to nobody.
type handlerContext struct {
	context.Context // the server's
	deadline        time.Time
	from            *conn  // the stream the stanza came by; nil: none
	method          Method // how the stanza's domain was proved on it; zero: as the stream's assurance says

	mu    sync.Mutex
	done  chan struct{}
	err   error
	timer *time.Timer
	stop  func() bool // forgets the server
}

// Deadline returns when the handler's time is up.
func (c *handlerContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Value knows the Assurance of the stream.
func (c *handlerContext) Value(key any) any {
	if _, ok := key.(assuranceKey); ok {
		if c.from == nil {
			return nil
		}
		a := c.from.assurance
		if c.method != 0 {
			a.Method = c.method
		}
		return a
	}
	return c.Context.Value(key)
}

// Done returns a channel that is closed when the context ends.
func (c *handlerContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
			return c.done
		}
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
		c.stop = context.AfterFunc(c.Context, func() { c.end(c.Context.Err()) })
	}
	return c.done
}

// Err returns why the context ended, or nil.
func (c *handlerContext) Err() error {
	if err := c.Context.Err(); err != nil {
		c.end(err)
	} else if !time.Now().Before(c.deadline) {
		c.end(context.DeadlineExceeded)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end ends the context, once.
func (c *handlerContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
		c.timer.Stop()
		c.stop()
	}
}
