package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// half is one direction of a connection: one end writes, the other reads.
type half struct {
	mu   sync.Mutex
	cond sync.Cond // any change below

	buf    []byte
	late   []lateRun // runs at the end of buf that may not be read yet
	fault  Fault
	passed int64     // bytes sent since the fault was set
	free   time.Time // when the last of them will have left, with limited bandwidth

	writing      bool // a Write is under way; others wait for it
	fin          bool // no more bytes will be written
	finAt        time.Time
	writerGone   bool // the writing end was closed
	readerClosed bool // the reading end was closed
	finLost      bool // nobody will be told
	reset        bool
	broken       bool // a reset, once what is in buf was read

	readLimit, writeLimit limit
}

// lateRun is a run of bytes in half.buf that becomes readable at a time.
type lateRun struct {
	n  int
	at time.Time
}

// limit is a deadline. Its timer wakes those who wait; whether it has passed is
// up to the clock, so that two deadlines for one time pass at one time.
type limit struct {
	at    time.Time // zero: never
	timer *time.Timer
}

func (l *limit) passed() bool { return !l.at.IsZero() && !time.Now().Before(l.at) }

func newHalf() *half {
	h := &half{}
	h.cond.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readerClosed:
			return 0, net.ErrClosed
		case h.reset:
			return 0, syscall.ECONNRESET
		case h.readLimit.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		}
		if n := h.ready(); n > 0 {
			if h.fault.Split > 0 {
				n = min(n, h.fault.Split)
			}
			n = copy(p, h.buf[:n])
			h.buf = h.buf[n:]
			if len(h.buf) == 0 {
				h.buf = nil
			}
			h.cond.Broadcast()
			return n, nil
		}
		if len(h.buf) == 0 && h.broken {
			return 0, syscall.ECONNRESET
		}
		if h.fin && !h.finLost && len(h.buf) == 0 && !time.Now().Before(h.finAt) {
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

// ready returns how many bytes may be read now.
func (h *half) ready() int {
	now := time.Now()
	for len(h.late) > 0 && !now.Before(h.late[0].at) {
		h.late = h.late[1:]
	}
	n := len(h.buf)
	for _, r := range h.late {
		n -= r.n
	}
	return n
}

// write also returns what the writer has to call, if a fault struck.
func (h *half) write(p []byte) (n int, hit func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.writing {
		if err := h.writeErr(); err != nil {
			return 0, nil, err
		}
		h.cond.Wait()
	}
	h.writing = true
	defer func() {
		h.writing = false
		h.cond.Broadcast()
	}()
	for {
		if err := h.writeErr(); err != nil {
			return n, hit, err
		}
		if n == len(p) {
			return n, hit, nil
		}
		room := BufferSize - len(h.buf)
		if room <= 0 && !h.fault.Lose {
			h.cond.Wait()
			continue
		}
		sent, struck := h.transmit(p[n:], room)
		if n += sent; struck {
			hit = h.fault.Hit
			if hit == nil {
				hit = func() {}
			}
		}
		h.cond.Broadcast()
		if n == len(p) {
			return n, hit, nil
		}
	}
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cond.Broadcast()
}

func (h *half) writeErr() error {
	switch {
	case h.writerGone:
		return net.ErrClosed
	case h.reset, h.broken:
		return syscall.ECONNRESET
	case h.writeLimit.passed():
		return os.ErrDeadlineExceeded
	case h.fin, h.readerClosed && !h.fault.Lose:
		return syscall.EPIPE
	}
	return nil
}

// closeReader closes the reading end; it reports false if it was closed.
func (h *half) closeReader() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readerClosed {
		return false
	}
	h.readerClosed = true
	h.buf, h.late = nil, nil
	h.readLimit.stop()
	h.cond.Broadcast()
	return true
}

// closeWriter ends the stream of bytes; gone says that the writing end is
// closed altogether. It reports false if that end was closed before.
func (h *half) closeWriter(gone bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.writerGone {
		return false
	}
	if !h.fin {
		h.fin = true
		h.finLost = h.fault.Lose
		h.finAt, _ = h.arrival(0)
	}
	if gone {
		h.writerGone = true
		h.writeLimit.stop()
	}
	h.cond.Broadcast()
	return true
}

// left reports whether the reading end was closed.
func (h *half) left() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.readerClosed
}

// snapped reports whether the line is reset.
func (h *half) snapped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reset || h.broken
}

func (h *half) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reset = true
	h.buf, h.late = nil, nil
	h.cond.Broadcast()
}

// setDeadline reports false if the end whose limit it is was closed.
func (h *half) setDeadline(l *limit, closed *bool, t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if *closed {
		return false
	}
	l.stop()
	l.at = t
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		l.timer = time.AfterFunc(wait, h.wake)
	}
	h.cond.Broadcast()
	return true
}

// stop forgets the timer.
func (l *limit) stop() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}
