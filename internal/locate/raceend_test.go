package locate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRaceIsBounded(t *testing.T) {
	fate, host := map[string]string{}, ""
	for i := range 3 * maxTried {
		ip := fmt.Sprintf("192.0.2.%d", i)
		host += " " + ip
		fate[ip] = "down 10s"
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(map[string]string{"a": host}, fate)
		_, failures, err := w.race(t.Context(), at("a", 0))
		if !errors.Is(err, ErrUnreachable) || len(failures) != maxTried || len(w.log) != maxTried || w.most != maxRunning {
			t.Errorf("%v, %d failures, %d attempts, %d at once", err, len(failures), len(w.log), w.most)
		}
	})
}

func TestRaceLosers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(map[string]string{"a": "192.0.2.1 192.0.2.2 192.0.2.3"}, map[string]string{
			"192.0.2.1": "up 1s", // does not care for its context
			"192.0.2.2": "hole",
			"192.0.2.3": "up 100ms",
		})
		m, failures, err := w.race(t.Context(), at("a", 0))
		if err != nil || m.addr.Addr().String() != "192.0.2.3" || failures != nil || time.Since(w.start) != 600*time.Millisecond {
			t.Fatalf("%v, %v, %v after %v", m, failures, err, time.Since(w.start))
		}
		synctest.Wait()
		if n := w.running(); n != 1 {
			t.Errorf("%d attempts run on, want the one that does not listen", n)
		}
		w.settle(t, m)
		if len(w.all) != 2 {
			t.Errorf("%d were made", len(w.all))
		}
	})
}

// TestRaceTie lets all attempts succeed at the same moment.
func TestRaceTie(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(map[string]string{"a": "192.0.2.1 192.0.2.2 192.0.2.3"}, map[string]string{
				"192.0.2.1": "up 500ms", "192.0.2.2": "up 250ms", "192.0.2.3": "up 0s",
			})
			m, _, err := w.race(t.Context(), at("a", 0))
			if err != nil {
				t.Fatal(err)
			}
			w.settle(t, m)
		})
	}
}

func TestRaceContext(t *testing.T) {
	cause := errors.New("the link is closed")
	tests := []struct {
		name     string
		hosts    string
		fate     map[string]string
		took     time.Duration
		failures string
	}{
		{"listening", "192.0.2.1 192.0.2.2", map[string]string{"192.0.2.1": "hole", "192.0.2.2": "hole"}, time.Second,
			"a 192.0.2.1 at TCP: context canceled, a 192.0.2.2 at TCP: context canceled"},
		{"deaf", "192.0.2.1 192.0.2.2", map[string]string{"192.0.2.1": "hole", "192.0.2.2": "deaf"}, 1250 * time.Millisecond,
			"a 192.0.2.1 at TCP: context canceled, a 192.0.2.2 the link is closed"},
		{"lookups", "6+forever 4+forever", nil, time.Second, "a context canceled"},
		{"deaf resolver", "6+forever 4+1h 192.0.2.1", nil, 1250 * time.Millisecond, "a the link is closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(map[string]string{"a": tt.hosts}, tt.fate)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				_, failures, err := w.race(ctx, at("a", 0))
				if !errors.Is(err, cause) || !errors.Is(err, ErrUnreachable) {
					t.Error(err)
				}
				if took := time.Since(w.start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if got := sorted(describe(failures)); got != tt.failures {
					t.Errorf("failures %q, want %q", got, tt.failures)
				}
				w.settle(t, nil)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := newWorld(map[string]string{"a": "192.0.2.1"}, nil)
		if _, _, err := w.race(ctx, at("a", 0), at("192.0.2.2", 0)); !errors.Is(err, context.Canceled) || len(w.log)+len(w.asked) != 0 {
			t.Errorf("context over before: %v, %v, %v", err, w.log, w.asked)
		}
	})
}

// sorted puts two failures of one moment in order.
func sorted(text string) string {
	if a, b, ok := strings.Cut(text, ", "); ok && a > b {
		return b + ", " + a
	}
	return text
}

func TestConnected(t *testing.T) {
	tests := []struct {
		name string
		fate map[string]string // of 192.0.2.1 to 192.0.2.4
		want string            // the attempts
	}{
		{"holds the next back", map[string]string{"192.0.2.1": "connected 200ms up 1s"}, "0s 1"},
		{"not forever", map[string]string{"192.0.2.1": "connected 200ms hole"}, "0s 1, 2.2s 2"},
		{"its failure counts", map[string]string{"192.0.2.1": "connected 200ms down 300ms"}, "0s 1, 500ms 2"},
		{"late", map[string]string{"192.0.2.1": "connected 300ms up 1s", "192.0.2.2": "hole"}, "0s 1, 250ms 2"},
		{"failure of another does not", map[string]string{"192.0.2.1": "connected 300ms hole", "192.0.2.2": "down 100ms"}, "0s 1, 250ms 2, 2.3s 3"},
		{"two connected", map[string]string{"192.0.2.1": "connected 300ms down 1s", "192.0.2.2": "connected 100ms up 3s"}, "0s 1, 250ms 2, 2.35s 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(map[string]string{"a": "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4"}, tt.fate)
				m, _, err := w.race(t.Context(), at("a", 0))
				if err != nil {
					t.Fatal(err)
				}
				w.settle(t, m)
				if got := strings.ReplaceAll(strings.Join(w.log, ", "), "192.0.2.", ""); got != tt.want {
					t.Errorf("attempts %s, want %s", got, tt.want)
				}
			})
		})
	}
	Connected(t.Context()) // outside of a race
}

// TestRaceAnything runs races of all kinds: what is made is won or discarded,
// the limits hold, and an attempt that can win does.
func TestRaceAnything(t *testing.T) {
	fates := []string{"", "hole", "down 0s", "down 70ms", "up 250ms", "up 900ms", "connected 100ms up 1s", "connected 1s down 1s", "down 250ms"}
	delays := []string{"", "", "6+30ms ", "4+250ms ", "6+2s 4+3s ", "SERVFAIL "}
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		hosts, fate := map[string]string{}, map[string]string{}
		var targets []Target
		for i := range rnd.IntN(6) {
			name := fmt.Sprint("h", i)
			hosts[name] = delays[rnd.IntN(len(delays))]
			for j := range rnd.IntN(8) {
				ip := netip.AddrFrom4([4]byte{192, 0, byte(i), byte(j)})
				if rnd.IntN(2) == 0 {
					ip = netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i), 15: byte(j)})
				}
				hosts[name] += " " + ip.String()
				fate[ip.String()] = fates[rnd.IntN(len(fates))]
			}
			targets = append(targets, at(name, uint16(i/2)))
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(hosts, fate)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			m, failures, err := w.race(ctx, targets...)
			w.settle(t, m)
			if (m == nil) == (err == nil) || len(w.log) > maxTried || w.most > maxRunning || len(failures) > maxTried+len(targets) {
				t.Errorf("seed %d: %v, %v, %d attempts, %d at once", seed, m, err, len(w.log), w.most)
			}
			if err != nil && len(w.log) < maxTried && w.most < maxRunning {
				for _, line := range w.log {
					if _, ip, _ := strings.Cut(line, " "); fate[ip] == "" || strings.Contains(fate[ip], "up") {
						t.Errorf("seed %d: %s would have won", seed, ip)
					}
				}
			}
		})
	}
}
