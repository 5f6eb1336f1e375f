package s2s

import (
	"io"
	"log/slog"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
)

// A stream is closed over a request for acknowledgement that has stayed
// unanswered for Limits.Ack, and not over one that was answered while the timer's
// function began, nor while its answer may be there unread.
func TestAnswersJustInTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		state acksState
		do    func(c *conn) // just before the function runs
		late  bool
		again bool // the time has begun again
	}{
		{"no answer", acksOn, func(*conn) {}, true, false},
		{"no answer to a request to resume", acksResuming, func(*conn) {}, true, false},
		{"answered", acksOn, func(c *conn) { c.acks.answered(0) }, false, false},
		{"answered and asked again", acksOn, func(c *conn) { c.acks.answered(0); c.acks.expect() }, false, true},
		{"another stream is written to", acksOn, func(c *conn) { c.link.conn = nil }, false, false},
		{"the reader waits for a limit", acksOn, func(c *conn) { c.heldAt.Store(math.MaxInt64) }, false, true},
		{"the reader waits for a limit, resuming", acksResuming, func(c *conn) { c.heldAt.Store(math.MaxInt64) }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer ours.Close()
				s := &Server{log: slog.New(slog.DiscardHandler), limits: Limits{Ack: time.Minute}}
				l := &link{s: s, route: Route{Local: jid.MustParse("a.example"), Remote: jid.MustParse("b.example")}}
				conn := &conn{s: s, sock: ours, link: l}
				l.conn = conn
				closed := make(chan time.Time, 1)
				go func() {
					io.Copy(io.Discard, theirs)
					closed <- time.Now()
				}()
				begin := time.Now()
				conn.acks = conn.newAcks(c.state)
				conn.acks.expect()
				time.Sleep(time.Minute - time.Nanosecond)
				l.mu.Lock()
				time.Sleep(time.Nanosecond) // the function begins, and waits for the lock
				c.do(conn)
				l.mu.Unlock()
				synctest.Wait()
				if (len(closed) > 0) != c.late {
					t.Errorf("closed %t", len(closed) > 0)
				}
				conn.heldAt.Store(0)
				time.Sleep(time.Hour)
				synctest.Wait()
				if (len(closed) > 0) != (c.late || c.again) {
					t.Errorf("an hour later: closed %t", len(closed) > 0)
				} else if c.again {
					if took := (<-closed).Sub(begin); took != 2*time.Minute {
						t.Errorf("closed after %v", took)
					}
				}
			})
		})
	}
}

// A peer that does not answer <enable/> for Limits.Ack is taken for one that does
// not acknowledge, and keeps its stream. The time begins again while its answer may
// be there unread.
func TestNoAnswerToEnable(t *testing.T) {
	for _, c := range []struct {
		name string
		held int64 // until when, in Unix nanoseconds, the reader waits for a limit in the first minute
		off  time.Duration
	}{
		{"silence", 0, time.Minute},
		{"the reader waits for a limit", math.MaxInt64, 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer ours.Close()
				defer theirs.Close()
				s := &Server{log: slog.New(slog.DiscardHandler), limits: Limits{Ack: time.Minute}}
				l := &link{s: s, route: Route{Local: jid.MustParse("a.example"), Remote: jid.MustParse("b.example")}, running: true, wake: make(chan struct{}, 1)}
				conn := &conn{s: s, sock: ours, link: l}
				l.conn = conn
				conn.acks = conn.newAcks(acksAsked)
				if b := conn.acks.request(nil, 3); len(b) > 0 {
					t.Errorf("asked with %s", b)
				}
				conn.heldAt.Store(c.held)
				state := func() acksState {
					l.mu.Lock()
					defer l.mu.Unlock()
					return conn.acks.state
				}
				time.AfterFunc(time.Minute+time.Nanosecond, func() { conn.heldAt.Store(0) })
				time.Sleep(c.off - time.Nanosecond)
				synctest.Wait()
				if state() != acksAsked {
					t.Error("given up too early")
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if state() != acksOff || len(l.wake) == 0 {
					t.Errorf("state %d, woken %t", state(), len(l.wake) > 0)
				}
				time.Sleep(time.Hour)
				if err := ours.SetDeadline(time.Time{}); err != nil {
					t.Errorf("the connection: %v", err)
				}
			})
		})
	}
}
