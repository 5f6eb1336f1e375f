package main

import (
	"bufio"
	"fmt"
	"sync/atomic"
	"time"
)

// window keeps up to size unanswered pings under way until n are answered.
// The answers, wherever they come in, must end up in c.
func (b *bench) window(s *stream, from string, c *counter, n, size int) error {
	w := bufio.NewWriterSize(s.conn, 16<<10)
	sent := 0
	start := c.n.Load()
	for done := 0; done < n; {
		for sent < n && sent-done < size {
			if _, err := w.WriteString(b.ping(from)); err != nil {
				return err
			}
			sent++
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := c.wait(start+int64(done)+1, 15*time.Second); err != nil {
			return err
		}
		done = int(c.n.Load() - start)
	}
	return nil
}

func (b *bench) pings() {
	// Answers on a stream of the server's own.
	from := "bench.test"
	s, _ := b.dialBench(from, false)
	c := newCounter("<iq")
	b.l.sink.Store(c)
	check(b.window(s, from, c, 200, 8)) // warm up
	for _, w := range []int{64, 1024} {
		b.repeat(fmt.Sprintf("ping_%d", w), fmt.Sprintf("ping, %d under way, return stream", w), b.count,
			func() error { return b.window(s, from, c, b.count, w) })
	}
	b.latency("ping_1", "ping, one at a time, return stream", s, from, c)
	s.conn.Close()

	// Answers on the same stream.
	from = "bidi.bench.test"
	s, bidi := b.dialBench(from, true)
	if !bidi {
		fmt.Printf("%-44s not offered\n", "ping, bidi")
		s.conn.Close()
		return
	}
	var sink atomic.Pointer[counter]
	c = newCounter("<iq")
	sink.Store(c)
	go drain(s, &sink)
	check(b.window(s, from, c, 200, 8))
	b.repeat("ping_64_bidi", "ping, 64 under way, bidi", b.count,
		func() error { return b.window(s, from, c, b.count, 64) })
	b.latency("ping_1_bidi", "ping, one at a time, bidi", s, from, c)
	s.conn.Close()
}

func (b *bench) latency(key, name string, s *stream, from string, c *counter) {
	var rtts []time.Duration
	for i := 0; i < 1000; i++ {
		begin := time.Now()
		if err := b.window(s, from, c, 1, 1); err != nil {
			fmt.Printf("%-44s %v\n", name, err)
			return
		}
		rtts = append(rtts, time.Since(begin))
		if i == 99 && time.Since(begin) > 20*time.Millisecond {
			break // a stalling peer; a hundred say enough
		}
	}
	fmt.Printf("%-44s median %.3f ms, p99 %.3f ms\n", name, millis(median(rtts)), millis(quantile(rtts, 0.99)))
	b.results[key] = map[string]float64{"median_ms": millis(median(rtts)), "p99_ms": millis(quantile(rtts, 0.99))}
}
