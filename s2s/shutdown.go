package s2s

import (
	"context"
	"time"

	"isthmus.im/internal/stream"
)

// Shutdown ends the server in good order: it stops accepting streams and
// stanzas, lets peers and sessions know (stream error system-shutdown), lets
// sessions and handlers finish what has arrived, writes what is queued for
// domains that can be reached, bounces the rest, and closes every stream with
// its closing tag.
// When it returns nil no goroutine of the server is left. When ctx ends first,
// it does what [Server.Close] does and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	// What peers sent before they learn of the shutdown is still handled.
	s.endAll(s.streams(false))
	for _, c := range s.sessions.close() {
		c.end(&stream.Error{Condition: stream.SystemShutdown})
	}
	err := s.until(ctx, func() bool {
		return len(s.streams(false)) == 0 && s.sessions.n.Load() == 0 && s.lanes.Busy() == 0 && s.flushed()
	})
	s.sealed.Store(true)
	if err == nil {
		s.endAll(s.streams(true))
		err = s.until(ctx, func() bool { return len(s.streams(true)) == 0 })
	}
	s.Close()
	if err == nil {
		s.lanes.Wait()
	}
	return err
}

// endAll tells peers of the shutdown, each at its own pace.
func (s *Server) endAll(list []*conn) {
	for _, c := range list {
		if s.begin() {
			go func() {
				defer s.running.Done()
				s.endWritten(c, &stream.Error{Condition: stream.SystemShutdown})
			}()
		}
	}
}

// Close ends the server at once: every connection is closed, handlers' contexts
// end, and what is queued is bounced to the handler. It waits for the server's
// goroutines, but not for handlers.
func (s *Server) Close() error {
	s.stop()
	s.sealed.Store(true)
	s.wait.close()
	for _, c := range s.sessions.close() {
		c.finish(&stream.Error{Condition: stream.SystemShutdown})
	}
	s.mu.Lock()
	s.cancel()
	if s.certTimer != nil {
		s.certTimer.Stop()
	}
	for c := range s.conns {
		c.sock.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// stop ends the accepting of streams.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.stopped)
	for l := range s.listeners {
		l.Close()
	}
}

// until waits until done reports true or ctx ends. A server shuts down once, so
// looking every few milliseconds is cheaper than telling it of each change.
func (s *Server) until(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return nil
		}
	}
	return nil
}

// streams returns the authenticated streams of one direction.
func (s *Server) streams(out bool) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*conn
	for c := range s.conns {
		if c.out == out {
			list = append(list, c)
		}
	}
	return list
}

// flushed reports whether nothing waits to be written, and wakes the links that
// pause so that their last attempt is made now.
func (s *Server) flushed() bool {
	s.lmu.RLock()
	defer s.lmu.RUnlock()
	all := true
	for _, l := range s.links.byRoute {
		l.mu.Lock()
		if s.outbox != nil && l.conn == nil && l.fails > 0 {
			// What the domain did not get stays in the Outbox.
		} else if l.q.waiting() > 0 || l.more || len(l.done) > 0 || l.writing || l.conn != nil && l.conn.acks.state == acksOn && l.q.doubt > 0 {
			all = false
			if l.conn == nil && l.fails > 0 {
				l.fails = 0
				l.poke()
			}
		}
		l.mu.Unlock()
	}
	return all
}
