package s2s

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// written pushes stanzas into a queue and returns what is written, in order.
func written(list ...string) string {
	q := queueFor(list...)
	now := time.Unix(1000, 0)
	for _, x := range list {
		q.push(entry{st: stanza.MustParse(x), at: now, size: len(x)})
	}
	return drain(q, now)
}

// queueFor returns a queue that does not take two pairs among the stanzas for one,
// as may happen and does no more than hold a stanza up.
func queueFor(list ...string) *queue {
	for {
		q := new(queue)
		b := &q.backlog
		b.seed = maphash.MakeSeed()
		b.pairs[classIQ], b.pairs[classPresence] = new([256]uint32), new([256]uint32)
		slots := make(map[uint8]pair)
		distinct := true
		for _, x := range list {
			p := pairOf(stanza.MustParse(x))
			slot := uint8(maphash.Comparable(b.seed, p))
			other, taken := slots[slot]
			distinct = distinct && (!taken || other == p)
			slots[slot] = p
		}
		if distinct {
			return q
		}
	}
}

func drain(q *queue, now time.Time) string {
	var ids []string
	for q.waiting() > 0 {
		q.write(nil, 1, 1<<20, 0, now, func(e *entry) { ids = append(ids, e.st.ID) })
	}
	return strings.Join(ids, " ")
}

func TestClasses(t *testing.T) {
	cases := []struct {
		name string
		in   []string
		want string
	}{
		{"messages first, presence last", []string{
			`<presence id="p" from="a@x.example/1" to="b@y.example"/>`,
			`<iq id="i" type="get" from="c@x.example" to="d@y.example"/>`,
			`<message id="m" from="e@x.example" to="f@y.example"/>`,
		}, "m i p"},
		{"none overtakes its own pair", []string{
			`<presence id="p" from="a@x.example" to="b@y.example"/>`,
			`<message id="m" from="a@x.example" to="b@y.example"/>`,
			`<message id="n" from="e@x.example" to="b@y.example"/>`,
		}, "n p m"},
		{"nor one that waits for its own pair", []string{
			`<iq id="i" type="get" from="a@x.example" to="b@y.example"/>`,
			`<presence id="p" from="a@x.example" to="b@y.example"/>`,
			`<message id="m" from="a@x.example" to="b@y.example"/>`,
			`<iq id="j" type="get" from="c@x.example" to="b@y.example"/>`,
		}, "i j p m"},
		{"changes of subscriptions are worth as much as messages", []string{
			`<presence id="p" from="a@x.example" to="b@y.example"/>`,
			`<presence id="s" type="subscribe" from="c@x.example" to="b@y.example"/>`,
			`<message id="m" from="d@x.example" to="b@y.example"/>`,
		}, "s m p"},
		{"of presence the latest", []string{
			`<presence id="1" from="a@x.example/1" to="b@y.example"/>`,
			`<presence id="2" from="a@x.example/2" to="b@y.example"/>`,
			`<presence id="3" from="a@x.example/1" to="b@y.example"/>`,
			`<presence id="4" type="unavailable" from="a@x.example/1" to="b@y.example"/>`,
			`<presence id="5" type="probe" from="a@x.example/1" to="b@y.example"/>`,
		}, "2 4 5"},
		{"presence to a full address may mean more", []string{
			`<presence id="1" from="a@x.example/1" to="room@y.example/nick"><x xmlns="http://jabber.org/protocol/muc"/></presence>`,
			`<presence id="2" from="a@x.example/1" to="room@y.example/nick"/>`,
		}, "1 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := written(c.in...); got != c.want {
				t.Errorf("written in the order %s, want %s", got, c.want)
			}
		})
	}
}

func TestPresenceDoesNotWaitForEver(t *testing.T) {
	q := queueFor(`<presence from="a@x.example" to="b@y.example"/>`, `<message from="c@x.example" to="d@y.example"/>`)
	now := time.Unix(1000, 0)
	push := func(x string) { q.push(entry{st: stanza.MustParse(x), at: now, size: len(x)}) }
	push(`<presence id="p" from="a@x.example" to="b@y.example"/>`)
	now = now.Add(time.Second)
	push(`<message id="m" from="c@x.example" to="d@y.example"/>`)
	if got := drain(q, now.Add(patience-time.Second)); got != "m p" {
		t.Errorf("within patience: %s", got)
	}
	push(`<presence id="p" from="a@x.example" to="b@y.example"/>`)
	push(`<message id="m" from="c@x.example" to="d@y.example"/>`)
	if got := drain(q, now.Add(patience+1)); got != "p m" {
		t.Errorf("beyond patience: %s", got)
	}
}

func TestShed(t *testing.T) {
	var q queue
	gone := 0
	q.gone = func(int, uint64) { gone++ }
	for _, x := range []string{
		`<message id="m" from="a@x.example" to="b@y.example"/>`,
		`<iq id="i" type="get" from="a@x.example" to="b@y.example"/>`,
		`<presence id="p" from="a@x.example" to="b@y.example"/>`,
		`<message id="n" from="a@x.example" to="b@y.example"/>`, // behind the presence
		`<presence id="o" type="probe" from="a@x.example" to="b@y.example"/>`,
		`<presence id="q" from="c@x.example" to="b@y.example"/>`,
	} {
		q.push(entry{st: stanza.MustParse(x), size: 1})
	}
	var shed []string
	for _, c := range []class{classPresence, classIQ, classIQ, classMessage, classIQ, classMessage, classMessage} {
		if e, ok := q.shed(c); ok {
			shed = append(shed, e.st.ID)
		} else {
			shed = append(shed, "-")
		}
	}
	if got := strings.Join(shed, " "); got != "- p o q - i -" || gone != 4 || q.bytes() != 2 {
		t.Errorf("shed %s, %d gone, %d bytes left", got, gone, q.bytes())
	}
}

// Random schedules of pushing, writing, losing streams and acknowledging keep
// the order of each pair and lose nothing but superseded presence.
func TestOrderOfPairsUnderRandomSchedules(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var q queue
		left, bytes := 0, 0
		q.gone = func(size int, _ uint64) { left++; bytes -= size }
		now := time.Unix(1000, 0)
		last := make(map[pair]int)
		pushed := 0
		check := func(e *entry) {
			var n int
			fmt.Sscan(e.st.ID, &n)
			key := pairOf(e.st)
			if n < last[key] && e.tries == 1 {
				t.Fatalf("seed %d: %d after %d of the same pair", seed, n, last[key])
			}
			last[key] = max(n, last[key])
		}
		for range 2000 {
			now = now.Add(time.Duration(rnd.IntN(1000)) * time.Millisecond)
			switch rnd.IntN(8) {
			case 0, 1, 2, 3:
				pushed++
				st := &stanza.Stanza{Kind: stanza.Kind(1 + rnd.IntN(3)), ID: fmt.Sprint(pushed),
					From: jid.MustParse(fmt.Sprintf("u%d@x.example", rnd.IntN(5))), To: jid.MustParse([]string{"u0@y.example", "u1@y.example", "u1@y.example/a", "u1@y.example/b"}[rnd.IntN(4)])}
				size := 1 + rnd.IntN(50)
				bytes += size
				q.push(entry{st: st, at: now, size: size})
			case 4, 5:
				q.write(nil, 1+rnd.IntN(300), 40, 0, now, check)
			case 6:
				q.confirm(rnd.IntN(10), nil)
			case 7:
				if rnd.IntN(5) == 0 {
					q.rewind(time.Time{}, false)
				}
			}
			if q.all()+left != pushed {
				t.Fatalf("seed %d: %d held and %d gone of %d", seed, q.all(), left, pushed)
			}
		}
		for q.waiting() > 0 {
			q.write(nil, 1<<20, 1<<20, 0, now, check)
		}
		q.drop()
		if left != pushed || bytes != 0 || q.bytes() != 0 {
			t.Errorf("seed %d: %d gone of %d, %d bytes unaccounted", seed, left, pushed, bytes)
		}
	}
}
