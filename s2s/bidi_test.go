package s2s_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

// Where both sides agree one stream carries both directions; where one does not,
// each direction has its own.
func TestOneStreamBothWays(t *testing.T) {
	for _, c := range []struct {
		ours, theirs bool
		want         int
	}{{true, true, 1}, {true, false, 2}, {false, true, 2}} {
		for _, theyBegin := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+v %t", c, theyBegin), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					mux, got := inbox()
					fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: c.ours})
					romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: c.theirs})
					hear := func(i int) {
						romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i))
						if m := <-got; m.Body() != fmt.Sprint(i) {
							t.Errorf("got %s", m)
						}
					}
					say := func(i int) {
						fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
						romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
					}
					for i := range 3 {
						if theyBegin {
							hear(i)
							say(i)
						} else {
							say(i)
							hear(i)
						}
					}
					synctest.Wait()
					streams := fed.Streams()
					if len(streams) != c.want {
						t.Errorf("%d streams, want %d", len(streams), c.want)
					}
					for _, s := range streams {
						if s.Bidi != (c.want == 1) || !s.SM {
							t.Errorf("stream %+v", s)
						}
					}
					// Streams end and come again without loss, idle or cut.
					time.Sleep(11 * time.Minute)
					if s := fed.Streams(); len(s) != 0 {
						t.Errorf("%d idle streams are left", len(s))
					}
					say(10)
					hear(10)
					synctest.Wait()
					n.Reset(here, there)
					hear(11)
					say(11)
					romeo.Quiet(time.Minute)
				})
			})
		}
	}
}

// What was written to the peer's stream and not acknowledged goes again, by a
// stream of our own if need be.
func TestBothWaysAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: true})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: true})
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>first</body></message>`)
		<-got
		for i := range 200 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
			if i%50 == 49 {
				n.Reset(here, there)
			}
		}
		seen := make(map[string]bool)
		last := -1
		for len(seen) < 200 {
			body := romeo.Next().Body()
			if seen[body] {
				continue
			}
			var i int
			fmt.Sscan(body, &i)
			if i != last+1 {
				t.Fatalf("%d came after %d", i, last)
			}
			last, seen[body] = i, true
		}
		romeo.Ignore()
		synctest.Wait()
		if n := len(fed.Streams()); n > 2 {
			t.Errorf("%d streams", n)
		}
		for len(got) > 0 {
			if m := <-got; m.Err() != nil { // "first" may have come twice
				t.Errorf("bounced: %s", m)
			}
		}
	})
}
