package presence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

const balcony = `<presence from="juliet@capulet.example/balcony"/>`

func TestLogin(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.Both})
	r.put(juliet, roster.Item{Contact: jid.MustParse("from@montague.example"), Subscription: roster.From})
	r.put(juliet, roster.Item{Contact: jid.MustParse("to@montague.example"), Subscription: roster.To})
	r.put(juliet, roster.Item{Contact: jid.MustParse("asked@montague.example"), Subscription: roster.From, Ask: true})
	same(t, "first session", r.announce(balcony),
		`<presence from="juliet@capulet.example/balcony" to="asked@montague.example"/>`,
		`<presence from="juliet@capulet.example/balcony" to="from@montague.example"/>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`,
		`<presence from="juliet@capulet.example" to="asked@montague.example" type="subscribe"/>`,
		`<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`,
		`<presence from="juliet@capulet.example" to="to@montague.example" type="probe"/>`)
	same(t, "nothing new", r.announce(balcony))
	second := r.announce(`<presence from="juliet@capulet.example/chamber"><priority>5</priority></presence>`)
	if len(second) != 3 || strings.Contains(strings.Join(second, ""), "probe") {
		t.Errorf("second session: %s", second)
	}
	if n := len(r.announce(`<presence from="juliet@capulet.example/balcony"><show>dnd</show></presence>`)); n != 3 {
		t.Errorf("change: %d stanzas, want 3", n)
	}
	if n := len(r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"><status>bye</status></presence>`)); n != 3 {
		t.Errorf("end: %d stanzas, want 3", n)
	}
	same(t, "ends twice", r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`))
	r.announce(`<presence from="juliet@capulet.example/chamber" type="unavailable"/>`)
	if n := r.kept(); n != 0 {
		t.Errorf("%d users and domains are kept after all sessions", n)
	}
	if n := len(r.announce(balcony)); n != 6 {
		t.Errorf("online again: %d stanzas, want 6", n)
	}
}

func TestSessions(t *testing.T) {
	r := newRig(t)
	for resource, priority := range map[string]string{"a": "", "b": "7", "c": "-1", "d": "7", "e": "300"} {
		r.announce(`<presence from="juliet@capulet.example/` + resource + `"><priority> ` + priority + ` </priority></presence>`)
	}
	r.announce(`<presence from="juliet@capulet.example/d" type="unavailable"/>`)
	var got []string
	for _, s := range r.Sessions(juliet) {
		got = append(got, fmt.Sprint(s.JID.Resource(), s.Priority, s.Presence.From == s.JID))
	}
	same(t, "sessions", got, "b7 true", "a0 true", "e0 true", "c-1 true")
	if got := r.Sessions(romeo); got != nil {
		t.Errorf("sessions of nobody: %v", got)
	}
}

func TestAnnounceRefused(t *testing.T) {
	r := newRig(t)
	r.MaxResources, r.MaxDirected = 1, 1
	r.announce(balcony)
	r.announce(`<presence from="juliet@capulet.example/balcony" to="a@room.example/j"/>`)
	for xml, want := range map[string]error{
		`<presence from="juliet@capulet.example"/>`:                                         ErrAddress,
		`<presence from="juliet@capulet.example/balcony" type="subscribe"/>`:                ErrType,
		`<message from="juliet@capulet.example/balcony"/>`:                                  ErrType,
		`<presence from="juliet@capulet.example/chamber"/>`:                                 ErrResources,
		`<presence from="juliet@capulet.example/chamber" to="a@room.example/j"/>`:           ErrResources,
		`<presence from="juliet@capulet.example/balcony" to="b@room.example/j"/>`:           ErrDirected,
		`<presence from="juliet@capulet.example/balcony" to="a@room.example/j"/>`:           nil,
		`<presence from="juliet@capulet.example/chamber" type="unavailable"/>`:              nil,
		`<presence from="nurse@capulet.example/x" to="a@room.example" type="unavailable"/>`: nil,
	} {
		if err := r.Announce(t.Context(), stanza.MustParse(xml)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", xml, err, want)
		}
	}
}

// 1,000 changes a second cost one broadcast for each interval, and the last wins.
func TestFlapping(t *testing.T) {
	for _, last := range []string{`<presence from="juliet@capulet.example/balcony"><show>xa</show></presence>`,
		`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.Interval = 0 // one second
			r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.Both})
			ctx := t.Context()
			for n := range 10_000 {
				xml := balcony
				if n%2 == 1 {
					xml = `<presence from="juliet@capulet.example/balcony" type="unavailable"/>`
				} else if n%3 == 0 {
					xml = fmt.Sprintf(`<presence from="juliet@capulet.example/balcony"><status>%d</status></presence>`, n)
				}
				if err := r.Announce(ctx, stanza.MustParse(xml)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			if err := r.Announce(ctx, stanza.MustParse(last)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			var broadcasts, probes []string
			for _, xml := range r.take() {
				if stanza.MustParse(xml).Type == stanza.Probe {
					probes = append(probes, xml)
				} else {
					broadcasts = append(broadcasts, xml)
				}
			}
			if n := len(broadcasts); n < 2 || n > 12 {
				t.Errorf("%d broadcasts in 10 s, want at most 12", n)
			}
			if len(probes) > len(broadcasts) {
				t.Errorf("%d probes for %d broadcasts", len(probes), len(broadcasts))
			}
			want := stanza.MustParse(last)
			want.To = romeo
			if got := broadcasts[len(broadcasts)-1]; got != want.String() {
				t.Errorf("the last broadcast is %s, want %s", got, want)
			}
			if want.Type == stanza.Unavailable && r.kept() != 0 {
				t.Error("a session that ended is kept for ever")
			}
		})
	}
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Interval = time.Minute
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
		r.announce(balcony)
		same(t, "waits", r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`))
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, "flushed", r.take(), `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		same(t, "later", r.take())
	})
}

// A broadcast that found no roster is made when there is one again.
func TestBroadcastRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.Both})
		store := &broken{Store: r.Roster}
		r.Roster = store
		store.set(true)
		if err := r.Announce(t.Context(), stanza.MustParse(balcony)); !errors.Is(err, errBroken) {
			t.Errorf("announce: %v", err)
		}
		time.Sleep(10 * time.Second)
		store.set(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		same(t, "sent", r.take(), `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`,
			`<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`)
	})
}

// during is a Sender that does something once, in the middle of sending.
type during struct {
	*sink
	do func()
}

func (d *during) Send(ctx context.Context, s *stanza.Stanza) error {
	if do := d.do; do != nil {
		d.do = nil
		do()
	}
	return d.sink.Send(ctx, s)
}

// Somebody is denied while a broadcast is on its way to them: the last they hear is
// that the session is unavailable.
func TestDeniedDuringBroadcast(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: nurse, Subscription: roster.From})
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	r.Out = &during{r.sink, func() {
		if err := r.Deny(t.Context(), juliet, romeo); err != nil {
			t.Error(err)
		}
	}}
	sent := r.announce(balcony)
	want := `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`
	if last := sent[len(sent)-1]; last != want {
		t.Errorf("the last stanza is %s, want %s", last, want)
	}
	if sent := r.announce(`<presence from="juliet@capulet.example/balcony"><show>xa</show></presence>`); len(sent) != 1 {
		t.Errorf("sent %s", sent)
	}
}

// A broadcast whose context ended half-way is made again, even if the session has
// ended by then.
func TestBroadcastInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(juliet, roster.Item{Contact: nurse, Subscription: roster.From})
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
		ctx, cancel := context.WithCancel(t.Context())
		r.Out = &during{r.sink, cancel}
		if err := r.Announce(ctx, stanza.MustParse(balcony)); !errors.Is(err, context.Canceled) {
			t.Errorf("announce: %v", err)
		}
		same(t, "first half", r.take(), `<presence from="juliet@capulet.example/balcony" to="nurse@capulet.example"/>`)
		gone := `<presence from="juliet@capulet.example/balcony" type="unavailable"/>`
		same(t, "waits", r.announce(gone))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		same(t, "all", r.take(),
			`<presence from="juliet@capulet.example/balcony" to="nurse@capulet.example" type="unavailable"/>`,
			`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`)
		if r.kept() != 0 {
			t.Error("sessions are kept")
		}
	})
}

func TestDirected(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	r.announce(balcony)
	r.take()
	direct := func(target string) {
		t.Helper()
		xml := `<presence from="juliet@capulet.example/balcony" to="` + target + `"/>`
		same(t, "directed", r.announce(xml), xml)
	}
	for _, target := range []string{"stays@room.example/j", "left@room.example/j", "gone@room.example/j", "bounced@room.example/j",
		"romeo@montague.example/orchard", "nurse@capulet.example/kitchen"} {
		direct(target)
	}
	r.announce(`<presence from="juliet@capulet.example/balcony" to="left@room.example/j" type="unavailable"/>`)
	r.in(`<presence from="gone@room.example/j" to="juliet@capulet.example/balcony" type="unavailable"/>`)
	r.in(`<presence from="bounced@room.example/j" to="juliet@capulet.example/balcony" type="error"><error type="cancel"/></presence>`)
	r.in(`<presence from="stays@room.example/other" to="juliet@capulet.example/balcony" type="unavailable"/>`)
	r.in(`<presence from="nurse@capulet.example" to="juliet@capulet.example" type="unavailable"/>`)
	same(t, "no broadcast to it", r.announce(`<presence from="juliet@capulet.example/balcony"><show>dnd</show></presence>`),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>dnd</show></presence>`)

	same(t, "probe of a directed target", r.in(`<presence from="stays@room.example/j" to="juliet@capulet.example/balcony" type="probe" id="p"/>`),
		`<presence from="juliet@capulet.example/balcony" to="stays@room.example/j"/>`)
	same(t, "probe of another there", r.in(`<presence from="left@room.example/j" to="juliet@capulet.example/balcony" type="probe" id="p"/>`),
		`<presence from="juliet@capulet.example" to="left@room.example" id="p" type="unsubscribed"/>`)

	same(t, "logout", r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"><status>bye</status></presence>`),
		`<presence from="juliet@capulet.example/balcony" to="stays@room.example/j" type="unavailable"><status>bye</status></presence>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"><status>bye</status></presence>`)
	if r.kept() != 0 {
		t.Error("sessions are kept")
	}
}

// Directed presence of a session that is not available, to a subscriber: told at the
// end, unless broadcasts reach them by then.
func TestDirectedFirst(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	xml := `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`
	unavailable := `<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`
	same(t, "directed", r.announce(xml), xml)
	same(t, "end", r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`), unavailable)
	r.announce(xml)
	same(t, "broadcast", r.announce(balcony), xml)
	same(t, "end", r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`), unavailable)
}
