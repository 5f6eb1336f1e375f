package s2s

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"isthmus.im/stanza"
)

// ErrNoRecording is returned by [Server.WriteRecording] for a route of which
// nothing is recorded.
var ErrNoRecording = errors.New("s2s: no recording of this route")

// maxRecorded is how many routes have a recording; the one that was quiet for
// longest makes room for another.
const maxRecorded = 1024

// maxRecordedBytes is the size of the texts of all recordings but one: then those
// that were quiet for longest make room, too.
const maxRecordedBytes = 64 << 20

// recorder is the flight recorder: the last events of each route, without what
// people said. A nil recorder records nothing.
type recorder struct {
	limit int
	key   [32]byte // of the pseudonyms

	mu     sync.Mutex
	routes map[Route]*recording
	size   int // of all texts
}

// recording is a ring of events.
type recording struct {
	events []recorded
	next   int // where the next one goes, once the ring is full
	size   int // of the texts
}

// recorded is an event: a line of the transcript that WriteRecording writes,
// but for outages.
type recorded struct {
	at   time.Time
	what eventKind
	text string
}

type eventKind uint8

const (
	stanzaIn       eventKind = iota + 1 // the peer sent a stanza
	stanzaAccepted                      // the host has a stanza sent
	stanzaOut                           // it was written to a stream
	stanzaAgain                         // and once more, as it may not have arrived
	streamOpened
	streamClosed
	streamBroke   // by the network's fault
	attemptFailed // to open one
)

func newRecorder(limit int) *recorder {
	if limit <= 0 {
		return nil
	}
	r := &recorder{limit: limit, routes: make(map[Route]*recording)}
	rand.Read(r.key[:])
	return r
}

// stanza records a stanza.
func (r *recorder) stanza(at Route, what eventKind, st *stanza.Stanza) {
	if r != nil {
		r.note(at, what, r.redact(st))
	}
}

// attempt records that a domain could not be reached.
func (r *recorder) attempt(at Route, err *ConnectError) {
	if r != nil {
		r.note(at, attemptFailed, err.Stage.String())
	}
}

// opened and closed record the ends of a stream's life.
func (r *recorder) opened(c *conn) {
	if r != nil {
		r.note(Route{c.local, c.remote}, streamOpened, direction(c))
	}
}

func (r *recorder) closed(c *conn, cause error) {
	if r == nil {
		return
	}
	var told *StreamError
	switch {
	case errors.As(cause, &told):
		r.note(Route{c.local, c.remote}, streamClosed, direction(c)+", "+told.Condition)
	case cause != nil:
		r.note(Route{c.local, c.remote}, streamBroke, direction(c))
	default:
		r.note(Route{c.local, c.remote}, streamClosed, direction(c))
	}
}

func direction(c *conn) string {
	if c.out {
		return "outgoing"
	}
	return "incoming"
}

func (r *recorder) note(at Route, what eventKind, text string) {
	e := recorded{time.Now(), what, text}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.routes[at]
	if k == nil {
		if len(r.routes) >= maxRecorded {
			r.forgetOne(nil)
		}
		k = new(recording)
		r.routes[at] = k
	}
	for r.size+len(text) > maxRecordedBytes && len(r.routes) > 1 {
		r.forgetOne(k)
	}
	k.size += len(text)
	r.size += len(text)
	if len(k.events) < r.limit {
		k.events = append(k.events, e)
		return
	}
	k.size -= len(k.events[k.next].text)
	r.size -= len(k.events[k.next].text)
	k.events[k.next] = e
	k.next = (k.next + 1) % len(k.events)
}

// forgetOne drops the recording that was quiet for longest, but not except. r.mu
// is held.
func (r *recorder) forgetOne(except *recording) {
	var oldest Route
	var last time.Time
	for route, k := range r.routes {
		if k == except {
			continue
		}
		at := k.events[(k.next+len(k.events)-1)%len(k.events)].at
		if last.IsZero() || at.Before(last) {
			oldest, last = route, at
		}
	}
	r.size -= r.routes[oldest].size
	delete(r.routes, oldest)
}

// list returns the events of a route, the oldest first.
func (r *recorder) list(at Route) []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.routes[at]
	if k == nil {
		return nil
	}
	return append(append([]recorded{}, k.events[k.next:]...), k.events[:k.next]...)
}

// Recordings returns the routes of which there is a recording, in no order; none
// unless Config.Record is set.
func (s *Server) Recordings() []Route {
	if s.recorder == nil {
		return nil
	}
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	routes := make([]Route, 0, len(s.recorder.routes))
	for r := range s.recorder.routes {
		routes = append(routes, r)
	}
	return routes
}

// WriteRecording writes what Config.Record has kept of a route, as a transcript
// that package s2stest can play: stanzas in both directions, those that were
// written to a stream which broke and had to be written again ("lost"), and when
// streams were opened and lost. Nobody's words are in it: texts are replaced by their
// length, addresses keep their domain and get pseudonyms that are the same
// throughout the life of the server, and attributes are left as they are only
// where they are ids or names of the protocol and look like it. It returns [ErrNoRecording], or the error of w.
func (s *Server) WriteRecording(w io.Writer, r Route) error {
	var events []recorded
	if s.recorder != nil {
		events = s.recorder.list(r)
	}
	if len(events) == 0 {
		return ErrNoRecording
	}
	text := fmt.Appendf(nil, "# Recorded from %s on. {xN} stands for N bytes of text.\n", events[0].at.UTC().Format(time.RFC3339))
	if len(events) == s.recorder.limit {
		text = append(text, "# What was before is not kept.\n"...)
	}
	text = fmt.Appendf(text, "server: %s\npeer: %s\n", r.Local, r.Remote)
	_, err := w.Write(appendEvents(text, events, r))
	return err
}

// appendEvents writes the lines of events.
func appendEvents(text []byte, events []recorded, r Route) []byte {
	lost, ends := lostOf(events)
	faults := faultsOf(events, ends)
	last := events[0].at
	for i, e := range events {
		if wait := e.at.Sub(last).Truncate(time.Millisecond); wait > 0 {
			text = fmt.Appendf(text, "wait: %s\n", wait)
			last = last.Add(wait)
		}
		if fault := faults[i]; fault != "" {
			text = fmt.Appendf(text, "%s: %s %s\n", fault, r.Local, r.Remote)
		}
		format := map[eventKind]string{
			stanzaIn: "send: %s\n", stanzaAccepted: "host: %s\n", stanzaOut: "got: %s\n", stanzaAgain: "got: %s\n",
			streamOpened: "# %s stream opened\n", streamClosed: "# %s stream closed\n", streamBroke: "# %s stream broke\n",
			attemptFailed: "# attempt failed at stage %s\n",
		}[e.what]
		if lost[i] {
			format = "lost: %s\n"
		}
		text = fmt.Appendf(text, format, e.text)
	}
	return text
}

// lostOf says which stanzas were written in vain: those that were written again
// behind the end of a stream; and which ends those were.
func lostOf(events []recorded) (lost, ends map[int]bool) {
	lost, ends = make(map[int]bool), make(map[int]bool)
	end := -1 // of the last stream that ended
	for i, e := range events {
		switch e.what {
		case streamBroke, streamClosed:
			end = i
		case stanzaAgain:
			for j := end - 1; j >= 0; j-- {
				if before := events[j]; (before.what == stanzaOut || before.what == stanzaAgain) && before.text == e.text && !lost[j] {
					lost[j], ends[end] = true, true
					break
				}
			}
		}
	}
	return lost, ends
}

// faultsOf says what happened to the network, and before which event. An
// outage, from the loss of a stream through failed attempts to the next stream,
// is a cut that heals then; a loss without failed attempts is a reset, and so is
// any other end of a stream that left stanzas in doubt.
func faultsOf(events []recorded, doubtful map[int]bool) map[int]string {
	faults := make(map[int]string)
	lost, failed := -1, false // where the present fault began, and whether attempts have failed
	begin := func(i int) {
		// What was accepted just before was not written: it was lost already.
		for i > 0 && events[i-1].what == stanzaAccepted {
			i--
		}
		lost = i
	}
	for i, e := range events {
		switch {
		case e.what == stanzaIn, e.what == stanzaOut, e.what == stanzaAgain, e.what == streamOpened:
			if failed {
				faults[i] = "heal"
			}
			lost, failed = -1, false
		case e.what == streamBroke, doubtful[i]:
			if lost < 0 {
				begin(i)
				faults[lost] = "reset"
			}
		case e.what == attemptFailed:
			if lost < 0 {
				begin(i)
			}
			faults[lost], failed = "cut", true
		}
	}
	return faults
}
