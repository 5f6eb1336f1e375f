package s2s

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"isthmus.im/jid"
)

// limiter is who uses how much of the server.
type limiter struct {
	mu          sync.Mutex
	domains     *table[string, domainUse]
	addresses   *table[netip.Prefix, addressUse]
	negotiating list.List // of *conn, the oldest first
	reports     map[limitError]*report
}

// limitError is the name of a field of Limits that a peer has met.
type limitError string

func (e limitError) Error() string { return "s2s: Limits." + string(e) + " is reached" }

// report keeps the log readable, and the disk from being filled.
type report struct {
	lines  bucket
	hidden int // since the last line
}

// limited reports that a limit was met: whose stream was held up for how long, or
// zero if something was refused.
func (s *Server) limited(limit limitError, remote jid.JID, addr string, took time.Duration) {
	if t := s.trace.Limited; t != nil {
		t(string(limit), remote, addr, took)
	}
	s.limiter.mu.Lock()
	r := s.limiter.reports[limit]
	if r == nil {
		r = new(report)
		s.limiter.reports[limit] = r
	}
	if !r.lines.try(s.uptime(), refusing(1, 10*time.Second)) {
		r.hidden++
		s.limiter.mu.Unlock()
		return
	}
	hidden := r.hidden
	r.hidden = 0
	s.limiter.mu.Unlock()
	s.log.Warn("limit reached", "limit", string(limit), "remote", remote, "addr", addr, "took", took, "more", hidden)
}

// uptime is the time since New, whatever happens to the clock.
func (s *Server) uptime() time.Duration { return time.Since(s.born) }
