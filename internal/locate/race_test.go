package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// names is a resolver: addresses by host, separated by spaces. "SERVFAIL"
// stands for that, "6+1s" and "4+1s" delay the answer of a family, and
// "6+forever" keeps it away.
type names struct {
	mu    sync.Mutex
	hosts map[string]string
	asked []string
}

func (n *names) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.ErrUnsupported
}

func (n *names) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	n.mu.Lock()
	n.asked = append(n.asked, network+" "+name)
	text := n.hosts[name]
	n.mu.Unlock()
	var ips []netip.Addr
	for word := range strings.FieldsSeq(text) {
		family, delay, isDelay := strings.Cut(word, "+")
		switch {
		case word == "SERVFAIL":
			return nil, &net.DNSError{Err: "SERVFAIL", Name: name, IsTemporary: true}
		case isDelay && "ip"+family == network && delay == "forever":
			<-ctx.Done()
			return nil, ctx.Err()
		case isDelay && "ip"+family == network:
			d, _ := time.ParseDuration(delay)
			time.Sleep(d)
		case !isDelay:
			if ip := netip.MustParseAddr(word); ip.Is4() == (network == "ip4") {
				ips = append(ips, ip)
			}
		}
	}
	if len(ips) == 0 {
		return nil, noSuchHost(name)
	}
	return ips, nil
}

// made is what an attempt makes.
type made struct {
	addr   netip.AddrPort
	closed bool
}

// world is where attempts happen: what becomes of one by IP address, as words:
// "hole" (until the context ends), "deaf" (forever), "up" after and "down"
// after a time, "connected" after a time. Others succeed at once.
type world struct {
	names
	fate map[string]string

	start time.Time
	log   []string // "100ms 192.0.2.1:5269", when attempts began
	all   []*made
	now   int // attempts running
	most  int
	wake  chan struct{} // ends the deaf
}

func newWorld(hosts, fate map[string]string) *world {
	return &world{names: names{hosts: hosts}, fate: fate, start: time.Now(), wake: make(chan struct{})}
}

func (w *world) attempt(ctx context.Context, _ Target, addr netip.AddrPort) (*made, error) {
	w.mu.Lock()
	w.log = append(w.log, fmt.Sprintf("%v %v", time.Since(w.start), addr.Addr()))
	w.now++
	w.most = max(w.most, w.now)
	fate := w.fate[addr.Addr().String()]
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.now--
		w.mu.Unlock()
	}()
	words := strings.Fields(fate)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; word {
		case "hole":
			<-ctx.Done()
			return nil, fmt.Errorf("at TCP: %w", ctx.Err())
		case "deaf":
			<-w.wake
		default:
			i++
			d, _ := time.ParseDuration(words[i])
			time.Sleep(d)
			switch word {
			case "down":
				return nil, errDown
			case "connected":
				Connected(ctx)
			}
		}
	}
	m := &made{addr: addr}
	w.mu.Lock()
	w.all = append(w.all, m)
	w.mu.Unlock()
	return m, nil
}

var errDown = errors.New("down")

func (w *world) discard(m *made) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m.closed = true
}

func (w *world) race(ctx context.Context, targets ...Target) (*made, []Failure, error) {
	return Race(ctx, w, targets, 0, w.attempt, w.discard)
}

func (w *world) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// at makes a target of a host and a priority.
func at(host string, priority uint16) Target {
	return Target{Host: host, Port: 5269, Priority: priority}
}

func TestRace(t *testing.T) {
	const six, four, six2, four2 = "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"
	two := map[string]string{"a": six + " " + four, "b": six2 + " " + four2}
	tests := []struct {
		name     string
		hosts    map[string]string
		fate     map[string]string
		second   uint16 // priority of b; a has 1
		want     string // who won, and when
		failures string
	}{
		{"first wins", two, nil, 1, "0s " + six, ""},
		{"black hole in IPv6", two, map[string]string{six: "hole"}, 1, "250ms " + four, ""},
		{"black hole for a host", two, map[string]string{six: "hole", four: "hole"}, 1, "500ms " + six2, ""},
		{"black hole for a priority", two, map[string]string{six: "hole", four: "hole"}, 2, "500ms " + six2, ""},
		{"single addresses", map[string]string{"a": four, "b": four2}, map[string]string{four: "hole"}, 1, "250ms " + four2, ""},
		{"failure passes on", two, map[string]string{six: "down 10ms", four: "down 20ms"}, 2, "30ms " + six2, "a " + six + " down, a " + four + " down"},
		{"slow but first", two, map[string]string{six: "up 300ms", four: "hole"}, 1, "300ms " + six, ""},
		{"overtaken", two, map[string]string{six: "up 1s", four: "up 100ms"}, 1, "350ms " + four, ""},
		{"no such host", map[string]string{"b": four2}, nil, 1, "0s " + four2, "a lookup a: no such host"},
		{"lookup fails", map[string]string{"a": "SERVFAIL", "b": four2}, nil, 2, "0s " + four2, "a lookup a: SERVFAIL"},
		{"slow AAAA", map[string]string{"a": "6+1s " + six + " " + four}, nil, 1, "50ms " + four, ""},
		{"AAAA late but in time", map[string]string{"a": "6+40ms " + six + " " + four}, nil, 1, "40ms " + six, ""},
		{"slow A", map[string]string{"a": "4+1s " + six + " " + four}, nil, 1, "0s " + six, ""},
		{"slow A needed", map[string]string{"a": "4+1s " + six + " " + four}, map[string]string{six: "hole"}, 1, "1s " + four, "b lookup b: no such host"},
		{"DNS stalls", map[string]string{"a": "6+forever 4+forever", "b": four2}, nil, 2, "250ms " + four2, ""},
		{"DNS slow", map[string]string{"a": "6+400ms 4+400ms " + six, "b": four2}, map[string]string{four2: "hole"}, 2, "500ms " + six, ""},
		{"all fail", two, map[string]string{six: "down 0s", four: "down 0s", six2: "down 0s", four2: "down 5ms"}, 1, "5ms " + ErrUnreachable.Error(),
			"a " + six + " down, a " + four + " down, b " + six2 + " down, b " + four2 + " down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(tt.hosts, tt.fate)
				m, failures, err := w.race(t.Context(), at("a", 1), at("b", tt.second))
				got := time.Since(w.start).String() + " "
				if err != nil {
					got += err.Error()
				} else {
					got += m.addr.Addr().String()
				}
				w.settle(t, m)
				if got != tt.want {
					t.Errorf("%s, want %s; attempts %q", got, tt.want, w.log)
				}
				if text := describe(failures); text != tt.failures {
					t.Errorf("failures %q, want %q", text, tt.failures)
				}
			})
		})
	}
}

func describe(failures []Failure) string {
	var out []string
	for _, f := range failures {
		text := f.Err.Error()
		if f.Addr.IsValid() {
			text = f.Addr.Addr().String() + " " + text
		}
		out = append(out, f.Target.Host+" "+text)
	}
	return strings.Join(out, ", ")
}

// settle waits for everything and checks that all that was made but the winner
// has been discarded.
func (w *world) settle(t *testing.T, winner *made) {
	t.Helper()
	close(w.wake)
	time.Sleep(time.Hour)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now != 0 {
		t.Errorf("%d attempts still running", w.now)
	}
	for _, m := range w.all {
		if m.closed == (m == winner) {
			t.Errorf("%v closed: %v, winner %v", m.addr, m.closed, winner)
		}
	}
}

func TestRaceOrder(t *testing.T) {
	hosts := map[string]string{
		"a": "6+1ms 192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1", // all known before the first attempt
		"b": "192.0.2.4 192.0.2.5",
		"c": "6+1ms 2001:db8::6 2001:db8::7 192.0.2.6",
		"d": "192.0.2.8",
	}
	fate := map[string]string{}
	want := "2001:db8::1 192.0.2.1 192.0.2.4 192.0.2.2 192.0.2.5 192.0.2.3" + // a and b by turns
		" 2001:db8::6 192.0.2.6 192.0.2.8 2001:db8::7" + // c and d by turns
		" 192.0.2.9"
	for ip := range strings.FieldsSeq(want) {
		fate[ip] = "down 0s"
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(hosts, fate)
		_, failures, err := w.race(t.Context(), at("a", 1), at("b", 1), at("c", 2), at("d", 2), at("192.0.2.9", 3))
		if !errors.Is(err, ErrUnreachable) || len(failures) != 11 {
			t.Errorf("%v, %s", err, describe(failures))
		}
		var got []string
		for _, f := range failures {
			got = append(got, f.Addr.Addr().String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("order %q\nwant  %q", got, want)
		}
	})
}

func TestRaceLooksUpLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(map[string]string{"a": "192.0.2.1"}, nil)
		m, _, err := w.race(t.Context(), at("a", 1), at("b", 1), at("c", 2))
		if err != nil {
			t.Error(err)
		}
		w.settle(t, m)
		slices.Sort(w.asked)
		if got := fmt.Sprint(w.asked); got != "[ip4 a ip6 a]" {
			t.Errorf("asked for %s", got)
		}
		w = newWorld(nil, map[string]string{"192.0.2.1": "down 0s"})
		if m, _, err := w.race(t.Context(), at("192.0.2.1", 1), at("::ffff:192.0.2.2", 1)); err != nil || m.addr.String() != "192.0.2.2:5269" {
			t.Errorf("literals: %v, %v", m, err)
		}
		if len(w.asked) != 0 {
			t.Errorf("literals: asked for %v", w.asked)
		}
		if _, failures, err := w.race(t.Context()); err != ErrUnreachable || failures != nil {
			t.Errorf("no targets: %v, %v", failures, err)
		}
	})
}

// TestRaceWithBothFamilies uses a resolver that ignores the network.
func TestRaceWithBothFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(nil, map[string]string{"192.0.2.1": "down 0s", "2001:db8::1": "down 0s"})
		_, failures, _ := Race(t.Context(), everything{}, []Target{at("a", 0)}, 0, w.attempt, nil)
		if got := describe(failures); got != "a 2001:db8::1 down, a 192.0.2.1 down" {
			t.Error(got)
		}
	})
}

type everything struct{ Resolver }

func (everything) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
}
