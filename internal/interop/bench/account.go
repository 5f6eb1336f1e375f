package main

import (
	"fmt"
	"os"
	"sort"
	"time"
)

// sample is one run of a throughput measurement.
type sample struct {
	rate   float64 // stanzas per second
	cpu    float64 // µs of the server per stanza
	self   float64 // µs of this process per stanza
	others float64 // processors kept busy by whatever else runs here
}

// account runs f, which moves n stanzas.
func (b *bench) account(n int, f func() error) (s sample, err error) {
	before, err := usageOf(b.pid)
	check(err)
	selfBefore, err := usageOf(os.Getpid())
	check(err)
	busyBefore := busy()
	begin := time.Now()
	if err := f(); err != nil {
		return s, err
	}
	took := time.Since(begin)
	time.Sleep(200 * time.Millisecond)
	whole, busyAfter := time.Since(begin), busy()
	after, err := usageOf(b.pid)
	check(err)
	selfAfter, err := usageOf(os.Getpid())
	check(err)
	return sample{
		rate:   float64(n) / took.Seconds(),
		cpu:    micros(after.cpu-before.cpu, n),
		self:   micros(selfAfter.cpu-selfBefore.cpu, n),
		others: max(0, (busyAfter-busyBefore-(after.cpu-before.cpu)-(selfAfter.cpu-selfBefore.cpu)).Seconds()/whole.Seconds()),
	}, nil
}

// repeat reports the medians of several runs.
func (b *bench) repeat(key, name string, n int, f func() error) {
	var rates, cpus, selfs, others []float64
	for r := 0; r < b.runs; r++ {
		s, err := b.account(n, f)
		if err != nil {
			fmt.Printf("%-44s %v\n", name, err)
			b.results[key] = err.Error()
			return
		}
		rates, cpus, selfs = append(rates, s.rate), append(cpus, s.cpu), append(selfs, s.self)
		others = append(others, s.others)
	}
	sort.Float64s(rates)
	fmt.Printf("%-44s %.0f/s (%.0f..%.0f), server CPU %.1f µs, generator CPU %.1f µs, others %.2f CPUs\n", name,
		median(rates), rates[0], rates[len(rates)-1], median(cpus), median(selfs), median(others))
	b.results[key] = map[string]any{"per_s": median(rates), "cpu_us": median(cpus), "runs_per_s": rates, "others": median(others)}
}
