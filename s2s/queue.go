package s2s

import (
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/stanza"
)

// maxTries is how often a stanza is written before it is given up.
const maxTries = 4

// entry is an accepted stanza that the remote server does not have for sure.
type entry struct {
	st    *stanza.Stanza
	at    time.Time // accepted
	wrote time.Time // written to a stream; zero while waiting
	size  int
	tries int // times written
}

// queue is the outbox of one route, in memory: a ring of entries in the order
// of their acceptance. The first of them, in doubt, were written to the current
// stream; the others wait. It is not safe for concurrent use.
type queue struct {
	ring  []entry
	head  int
	n     int
	doubt int // entries written
	bytes int // of the entries that wait
}

func (q *queue) at(i int) *entry { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// waiting returns the number of entries not written yet.
func (q *queue) waiting() int { return q.n - q.doubt }

func (q *queue) push(e entry) {
	if q.n == len(q.ring) {
		bigger := make([]entry, max(8, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = *q.at(i)
		}
		q.ring, q.head = bigger, 0
	}
	q.n++
	*q.at(q.n - 1) = e
	q.bytes += e.size
}

// pop removes the oldest entry.
func (q *queue) pop() entry {
	p := q.at(0)
	e := *p
	*p = entry{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if q.doubt > 0 {
		q.doubt--
	} else {
		q.bytes -= e.size
	}
	return e
}

// write appends waiting entries to b as XML until it holds size bytes, none
// waits or window entries are in doubt, and marks them as written. Those that
// are larger than largest, if that is not zero, are taken out and returned
// instead.
func (q *queue) write(b []byte, size, window, largest int, now time.Time, each func(*stanza.Stanza)) (_ []byte, tooLarge []entry) {
	for q.doubt < q.n && q.doubt < window && len(b) < size {
		e := q.at(q.doubt)
		q.bytes -= e.size
		if largest > 0 && e.size > largest {
			tooLarge = append(tooLarge, *e)
			q.remove(q.doubt)
			continue
		}
		if e.tries > 0 {
			b = appendDelayed(b, e)
		} else {
			b = e.st.AppendXML(b)
		}
		e.wrote = now
		e.tries++
		q.doubt++
		if each != nil {
			each(e.st)
		}
	}
	return b, tooLarge
}

// remove takes the i-th entry out of the ring. What it weighs among the waiting
// is the caller's to subtract.
func (q *queue) remove(i int) {
	for ; i > 0; i-- {
		*q.at(i) = *q.at(i - 1)
	}
	*q.at(0) = entry{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

// confirm forgets the n oldest written entries.
func (q *queue) confirm(n int) {
	for range min(n, q.doubt) {
		q.pop()
	}
}

// appendDelayed writes a stanza that was written before, with a note of when it
// was sent first (XEP-0203).
func appendDelayed(b []byte, e *entry) []byte {
	if e.st.Kind == stanza.IQ || e.st.Type == stanza.TypeError {
		return e.st.AppendXML(b)
	}
	st := *e.st
	st.Inner = append(st.Inner[:len(st.Inner):len(st.Inner)], "<delay xmlns='urn:xmpp:delay' from='"...)
	st.Inner = stream.AppendEscaped(st.Inner, st.From.Domain())
	st.Inner = append(st.Inner, "' stamp='"...)
	st.Inner = e.at.UTC().AppendFormat(st.Inner, "2006-01-02T15:04:05.000Z")
	st.Inner = append(st.Inner, "'/>"...)
	return st.AppendXML(b)
}

// rewind makes the entries written since the given time wait again, before
// those that wait already, and forgets the other written ones. Entries that
// were written maxTries times are given up and returned: whatever breaks every
// stream must not come back for ever.
func (q *queue) rewind(since time.Time) (again int, poison []entry) {
	for q.doubt > 0 && (q.at(0).wrote.Before(since) || q.at(0).tries >= maxTries) {
		if e := q.pop(); e.tries >= maxTries && !e.wrote.Before(since) {
			poison = append(poison, e)
		}
	}
	again = q.doubt
	for i := range again {
		q.bytes += q.at(i).size
		q.at(i).wrote = time.Time{}
	}
	q.doubt = 0
	return again, poison
}

// expire removes the waiting entries that were accepted before the given time.
// It must not be called while entries are in doubt.
func (q *queue) expire(before time.Time) []entry {
	var old []entry
	for q.n > 0 && q.at(0).at.Before(before) {
		old = append(old, q.pop())
	}
	return old
}

// drop removes all entries and returns those that were waiting.
func (q *queue) drop() []entry {
	for q.doubt > 0 {
		q.pop()
	}
	var all []entry
	for q.n > 0 {
		all = append(all, q.pop())
	}
	q.ring, q.head = nil, 0
	return all
}
