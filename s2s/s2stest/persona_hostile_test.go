package s2stest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A hostile server deceives nobody, breaks nothing, and keeps nobody else from
// being served.
func TestHostileServer(t *testing.T) {
	for name, cfg := range map[string]s2s.Config{
		"certificates":           {},
		"both ways and dialback": {Bidi: true, Dialback: &s2s.Dialback{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const evil = "mallory.example"
				n := s2stest.NewNetwork(t)
				var mu sync.Mutex
				bounces := make(map[string]int)
				cfg.Domains = []string{here}
				cfg.Handler = stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
					mu.Lock()
					defer mu.Unlock()
					switch {
					case strings.Contains(s.String(), "forged"):
						t.Errorf("deceived: %s", s)
					case s.Err() != nil:
						bounces[s.ID]++
					}
					return nil, nil
				})
				fed := n.Server(cfg)
				mallory, romeo := n.PeerLike(s2stest.HostileServer, evil), n.Peer(there)
				mallory.Ignore()
				served := func(when string) {
					t.Helper()
					begin := time.Now()
					romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
					fed.Send(t.Context(), text("hello"))
					romeo.Expect(`<message><body>hello</body></message>`)
					if took := time.Since(begin); took > time.Second {
						t.Errorf("%s others waited %v", when, took)
					}
				}
				served("at first")
				mallory.Attack(here)
				served("after the attacks")

				for i := range 40 {
					m := stanza.Text(jid.MustParse("juliet@"+here), jid.MustParse("mallory@"+evil), "hello")
					m.ID = fmt.Sprint("to mallory ", i)
					if err := fed.Send(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
					served(fmt.Sprint("after message ", i))
				}
				time.Sleep(10 * time.Minute)
				mu.Lock()
				defer mu.Unlock()
				for id, times := range bounces {
					if times != 1 {
						t.Errorf("%s came back %d times", id, times)
					}
				}
				if len(bounces) == 0 {
					t.Error("all messages were delivered to somebody who takes none")
				}
				for _, s := range fed.Streams() {
					if s.Remote.Domain() != there && s.Remote.Domain() != evil {
						t.Errorf("a stream with %s", s.Remote)
					}
				}
			})
		})
	}
}

func TestAttackNeedsAHostileServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantFailure(t, record(t, func(tb s2stest.TB) {
			s2stest.NewNetwork(tb).PeerLike(s2stest.Prosody, there).Attack(here)
		}), "montague.example is not hostile")
	})
}
