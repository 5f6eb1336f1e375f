package presence

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// Requests without answer are repeated while the user stays online, at the interval and
// when a lost link is back, until there is an answer.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ask = `<presence from="juliet@capulet.example" to="romeo@montague.example" type="subscribe"/>`
		const away = `<presence from="juliet@capulet.example/balcony" type="unavailable"/>`
		r := newRig(t)
		store := &broken{Store: r.Roster}
		r.Roster = store
		after := func(d time.Duration) []string { time.Sleep(d); synctest.Wait(); return r.take() }
		if err := r.Subscribe(t.Context(), juliet, romeo); err != nil {
			t.Fatal(err)
		}
		same(t, "request", r.take(), ask)
		same(t, "offline", after(3*time.Hour))
		same(t, "login", r.announce(balcony), ask)
		same(t, "an hour later", after(61*time.Minute), ask)
		same(t, "two hours later", after(time.Hour), ask)
		store.set(true)
		same(t, "the roster fails", after(time.Hour))
		store.set(false)
		same(t, "the roster works", after(time.Hour), ask)
		r.DomainLost(romeo.Host())
		same(t, "link lost", after(time.Second))
		r.DomainBack(romeo.Host())
		same(t, "link back", after(time.Second), ask)
		r.announce(away)
		same(t, "offline again", after(3*time.Hour))
		if n := r.kept(); n != 0 {
			t.Errorf("%d users and domains left", n)
		}

		same(t, "login", r.announce(balcony), ask)
		r.in(from(romeo, "unsubscribed"))
		same(t, "refused", after(3*time.Hour))
		if err := r.Subscribe(t.Context(), juliet, romeo); err != nil {
			t.Fatal(err)
		}
		same(t, "request while online", r.take(), ask)
		same(t, "an hour later", after(61*time.Minute), ask)
		r.in(from(romeo, "subscribed"))
		same(t, "granted", after(3*time.Hour))
		r.announce(away)

		r.Retry = -1
		r.put(juliet, roster.Item{Contact: romeo, Ask: true})
		same(t, "login", r.announce(balcony), ask)
		same(t, "switched off", after(3*time.Hour))
	})
}

// After Close nothing happens that nobody waits for, and what was happening has ended.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Interval = time.Second
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From, Ask: true})
		r.announce(balcony)
		r.announce(`<presence from="juliet@capulet.example/balcony"><show>away</show></presence>`)
		telling, told := make(chan bool), false
		r.OnUnknown = func(ctx context.Context, _, _ jid.JID) {
			close(telling)
			<-ctx.Done()
			told = true
		}
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.Both})
		r.DomainLost(romeo.Host())
		<-telling
		r.Close()
		if !told {
			t.Error("Close did not wait")
		}
		r.DomainBack(romeo.Host())
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		same(t, "afterwards", r.take())
		r.announce(`<presence from="juliet@capulet.example/chamber"/>`)
		same(t, "sessions", r.announce(`<presence from="juliet@capulet.example/chamber" to="romeo@montague.example/x"/>`),
			`<presence from="juliet@capulet.example/chamber" to="romeo@montague.example/x"/>`)
	})
}
