package main

import (
	"fmt"
	"sync"
	"time"
)

func (b *bench) idle() {
	var perStream, opened []float64
	for r := 0; r < b.runs; r++ {
		time.Sleep(3 * time.Second)
		before, err := usageOf(b.pid)
		check(err)
		begin := time.Now()
		streams := make([]*stream, b.streams)
		var wg sync.WaitGroup
		gate := make(chan struct{}, 8)
		for i := range streams {
			wg.Add(1)
			gate <- struct{}{}
			go func() {
				defer wg.Done()
				streams[i], _ = b.dialBench(fmt.Sprintf("i%dr%d.bench.test", i, r), false)
				<-gate
			}()
		}
		wg.Wait()
		took := time.Since(begin)
		// Let it settle, then take the lowest of a few readings.
		low := int64(1 << 62)
		for i := 0; i < 6; i++ {
			time.Sleep(time.Second)
			u, err := usageOf(b.pid)
			check(err)
			low = min(low, u.rss)
		}
		perStream = append(perStream, float64(low-before.rss)/1024/float64(b.streams))
		opened = append(opened, float64(b.streams)/took.Seconds())
		fmt.Printf("%-44s RSS %.1f -> %.1f MiB, %.1f KiB each; opened %.0f/s\n",
			fmt.Sprintf("  run %d: %d idle streams in", r+1, b.streams), mib(before.rss), mib(low),
			perStream[r], opened[r])
		for _, s := range streams {
			s.conn.Close()
		}
	}
	// Memory that the first run took may be reused by the next ones, so the
	// first is the honest one; show it along with the largest.
	first, speed := perStream[0], median(opened)
	fmt.Printf("%-44s %.1f KiB (first run), %.1f KiB (largest), opened %.0f/s\n", "memory per idle stream in",
		first, quantile(perStream, 1), speed)
	b.results["idle_kib"] = first
	b.results["open_per_s"] = speed
}
