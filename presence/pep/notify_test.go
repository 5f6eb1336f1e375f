package pep

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
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

func event(node, id, payload string) string {
	return `<event xmlns="` + nsEvent + `"><items node="` + node + `"><item id="` + id + `">` + payload + `</item></items></event>`
}

// +notify is learnt from presence by one question, and what is published goes to each
// interested session of those who may see it.
func TestNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo, nurse)
		r.says(interests(tune, keys))
		ctx := t.Context()
		for _, who := range []jid.JID{orchard, tomb, paris} {
			full := who
			if who.IsBare() {
				full, _ = who.WithResource("x")
			}
			r.Presence(ctx, juliet, full, available(t, full, interests(tune, keys)))
		}
		synctest.Wait()
		if n := r.questions(); n != 1 {
			t.Errorf("%d questions", n)
		}
		room, _ := nurse.WithResource("chamber")
		r.Presence(ctx, juliet, room, available(t, room, interests(keys))) // another hash
		synctest.Wait()
		if n := r.questions(); n != 1 {
			t.Errorf("%d questions for another hash", n)
		}
		same(t, "nothing to send", r.take())

		r.publish1(tune, "1", song, nil)
		same(t, "tune", r.take(), orchard.String()+" "+event(tune, "1", song), tomb.String()+" "+event(tune, "1", song))
		r.publish1("urn:other", "1", song, nil)
		same(t, "of no interest", r.take())
		r.publish1("hidden", "1", song, &Config{Access: Whitelist, Allowed: []jid.JID{nurse}})
		r.publish1(keys, "1", song, &Config{NoPayload: true, Access: Roster, Groups: []string{"Friends"}})
		same(t, "not in the group", r.take())
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From, Groups: []string{"Friends"}})
		if err := r.Notify(ctx, juliet, keys); err != nil {
			t.Error(err)
		}
		same(t, "without payload", r.take(), orchard.String()+" "+event(keys, "1", ""), tomb.String()+" "+event(keys, "1", ""))

		r.Presence(ctx, juliet, orchard, stanza.MustParse(`<presence from="romeo@montague.example/orchard" type="unavailable"/>`))
		r.publish1(tune, "2", song, nil)
		same(t, "one session left", r.recipients(), tomb.String())
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.To})
		r.publish1(tune, "3", song, nil)
		same(t, "sight was taken away", r.take())
		r.Presence(ctx, juliet, romeo, stanza.MustParse(`<presence from="romeo@montague.example" type="unavailable"/>`))
		r.Presence(ctx, juliet, room, stanza.MustParse(`<presence from="nurse@capulet.example/chamber" type="error"/>`))
		if r.kept() != 0 {
			t.Errorf("%d users are remembered", r.kept())
		}
	})
}

// The last item goes to a session when it comes online, once.
func TestLastItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.says(interests(tune, keys, "never", "sub", "hidden", "empty"))
		p := func(from jid.JID) *stanza.Stanza {
			return available(t, from, interests(tune, keys, "never", "sub", "hidden", "empty"))
		}
		ctx := t.Context()
		r.publish1(tune, "1", song, &Config{MaxItems: 2})
		stamp := time.Now().UTC().Format(stampLayout)
		time.Sleep(time.Hour)
		r.publish1(keys, "1", song, nil)
		for node, c := range map[string]Config{"never": {SendLast: Never}, "sub": {SendLast: OnSub}, "hidden": {Access: Whitelist}} {
			r.publish1(node, "1", song, &c)
		}
		if err := r.Configure(ctx, juliet, "empty", Config{}); err != nil {
			t.Fatal(err)
		}

		r.Presence(ctx, juliet, orchard, p(orchard))
		synctest.Wait()
		now := time.Now().UTC().Format(stampLayout)
		delay := func(stamp string) string { return `<delay xmlns="urn:xmpp:delay" stamp="` + stamp + `"></delay>` }
		want := []string{"romeo@montague.example/orchard " + event(tune, "1", song) + delay(stamp),
			"romeo@montague.example/orchard " + event(keys, "1", song) + delay(now)}
		slices.Sort(want)
		got := r.take()
		slices.Sort(got)
		same(t, "online", got, want...)

		r.Presence(ctx, juliet, orchard, p(orchard)) // again
		r.Presence(ctx, juliet, orchard, stanza.MustParse(`<presence from="romeo@montague.example/orchard"><show>away</show></presence>`))
		same(t, "not again", r.take())
		r.publish1(tune, "2", song, nil)
		same(t, "a change", r.take(), "romeo@montague.example/orchard "+event(tune, "2", song))

		// More interests: only what is new. Fewer: nothing.
		r.says(interests(tune, "urn:new"))
		r.publish1("urn:new", "1", song, nil)
		r.Presence(ctx, juliet, orchard, available(t, orchard, interests(tune, "urn:new")))
		synctest.Wait()
		same(t, "new interest", r.take(), "romeo@montague.example/orchard "+event("urn:new", "1", song)+delay(now))

		// Gone and back, and after the link broke.
		r.Presence(ctx, juliet, orchard, stanza.MustParse(`<presence from="romeo@montague.example/orchard" type="unavailable"/>`))
		r.Presence(ctx, juliet, orchard, available(t, orchard, interests(tune, "urn:new")))
		synctest.Wait()
		if got := r.recipients(); len(got) != 2 {
			t.Errorf("back: %s", got)
		}
		r.DomainLost(jid.MustParse("montague.example"))
		r.publish1(tune, "3", song, nil)
		same(t, "nobody is known to be there", r.take())
		r.Presence(ctx, juliet, orchard, available(t, orchard, interests(tune, "urn:new")))
		synctest.Wait()
		if got := r.recipients(); len(got) != 2 {
			t.Errorf("after the link was lost: %s", got)
		}
		r.DomainLost(jid.MustParse("verona.example"))
		if r.kept() != 1 {
			t.Error("another domain was lost")
		}
	})
}

// A contact who is let in gets the last items then, and one who is removed is forgotten.
func TestRosterChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.says(interests(tune))
		r.publish1(tune, "1", song, nil)
		to := roster.Item{Contact: romeo, Subscription: roster.To}
		both := roster.Item{Contact: romeo, Subscription: roster.Both}
		r.put(juliet, to)
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		synctest.Wait()
		same(t, "does not see her", r.take())
		r.put(juliet, both)
		r.RosterChanged(t.Context(), juliet, both)
		same(t, "sees her", r.recipients(), orchard.String())
		r.RosterChanged(t.Context(), juliet, both)
		same(t, "still", r.take())
		r.put(juliet, to)
		r.RosterChanged(t.Context(), juliet, to)
		r.publish1(tune, "2", song, nil)
		same(t, "no more", r.take())
		r.put(juliet, both)
		r.RosterChanged(t.Context(), juliet, both)
		same(t, "again", r.recipients(), orchard.String())
		r.RosterChanged(t.Context(), juliet, roster.Item{Contact: romeo})
		if r.kept() != 0 {
			t.Error("remembered")
		}
		r.RosterChanged(t.Context(), juliet, both)
	})
}

// Coming and going fast costs a round in each interval, and ends right.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Interval = 0 // 1 s
		r.befriend(juliet, romeo)
		r.says(interests(tune))
		r.publish1(tune, "1", song, nil)
		gone := stanza.MustParse(`<presence from="romeo@montague.example/orchard" type="unavailable"/>`)
		for range 100 {
			r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
			synctest.Wait()
			r.Presence(t.Context(), juliet, orchard, gone)
			time.Sleep(50 * time.Millisecond)
		}
		if n := len(r.take()); n < 1 || n > 6 {
			t.Errorf("%d rounds in 5 seconds", n)
		}
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(tune)))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		same(t, "in the end", r.recipients(), orchard.String(), tomb.String())
		r.Presence(t.Context(), juliet, romeo, gone)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r.kept() != 0 {
			t.Error("remembered")
		}
	})
}

// A hash that lies teaches nothing; the question is not repeated, but one without answer is.
func TestNotLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.publish1(tune, "1", song, nil)
		r.says(interests(tune, keys)) // not what was announced
		for range 3 {
			r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
			synctest.Wait()
		}
		same(t, "poisoned", r.take())
		if n := r.questions(); n != 1 {
			t.Errorf("%d questions", n)
		}
		r.answers(nil) // silence
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(tune)))
		time.Sleep(time.Minute)
		r.says(interests(tune))
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(tune)))
		synctest.Wait()
		same(t, "asked again", r.recipients(), tomb.String())
		if n := r.questions(); n != 2 {
			t.Errorf("%d questions", n)
		}
		// The honest answer of one teaches of the other as well, when it shows up again.
		r.Presence(t.Context(), juliet, orchard, stanza.MustParse(`<presence from="romeo@montague.example/orchard" type="unavailable"/>`))
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		same(t, "known", r.recipients(), orchard.String())
		// No capabilities, no interest.
		other, _ := romeo.WithResource("x")
		r.Presence(t.Context(), juliet, other, stanza.MustParse(`<presence from="romeo@montague.example/x"/>`))
		synctest.Wait()
		same(t, "without", r.take())
	})
}

// What contacts can make the Service keep and ask is bounded.
func TestInterestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.MaxResources, r.MaxLearning = 3, 16
		r.befriend(juliet, romeo)
		online := func(n int) {
			full, _ := romeo.WithResource(fmt.Sprint(n))
			r.Presence(t.Context(), juliet, full, available(t, full, interests(tune, fmt.Sprint("n", n))))
		}
		for n := range 10 {
			online(n)
		}
		synctest.Wait()
		if learning, sessions := r.learns(romeo); learning != 2 || sessions != 3 {
			t.Errorf("%d are being learnt, of %d", learning, sessions)
		}
		time.Sleep(2 * time.Minute) // nobody answers
		if learning, _ := r.learns(romeo); learning != 0 {
			t.Errorf("%d are being learnt", learning)
		}
		r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			return iq.Reply(stanza.Result, interests(tune, "n"+iq.To.Resource()))
		})
		r.publish1(tune, "1", song, nil)
		for n := range 3 {
			online(n)
			synctest.Wait()
		}
		if got := r.recipients(); len(got) != 3 {
			t.Errorf("learnt in the end: %s", got)
		}
	})
}

// Subscribers are notified once: by session if they are interested, else at the address
// that subscribed, and no more when they may not see the node.
func TestSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.says(interests(tune))
		ctx := t.Context()
		r.publish1(tune, "1", song, &Config{Access: Open})
		sub := func(from, who, want string) {
			t.Helper()
			inner, err := r.iq(from, "set", juliet, pub(`<subscribe node="`+tune+`" jid="`+who+`"/>`))
			if got := condition(err); got != want {
				t.Errorf("%s subscribes %s: %s, want %s", from, who, got, want)
			}
			if err == nil && !strings.Contains(inner, `<subscription node="`+tune+`" jid="`+who+`" subscription="subscribed">`) {
				t.Errorf("answered %s", inner)
			}
		}
		last := " " + event(tune, "1", song) + `<delay xmlns="urn:xmpp:delay" stamp="` + time.Now().UTC().Format(stampLayout) + `"></delay>`
		sub("paris@verona.example/x", "paris@verona.example", "ok")
		same(t, "the last item", r.take(), "paris@verona.example"+last)
		sub("paris@verona.example/x", "paris@verona.example", "ok")
		same(t, "is not sent twice", r.take())
		sub("paris@verona.example", "paris@verona.example/hall", "ok")
		sub("romeo@montague.example/orchard", "romeo@montague.example", "ok")
		sub("romeo@montague.example/orchard", "romeo@montague.example/orchard", "ok")
		same(t, "last items", r.recipients(), "paris@verona.example/hall", "romeo@montague.example", "romeo@montague.example/orchard")
		sub("paris@verona.example", "romeo@montague.example", "bad-request invalid-jid")
		sub("paris@verona.example", "@", "bad-request invalid-jid")

		r.publish1(tune, "2", song, nil)
		same(t, "nobody online", r.recipients(), "paris@verona.example", "paris@verona.example/hall", "romeo@montague.example", orchard.String())
		r.Presence(ctx, juliet, tomb, available(t, tomb, interests(tune)))
		synctest.Wait()
		r.take()
		r.publish1(tune, "3", song, nil)
		same(t, "romeo online", r.recipients(), tomb.String(), "paris@verona.example", "paris@verona.example/hall", orchard.String())

		inner, err := r.iq("paris@verona.example/y", "get", juliet, pub(`<subscriptions/>`))
		if err != nil || strings.Count(inner, "<subscription ") != 2 || strings.Contains(inner, "romeo") {
			t.Errorf("subscriptions: %s, %v", inner, err)
		}
		for who, want := range map[string]string{"paris@verona.example/hall": "ok", "paris@verona.example/other": "unexpected-request not-subscribed",
			"romeo@montague.example": "bad-request invalid-jid"} {
			_, err := r.iq("paris@verona.example", "set", juliet, pub(`<unsubscribe node="`+tune+`" jid="`+who+`"/>`))
			if got := condition(err); got != want {
				t.Errorf("unsubscribe %s: %s, want %s", who, got, want)
			}
		}
		if err := r.Configure(ctx, juliet, tune, Config{}); err != nil {
			t.Fatal(err)
		}
		r.publish1(tune, "4", song, nil)
		same(t, "for contacts only", r.recipients(), tomb.String(), orchard.String())
		n, err := r.Store.Read(ctx, juliet, tune, Query{})
		if err != nil || len(n.Subscribers) != 2 {
			t.Errorf("subscribers %s, %v", n.Subscribers, err)
		}
		// A stranger whose subscription is gone may ask to end it, and learns nothing.
		_, err = r.iq("paris@verona.example", "set", juliet, pub(`<unsubscribe node="`+tune+`" jid="paris@verona.example"/>`))
		if got := condition(err); got != "service-unavailable" {
			t.Errorf("unsubscribe: %s", got)
		}
	})
}

func TestSubscriberBounds(t *testing.T) {
	r := newRig(t)
	r.MaxSubscribers = 8
	r.publish1(tune, "1", song, &Config{Access: Open, SendLast: Never})
	count := map[string]int{}
	for d := range 6 {
		for u := range 4 {
			who := fmt.Sprintf("u%d@d%d.example", u, d)
			_, err := r.iq(who, "set", juliet, pub(`<subscribe node="`+tune+`" jid="`+who+`"/>`))
			count[condition(err)]++
			if err == nil {
				count[who[3:]]++
			}
		}
	}
	if count["ok"] != 8 || count["policy-violation too-many-subscriptions"] != 16 || count["d0.example"] != 2 || count["d3.example"] != 2 {
		t.Errorf("%v", count)
	}
	if len(r.take()) != 0 {
		t.Error("last items were sent")
	}
}

// Concurrent publications are notified in the order in which they are stored.
func TestNotifyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.says(interests(tune))
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		synctest.Wait()
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() { r.publish1(tune, fmt.Sprint(n), song, &Config{MaxItems: Max}) })
		}
		wg.Wait()
		var got []string
		for _, s := range r.take() {
			_, id, _ := strings.Cut(s, `<item id="`)
			id, _, _ = strings.Cut(id, `"`)
			got = append(got, id)
		}
		if strings.Join(got, " ") != r.ids(tune) {
			t.Errorf("notified %s\nstored %s", got, r.ids(tune))
		}
	})
}

// Failures cost what they must, and nothing gets stuck.
func TestNotifyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.says(interests(tune))
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		synctest.Wait()
		r.fails(errors.New("queue full"))
		r.publish1(tune, "1", song, nil)
		r.fails(nil)
		r.publish1(tune, "2", song, nil)
		same(t, "after a failure", r.recipients(), orchard.String())
		good := r.Roster
		r.Roster = downRoster{}
		r.publish1(tune, "3", song, nil)
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(tune)))
		if _, err := r.iq("romeo@montague.example", "get", juliet, pub(`<items node="x"/>`)); !errors.Is(err, errDown) {
			t.Errorf("a request: %v", err)
		}
		if _, err := r.Info(t.Context(), disco.Query{From: romeo, To: juliet}, disco.Info{}); !errors.Is(err, errDown) {
			t.Errorf("info: %v", err)
		}
		if _, err := r.Items(t.Context(), disco.Query{From: romeo, To: juliet}); !errors.Is(err, errDown) {
			t.Errorf("items: %v", err)
		}
		r.Roster = good
		same(t, "nothing", r.take())
		r.publish1(tune, "4", song, nil)
		same(t, "after the roster came back", r.recipients(), orchard.String())
		// The context of whoever published last does not matter to the others.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Publish(ctx, juliet, tune, Item{Payload: stanza.Raw(song)}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("published with a context that has ended: %v", err)
		}
	})
}

// downRoster is a roster that is down.
type downRoster struct{}

func (downRoster) Items(context.Context, jid.JID) ([]roster.Item, error) { return nil, errDown }

func (downRoster) Update(context.Context, jid.JID, jid.JID, func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	return roster.Item{}, errDown
}

// moody is a Requester whose Send does what the test wants first.
type moody struct {
	*rig
	first func()
}

func (m moody) Send(ctx context.Context, st *stanza.Stanza) error {
	m.first()
	return m.rig.Send(ctx, st)
}

// A Sender that panics, calls back or blocks does not stop what comes after.
func TestSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.publish1(tune, "0", song, &Config{Access: Open, SendLast: Never})
		if _, err := r.iq("paris@verona.example", "set", juliet, pub(`<subscribe node="`+tune+`" jid="paris@verona.example"/>`)); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic was swallowed")
				}
			}()
			r.Out = moody{r, func() { panic("boom") }}
			r.publish1(tune, "1", song, nil)
		}()
		depth := 0
		r.Out = moody{r, func() {
			if depth++; depth < 3 {
				r.publish1(tune, fmt.Sprint("nested ", depth), song, nil)
			}
		}}
		r.publish1(tune, "2", song, nil)
		if got := r.take(); len(got) != 3 || !strings.Contains(got[0], `"2"`) || !strings.Contains(got[2], `"nested 2"`) {
			t.Errorf("after a panic, and nested: %s", got)
		}
		open := make(chan struct{})
		r.Out = moody{r, func() { <-open }}
		var wg sync.WaitGroup
		wg.Go(func() { r.publish1(tune, "first", song, nil) })
		synctest.Wait()
		for n := range maxNotices + 10 {
			r.publish1(tune, fmt.Sprint(n), song, nil) // is not held up
		}
		close(open)
		wg.Wait()
		if n := len(r.take()); n != maxNotices+1 {
			t.Errorf("%d notifications after a block", n)
		}
		if r.kept() != 0 {
			t.Error("remembered")
		}
	})
}
