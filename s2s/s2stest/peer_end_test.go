package s2stest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A failure shows the last ten stanzas of each direction.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := record(t, func(tb s2stest.TB) {
			fed, romeo := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
			for i := range 15 {
				fed.Send(context.Background(), text(fmt.Sprintf("in%02d", i)))
				romeo.Next()
			}
			for i := range 12 {
				romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>out%02d</body></message>`, i))
			}
			romeo.Expect(`<presence/>`)
		})
		wantFailure(t, failures, "want <presence/>", ">in05<", ">in14<", ">out02<", ">out11<")
		for _, old := range []string{">in04<", ">out01<"} {
			if strings.Contains(failures[0], old) {
				t.Errorf("%s is in %s", old, failures[0])
			}
		}
	})
}

func TestExpectAll(t *testing.T) {
	const one, two = `<message><body>1</body></message>`, `<message><body>2</body></message>`
	for _, c := range []struct {
		name     string
		patterns []string
		want     []string
	}{
		{"in order", []string{one, two}, nil},
		{"in another order", []string{two, one}, nil},
		{"any", []string{`<message/>`, one}, []string{"montague.example", "want " + one}}, // the first takes what fits it
		{"one too many", []string{one, two, `<presence/>`}, []string{"got nothing within 30s", "want <presence/>"}},
		{"another", []string{one, `<message><body>3</body></message>`}, []string{`want text "3", got "2"`, ">2</body>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wantFailure(t, record(t, func(tb s2stest.TB) {
					fed, romeo := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
					for i := range 2 {
						fed.Send(context.Background(), text(fmt.Sprint(i+1)))
					}
					for i, s := range romeo.ExpectAll(c.patterns...) {
						if body := s.Body(); !strings.Contains(c.patterns[i], ">"+body+"<") {
							tb.Errorf("s2stest: place %d has %s", i, body)
						}
					}
				}), c.want...)
			})
		})
	}
}

// A peer that is down is a domain out of reach; when it is up again, it gets
// what waits.
func TestStopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trace, closed := ends()
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("1"))
		romeo.Expect(`<message><body>1</body></message>`)
		time.Sleep(time.Minute)
		romeo.Stop()
		var told *s2s.StreamError
		if err := <-closed; !errors.As(err, &told) || told.Condition != "system-shutdown" {
			t.Errorf("the stream ended with %v", err)
		}
		if romeo.Server() != nil {
			t.Error("a peer that was stopped has a server")
		}
		fed.Send(t.Context(), text("2"))
		romeo.Quiet(time.Minute)
		romeo.Start()
		time.Sleep(time.Minute)
		romeo.Expect(`<message><body>2</body></message>`)

		for what, f := range map[string]func(p *s2stest.Peer){
			"was not stopped": func(p *s2stest.Peer) { p.Start() },
			"was stopped":     func(p *s2stest.Peer) { p.Stop(); p.Send(hello(1)) },
		} {
			wantFailure(t, record(t, func(tb s2stest.TB) { f(s2stest.NewNetwork(tb).Peer(there)) }), there+" "+what)
		}
	})
}

// A handler that never returns fails the test that has ended.
func TestHandlerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		failures := record(t, func(tb s2stest.TB) {
			_, romeo := s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
				<-release
				return nil, nil
			})}, there)
			romeo.Send(hello(1))
			synctest.Wait()
		})
		close(release)
		wantFailure(t, failures, "handler of the server of capulet.example has not returned", "TestHandlerThatHangs")
	})
}

// Tests may run side by side.
func TestParallel(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
			romeo.Network().Impair(here, there, s2stest.Impairment{Split: 1 + i})
			for j := range 20 {
				fed.Send(t.Context(), text(fmt.Sprint(i, j)))
			}
			for j := range 20 {
				romeo.Expect(fmt.Sprintf(`<message><body>%s</body></message>`, fmt.Sprint(i, j)))
			}
		})
	}
}

// A server that does not end fails the test, too.
func TestServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		failures := record(t, func(tb s2stest.TB) {
			n := s2stest.NewNetwork(tb)
			trace := &s2s.Trace{StreamClose: func(s2s.StreamInfo, error) { <-release }}
			fed, romeo := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace}), n.Peer(there)
			fed.Send(tb.Context(), text("1"))
			romeo.Next()
		})
		close(release)
		wantFailure(t, failures, "the server of capulet.example has not ended within 30s", "TestServerThatHangs")
	})
}
