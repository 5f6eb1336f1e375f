package disco

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// world answers disco#info requests after a second, and counts them.
type world struct {
	mu    sync.Mutex
	asked []string
	out   int
	most  int
	says  func(to jid.JID) (any, error) // nil, nil: no answer
}

func (w *world) Send(context.Context, *stanza.Stanza) error { return nil }

func (w *world) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	raw, _ := iq.Payload(NSInfo + " query")
	var r request
	if err := raw.Decode(&r); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.asked = append(w.asked, iq.From.String()+" asks "+iq.To.String()+" for "+r.Node)
	w.out++
	w.most = max(w.most, w.out)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.out--
	}()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	payload, err := w.says(iq.To)
	if err != nil {
		return nil, err
	}
	if payload == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return iq.Reply(stanza.Result, payload)
}

// counts returns how many questions there were since the last call.
func (w *world) counts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.asked)
	w.asked = nil
	return n
}

var psi = Info{
	Identities: []Identity{{Category: "client", Type: "pc", Name: "Psi"}},
	Features:   []string{NSInfo, "urn:xmpp:avatar:metadata+notify"},
}

func capsOf(t *testing.T, i Info, version int) Caps {
	t.Helper()
	if version == 2 {
		hash, err := i.Hash("sha-256")
		if err != nil {
			t.Fatal(err)
		}
		return Caps{Node: nsCaps + "#sha-256." + hash, Algo: "sha-256", Value: hash, Version: 2}
	}
	ver, err := i.Ver()
	if err != nil {
		t.Fatal(err)
	}
	return Caps{Node: "urn:psi#" + ver, Algo: "sha-1", Value: ver, Version: 1}
}

func contact(n int) jid.JID {
	return jid.MustParse(fmt.Sprintf("c%d@montague.example/%d", n, n))
}

// One question for a hash, however many announce it and whatever their program is called.
func TestCacheAsksOnce(t *testing.T) {
	for _, version := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{says: func(jid.JID) (any, error) { return psi, nil }}
			c := &Cache{Ask: w}
			caps := capsOf(t, psi, version)
			var wg sync.WaitGroup
			for n := range 100 {
				wg.Go(func() {
					mine := caps
					if version == 1 && n%2 == 1 {
						mine.Node = "urn:other#" + caps.Value
					}
					i, err := c.Get(t.Context(), account, contact(n), mine)
					if err != nil || !slices.Equal(i.Features, psi.Features) {
						t.Errorf("%d: %+v, %v", n, i, err)
					}
				})
			}
			wg.Wait()
			w.mu.Lock()
			if len(w.asked) != 1 || version == 2 && !strings.HasSuffix(w.asked[0], " for "+caps.Node) {
				t.Errorf("asked %q", w.asked)
			}
			w.mu.Unlock()
			if _, ok := c.Known(caps); !ok {
				t.Error("not known")
			}
			if len(c.slots) != 0 || len(c.flights) != 0 {
				t.Errorf("left behind: %d slots, %d flights", len(c.slots), len(c.flights))
			}
		})
	}
}

// Whoever lies about a hash spoils it for nobody.
func TestCachePoisoned(t *testing.T) {
	for _, version := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			lie := psi
			lie.Features = []string{NSInfo}
			w := &world{says: func(to jid.JID) (any, error) {
				if to == contact(0) {
					return lie, nil
				}
				return psi, nil
			}}
			c := &Cache{Ask: w}
			caps := capsOf(t, psi, version)
			if _, err := c.Get(t.Context(), account, contact(0), caps); !errors.Is(err, ErrMismatch) {
				t.Fatalf("the liar: %v", err)
			}
			if _, ok := c.Known(caps); ok {
				t.Fatal("the lie was kept")
			}
			// While the liar is asked, the next one waits, and is asked then.
			go c.Get(t.Context(), account, contact(0), caps)
			synctest.Wait()
			if i, err := c.Get(t.Context(), account, contact(1), caps); err != nil || len(i.Features) != 2 {
				t.Fatalf("the honest: %+v, %v", i, err)
			}
			if i, err := c.Get(t.Context(), account, contact(0), caps); err != nil || len(i.Features) != 2 {
				t.Fatalf("the liar, once the truth is known: %+v, %v", i, err)
			}
			if n := w.counts(); n != 3 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// An answer that proves nothing holds for who gave it, and for nobody else.
func TestCacheNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ambiguous := Info{Identities: psi.Identities, Features: []string{"a"},
			Forms: []stanza.Raw{stanza.Raw(`<x xmlns="jabber:x:data"><field var="FORM_TYPE" type="hidden"><value>b</value></field></x>`)}}
		for name, caps := range map[string]Caps{
			"ambiguous":        capsOf(t, ambiguous, 1),
			"unknown function": {Node: "n#x", Algo: "md5", Value: "x", Version: 1},
		} {
			w := &world{says: func(jid.JID) (any, error) { return ambiguous, nil }}
			c := &Cache{Ask: w}
			for n := range 3 {
				if i, err := c.Get(t.Context(), account, contact(n), caps); err != nil || !i.Has("a") {
					t.Errorf("%s: %+v, %v", name, i, err)
				}
			}
			if _, ok := c.Known(caps); ok || w.counts() != 3 {
				t.Errorf("%s: shared", name)
			}
		}
	})
}

func TestCacheErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caps := capsOf(t, psi, 1)
		large := psi
		large.Features = slices.Clone(psi.Features)
		for n := range 2000 {
			large.Features = append(large.Features, fmt.Sprintf("urn:feature:%d", n))
		}
		refusal := stanza.Errorf(stanza.ServiceUnavailable, "")
		for _, tt := range []struct {
			name string
			says func(jid.JID) (any, error)
			caps Caps
			want error
		}{
			{"no answer", func(jid.JID) (any, error) { return nil, nil }, caps, context.DeadlineExceeded},
			{"refusal", func(jid.JID) (any, error) { return nil, refusal }, caps, refusal},
			{"too large", func(jid.JID) (any, error) { return large, nil }, capsOf(t, large, 1), ErrTooLarge},
			{"other payload", func(jid.JID) (any, error) { return stanza.Raw(`<query xmlns="urn:other"/>`), nil }, caps, stanza.ErrNoPayload},
			{"twice the same", func(jid.JID) (any, error) {
				return Info{Identities: psi.Identities, Features: []string{"a", "a"}}, nil
			}, caps, ErrIllFormed},
			{"mismatch", func(jid.JID) (any, error) { return Info{}, nil }, caps, ErrMismatch},
		} {
			w := &world{says: tt.says}
			c := &Cache{Ask: w}
			if _, err := c.Get(t.Context(), account, contact(0), tt.caps); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if len(c.known) != 0 || len(c.flights) != 0 || len(c.slots) != 0 {
				t.Errorf("%s: left behind %d, %d, %d", tt.name, len(c.known), len(c.flights), len(c.slots))
			}
		}
		// Who waits for somebody else's question gives up with its own context.
		c := &Cache{Ask: &world{says: func(jid.JID) (any, error) { return nil, nil }}}
		go c.Get(t.Context(), account, contact(0), caps)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, account, contact(1), caps); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

// The bounds hold, and one domain that does not answer holds up nobody else.
func TestCacheBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		program := func(n int) Info {
			return Info{Identities: psi.Identities, Features: []string{fmt.Sprintf("urn:%d", n)}}
		}
		w := &world{says: func(to jid.JID) (any, error) {
			if to.Domain() == "silent.example" {
				return nil, nil
			}
			var n int
			fmt.Sscan(to.Resource(), &n)
			return program(n), nil
		}}
		c := &Cache{Ask: w, Entries: 10, Queries: 8, DomainQueries: 3}
		var wg sync.WaitGroup
		for n := range 50 {
			silent := jid.MustParse(fmt.Sprintf("x@silent.example/%d", n))
			wg.Go(func() { c.Get(t.Context(), account, silent, capsOf(t, program(1000+n), 2)) })
		}
		synctest.Wait()
		if w.most != 3 {
			t.Errorf("%d questions to one domain at once", w.most)
		}
		start := time.Now()
		for n := range 50 {
			other := jid.MustParse(fmt.Sprintf("x@d%d.example/%d", n, n))
			wg.Go(func() {
				if _, err := c.Get(t.Context(), account, other, capsOf(t, program(n), 2)); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(10 * time.Second) // 50 questions, 5 at a time, a second each
		synctest.Wait()
		w.mu.Lock()
		if w.most != 8 || w.out != 3 {
			t.Errorf("%d questions at once, %d still out after %v", w.most, w.out, time.Since(start))
		}
		w.mu.Unlock()
		if len(c.known) != 10 {
			t.Errorf("%d answers kept", len(c.known))
		}
		wg.Wait()
		if len(c.slots) != 0 {
			t.Errorf("%d slots left", len(c.slots))
		}
	})
}

// Sessions are answered for, also by the node of their hash, to whom Info shows them.
func TestServiceClient(t *testing.T) {
	hidden := &Service{Client: psi, Info: func(context.Context, Query, Info) (Info, error) { return Info{}, nil }}
	open := &Service{Client: psi, Info: func(_ context.Context, _ Query, info Info) (Info, error) { return info, nil }}
	closed := &Service{Client: psi}
	for _, tt := range []struct {
		name string
		s    *Service
		to   jid.JID
		node string
		ok   bool
	}{
		{"hash", open, session, capsOf(t, psi, 1).Node, true},
		{"hash of version 2", open, session, capsOf(t, psi, 2).Node, true},
		{"no node", open, session, "", true},
		{"other node", open, session, "urn:x", false},
		{"other hash", open, session, "urn:psi#x", false},
		{"an account", open, account, capsOf(t, psi, 1).Node, false},
		{"a domain", open, here, capsOf(t, psi, 1).Node, false},
		{"a domain's session", open, jid.MustParse("capulet.example/x"), capsOf(t, psi, 1).Node, false},
		{"hash, hidden", hidden, session, capsOf(t, psi, 1).Node, false},
		{"no node, hidden", hidden, session, "", false},
		{"hash, without Info", closed, session, capsOf(t, psi, 1).Node, false},
		{"no node, without Info", closed, session, "", false},
	} {
		i, err := GetInfo(t.Context(), peer{tt.s}, there, tt.to, tt.node)
		if tt.ok && (err != nil || !slices.Equal(i.Features, psi.Features) || i.Node != tt.node) || !tt.ok && err == nil {
			t.Errorf("%s: %+v, %v", tt.name, i, err)
		}
	}
	if psi.Node != "" {
		t.Error("Client was changed")
	}
}
