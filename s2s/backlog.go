package s2s

import (
	"hash/maphash"
	"time"

	"isthmus.im/stanza"
)

// class orders stanzas by how much their senders would miss them.
type class uint8

const (
	classMessage class = iota // messages, and what changes subscriptions
	classIQ
	classPresence
	classes
)

// patience is how long stanzas of a class wait for those of better ones.
const patience = 5 * time.Second

func classOf(st *stanza.Stanza) class {
	switch {
	case st.Kind == stanza.IQ:
		return classIQ
	case st.Kind == stanza.Presence && (st.Type == "" || st.Type == stanza.Unavailable || st.Type == stanza.Probe):
		return classPresence
	}
	return classMessage
}

// backlog holds the entries of a route that were not written yet: a line for
// each class. Messages go first, then requests and answers, then presence, but
// none overtakes one of the same pair of addresses (RFC 6120 section 10.1): an
// entry joins the line of its class or, if one of its pair waits in a lower
// one, that. The zero backlog is empty; it is not safe for concurrent use.
type backlog struct {
	lines [classes]ring
	n     int // entries, without those taken out of a line's middle
	bytes int
	pairs [classes]pairCount
	// shedding says of each line where the first entry of its class may stand,
	// counted from the first that ever stood there.
	shedding [classes]uint64
	turn     uint64 // of the entry that came last
	seed     maphash.Seed
	// latest says where the last broadcast presence of a pair stands, counted
	// from the first that ever stood in the line.
	latest map[pair]uint64
}

// pairCount counts the entries in a line by a hash of their pair: zero means
// that there are none of that pair, more that there may be some.
type pairCount *[256]uint32

// push adds an entry. If it is presence that makes an earlier one void, that
// one is returned.
func (b *backlog) push(e entry) (void entry, superseded bool) {
	e.class = classOf(e.st)
	b.turn++
	e.turn = b.turn
	line := e.class
	if line > classMessage || b.lines[classIQ].n+b.lines[classPresence].n > 0 {
		line, e.slot = b.line(e.st, e.class)
	}
	r := &b.lines[line]
	if broadcast(e.st) {
		key := pairOf(e.st)
		if i, ok := b.latest[key]; ok {
			void, superseded = *r.at(int(i - r.popped)), true
			b.vacate(r.at(int(i-r.popped)), line)
		}
		if b.latest == nil {
			b.latest = make(map[pair]uint64)
		}
		b.latest[key] = r.popped + uint64(r.n)
	}
	r.push(e)
	b.n++
	b.bytes += e.size
	return void, superseded
}

// line finds the line of a stanza of a class and counts it there.
func (b *backlog) line(st *stanza.Stanza, line class) (class, uint8) {
	if b.pairs[classIQ] == nil {
		b.seed = maphash.MakeSeed()
		b.pairs[classIQ], b.pairs[classPresence] = new([256]uint32), new([256]uint32)
	}
	slot := uint8(maphash.Comparable(b.seed, pairOf(st)))
	for l := classPresence; l > line; l-- {
		if b.pairs[l][slot] > 0 {
			line = l
		}
	}
	if line > classMessage {
		b.pairs[line][slot]++
	}
	return line, slot
}

// broadcast reports whether a stanza is the presence of a whole resource, which
// the next makes void. What goes to a full address may be more than presence:
// entering a room, for one.
func broadcast(st *stanza.Stanza) bool {
	return st.Kind == stanza.Presence && (st.Type == "" || st.Type == stanza.Unavailable) && st.To.Resource() == ""
}

// vacate empties a place in the middle of a line.
func (b *backlog) vacate(e *entry, line class) {
	b.left(e, line)
	*e = entry{}
}

// left takes an entry off the counts.
func (b *backlog) left(e *entry, line class) {
	b.n--
	b.bytes -= e.size
	if line > classMessage {
		b.pairs[line][e.slot]--
	}
}

// pop removes the entry to be written next: the first of the best class, or the
// oldest of all once some entry has waited longer than patience.
func (b *backlog) pop(now time.Time) entry {
	line := classes
	for l := range b.lines {
		head := b.head(class(l))
		if head == nil {
			continue
		}
		if line == classes {
			line = class(l)
		} else if head.turn < b.lines[line].at(0).turn && now.Sub(head.at) > patience {
			line = class(l)
		}
	}
	return b.popFrom(line)
}

// head returns the first entry of a line, or nil; vacated places before it are
// removed.
func (b *backlog) head(line class) *entry {
	r := &b.lines[line]
	for r.n > 0 {
		if e := r.at(0); e.st != nil {
			return e
		}
		r.pop()
	}
	return nil
}

// popFrom removes the first entry of a line, whose head has just been found.
func (b *backlog) popFrom(line class) entry {
	r := &b.lines[line]
	place := r.popped
	e := r.pop()
	b.left(&e, line)
	b.forget(&e, place)
	return e
}

// forget takes note that the entry at a place is nobody's latest presence any
// more.
func (b *backlog) forget(e *entry, place uint64) {
	if !broadcast(e.st) {
		return
	}
	if key := pairOf(e.st); b.latest[key] == place {
		delete(b.latest, key)
	}
}

// shed removes the oldest entry of the lowest class, if that is below c. Entries
// of better classes that wait in the same line, behind others of their pair, stay.
func (b *backlog) shed(c class) (entry, bool) {
	for line := classPresence; line > c; line-- {
		r := &b.lines[line]
		for place := max(b.shedding[line], r.popped); place < r.popped+uint64(r.n); place++ {
			p := r.at(int(place - r.popped))
			b.shedding[line] = place + 1
			if p.st != nil && p.class == line {
				e := *p
				b.forget(&e, place)
				b.vacate(p, line)
				return e, true
			}
		}
	}
	return entry{}, false
}

// oldest returns when the entry that has waited longest was accepted; zero if
// there is none.
func (b *backlog) oldest() (at time.Time) {
	for l := range b.lines {
		if head := b.head(class(l)); head != nil && (at.IsZero() || head.at.Before(at)) {
			at = head.at
		}
	}
	return at
}

// expire removes the entries that were accepted before the given time, in their
// order within each line.
func (b *backlog) expire(before time.Time) []entry {
	var old []entry
	for l := range b.lines {
		for {
			head := b.head(class(l))
			if head == nil || !head.at.Before(before) {
				break
			}
			old = append(old, b.popFrom(class(l)))
		}
	}
	return old
}

// drop removes all entries.
func (b *backlog) drop() []entry {
	all := make([]entry, 0, b.n)
	for l := range b.lines {
		for b.head(class(l)) != nil {
			all = append(all, b.popFrom(class(l)))
		}
	}
	return all
}
