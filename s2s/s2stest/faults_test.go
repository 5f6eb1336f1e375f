package s2stest_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func TestCutAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		trace, closed := ends()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo, tybalt := n.Peer(there), n.Peer("verona.example")
		fed.Send(t.Context(), text("1"))
		romeo.Expect(`<message><body>1</body></message>`)

		time.Sleep(time.Minute) // nothing is in doubt any more
		n.Cut(there, here)
		if err := <-closed; err == nil {
			t.Error("the stream ended in good order")
		}
		_, err := n.Dialer(here).DialContext(t.Context(), "tcp", address(t, n, there))
		if !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("connecting while cut: %v", err)
		}
		tybalt.Request(`<iq type="get" id="1" from="verona.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		begin := time.Now()
		fed.Send(t.Context(), text("2"))
		romeo.Quiet(10 * time.Second)

		n.Heal(here, there)
		romeo.Expect(`<message><body>2</body></message>`)
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		trace, closed := ends()
		n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo := n.Peer(there)
		ping := func() {
			romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		}
		ping()
		time.Sleep(time.Minute) // nothing is in doubt any more
		romeo.Disconnect(here)
		for range 2 { // one stream each way
			if err := <-closed; err == nil {
				t.Error("a stream ended in good order")
			}
		}
		ping()
	})
}

// What vanishes on the way is sent again once somebody notices.
func TestHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		fed.Send(t.Context(), text("1"))
		romeo.Next()
		time.Sleep(time.Minute)
		romeo.Network().HalfOpen(here, there)
		for i := 2; i <= 4; i++ {
			fed.Send(t.Context(), text(fmt.Sprint(i)))
		}
		romeo.Quiet(20 * time.Second)
		romeo.Network().Reset(here, there)
		for i := 2; i <= 4; i++ {
			romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
		}
	})
}

// Connecting takes the way there and back.
func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		l := n.Listen(there)
		arrival := func() time.Duration {
			begin := time.Now()
			c, err := n.Dialer(here).DialContext(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			io.WriteString(c, "x")
			if _, err := far.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return time.Since(begin)
		}
		for _, d := range []time.Duration{0, 40 * time.Millisecond, 3 * time.Second, 0} {
			n.Delay(there, here, d)
			if took := arrival(); took != 3*d { // two of them to connect
				t.Errorf("with a delay of %v the first byte took %v", d, took)
			}
		}
		n.Delay("verona.example", here, time.Hour)
		if took := arrival(); took != 0 {
			t.Errorf("another path's delay took %v", took)
		}
	})
}

// linked returns a server and a peer between which a stream is open and nothing
// in doubt.
func linked(t *testing.T) (*s2s.Server, *s2stest.Peer) {
	fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
	fed.Send(t.Context(), text("first"))
	romeo.Expect(`<message><body>first</body></message>`)
	time.Sleep(time.Minute)
	return fed, romeo
}

func TestDelayOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := linked(t)
		n := romeo.Network()
		n.Impair(here, there, s2stest.Impairment{Delay: 3 * time.Second})
		begin := time.Now()
		fed.Send(t.Context(), text("hello"))
		romeo.Expect(`<message><body>hello</body></message>`)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("this way: %v", took)
		}
		n.Impair(here, there, s2stest.Impairment{})
		n.Impair(there, here, s2stest.Impairment{Delay: time.Hour})
		begin = time.Now()
		fed.Send(t.Context(), text("hello"))
		romeo.Expect(`<message><body>hello</body></message>`)
		if took := time.Since(begin); took != 0 {
			t.Errorf("against the way back: %v", took)
		}
		n.Impair(there, here, s2stest.Impairment{})
	})
}

// Jitter changes when stanzas arrive, not their order, and the same seed gives
// the same times.
func TestJitter(t *testing.T) {
	arrivals := func(t *testing.T, seed string) (times []time.Duration) {
		t.Setenv("S2STEST_SEED", seed)
		synctest.Test(t, func(t *testing.T) {
			fed, romeo := linked(t)
			romeo.Network().Impair(here, there, s2stest.Impairment{Jitter: time.Second})
			begin := time.Now()
			for i := range 20 {
				fed.Send(t.Context(), text(fmt.Sprint(i)))
				time.Sleep(20 * time.Millisecond)
			}
			for i := range 20 {
				romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
				times = append(times, time.Since(begin))
			}
		})
		if times[0] == 0 || times[0] > time.Second+400*time.Millisecond {
			t.Errorf("arrivals %v", times)
		}
		return times
	}
	one, again, two := arrivals(t, "1"), arrivals(t, "1"), arrivals(t, "2")
	if !slices.Equal(one, again) {
		t.Errorf("the same seed gives\n%v\n%v", one, again)
	}
	if slices.Equal(one, two) {
		t.Errorf("another seed gives the same %v", one)
	}
}

func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := linked(t)
		romeo.Network().Impair(here, there, s2stest.Impairment{Bandwidth: 10_000})
		begin := time.Now()
		fed.Send(t.Context(), text(strings.Repeat("x", 100_000)))
		romeo.Expect(`<message/>`)
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("100,000 bytes took %v", took)
		}
	})
}

// Everything works, from the first header on, however bytes arrive.
func TestSplit(t *testing.T) {
	for _, split := range []int{1, 2, 3, 7, 1000} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			n.Impair(here, there, s2stest.Impairment{Split: split})
			n.Impair(there, here, s2stest.Impairment{Split: split})
			fed, romeo := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}), n.Peer(there)
			for i := range 10 {
				fed.Send(t.Context(), text(strings.Repeat("x", i*100)))
			}
			for i := range 10 {
				if got := romeo.Next().Body(); len(got) != i*100 {
					t.Errorf("split %d: message %d has %d bytes", split, i, len(got))
				}
			}
			romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		})
	}
}

// Wherever a connection breaks, or a byte is spoilt on the way, nothing that
// was accepted is lost: it arrives, or its sender hears that it did not.
func TestOneFaultAnywhere(t *testing.T) {
	for name, fault := range map[string]func(int64) s2stest.Impairment{
		"reset":   func(n int64) s2stest.Impairment { return s2stest.Impairment{ResetAfter: n, Once: true} },
		"corrupt": func(n int64) s2stest.Impairment { return s2stest.Impairment{CorruptAt: n, Once: true} },
	} {
		for _, way := range [][2]string{{here, there}, {there, here}} {
			t.Run(name+" from "+way[0], func(t *testing.T) {
				var broke atomic.Int32 // streams and attempts, by the fault
				var spoilt atomic.Int32
				count := func(err error) {
					switch {
					case err == nil:
					case strings.Contains(err.Error(), "bad record MAC"):
						spoilt.Add(1)
						broke.Add(1)
					default:
						broke.Add(1)
					}
				}
				for at := int64(1); at < 4000; at += 151 {
					synctest.Test(t, func(t *testing.T) {
						n := s2stest.NewNetwork(t)
						var over atomic.Bool
						defer over.Store(true) // the end of the test is no fault
						see := func(err error) {
							if !over.Load() {
								count(err)
							}
						}
						trace := &s2s.Trace{
							Dial:        func(_ jid.JID, _ string, _ time.Duration, err error) { see(err) },
							AuthFailed:  func(_ jid.JID, _ string, err error) { see(err) },
							StreamClose: func(_ s2s.StreamInfo, err error) { see(err) },
						}
						seen := make(chan string, 10)
						note := stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
							seen <- s.ID
							return nil, nil
						})
						fed := n.Server(s2s.Config{Domains: []string{here}, Handler: note, Trace: trace})
						n.Peer(there).Handle(note)
						n.Impair(way[0], way[1], fault(at))
						wait := make(map[string]bool)
						for range 3 {
							m := text("hello")
							m.ID = rand.Text()
							wait[m.ID] = true
							fed.Send(t.Context(), m)
							time.Sleep(100 * time.Millisecond)
						}
						for len(wait) > 0 {
							delete(wait, <-seen) // which may come twice
						}
					})
				}
				if n := broke.Load(); n < 10 {
					t.Errorf("only %d streams broke", n)
				}
				if n := spoilt.Load(); (n > 0) != (name == "corrupt") {
					t.Errorf("TLS met %d bytes that were spoilt", n)
				}
			})
		}
	}
}

// Without Once a fault strikes every connection, until it is lifted.
func TestEveryConnectionBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Impair(here, there, s2stest.Impairment{ResetAfter: 100})
		fed, romeo := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}), n.Peer(there)
		fed.Send(t.Context(), text("hello"))
		romeo.Quiet(2 * time.Minute)
		n.Impair(here, there, s2stest.Impairment{})
		time.Sleep(time.Minute)
		romeo.Expect(`<message><body>hello</body></message>`)
	})
}

// With Once a fault strikes one connection, and the next is good.
func TestOnce(t *testing.T) {
	for name, fault := range map[string]s2stest.Impairment{
		"reset":   {ResetAfter: 100, Once: true},
		"corrupt": {CorruptAt: 400, Once: true}, // in the handshake
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var failed []error
				trace := &s2s.Trace{Dial: func(_ jid.JID, _ string, _ time.Duration, err error) {
					if err != nil {
						failed = append(failed, err)
					}
				}}
				n.Impair(here, there, fault)
				fed, romeo := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace}), n.Peer(there)
				fed.Send(t.Context(), text("hello"))
				time.Sleep(time.Minute)
				romeo.Expect(`<message><body>hello</body></message>`)
				if len(failed) != 1 {
					t.Errorf("%d attempts failed: %v", len(failed), failed)
				}
			})
		})
	}
}

// A hole in the network is noticed by waiting alone.
func TestLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Impair(there, here, s2stest.Impairment{Lose: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		fed, romeo := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}), n.Peer(there)
		begin := time.Now()
		if _, err := n.Dialer(here).DialContext(ctx, "tcp", address(t, n, there)); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("connecting: %v", err)
		}
		fed.Send(t.Context(), text("hello"))
		romeo.Quiet(time.Minute)
		n.Impair(there, here, s2stest.Impairment{})
		time.Sleep(2 * time.Minute)
		romeo.Expect(`<message><body>hello</body></message>`)
	})
}

// Faults between servers with several domains go by any of them.
func TestFaultsByAnyDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Services: []string{"rooms." + here}, Handler: stanza.NewMux()})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there, "rooms." + there}})
		n.Cut("rooms."+here, "rooms."+there)
		fed.Send(t.Context(), text("hello"))
		romeo.Quiet(time.Minute)
		n.Heal(there, "rooms."+here)
		time.Sleep(time.Minute)
		romeo.Expect(`<message><body>hello</body></message>`)
	})
}

// A test that fails says how to repeat what was random in it.
func TestSeed(t *testing.T) {
	t.Setenv("S2STEST_SEED", "42")
	var out strings.Builder
	fails := func(fail bool) string {
		out.Reset()
		record(t, func(tb s2stest.TB) {
			tb.(*recorder).out = &out
			n := s2stest.NewNetwork(tb)
			if n.Seed() != 42 || n.Rand("a").Uint64() != n.Rand("a").Uint64() || n.Rand("a").Uint64() == n.Rand("b").Uint64() {
				t.Error("random numbers do not follow from seed and purpose")
			}
			if fail {
				tb.Errorf("s2stest: on purpose")
			}
		})
		return out.String()
	}
	if got := fails(true); !strings.Contains(got, "S2STEST_SEED=42\n") {
		t.Errorf("a failing test says %q", got)
	}
	if got := fails(false); got != "" {
		t.Errorf("a test that passes says %q", got)
	}
	t.Setenv("S2STEST_SEED", "x")
	wantFailure(t, record(t, func(tb s2stest.TB) { s2stest.NewNetwork(tb) }), "S2STEST_SEED")
}
