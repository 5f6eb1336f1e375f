package s2s_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// Hooks, and the policy's check, may use the server: nothing is locked while they
// run, on streams of either direction and kind.
func TestHooksUseTheServer(t *testing.T) {
	for _, test := range []struct {
		name     string
		bidi     bool
		dialback bool
	}{{"certificates", false, false}, {"both ways", true, false}, {"dialback", false, true}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var fed atomic.Pointer[s2s.Server]
				var mu sync.Mutex
				used := make(map[string]int)
				var policy s2s.Policy
				use := func(hook string) {
					mu.Lock()
					used[hook]++
					first := used[hook] == 1
					mu.Unlock()
					if !first {
						return // what it sends has hooks, too
					}
					s := fed.Load()
					s.Streams()
					if err := s.SetPolicy(policy); err != nil {
						t.Error(err)
					}
					for _, send := range []func(context.Context, *stanza.Stanza) error{s.Send, s.TrySend} {
						if err := send(t.Context(), text("hook@"+here, "romeo@"+there, hook)); err != nil {
							t.Errorf("%s: %v", hook, err)
						}
					}
				}
				mux, got := inbox()
				cfg := s2s.Config{Services: []string{here}, Handler: mux, Bidi: test.bidi, Trace: &s2s.Trace{
					StreamOpen: func(_ s2s.StreamInfo) { use("StreamOpen") },
					StanzaIn:   func(_ s2s.StreamInfo, _ *stanza.Stanza) { use("StanzaIn") },
					StanzaOut:  func(_ s2s.StreamInfo, _ *stanza.Stanza) { use("StanzaOut") },
				}}
				theirs := s2s.Config{Domains: []string{there}, Handler: stanza.NewMux(), Bidi: test.bidi}
				if test.dialback {
					cfg.Dialback, cfg.TLS = &s2s.Dialback{}, useless(n)
					theirs.Dialback, theirs.TLS = &s2s.Dialback{}, useless(n)
				}
				policy.Check = func(context.Context, jid.JID) error {
					if s := fed.Load(); s != nil {
						s.Streams()
					}
					return nil
				}
				cfg.Policy = policy
				fed.Store(n.Server(cfg))
				other := n.Server(theirs)
				if err := other.Send(t.Context(), text("romeo@"+there, "juliet@"+here, "but soft")); err != nil {
					t.Fatal(err)
				}
				<-got
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				for _, hook := range []string{"StreamOpen", "StanzaIn", "StanzaOut"} {
					if used[hook] == 0 {
						t.Errorf("%s was not called", hook)
					}
				}
			})
		})
	}
}

// Streams may be listed at any time, also while one becomes the stream that stanzas
// are written to. What is asked of this is that the race detector finds nothing.
func TestStreamsAreListedWhileTheyOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var fed atomic.Pointer[s2s.Server]
		mux, got := inbox()
		fed.Store(n.Server(s2s.Config{Services: []string{here}, Handler: mux, Bidi: true,
			Trace: &s2s.Trace{StreamOpen: func(s2s.StreamInfo) { go fed.Load().Streams() }}}))
		other := n.Server(s2s.Config{Domains: []string{there}, Handler: stanza.NewMux(), Bidi: true})
		if err := other.Send(t.Context(), text("romeo@"+there, "juliet@"+here, "but soft")); err != nil {
			t.Fatal(err)
		}
		<-got
	})
}

// A hook that takes its time delays what else happens on its stream, and does not
// keep anybody from waiting for that in a way that can be seen.
func TestSlowHookOfDialback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostileTraced(t, s2s.Limits{}, s2s.Trace{StreamOpen: func(s2s.StreamInfo) { time.Sleep(time.Second) }})
		raw, id := h.open()
		raw.Put(result(there, here, id) + result(feast, here, id))
		for range 2 { // in either order
			raw.Expect(" type='valid'/>")
		}
	})
}
