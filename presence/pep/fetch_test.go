package pep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// answering is a peer whose node has the given items, or refuses.
func (r *rig) answering(node, items string, err error) {
	r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
		if err != nil {
			return nil, err
		}
		return iq.Reply(stanza.Result, stanza.Raw(pub(`<items node="`+node+`">`+items+`</items>`)))
	})
}

// What each answer of a server means.
func TestFetchMeaning(t *testing.T) {
	app := func(c stanza.Condition, name string) error { return refuse(c, stanza.Auth, name) }
	for _, tt := range []struct {
		name   string
		answer func(iq *stanza.Stanza) (*stanza.Stanza, error)
		err    error // of the answer
		want   error
		items  string
	}{
		{name: "ejabberd, no node", err: stanza.Errorf(stanza.ItemNotFound, ""), want: ErrNone},
		{name: "no service, to a stranger", err: stanza.Errorf(stanza.ServiceUnavailable, ""), want: ErrNotVisible},
		{name: "no service, to a contact", err: stanza.Errorf(stanza.ServiceUnavailable, ""), want: ErrNone},
		{name: "no such feature", err: stanza.Errorf(stanza.FeatureNotImplemented, ""), want: ErrNone},
		{name: "Prosody, to a stranger", err: stanza.Errorf(stanza.Forbidden, ""), want: ErrNotVisible},
		{name: "ejabberd, presence", err: app(stanza.NotAuthorized, "presence-subscription-required"), want: ErrNotVisible},
		{name: "whitelist", err: app(stanza.NotAllowed, "closed-node"), want: ErrNotVisible},
		{name: "subscribe first", err: stanza.Errorf(stanza.SubscriptionRequired, ""), want: ErrNotVisible},
		{name: "unreachable", err: stanza.Errorf(stanza.RemoteServerNotFound, ""), want: ErrUnknown},
		{name: "timeout", err: stanza.Errorf(stanza.RemoteServerTimeout, ""), want: ErrUnknown},
		{name: "their fault", err: stanza.Errorf(stanza.InternalServerError, ""), want: ErrUnknown},
		{name: "busy", err: stanza.Errorf(stanza.ResourceConstraint, ""), want: ErrUnknown},
		{name: "moved", err: stanza.Errorf(stanza.Gone, ""), want: ErrUnknown},
		{name: "not sent", err: errors.New("queue full"), want: ErrUnknown},
		{name: "empty answer", answer: func(iq *stanza.Stanza) (*stanza.Stanza, error) { return iq.Reply(stanza.Result, nil) }, want: ErrUnknown},
		{name: "of another node", answer: func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			return iq.Reply(stanza.Result, stanza.Raw(pub(`<items node="x"><item id="1"/></items>`)))
		}, want: ErrUnknown},
		{name: "in another namespace", answer: func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			return iq.Reply(stanza.Result, stanza.Raw(`<pubsub xmlns="`+nsOwner+`"><items node="`+keys+`"/></pubsub>`))
		}, want: ErrUnknown},
		{name: "empty node", items: " "},
		{name: "an item", items: `<item id="a">` + song + `</item>`},
	} {
		r := newRig(t)
		if strings.HasSuffix(tt.name, "to a contact") {
			r.befriend(juliet, romeo)
		}
		if tt.answer != nil {
			r.answers(tt.answer)
		} else {
			r.answering(keys, tt.items, tt.err)
		}
		got, err := r.Fetch(t.Context(), juliet, romeo, keys, Fetch{})
		if !errors.Is(err, tt.want) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if n := strings.Count(tt.items, "<item "); len(got.Items) != n || n > 0 && string(got.Items[0].Payload) != song {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	r := newRig(t)
	for _, err := range []error{
		func() error { _, err := r.Fetch(t.Context(), jid.JID{}, romeo, keys, Fetch{}); return err }(),
		func() error { _, err := r.Fetch(t.Context(), juliet, romeo.Host(), keys, Fetch{}); return err }(),
		func() error { _, err := r.Fetch(t.Context(), juliet, romeo, "", Fetch{}); return err }(),
		r.Service.Subscribe(t.Context(), juliet, jid.JID{}, keys), r.Unsubscribe(t.Context(), juliet, romeo, ""),
	} {
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%v", err)
		}
	}
}

// An answer that only the roster explains is not taken for one while the roster fails.
func TestFetchWithoutRoster(t *testing.T) {
	r := newRig(t)
	r.befriend(juliet, romeo)
	r.answering(keys, "", stanza.Errorf(stanza.ServiceUnavailable, ""))
	contacts := r.Roster
	r.Roster = noRoster{contacts}
	if _, err := r.Fetch(t.Context(), juliet, romeo, keys, Fetch{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("without the roster: %v", err)
	}
	r.Roster = contacts
	if _, err := r.Fetch(t.Context(), juliet, romeo, keys, Fetch{}); !errors.Is(err, ErrNone) {
		t.Errorf("with it: %v", err)
	}
}

// noRoster is a roster that fails.
type noRoster struct{ roster.Store }

func (noRoster) Update(context.Context, jid.JID, jid.JID, func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	return roster.Item{}, errors.New("database on fire")
}

// What is asked for, and on whose behalf.
func TestFetchRequest(t *testing.T) {
	r := newRig(t)
	var asked string
	r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
		asked = iq.From.String() + " " + iq.To.String() + " " + string(iq.Type) + " " + string(iq.Inner)
		return iq.Reply(stanza.Result, stanza.Raw(pub(`<items node="`+keys+`"><item id="b"/><item id="x"/><item id="a"/></items>`)))
	})
	balcony, _ := juliet.WithResource("balcony")
	got, err := r.Fetch(t.Context(), balcony, orchard, keys, Fetch{IDs: []string{"a", "b"}, Max: 2})
	want := `juliet@capulet.example romeo@montague.example get ` + `<pubsub xmlns="` + NS + `"><items node="` + keys +
		`" max_items="2"><item id="a"></item><item id="b"></item></items></pubsub>`
	if err != nil || asked != want {
		t.Errorf("asked %s, %v\nwant %s", asked, err, want)
	}
	if len(got.Items) != 2 || got.Items[0].ID != "b" || got.Items[1].ID != "a" {
		t.Errorf("got %+v, not the items asked for", got.Items)
	}
}

// The age of answers, and how they are forgotten.
func TestFetchAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		fetch := func(f Fetch, want error, asked int) Answer {
			t.Helper()
			a, err := r.Fetch(t.Context(), juliet, romeo, keys, f)
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if n := r.questions(); n != asked {
				t.Errorf("%d questions, want %d", n, asked)
			}
			return a
		}
		r.answering(keys, `<item id="1"/>`, nil)
		first := fetch(Fetch{}, nil, 1)
		time.Sleep(9 * time.Minute)
		if a := fetch(Fetch{}, nil, 0); !a.At.Equal(first.At) || time.Since(a.At) != 9*time.Minute {
			t.Errorf("at %v", a.At)
		}
		fetch(Fetch{MaxAge: 8 * time.Minute}, nil, 1)
		fetch(Fetch{MaxAge: -1}, nil, 1)
		fetch(Fetch{Max: 1}, nil, 1) // another question
		fetch(Fetch{IDs: []string{"1"}}, nil, 1)
		time.Sleep(10 * time.Minute)
		fetch(Fetch{}, nil, 1)
		fetch(Fetch{MaxAge: time.Hour}, nil, 0)

		// An event, of the owner only, makes known answers old.
		for from, asked := range map[string]int{"paris@verona.example": 0, "romeo@montague.example/orchard": 0, "montague.example": 0} {
			r.mux.HandleStanza(t.Context(), stanza.MustParse(`<message from="`+from+`" to="juliet@capulet.example">`+event(keys, "2", "")+`</message>`))
			fetch(Fetch{}, nil, asked)
		}
		r.mux.HandleStanza(t.Context(), stanza.MustParse(`<message from="romeo@montague.example" to="juliet@capulet.example">`+event(tune, "2", "")+`</message>`))
		fetch(Fetch{}, nil, 0)
		r.mux.HandleStanza(t.Context(), stanza.MustParse(`<message from="romeo@montague.example" to="juliet@capulet.example/balcony">`+event(keys, "2", "")+`</message>`))
		fetch(Fetch{}, nil, 1)

		// When nobody can tell, the old answer is there, with its age.
		time.Sleep(time.Hour)
		r.answers(nil)
		if a := fetch(Fetch{}, ErrUnknown, 1); len(a.Items) != 1 || time.Since(a.At) != time.Hour+30*time.Second {
			t.Errorf("%+v", a)
		}
		// No answer is one, too, for a minute, and until they let each other in.
		r.answering(keys, "", stanza.Errorf(stanza.Forbidden, ""))
		if a := fetch(Fetch{}, ErrNotVisible, 1); a.Items != nil || a.At.IsZero() {
			t.Errorf("%+v", a)
		}
		fetch(Fetch{MaxAge: time.Hour}, ErrNotVisible, 0)
		time.Sleep(time.Minute)
		fetch(Fetch{MaxAge: time.Hour}, ErrNotVisible, 1)
		r.answering(keys, "", nil)
		r.Presence(t.Context(), juliet, romeo, stanza.MustParse(`<presence from="romeo@montague.example" type="subscribed"/>`))
		fetch(Fetch{}, nil, 1)
		r.answers(nil)
		time.Sleep(time.Hour)
		fetch(Fetch{}, ErrUnknown, 1)
		// Users do not see each other's answers.
		r.answering(keys, "", stanza.Errorf(stanza.Forbidden, ""))
		if _, err := r.Fetch(t.Context(), nurse, romeo, keys, Fetch{MaxAge: 24 * time.Hour}); !errors.Is(err, ErrNotVisible) {
			t.Error(err)
		}
	})
}

// One question for all who want to know the same, and no answer older than an event.
func TestFetchTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		slow := func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			time.Sleep(time.Second)
			return iq.Reply(stanza.Result, stanza.Raw(pub(`<items node="`+keys+`"><item id="1"/></items>`)))
		}
		r.answers(slow)
		var wg sync.WaitGroup
		ask := func(ctx context.Context, n int, want error) {
			for range n {
				wg.Go(func() {
					if a, err := r.Fetch(ctx, juliet, romeo, keys, Fetch{MaxAge: -1}); !errors.Is(err, want) || want == nil && len(a.Items) != 1 {
						t.Errorf("%+v, %v", a, err)
					}
				})
			}
		}
		ask(t.Context(), 20, nil)
		wg.Wait()
		if n := r.questions(); n != 1 {
			t.Errorf("%d questions", n)
		}
		// It changes while they wait: it is asked again.
		ask(t.Context(), 20, nil)
		synctest.Wait()
		r.mux.HandleStanza(t.Context(), stanza.MustParse(`<message from="romeo@montague.example" to="juliet@capulet.example">`+event(keys, "2", "")+`</message>`))
		wg.Wait()
		if n := r.questions(); n != 2 {
			t.Errorf("%d questions", n)
		}
		// It changes all the time: the last answer is taken.
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					r.mux.HandleStanza(t.Context(), stanza.MustParse(`<message from="romeo@montague.example" to="juliet@capulet.example">`+event(keys, "2", "")+`</message>`))
				}
			}
		}()
		ask(t.Context(), 1, nil)
		wg.Wait()
		close(stop)
		if n := r.questions(); n != maxTries+1 {
			t.Errorf("%d questions", n)
		}
		// Whoever asks gives up: the others go on.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			if ctx.Err() == nil {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return slow(iq)
		})
		ask(ctx, 1, ErrUnknown)
		synctest.Wait()
		ask(t.Context(), 5, nil)
		wg.Wait()
		if n := r.questions(); n != 2 {
			t.Errorf("%d questions", n)
		}
		r.answers(slow)
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		ask(t.Context(), 1, nil)
		synctest.Wait()
		ask(ctx, 1, context.DeadlineExceeded) // who waits gives up
		wg.Wait()
	})
}

func TestFetchBounds(t *testing.T) {
	r := newRig(t)
	r.MaxCached, r.MaxCachedBytes = 10, 20000
	r.answering(keys, `<item id="1">`+song+`</item>`, nil)
	for n := range 100 {
		contact := jid.MustParse(fmt.Sprintf("c%d@montague.example", n))
		if _, err := r.Fetch(t.Context(), juliet, contact, keys, Fetch{}); err != nil {
			t.Fatal(err)
		}
	}
	if r.cache.entries != 10 || len(r.cache.places) != 10 {
		t.Errorf("%d answers at %d places", r.cache.entries, len(r.cache.places))
	}
	r.answering(keys, `<item id="1"><a xmlns="u">`+strings.Repeat("x", 5000)+`</a></item>`, nil)
	for n := range 100 {
		if _, err := r.Fetch(t.Context(), juliet, romeo, keys, Fetch{Max: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if r.cache.bytes > 20000 || r.cache.bytes < 5000 || r.cache.entries > 3 {
		t.Errorf("%d answers of %d bytes", r.cache.entries, r.cache.bytes)
	}
	r.cache.forget(juliet, romeo)
	for n := range 100 {
		r.cache.forget(juliet, jid.MustParse(fmt.Sprintf("c%d@montague.example", n)))
	}
	if r.cache.entries != 0 || r.cache.bytes != 0 || len(r.cache.places) != 0 {
		t.Errorf("left behind: %d answers, %d bytes, %d places", r.cache.entries, r.cache.bytes, len(r.cache.places))
	}
}

// Explicit subscriptions at contacts' nodes.
func TestSubscribeThere(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		name, answer string
		err          error
		want, end    error
	}{
		{"granted", `<subscription node="` + keys + `" jid="juliet@capulet.example" subscription="subscribed"/>`, nil, nil, nil},
		{"to be approved", `<subscription node="` + keys + `" jid="juliet@capulet.example" subscription="pending"/>`, nil, ErrNotVisible, nil},
		{"no answer", ``, nil, ErrUnknown, nil},
		{"forbidden", ``, stanza.Errorf(stanza.Forbidden, ""), ErrNotVisible, ErrNotVisible},
		{"none", ``, stanza.Errorf(stanza.ItemNotFound, ""), ErrNone, ErrNone},
		{"not subscribed", ``, refuse(stanza.UnexpectedRequest, stanza.Cancel, "not-subscribed"), ErrUnknown, nil},
	} {
		var asked []string
		r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			asked = append(asked, iq.To.String()+" "+string(iq.Inner))
			if tt.err != nil {
				return nil, tt.err
			}
			return iq.Reply(stanza.Result, stanza.Raw(pub(tt.answer)))
		})
		if err := r.Service.Subscribe(t.Context(), juliet, orchard, keys); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: subscribe: %v", tt.name, err)
		}
		if err := r.Unsubscribe(t.Context(), juliet, orchard, keys); !errors.Is(err, tt.end) || tt.end == nil && err != nil {
			t.Errorf("%s: unsubscribe: %v", tt.name, err)
		}
		same(t, tt.name, asked,
			`romeo@montague.example `+pub(`<subscribe node="`+keys+`" jid="juliet@capulet.example"></subscribe>`),
			`romeo@montague.example `+pub(`<unsubscribe node="`+keys+`" jid="juliet@capulet.example"></unsubscribe>`))
	}
}
