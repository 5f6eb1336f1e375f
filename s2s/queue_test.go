package s2s

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// A queue is compared with a plain list over a long pseudo-random run.
func TestQueueAgainstAList(t *testing.T) {
	var q queue
	var waiting, doubt []string
	now := time.Unix(1000, 0)
	seed := uint32(1)
	next := func(n int) int {
		seed = seed*1664525 + 1013904223
		return int(seed>>8) % n
	}
	check := func(step int) {
		t.Helper()
		if q.all() != len(waiting)+len(doubt) || q.doubt != len(doubt) {
			t.Fatalf("step %d: %d entries, %d in doubt; want %d and %d", step, q.all(), q.doubt, len(waiting)+len(doubt), len(doubt))
		}
		size := 0
		for i, id := range append(append([]string{}, doubt...), waiting...) {
			e := nth(&q, i)
			if e.st.ID != id {
				t.Fatalf("step %d: entry %d is %s, want %s", step, i, e.st.ID, id)
			}
			if i >= q.doubt {
				size += e.size
			}
		}
		if q.bytes() != size {
			t.Fatalf("step %d: %d bytes wait, want %d", step, q.bytes(), size)
		}
	}
	for step := range 20_000 {
		now = now.Add(time.Second)
		switch next(6) {
		case 0, 1:
			id := fmt.Sprint(step)
			st := &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Result, ID: id}
			size := 10 + next(20)
			q.push(entry{st: st, at: now, size: size})
			waiting = append(waiting, id)
		case 2:
			b, tooLarge := q.write(nil, 1+next(200), 30, 25, now, nil)
			for _, e := range tooLarge {
				i := 0
				for waiting[i] != e.st.ID {
					i++
				}
				waiting = append(waiting[:i:i], waiting[i+1:]...)
			}
			n := strings.Count(string(b), "<iq ")
			doubt = append(doubt, waiting[:n]...)
			waiting = waiting[n:]
		case 3:
			n := min(next(5), len(doubt))
			q.confirm(n, nil)
			doubt = doubt[n:]
		case 4:
			since := now.Add(-time.Duration(next(10)) * time.Second)
			again, poison := q.rewind(since, next(4) == 0)
			kept := doubt[:0:0]
			for i := range again {
				kept = append(kept, nth(&q, i).st.ID)
			}
			if again+len(poison) > len(doubt) || strings.Join(kept, ",") != strings.Join(doubt[len(doubt)-again:], ",") {
				t.Fatalf("step %d: rewound %v of %v", step, kept, doubt)
			}
			waiting, doubt = append(kept, waiting...), nil
		case 5:
			if len(doubt) == 0 && next(4) == 0 {
				for _, e := range q.expire(now.Add(-8 * time.Second)) {
					if e.st.ID != waiting[0] {
						t.Fatalf("step %d: %s expired, want %s", step, e.st.ID, waiting[0])
					}
					waiting = waiting[1:]
				}
			}
		}
		check(step)
	}
}

// nth returns an entry of a queue that only ever held one class.
func nth(q *queue, i int) *entry {
	if i < q.wire.n {
		return q.wire.at(i)
	}
	for l := range q.backlog.lines {
		if r := &q.backlog.lines[l]; r.n > 0 {
			return r.at(i - q.wire.n)
		}
	}
	return nil
}

func TestRewindByTime(t *testing.T) {
	var q queue
	start := time.Unix(1000, 0)
	for i := range 4 {
		q.push(entry{st: &stanza.Stanza{Kind: stanza.Presence, From: jid.MustParse("a.example")}, at: start, size: 1})
		q.write(nil, 1<<20, 100, 0, start.Add(time.Duration(i)*10*time.Second), nil)
	}
	again, poison := q.rewind(start.Add(15*time.Second), false)
	if again != 2 || len(poison) != 0 || q.all() != 2 {
		t.Errorf("%d again, %d given up, %d left; want the two youngest", again, len(poison), q.all())
	}
	b, _ := q.write(nil, 1<<20, 100, 0, start, nil)
	if n := strings.Count(string(b), "<delay xmlns='urn:xmpp:delay' from='a.example' stamp='1970-01-01T00:16:40.000Z'/>"); n != 2 {
		t.Errorf("%d delay stamps in %s", n, b)
	}
}
