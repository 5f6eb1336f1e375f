package s2s_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// However many stanzas are offered for domains out of reach, they take no more
// memory than the limit allows: messages are preferred, and whoever offers too much is told.
func TestOfferedTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const offered, limit = 200_000, 16 << 20
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Logger: slog.New(slog.DiscardHandler),
			Limits: s2s.Limits{Queue: offered, QueueBytes: 1 << 30, TotalQueueBytes: limit}})
		var to []jid.JID
		for i := range 10 {
			domain := fmt.Sprintf("d%d.example", i)
			n.Peer(domain)
			n.Cut(here, domain)
			to = append(to, jid.MustParse("romeo@"+domain))
		}
		from := jid.MustParse("juliet@" + here)
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		accepted := map[stanza.Kind]int{}
		for i := range offered {
			st := stanza.Text(from, to[i/2%len(to)], "but soft, what light through yonder window breaks?")
			if i%2 == 0 {
				st = &stanza.Stanza{Kind: stanza.Presence, From: from, To: to[i/2%len(to)], Type: stanza.Probe}
			}
			switch err := fed.TrySend(t.Context(), st); {
			case err == nil:
				accepted[st.Kind]++
			case !errors.Is(err, s2s.ErrQueueFull):
				t.Fatal(err)
			}
		}
		if grown := int64(heap() - before); grown > limit {
			t.Errorf("the heap has grown by %d MiB, the limit is %d", grown>>20, limit>>20)
		} else {
			t.Logf("%d MiB for %d messages and %d probes accepted, of %d", grown>>20, accepted[stanza.Message], accepted[stanza.Presence], offered)
		}
		if accepted[stanza.Message] < 20_000 || accepted[stanza.Message] < accepted[stanza.Presence] {
			t.Errorf("accepted: %v", accepted)
		}
	})
}
