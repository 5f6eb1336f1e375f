package locate

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// ask returns what a client says about the addresses of a host and how long it
// took.
func ask(t *testing.T, c *Client, host string) string {
	t.Helper()
	start := time.Now()
	got, err := c.LookupNetIP(t.Context(), "ip4", host)
	text := fmt.Sprint(got)
	if err != nil {
		text = kind(t, err)
	}
	return fmt.Sprint(text, " after ", time.Since(start))
}

func TestStaleAnswers(t *testing.T) {
	const one = "a.example. 60 IN A 192.0.2.1"
	servfail := alwaysFailing(dns.RcodeServerFailure)
	tests := []struct {
		name  string
		first zone
		then  zone
		stale time.Duration
		age   time.Duration // since the first answer
		want  string
	}{
		{"fresh", always(one), servfail, 0, 59 * time.Second, "[192.0.2.1] after 0s"},
		{"server fails", always(one), servfail, 0, 60 * time.Second, "[192.0.2.1] after 0s"},
		{"server refuses", always(one), alwaysFailing(dns.RcodeRefused), 0, time.Hour, "[192.0.2.1] after 0s"},
		{"server silent", always(one), silent, 0, time.Hour, "[192.0.2.1] after 1.8s"},
		{"last moment", always(one), servfail, 0, time.Hour + time.Minute - 1, "[192.0.2.1] after 0s"},
		{"too old", always(one), servfail, 0, time.Hour + time.Minute, "temporary after 0s"},
		{"too old, silent", always(one), silent, 0, time.Hour + time.Minute, "timeout after 6s"},
		{"own limit", always(one), servfail, time.Minute, 2*time.Minute - 1, "[192.0.2.1] after 0s"},
		{"past own limit", always(one), servfail, time.Minute, 2 * time.Minute, "temporary after 0s"},
		{"switched off", always(one), servfail, -1, time.Minute, "temporary after 0s"},
		{"newer answer", always(one), always("a.example. 60 IN A 192.0.2.2"), 0, time.Minute, "[192.0.2.2] after 0s"},
		{"now NXDOMAIN", always(one), alwaysFailing(dns.RcodeNameError, soa), 0, time.Minute, "not found after 0s"},
		{"alias loop is an answer", always(one), always("a.example. 60 IN CNAME a.example."), 0, time.Minute, "temporary after 0s"},
		{"negative", alwaysFailing(dns.RcodeNameError, soa), servfail, 0, time.Hour, "not found after 0s"},
		{"never to be remembered", always("a.example. 0 IN A 192.0.2.1"), servfail, 0, 0, "temporary after 0s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := virtual(tt.first)
				c.Stale = tt.stale
				ask(t, c, "a.example")
				s[0].set(tt.then)
				time.Sleep(tt.age)
				if got := ask(t, c, "a.example"); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
				time.Sleep(time.Minute) // until no question is under way
			})
		})
	}
}

// TestStaleRetry follows an outage: with a stale answer the servers are asked
// every 30 seconds, and nobody waits in between.
func TestStaleRetry(t *testing.T) {
	const name, q = "a.example", "udp A a.example."
	good := func(addr string) zone { return always("a.example. 60 IN A " + addr) }
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(good("192.0.2.1"))
		ask(t, c, name)
		time.Sleep(time.Minute)
		s[0].set(alwaysFailing(dns.RcodeServerFailure))
		for range 60 { // five minutes
			if got := ask(t, c, name); got != "[192.0.2.1] after 0s" {
				t.Fatal(got)
			}
			time.Sleep(5 * time.Second)
		}
		if n := s[0].count(q); n != 11 {
			t.Errorf("asked %d times, want once and then every 30 seconds", n)
		}

		s[0].set(silent)
		if got := ask(t, c, name); got != "[192.0.2.1] after 1.8s" {
			t.Error(got)
		}
		if got := ask(t, c, name); got != "[192.0.2.1] after 0s" { // though the question is still under way
			t.Error(got)
		}
		time.Sleep(29 * time.Second)
		s[0].set(good("192.0.2.2"))
		if got := ask(t, c, name); got != "[192.0.2.1] after 0s" {
			t.Error(got)
		}
		time.Sleep(6 * time.Second) // 30 s after the last server was given up
		if got := ask(t, c, name); got != "[192.0.2.2] after 0s" {
			t.Error(got)
		}
	})
}

// TestStaleRefresh has a second server that answers, but not before the stale
// answer was given: its answer must not be lost.
func TestStaleRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(always("a.example. 60 IN A 192.0.2.1"), always("a.example. 60 IN A 192.0.2.2"))
		ask(t, c, "a.example")
		s[0].set(silent)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		got, err := c.LookupNetIP(ctx, "ip4", "a.example")
		cancel()
		if err != nil || fmt.Sprint(got) != "[192.0.2.1]" {
			t.Errorf("%v, %v", got, err)
		}
		time.Sleep(2 * time.Second)
		if got := ask(t, c, "a.example"); got != "[192.0.2.2] after 0s" {
			t.Error(got)
		}
		if len(c.flights) != 0 {
			t.Errorf("%d questions still under way", len(c.flights))
		}
	})
}

// TestLostInterest must not count as a failure of the servers.
func TestLostInterest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(always("a.example. 60 IN A 192.0.2.1"))
		ask(t, c, "a.example")
		s[0].set(silent)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if got, err := c.LookupNetIP(ctx, "ip4", "a.example"); err == nil {
			t.Errorf("%v before the servers had their time", got)
		}
		cancel()
		synctest.Wait()
		s[0].set(always("a.example. 60 IN A 192.0.2.2"))
		if got := ask(t, c, "a.example"); got != "[192.0.2.2] after 0s" {
			t.Error(got)
		}
	})
}

func TestStaleMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			return []*dns.Msg{reply(q, q.Question[0].Name+" 60 IN A 192.0.2.1")}
		})
		c.CacheSize = 16
		for i := range 200 {
			ask(t, c, fmt.Sprintf("n%d.example", i))
			time.Sleep(10 * time.Second)
			if n := len(c.cache); n > 16 {
				t.Fatalf("%d answers remembered", n)
			}
		}
		s[0].set(alwaysFailing(dns.RcodeServerFailure))
		for i := 195; i < 200; i++ { // the live ones pushed no live one out
			if got := ask(t, c, fmt.Sprintf("n%d.example", i)); got != "[192.0.2.1] after 0s" {
				t.Errorf("n%d: %s", i, got)
			}
		}
	})
}

// TestBulkyAnswers are given but not remembered.
func TestBulkyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := maxBulk
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			return []*dns.Msg{reply(q, fmt.Sprintf("_1._tcp.a.example. 60 IN TLSA 3 0 0 %0*x", 2*size, 1))}
		})
		for i, want := range []int{1, 1, 2, 3} {
			if i == 2 {
				size++
				time.Sleep(time.Minute)
			}
			records, _, err := c.LookupTLSA(t.Context(), "_1._tcp.a.example")
			if err != nil || len(records) != 1 || len(records[0].Data) != size {
				t.Fatalf("%d records, %v", len(records), err)
			}
			if n := s[0].count("udp TLSA _1._tcp.a.example."); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		}
	})
}
