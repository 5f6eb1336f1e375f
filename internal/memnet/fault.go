package memnet

import (
	"math/rand/v2"
	"time"
)

// segment is how many bytes travel together on a connection of limited
// bandwidth.
const segment = 1460

// Fault is what is wrong with one direction of a connection. The zero Fault is
// a good line. Several faults at once add up.
type Fault struct {
	Delay     time.Duration // bytes, and the end of them, arrive this much later
	Jitter    time.Duration // and up to this much later still, at random
	Rand      *rand.Rand    // for Jitter; used by one connection at a time only
	Bandwidth int           // bytes per second; zero: no limit
	Split     int           // a read returns at most this many bytes; zero: no limit

	// ResetAfter bytes arrive, then the connection is reset: reads of them
	// succeed, everything else at both ends fails with ECONNRESET. Zero: never.
	ResetAfter int64
	// CorruptAt is the number of the byte that arrives with all bits inverted;
	// the first is 1. Zero: none.
	CorruptAt int64
	// Lose makes everything vanish that is written, and the end of it too,
	// while the writer is told that all was written.
	Lose bool

	// Hit is called when ResetAfter or CorruptAt strikes, by the writer, before
	// its Write returns. It may use the connection. Nil: nobody is told.
	Hit func()
}

// SetFault replaces what is wrong with what this end writes from now on;
// ResetAfter and CorruptAt count from here. What is under way is not affected,
// and nothing overtakes it.
func (c *Conn) SetFault(f Fault) {
	c.tx.mu.Lock()
	defer c.tx.mu.Unlock()
	c.tx.fault = f
	c.tx.passed = 0
	c.tx.free = time.Time{}
	c.tx.cond.Broadcast()
}

// arrival returns when n bytes sent now may be seen by the reader, and whether
// that is later than now. A timer will wake the reader then. h.mu is held.
func (h *half) arrival(n int) (time.Time, bool) {
	now := time.Now()
	at := now
	if h.fault.Bandwidth > 0 {
		if h.free.After(at) {
			at = h.free
		}
		at = at.Add(time.Duration(n) * time.Second / time.Duration(h.fault.Bandwidth))
		h.free = at
	}
	at = at.Add(h.fault.Delay)
	if h.fault.Jitter > 0 && h.fault.Rand != nil {
		at = at.Add(time.Duration(h.fault.Rand.Int64N(int64(h.fault.Jitter))))
	}
	if k := len(h.late); k > 0 && h.late[k-1].at.After(at) {
		at = h.late[k-1].at
	}
	if !at.After(now) {
		return at, false
	}
	time.AfterFunc(at.Sub(now), h.wake)
	return at, true
}

// transmit puts the beginning of p on the line, at most room bytes, and returns
// how many that were and whether ResetAfter or CorruptAt struck. h.mu is held.
func (h *half) transmit(p []byte, room int) (n int, hit bool) {
	f := &h.fault
	if f.Lose {
		return len(p), false
	}
	n = min(len(p), room)
	if f.Bandwidth > 0 {
		n = min(n, segment)
	}
	if f.ResetAfter > 0 {
		n = int(min(int64(n), f.ResetAfter-h.passed))
	}
	h.buf = append(h.buf, p[:n]...)
	if i := f.CorruptAt - h.passed; i > 0 && i <= int64(n) {
		b := &h.buf[len(h.buf)-n+int(i)-1]
		*b, hit = ^*b, true
	}
	h.passed += int64(n)
	if at, late := h.arrival(n); late {
		h.late = append(h.late, lateRun{n: n, at: at})
	}
	if f.ResetAfter > 0 && h.passed >= f.ResetAfter {
		h.broken, hit = true, true
	}
	return n, hit
}
