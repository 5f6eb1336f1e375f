package s2stest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// TestOutbox checks an implementation of [s2s.Outbox]. It calls open for an
// empty one, for each of its tests. If reopen is not nil, it must close the
// given one, as a process that ends does, and return what the next process would
// open.
func TestOutbox(t *testing.T, open func(testing.TB) s2s.Outbox, reopen func(testing.TB, s2s.Outbox) s2s.Outbox) {
	k := outboxKit{open: open, reopen: reopen}
	t.Run("Order", k.order)
	t.Run("Pages", k.pages)
	t.Run("Stanzas", k.stanzas)
	t.Run("Done", k.done)
	t.Run("Routes", k.routes)
	t.Run("Concurrency", k.concurrency)
	t.Run("EndedContext", k.endedContext)
	if reopen != nil {
		t.Run("Reopen", k.reopened)
	}
}

type outboxKit struct {
	open   func(testing.TB) s2s.Outbox
	reopen func(testing.TB, s2s.Outbox) s2s.Outbox
}

func kitRoute(remote string) s2s.Route {
	return s2s.Route{Local: jid.MustParse("capulet.example"), Remote: jid.MustParse(remote)}
}

func kitStanza(n int) *stanza.Stanza {
	st := stanza.Text(jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example"), fmt.Sprint(n))
	st.ID = fmt.Sprint("id", n)
	return st
}

func kitPush(t testing.TB, o s2s.Outbox, r s2s.Route, from, to int) uint64 {
	t.Helper()
	var list []*stanza.Stanza
	for n := from; n <= to; n++ {
		list = append(list, kitStanza(n))
	}
	first, err := o.Push(t.Context(), r, time.Unix(1_000_000_000, 0), list...)
	if err != nil {
		t.Fatalf("Push: %v", err)
	}
	return first
}

func kitPending(t testing.TB, o s2s.Outbox, r s2s.Route, after uint64, limit int) (bodies []string, seqs []uint64) {
	t.Helper()
	list, err := o.Pending(t.Context(), r, after, limit)
	if err != nil {
		t.Fatalf("Pending: %v", err)
	}
	for _, q := range list {
		bodies, seqs = append(bodies, q.Stanza.Body()), append(seqs, q.Seq)
	}
	return bodies, seqs
}

func (k outboxKit) order(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	first := kitPush(t, o, r, 1, 3)
	if first == 0 {
		t.Error("the first number is zero")
	}
	if next := kitPush(t, o, r, 4, 4); next <= first+2 {
		t.Errorf("number %d follows three from %d", next, first)
	}
	bodies, seqs := kitPending(t, o, r, 0, 10)
	if fmt.Sprint(bodies) != "[1 2 3 4]" {
		t.Errorf("pending %v", bodies)
	}
	for i := 1; i < len(seqs); i++ {
		if seqs[i] <= seqs[i-1] || i < 3 && seqs[i] != first+uint64(i) {
			t.Errorf("numbers %v, the first %d", seqs, first)
			break
		}
	}
}

func (k outboxKit) pages(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	kitPush(t, o, r, 1, 10)
	var all []string
	after := uint64(0)
	for range 4 {
		bodies, seqs := kitPending(t, o, r, after, 3)
		all = append(all, bodies...)
		if len(seqs) > 0 {
			after = seqs[len(seqs)-1]
		}
	}
	if fmt.Sprint(all) != "[1 2 3 4 5 6 7 8 9 10]" {
		t.Errorf("pages of three: %v", all)
	}
	if rest, _ := kitPending(t, o, r, after, 3); len(rest) > 0 {
		t.Errorf("after the last: %v", rest)
	}
}

func (k outboxKit) stanzas(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	at := time.Date(2024, 2, 29, 12, 30, 15, 123_000_000, time.UTC)
	for _, x := range []string{
		`<message from="juliet@capulet.example/balcony" to="romeo@montague.example" type="chat" id="1" xml:lang="en"><body>a &lt; b &amp; c — 🌹</body></message>`,
		`<presence from="juliet@capulet.example/x&apos;y" to="romeo@montague.example" type="unavailable"/>`,
		`<iq from="capulet.example" to="montague.example" type="get" id="a&quot;b"><q:query xmlns:q="urn:x" a='1'> <y xmlns="urn:z"/> </q:query></iq>`,
	} {
		want := stanza.MustParse(x)
		seq, err := o.Push(t.Context(), r, at, want)
		if err != nil {
			t.Fatal(err)
		}
		list, err := o.Pending(t.Context(), r, seq-1, 1)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d pending, %v", len(list), err)
		}
		if got := list[0].Stanza; got.String() != want.String() || string(got.Inner) != string(want.Inner) || got.From != want.From || got.To != want.To {
			t.Errorf("got %s, want %s", got, want)
		}
		if !list[0].At.Equal(at) {
			t.Errorf("accepted at %v, want %v", list[0].At, at)
		}
	}
}

func (k outboxKit) done(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	first := kitPush(t, o, r, 1, 5)
	if err := o.Done(t.Context(), r, first+1, first+3, first+1000); err != nil {
		t.Fatalf("Done: %v", err)
	}
	if err := o.Done(t.Context(), r, first+1); err != nil {
		t.Errorf("Done again: %v", err)
	}
	if err := o.Done(t.Context(), kitRoute("verona.example"), first); err != nil {
		t.Errorf("Done of a route that has nothing: %v", err)
	}
	if bodies, _ := kitPending(t, o, r, 0, 10); fmt.Sprint(bodies) != "[1 3 5]" {
		t.Errorf("left: %v", bodies)
	}
	if err := o.Done(t.Context(), r, first, first+2, first+4); err != nil {
		t.Fatal(err)
	}
	if next := kitPush(t, o, r, 6, 6); next <= first+4 {
		t.Errorf("number %d was given before", next)
	}
}

func (k outboxKit) routes(t *testing.T) {
	o := k.open(t)
	a, b := kitRoute("montague.example"), kitRoute("verona.example")
	kitPush(t, o, a, 1, 2)
	first := kitPush(t, o, b, 3, 3)
	if bodies, _ := kitPending(t, o, a, 0, 10); fmt.Sprint(bodies) != "[1 2]" {
		t.Errorf("of the one route: %v", bodies)
	}
	if bodies, _ := kitPending(t, o, s2s.Route{Local: a.Remote, Remote: a.Local}, 0, 10); len(bodies) > 0 {
		t.Errorf("of the opposite route: %v", bodies)
	}
	if err := o.Done(t.Context(), b, first); err != nil {
		t.Fatal(err)
	}
	lister, ok := o.(s2s.RouteLister)
	if !ok {
		return
	}
	if routes, err := lister.Routes(t.Context()); err != nil || len(routes) != 1 || routes[0] != a {
		t.Errorf("routes %v, %v; want %v alone", routes, err, a)
	}
}

func (k outboxKit) concurrency(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	const senders, each = 8, 25
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if _, err := o.Push(t.Context(), r, time.Unix(1_000_000_000, 0), kitStanza(s*each+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	// A reader that goes by numbers misses nothing.
	seen := make(map[string]int)
	after, stop := uint64(0), make(chan struct{})
	read := func() {
		list, err := o.Pending(t.Context(), r, after, 7)
		if err != nil {
			t.Error(err)
		}
		for _, q := range list {
			seen[q.Stanza.Body()]++
			after = q.Seq
		}
	}
	go func() { wg.Wait(); close(stop) }()
	for running := true; running; {
		select {
		case <-stop:
			running = false
		default:
		}
		read()
	}
	for range senders * each {
		read()
	}
	if len(seen) != senders*each {
		t.Errorf("read %d of %d", len(seen), senders*each)
	}
	last := make(map[int]int)
	list, err := o.Pending(t.Context(), r, 0, senders*each)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		var n int
		fmt.Sscan(q.Stanza.Body(), &n)
		if before, ok := last[n/each]; ok && n < before {
			t.Fatalf("%d after %d of the same sender", n, before)
		}
		last[n/each] = n
	}
}

func (k outboxKit) endedContext(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Push(ctx, r, time.Unix(1_000_000_000, 0), kitStanza(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Push: %v, want %v", err, context.Canceled)
	}
	if bodies, _ := kitPending(t, o, r, 0, 10); len(bodies) > 0 {
		t.Errorf("an error left %v", bodies)
	}
}

func (k outboxKit) reopened(t *testing.T) {
	o, r := k.open(t), kitRoute("montague.example")
	first := kitPush(t, o, r, 1, 3)
	if err := o.Done(t.Context(), r, first, first+2); err != nil {
		t.Fatal(err)
	}
	o = k.reopen(t, o)
	if bodies, seqs := kitPending(t, o, r, 0, 10); fmt.Sprint(bodies) != "[2]" || seqs[0] != first+1 {
		t.Errorf("pending %v %v, want the second as number %d", bodies, seqs, first+1)
	}
	if next := kitPush(t, o, r, 4, 4); next <= first+2 {
		t.Errorf("number %d was given before", next)
	}
}
