package locate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// virtual returns a client of servers in memory, for use in a bubble.
func virtual(zones ...zone) (*Client, []*server) {
	c := new(Client)
	at := make(map[string]*server)
	var all []*server
	for i, z := range zones {
		s := &server{addr: fmt.Sprintf("192.0.2.%d:53", i+1), zone: z}
		at[s.addr] = s
		c.Servers = append(c.Servers, s.addr)
		all = append(all, s)
	}
	c.Dial = dialer(at)
	return c, all
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := virtual(silent, always("a.example. 60 IN A 192.0.2.1"))
		start := time.Now()
		if got, err := c.LookupNetIP(t.Context(), "ip4", "a.example"); err != nil || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("failed over after %v", took)
		}

		c, s := virtual(silent, silent)
		c.Timeout, c.Attempts = time.Second, 3
		start = time.Now()
		_, err := c.LookupNetIP(t.Context(), "ip4", "a.example")
		if kind(t, err) != "timeout" {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took != 6*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if n := s[0].count("udp A a.example."); n != 3 {
			t.Errorf("the first server was asked %d times", n)
		}

		c, _ = virtual(silent, alwaysFailing(dns.RcodeServerFailure))
		if _, err := c.LookupNetIP(t.Context(), "ip4", "a.example"); kind(t, err) != "temporary" {
			t.Errorf("one silent, one failing: %v", err)
		}
	})
}

func TestContextEndsLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := virtual(silent)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.LookupNetIP(ctx, "ip", "a.example")
		if !errors.Is(err, context.DeadlineExceeded) || kind(t, err) != "timeout" {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		synctest.Wait() // the bubble's end would report a goroutine left behind
	})
}

func TestAnswersAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			switch q.Question[0].Name {
			case "a.example.":
				return []*dns.Msg{reply(q, "a.example. 100 IN CNAME b.example.", "b.example. 30 IN A 192.0.2.1", "b.example. 60 IN A 192.0.2.2")}
			case "zero.example.":
				return []*dns.Msg{reply(q, "zero.example. 0 IN A 192.0.2.1")}
			case "negative.example.":
				return []*dns.Msg{reply(q, "negative.example. 4294967295 IN A 192.0.2.1")}
			case "long.example.":
				return []*dns.Msg{reply(q, "long.example. 2147483647 IN A 192.0.2.1")}
			case "failing.example.":
				return []*dns.Msg{failing(q, dns.RcodeServerFailure)}
			case "bare.example.":
				return []*dns.Msg{failing(q, dns.RcodeNameError)}
			case "patient.example.":
				return []*dns.Msg{failing(q, dns.RcodeNameError, "example. 999999 IN SOA a. b. 1 1 1 1 999999")}
			}
			return []*dns.Msg{failing(q, dns.RcodeNameError, soa)}
		})
		skew := time.Duration(0)
		c.Now = func() time.Time { return time.Now().Add(skew) }
		tests := []struct {
			name  string
			lives time.Duration
		}{
			{"a.example", 30 * time.Second},
			{"zero.example", 0},
			{"negative.example", 0},
			{"long.example", maxTTL},
			{"failing.example", 0},
			{"bare.example", 0},
			{"none.example", 300 * time.Second}, // the minimum of its SOA
			{"patient.example", maxNegativeTTL},
		}
		for _, tt := range tests {
			q := "udp A " + tt.name + "."
			c.LookupNetIP(t.Context(), "ip4", tt.name)
			first, err := c.LookupNetIP(t.Context(), "ip4", tt.name)
			if n, want := s[0].count(q), 1; n != want && tt.lives > 0 {
				t.Errorf("%s: asked %d times at once", tt.name, n)
			}
			skew += tt.lives - 1
			again, err2 := c.LookupNetIP(t.Context(), "ip4", tt.name)
			if fmt.Sprint(first, err) != fmt.Sprint(again, err2) {
				t.Errorf("%s: %v, %v, later %v, %v", tt.name, first, err, again, err2)
			}
			before := s[0].count(q)
			skew++
			c.LookupNetIP(t.Context(), "ip4", tt.name)
			if tt.lives > 0 && before != 1 || s[0].count(q) != before+1 {
				t.Errorf("%s: asked %d times while it lives, %d in all", tt.name, before, s[0].count(q))
			}
		}
	})
}

func TestCallersCannotSpoilTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			if q.Question[0].Qtype == dns.TypeSRV {
				return []*dns.Msg{reply(q, "a.example. 60 IN SRV 1 2 3 b.example.")}
			}
			return []*dns.Msg{reply(q, "a.example. 60 IN A 192.0.2.1")}
		})
		for range 2 {
			_, srv, err := c.LookupSRV(t.Context(), "", "", "a.example")
			if err != nil || srv[0].Target != "b.example." {
				t.Fatalf("%v, %v", srv, err)
			}
			srv[0].Target = "spoilt."
			ips, err := c.LookupNetIP(t.Context(), "ip4", "a.example")
			if err != nil || !ips[0].IsValid() {
				t.Fatalf("%v, %v", ips, err)
			}
			ips[0] = ips[0].Next()
			if ips[0].String() != "192.0.2.2" {
				t.Errorf("address %v", ips[0])
			}
		}
		if n := s[0].count("udp A a.example."); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ttl := 60
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			return []*dns.Msg{reply(q, fmt.Sprintf("%s %d IN A 192.0.2.1", q.Question[0].Name, ttl))}
		})
		c.CacheSize = 16
		for i := range 100 {
			c.LookupNetIP(t.Context(), "ip4", fmt.Sprintf("n%d.example", i))
			if n := len(c.cache); n > 16 || i > 16 && n < 13 {
				t.Fatalf("%d answers remembered", n)
			}
		}
		time.Sleep(61 * time.Second)
		ttl = 3600
		for i := range 16 {
			c.LookupNetIP(t.Context(), "ip4", fmt.Sprintf("new%d.example", i))
		}
		for i := range 16 {
			c.LookupNetIP(t.Context(), "ip4", fmt.Sprintf("new%d.example", i))
			if n := s[0].count(fmt.Sprintf("udp A new%d.example.", i)); n != 1 {
				t.Errorf("a live answer was dropped for a dead one")
			}
		}
		c.CacheSize, c.cache = -1, nil
		c.LookupNetIP(t.Context(), "ip4", "off.example")
		if len(c.cache) != 0 {
			t.Error("remembered with the cache off")
		}
	})
}

func TestEqualQuestionsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, s := virtual(func(_ string, q *dns.Msg) []*dns.Msg {
			<-release
			return []*dns.Msg{reply(q, "a.example. 0 IN A 192.0.2.1")}
		})
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.LookupNetIP(first, "ip4", "a.example"); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who lost interest: %v", err)
			}
		})
		synctest.Wait()
		for range 10 {
			wg.Go(func() {
				if got, err := c.LookupNetIP(t.Context(), "ip4", "A.example."); err != nil || len(got) != 1 {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		cancel() // must not take the others along
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := s[0].count("udp A a.example."); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if len(c.flights) != 0 {
			t.Errorf("%d questions still under way", len(c.flights))
		}
	})
}
