package main

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"
)

// setup measures cold streams: both directions, and the way back.
func (b *bench) setup() {
	const n = 100
	for _, direct := range []bool{false, true} {
		name := "STARTTLS"
		if direct {
			name = "direct TLS"
		}
		var totals, dnss, tlss, auths []time.Duration
		before, err := usageOf(b.pid)
		check(err)
		ok := true
		for i := 0; i < n && ok; i++ {
			s, t, _, err := b.dial(context.Background(), dialOptions{
				from: "bench.test", to: b.domain, cert: &b.cert, direct: direct})
			if err != nil {
				fmt.Printf("%-44s %v\n", "cold stream in, "+name, err)
				ok = false
				break
			}
			s.send("</stream:stream>")
			s.conn.Close()
			totals, dnss = append(totals, t.total), append(dnss, t.dns)
			tlss, auths = append(tlss, t.tls), append(auths, t.auth)
		}
		if !ok {
			continue
		}
		after, err := usageOf(b.pid)
		check(err)
		cpu := micros(after.cpu-before.cpu, n) / 1000
		fmt.Printf("%-44s median %.2f ms, p95 %.2f ms (DNS %.2f, STARTTLS+TLS %.2f, auth %.2f), server CPU %.2f ms\n",
			"cold stream in, "+name, millis(median(totals)), millis(quantile(totals, 0.95)),
			millis(median(dnss)), millis(median(tlss)), millis(median(auths)), cpu)
		b.results["setup_in_"+strings.ReplaceAll(name, " ", "_")] = map[string]float64{
			"median_ms": millis(median(totals)), "p95_ms": millis(quantile(totals, 0.95)), "cpu_ms": cpu}
	}

	// A first ping from a domain that the server has never seen: it must
	// resolve, connect and authenticate back before it can answer.
	var backs []time.Duration
	before, err := usageOf(b.pid)
	check(err)
	const m = 30
	for i := 0; i < m; i++ {
		from := fmt.Sprintf("b%d.bench.test", b.serial.Add(1))
		s, _ := b.dialBench(from, false)
		c := newCounter("<iq")
		b.l.sink.Store(c)
		begin := time.Now()
		check(s.send(b.ping(from)))
		if err := c.wait(1, 10*time.Second); err != nil {
			log.Fatalf("no answer to a first ping: %v", err)
		}
		backs = append(backs, time.Since(begin))
		s.conn.Close()
	}
	after, err := usageOf(b.pid)
	check(err)
	fmt.Printf("%-44s median %.2f ms, p95 %.2f ms; CPU of both streams %.2f ms\n", "answer over a cold stream out",
		millis(median(backs)), millis(quantile(backs, 0.95)), micros(after.cpu-before.cpu, m)/1000)
	b.results["setup_out"] = map[string]float64{
		"median_ms": millis(median(backs)), "p95_ms": millis(quantile(backs, 0.95))}
}
