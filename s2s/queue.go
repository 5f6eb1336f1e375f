package s2s

import (
	"bytes"
	"time"

	"isthmus.im/internal/stream"
	"isthmus.im/stanza"
)

// maxBlame is how many streams a stanza may spoil before it is given up.
const maxBlame = 4

// entry is an accepted stanza that the remote server does not have for sure.
type entry struct {
	st    *stanza.Stanza
	at    time.Time // accepted
	wrote time.Time // written to a stream; zero while waiting
	size  int
	tries int     // times written
	blame int     // streams that have ended over it
	seq   uint64  // its number in the host's Outbox; zero if it is not there
	track *record // of its delivery; nil if nobody asks
	turn  uint64  // the backlog's
	class class
	slot  uint8 // of its pair, the backlog's
}

// queue is what one route has to deliver: entries on the wire and those of a
// backlog. The entries on the wire are in the order in which they were written;
// the first of them, in doubt, were written to the current stream, the others
// to an earlier one and go again before anything else. The zero queue is
// empty; it is not safe for concurrent use.
type queue struct {
	wire    ring
	doubt   int // entries of wire that were written to the current stream
	again   int // bytes of the others
	backlog backlog
	gone    func(size int, seq uint64) // is told of every entry that leaves; may be nil
}

// all returns the number of entries.
func (q *queue) all() int { return q.wire.n + q.backlog.n }

// waiting returns the number of entries to be written.
func (q *queue) waiting() int { return q.all() - q.doubt }

// bytes returns their size.
func (q *queue) bytes() int { return q.again + q.backlog.bytes }

// push adds an entry. Presence that it makes void leaves.
func (q *queue) push(e entry) {
	if void, superseded := q.backlog.push(e); superseded {
		q.left(void)
	}
}

func (q *queue) left(e entry) entry {
	if q.gone != nil {
		q.gone(e.size, e.seq)
	}
	return e
}

func (q *queue) leftAll(list []entry) []entry {
	for i := range list {
		q.left(list[i])
	}
	return list
}

// write appends waiting entries to b as XML until it holds size bytes, none
// waits or window entries are in doubt, and marks them as written. Those that
// are larger than largest, if that is not zero, are taken out and returned
// instead.
func (q *queue) write(b []byte, size, window, largest int, now time.Time, each func(*entry)) (_ []byte, tooLarge []entry) {
	for q.waiting() > 0 && q.doubt < window && len(b) < size {
		if q.doubt == q.wire.n {
			q.wire.push(q.backlog.pop(now))
		} else {
			q.again -= q.wire.at(q.doubt).size
		}
		e, begin := q.wire.at(q.doubt), len(b)
		b = appendMarked(b, e)
		if largest > 0 && len(b)-begin > largest {
			b = e.st.AppendXML(b[:begin])
		}
		if largest > 0 && len(b)-begin > largest {
			b = b[:begin]
			tooLarge = append(tooLarge, q.left(q.wire.remove(q.doubt)))
			continue
		}
		e.wrote = now
		e.tries++
		q.doubt++
		if each != nil {
			each(e)
		}
	}
	return b, tooLarge
}

// confirm forgets the n oldest written entries; each, if not nil, is given the
// records of their delivery.
func (q *queue) confirm(n int, each func(*record)) {
	for range min(n, q.doubt) {
		e := q.popWritten()
		if each != nil {
			each(e.track)
		}
	}
}

// confirmBefore forgets the entries that were written before the given time.
func (q *queue) confirmBefore(t time.Time) {
	for q.doubt > 0 && q.wire.at(0).wrote.Before(t) {
		q.popWritten()
	}
}

func (q *queue) popWritten() entry {
	q.doubt--
	return q.left(q.wire.pop())
}

// appendMarked writes a stanza with the marks that its server makes: on each
// message the id by which a repetition can be told (XEP-0359, the same as the
// stanza's), unless it has one, and on what people read and goes again a note of
// when it was sent first (XEP-0203).
func appendMarked(b []byte, e *entry) []byte {
	b = e.st.AppendXML(b)
	if e.st.Kind == stanza.IQ || e.st.Type == stanza.TypeError {
		return b
	}
	named := e.st.Kind == stanza.Message && e.st.ID != "" && !hasOriginID(e.st)
	if !named && e.tries == 0 {
		return b
	}
	end := "</" + e.st.Kind.String() + ">"
	if len(e.st.Inner) == 0 {
		b = append(b[:len(b)-len("/>")], '>')
	} else {
		b = b[:len(b)-len(end)]
	}
	if e.tries > 0 {
		b = append(b, "<delay xmlns='urn:xmpp:delay' from='"...)
		b = stream.AppendEscaped(b, e.st.From.Domain())
		b = append(b, "' stamp='"...)
		b = e.at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		b = append(b, "'/>"...)
	}
	if named {
		b = append(b, "<origin-id xmlns='"+nsSID+"' id='"...)
		b = stream.AppendEscaped(b, e.st.ID)
		b = append(b, "'/>"...)
	}
	return append(b, end...)
}

func hasOriginID(st *stanza.Stanza) bool {
	if !bytes.Contains(st.Inner, []byte(nsSID)) {
		return false // most have none, and this is fast
	}
	_, has := st.Payload(nsSID + " origin-id")
	return has
}

// nsSID is the namespace of unique and stable stanza ids (XEP-0359).
const nsSID = "urn:xmpp:sid:0"

// rewind makes the entries written since the given time wait again, before
// those that wait already, and forgets the other written ones. If one of them has
// spoilt the stream and it is the only one, it is to blame. Blamed maxBlame times
// it is given up and returned: what spoils every stream must not come back until
// it is too old, and hold up the others meanwhile.
func (q *queue) rewind(since time.Time, spoilt bool) (again int, poison []entry) {
	q.confirmBefore(since)
	if spoilt && q.doubt == 1 {
		if e := q.wire.at(0); e.blame+1 < maxBlame {
			e.blame++
		} else {
			poison = append(poison, q.popWritten())
		}
	}
	again = q.doubt
	for i := range again {
		q.again += q.wire.at(i).size
		q.wire.at(i).wrote = time.Time{}
	}
	q.doubt = 0
	return again, poison
}

// oldest returns when the entry that has waited longest was accepted; zero if
// none waits. It must not be called while entries are in doubt.
func (q *queue) oldest() time.Time {
	at := q.backlog.oldest()
	if q.wire.n > 0 && (at.IsZero() || q.wire.at(0).at.Before(at)) {
		at = q.wire.at(0).at
	}
	return at
}

// expire removes the waiting entries that were accepted before the given time.
// It must not be called while entries are in doubt.
func (q *queue) expire(before time.Time) []entry {
	var old []entry
	for q.wire.n > 0 && q.wire.at(0).at.Before(before) {
		old = append(old, q.popAgain())
	}
	return q.leftAll(append(old, q.backlog.expire(before)...))
}

// popAgain removes the first of the entries on the wire while none of them is
// in doubt.
func (q *queue) popAgain() entry {
	e := q.wire.pop()
	q.again -= e.size
	return e
}

// shed removes the waiting entry that would be missed least, if that is less
// than a stanza of class c would be.
func (q *queue) shed(c class) (entry, bool) {
	e, ok := q.backlog.shed(c)
	if ok {
		q.left(e)
	}
	return e, ok
}

// drop removes all entries and returns those that were waiting.
func (q *queue) drop() []entry {
	q.confirm(q.doubt, nil)
	var all []entry
	for q.wire.n > 0 {
		all = append(all, q.popAgain())
	}
	all = append(all, q.backlog.drop()...)
	q.trim()
	return q.leftAll(all)
}

// trim gives the memory of an empty queue back.
func (q *queue) trim() {
	if q.all() == 0 {
		q.wire, q.backlog = ring{}, backlog{}
	}
}
