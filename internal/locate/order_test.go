package locate

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func hosts(targets []Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.Host)
	}
	return strings.Join(names, " ")
}

func TestOrderByPriority(t *testing.T) {
	records := []Record{
		{Host: "c", Priority: 30, Weight: 65535},
		{Host: "a", Port: 5269, Priority: 0},
		{Host: "b", Port: 5270, Priority: 10, Weight: 1, Direct: true},
		{Host: "d", Priority: 65535, Weight: 9},
	}
	before := slices.Clone(records)
	for range 100 {
		got := Order(records, nil)
		if hosts(got) != "a b c d" {
			t.Fatalf("order %s", hosts(got))
		}
		if got[0] != (Target{Host: "a", Port: 5269}) || got[1] != (Target{Host: "b", Port: 5270, Direct: true, Priority: 10}) {
			t.Fatalf("targets %+v", got)
		}
	}
	if !slices.Equal(records, before) {
		t.Error("the records were changed")
	}
	if got := Order(nil, nil); len(got) != 0 {
		t.Errorf("no records: %v", got)
	}
}

// TestOrderStatistics compares 10,000 draws with the expectation of RFC 2782:
// a number from 0 to 100, both included, is 0 once in 101 times.
func TestOrderStatistics(t *testing.T) {
	records := []Record{
		{Host: "ten", Weight: 10}, {Host: "sixty", Weight: 60}, {Host: "zero"}, {Host: "thirty", Weight: 30},
		{Host: "last", Priority: 1, Weight: 65535},
	}
	const draws = 10000
	rnd := rand.New(rand.NewPCG(1, 2)).IntN
	first, second := map[string]int{}, map[string]int{}
	for range draws {
		got := Order(records, rnd)
		if len(got) != len(records) || got[4].Host != "last" {
			t.Fatalf("order %s", hosts(got))
		}
		first[got[0].Host]++
		if got[0].Host == "sixty" {
			second[got[1].Host]++
		}
	}
	check := func(what string, n, of int, want float64) {
		t.Helper()
		if got := float64(n) / float64(of); got < want-0.01 || got > want+0.01 {
			t.Errorf("%s: %.4f of the draws, want %.4f", what, got, want)
		}
	}
	check("zero", first["zero"], draws, 1.0/101)
	check("ten", first["ten"], draws, 10.0/101)
	check("sixty", first["sixty"], draws, 60.0/101)
	check("thirty", first["thirty"], draws, 30.0/101)
	if first["zero"] == 0 {
		t.Error("the record of weight 0 was never first")
	}
	n := first["sixty"]
	check("thirty after sixty", second["thirty"], n, 30.0/41)
	check("ten after sixty", second["ten"], n, 10.0/41)
	check("zero after sixty", second["zero"], n, 1.0/41)
}

func TestOrderAllZero(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4)).IntN
	first := map[string]int{}
	for range 3000 {
		first[Order([]Record{{Host: "a"}, {Host: "b"}, {Host: "c"}}, rnd)[0].Host]++
	}
	for _, h := range []string{"a", "b", "c"} {
		if n := first[h]; n < 900 || n > 1100 {
			t.Errorf("%s was first %d times of 3000", h, n)
		}
	}
}

// TestOrderBounds runs the extremes of the random numbers: 0 picks the first
// record, the sum of the weights the last.
func TestOrderBounds(t *testing.T) {
	records := []Record{{Host: "b", Weight: 5}, {Host: "a"}, {Host: "c", Weight: 5}}
	asked := 0
	top := func(n int) int { asked = max(asked, n); return n - 1 } // also leaves the shuffle as it is
	if got := hosts(Order(records, top)); got != "c b a" {
		t.Errorf("highest numbers: %s", got)
	}
	if asked != 11 {
		t.Errorf("numbers below %d were asked for, want 11", asked)
	}
	if got := Order(records, func(int) int { return 0 }); got[0].Host != "a" {
		t.Errorf("lowest numbers: %s", hosts(got))
	}
}

func BenchmarkOrder(b *testing.B) {
	records := []Record{{Host: "a", Weight: 10}, {Host: "b", Weight: 60}, {Host: "c", Priority: 1}, {Host: "d", Weight: 30}}
	b.ReportAllocs()
	for b.Loop() {
		Order(records, nil)
	}
}
