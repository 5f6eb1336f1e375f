package s2s

import "context"

// immediateKey is under which a context holds what WithImmediate says.
type immediateKey struct{}

// WithImmediate returns a context with which [Server.Send] and its likes do not
// let a stanza wait for a domain that is known to be out of reach: if the last
// attempt to connect to it has failed and the next one is not due, they accept
// nothing and return the [*ConnectError] of that attempt. It is for hosts that
// would rather tell a person at once than see the stanza delivered a minute
// later. Stanzas for domains that nobody has tried yet are accepted and wait.
func WithImmediate(ctx context.Context) context.Context {
	return context.WithValue(ctx, immediateKey{}, true)
}

// outOfReach returns why a route is paused, if the sender wants to know.
func (s *Server) outOfReach(ctx context.Context, r Route) error {
	if ctx.Value(immediateKey{}) == nil {
		return nil
	}
	l := s.linkAt(r)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil && l.failed != nil && l.fails > 0 {
		return l.failed
	}
	return nil
}
