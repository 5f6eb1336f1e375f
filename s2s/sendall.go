package s2s

import (
	"context"
	"errors"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// SendResult is what became of one recipient's copy.
type SendResult struct {
	To  jid.JID
	Err error // nil: accepted; otherwise as of [Server.Send]
}

// SendAll accepts a copy of a stanza for each recipient, as [Server.Send] would;
// st.To does not matter. That some copies were refused is no error of the whole:
// there is a result for each recipient, in their order. A domain whose queue is
// full does not hold up the others'.
func (s *Server) SendAll(ctx context.Context, st *stanza.Stanza, to []jid.JID) []SendResult {
	results := make([]SendResult, len(to))
	copies := make([]*stanza.Stanza, len(to))
	size, base := 0, 0
	for i, j := range to {
		results[i].To = j
		if st == nil || j.IsZero() {
			_, results[i].Err = s.check(st)
			if st != nil {
				results[i].Err = ErrNoRecipient
			}
			continue
		}
		c := *st
		c.To = j
		if size == 0 { // only the recipient differs between them
			if size, results[i].Err = s.check(&c); results[i].Err != nil {
				size = 0
				continue
			}
			st.ID, base = c.ID, len(j.String())
		}
		if size-base+len(j.String()) > s.limits.StanzaBytes {
			results[i].Err = fmt.Errorf("%w: larger than %d bytes", errStanza, s.limits.StanzaBytes)
			continue
		}
		c.ID = st.ID
		copies[i] = &c
	}
	if s.outbox != nil {
		s.storeAll(ctx, copies, results)
		return results
	}
	for _, wait := range []bool{false, true} {
		for i, c := range copies {
			if c == nil || wait && !errors.Is(results[i].Err, ErrQueueFull) {
				continue
			}
			results[i].Err = s.route(ctx, c, size-base+len(c.To.String()), wait)
		}
	}
	return results
}

// storeAll gives the copies to the Outbox, those of each route at once.
func (s *Server) storeAll(ctx context.Context, copies []*stanza.Stanza, results []SendResult) {
	routes := make(map[Route][]int)
	var full []int // lanes, of local recipients
	for i, c := range copies {
		switch {
		case c == nil:
		case s.sealed.Load():
			results[i].Err = ErrClosed
		case s.serves(c.To):
			if results[i].Err = s.loop(ctx, c, false); errors.Is(results[i].Err, ErrQueueFull) {
				full = append(full, i)
			}
		default:
			r := Route{Local: c.From.Host(), Remote: c.To.Host()}
			s.recorder.stanza(r, stanzaAccepted, c)
			routes[r] = append(routes[r], i)
		}
	}
	for r, places := range routes {
		list := make([]*stanza.Stanza, len(places))
		for i, place := range places {
			list[i] = copies[place]
		}
		err := s.outOfReach(ctx, r)
		if err == nil {
			err = s.store(ctx, r, list...)
		}
		if err != nil {
			for _, place := range places {
				results[place].Err = err
			}
		}
	}
	for _, place := range full {
		results[place].Err = s.loop(ctx, copies[place], true)
	}
}
