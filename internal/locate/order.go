package locate

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Record is one SRV record.
type Record struct {
	Host     string // without the final dot
	Port     uint16
	Priority uint16
	Weight   uint16
	Direct   bool // TLS from the first byte (XEP-0368), not STARTTLS

	// Authentic says that DNSSEC vouches for the record.
	Authentic bool
}

// Target is a server to connect to. Its addresses are looked up when its turn
// comes.
type Target struct {
	Host   string // a name without the final dot, or an IP address without brackets
	Port   uint16
	Direct bool // TLS from the first byte (XEP-0368), not STARTTLS

	// Priority is that of the SRV record: targets that have it in common
	// share the load. Zero without a record.
	Priority uint16
	// Authentic says that DNSSEC vouches for the SRV record that names the
	// host, so that RFC 7673 applies. False without a record.
	Authentic bool
}

// Order arranges records as RFC 2782 asks: by priority, lowest first, and
// within a priority by repeated random selection in proportion to the
// weights, which gives records of weight 0 a small chance and, where there are
// only such, equal ones. Direct makes no difference. rnd(n) must return a
// number from 0 to n-1, each equally likely; nil is [rand.IntN]. The records
// are not changed.
func Order(records []Record, rnd func(n int) int) []Target {
	targets := make([]Target, 0, len(records))
	for _, r := range arrange(records, rnd, func(r Record) (uint16, uint16) { return r.Priority, r.Weight }) {
		targets = append(targets, Target{
			Host: r.Host, Port: r.Port, Direct: r.Direct, Priority: r.Priority, Authentic: r.Authentic,
		})
	}
	return targets
}

// arrange returns a copy of in ordered by RFC 2782; key returns priority and
// weight.
func arrange[T any](in []T, rnd func(int) int, key func(T) (priority, weight uint16)) []T {
	if rnd == nil {
		rnd = rand.IntN
	}
	out := slices.Clone(in)
	for i := len(out) - 1; i > 0; i-- {
		j := rnd(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	// Within a priority the records of weight 0 come first, then the rest
	// in any order: that is where running sums begin.
	slices.SortStableFunc(out, func(a, b T) int {
		pa, wa := key(a)
		pb, wb := key(b)
		return cmp.Or(cmp.Compare(pa, pb), cmp.Compare(min(wa, 1), min(wb, 1)))
	})
	for start := 0; start < len(out); {
		p, _ := key(out[start])
		end := start + 1
		for end < len(out) {
			if q, _ := key(out[end]); q != p {
				break
			}
			end++
		}
		for ; start < end; start++ {
			draw(out[start:end], rnd, key)
		}
	}
	return out
}

// draw selects one record of a priority and moves it to the front; the others
// keep their order.
func draw[T any](group []T, rnd func(int) int, key func(T) (priority, weight uint16)) {
	sum := 0
	for _, r := range group {
		_, w := key(r)
		sum += int(w)
	}
	want := rnd(sum + 1)
	running := 0
	for i, r := range group {
		_, w := key(r)
		running += int(w)
		if running >= want {
			copy(group[1:i+1], group[:i])
			group[0] = r
			return
		}
	}
}
