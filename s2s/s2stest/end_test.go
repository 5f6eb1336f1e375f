package s2stest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// What is on its way when a test ends is noticed, and comes back to nobody.
func TestOnItsWayAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			t.Errorf("the handler got %s", s)
			return nil, nil
		})
		wantFailure(t, record(t, func(tb s2stest.TB) {
			fed, _ := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: handler}, there)
			fed.Send(tb.Context(), text("unexpected"))
		}), "montague.example received a stanza that the test did not ask for: <message", "unexpected")
	})
}

// hanging is a test that ends only because it has failed.
type hanging struct {
	*recorder
	failed chan struct{}
	once   sync.Once
}

func (h *hanging) Errorf(format string, args ...any) {
	h.recorder.Errorf(format, args...)
	h.once.Do(func() { close(h.failed) })
}

// A test that waits for what never comes fails, rather than let virtual time
// run for ever, and says what came instead and where it waits.
func TestWaitingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		inbox := make(chan *stanza.Stanza)
		waitForIt := func(h *hanging) {
			select {
			case <-inbox:
			case <-h.failed:
			}
		}
		failures := record(t, func(tb s2stest.TB) {
			tb.(*recorder).out = &out
			h := &hanging{recorder: tb.(*recorder), failed: make(chan struct{})}
			fed, romeo := s2stest.Pair(h, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
			fed.Send(h.Context(), text("hello"))
			romeo.Next()
			waitForIt(h)
			time.Sleep(time.Second) // servers and peers are closed
			if fed.Send(context.Background(), text("and now?")) == nil || len(romeo.Server().Streams()) > 0 {
				t.Error("time is kept running")
			}
		})
		wantFailure(t, failures, "waited for a year", ">hello<", "TestWaitingForEver")
		if !strings.Contains(out.String(), "S2STEST_SEED=") {
			t.Errorf("no seed in %s", out.String())
		}
	})
}

// A peer of a test serves its subtests: what fails is theirs.
func TestPeerInASubtest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantFailure(t, record(t, func(tb s2stest.TB) {
			fed, romeo := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
			for _, c := range []struct {
				name string
				test func(romeo *s2stest.Peer)
				want []string
			}{
				{"passes", func(romeo *s2stest.Peer) {
					fed.Send(t.Context(), text("1"))
					romeo.Expect(`<message id="{first}"><body>1</body></message>`)
				}, nil},
				{"fails", func(romeo *s2stest.Peer) {
					fed.Send(t.Context(), text("2"))
					romeo.Expect(`<presence/>`)
				}, []string{"want <presence/>"}},
				{"leaves something", func(romeo *s2stest.Peer) { fed.Send(t.Context(), text("3")) }, []string{"did not ask for", ">3<"}},
				{"raw", func(romeo *s2stest.Peer) { romeo.Raw(here).Expect("what never comes") }, []string{"connection ended"}},
				{"stops and starts", func(romeo *s2stest.Peer) { romeo.Stop(); romeo.Start() }, nil},
				{"passes again", func(romeo *s2stest.Peer) {
					if romeo.Captured("first") == "" {
						t.Error("what was captured is forgotten")
					}
					romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
				}, nil},
			} {
				wantFailure(t, record(t, func(sub s2stest.TB) { c.test(romeo.In(sub)) }), c.want...)
				if tb.Failed() {
					t.Fatalf("%s: the test failed, not its subtest", c.name)
				}
			}
		}))
	})
}

// A host that makes its server itself puts it on the network all the same.
func TestServerOfTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed, err := s2s.New(n.Config(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}))
		if err != nil {
			t.Fatal(err)
		}
		defer fed.Close()
		go fed.Serve(n.Listen(here))
		romeo := n.Peer(there)
		romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		fed.Send(t.Context(), text("hello"))
		romeo.Expect(`<message><body>hello</body></message>`)
	})
}

// That connections end with the test is in no log.
func TestQuietEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		wantFailure(t, record(t, func(tb s2stest.TB) {
			tb.(*recorder).out = &out
			fed, romeo := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
			fed.Send(tb.Context(), text("hello"))
			romeo.Next()
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"/>`)
		}))
		log := out.String()
		if !strings.Contains(log, "stream opened") || strings.Contains(log, "stream closed") || strings.Contains(log, "closed network") {
			t.Errorf("the log is\n%s", log)
		}
	})
}
