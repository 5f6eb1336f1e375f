package presence

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

func TestProbes(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	r.put(juliet, roster.Item{Contact: jid.MustParse("to@montague.example"), Subscription: roster.To, Approved: true})
	r.put(juliet, roster.Item{Contact: jid.MustParse("waits@montague.example"), Pending: true})
	probe := func(from, to string) []string {
		return r.in(`<presence from="` + from + `" to="` + to + `" type="probe" id="p1"/>`)
	}
	unsubscribed := func(from, to string) string {
		return `<presence from="` + from + `" to="` + to + `" id="p1" type="unsubscribed"/>`
	}
	strangers := func(when string) {
		t.Helper()
		for _, who := range []string{"to@montague.example", "waits@montague.example", "nobody@montague.example", "montague.example"} {
			for _, what := range []string{"juliet@capulet.example", "juliet@capulet.example/balcony", "juliet@capulet.example/other"} {
				same(t, when+" "+who+" probes "+what, probe(who+"/x", what), unsubscribed("juliet@capulet.example", who))
			}
		}
		same(t, when+" of nobody", probe("nobody@montague.example", "tybalt@capulet.example"),
			unsubscribed("tybalt@capulet.example", "nobody@montague.example"))
	}

	strangers("offline")
	same(t, "offline", probe("romeo@montague.example", "juliet@capulet.example"),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="p1" type="unavailable"/>`)
	same(t, "offline session", probe("romeo@montague.example", "juliet@capulet.example/balcony"),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" id="p1" type="unavailable"/>`)

	r.announce(`<presence from="juliet@capulet.example/balcony" id="b"><show>away</show></presence>`)
	r.announce(`<presence from="juliet@capulet.example/chamber"/>`)
	r.told()
	strangers("online")
	both := []string{`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" id="b"><show>away</show></presence>`,
		`<presence from="juliet@capulet.example/chamber" to="romeo@montague.example"/>`}
	same(t, "online", probe("romeo@montague.example", "juliet@capulet.example"), both...)
	same(t, "session", probe("romeo@montague.example", "juliet@capulet.example/balcony"),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`)
	same(t, "own", probe("juliet@capulet.example/balcony", "juliet@capulet.example/chamber"),
		`<presence from="juliet@capulet.example/chamber" to="juliet@capulet.example/balcony"/>`)
	if it := r.state(juliet, jid.MustParse("to@montague.example")); !it.Approved {
		t.Error("a probe cancelled an approval in advance")
	}
	same(t, "host", r.told())
}

// Whoever probes costs no write.
func TestProbesWriteNothing(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	store := &writes{Store: r.Roster}
	r.Roster = store
	r.in(from(romeo, "probe"))
	r.in(from(nurse, "probe"))
	r.announce(`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"/>`)
	if store.n != 0 {
		t.Errorf("%d writes", store.n)
	}
}

// writes counts the updates that store something.
type writes struct {
	roster.Store
	n int
}

func (w *writes) Update(ctx context.Context, user, contact jid.JID, fn func(roster.Item) (roster.Item, error)) (roster.Item, error) {
	it, err := w.Store.Update(ctx, user, contact, fn)
	if err == nil {
		w.n++
	}
	return it, err
}

// Presence and errors reach the host, are not answered and leave the roster alone.
func TestPresenceShown(t *testing.T) {
	r := newRig(t)
	it := roster.Item{Contact: romeo, Subscription: roster.Both, Listed: true}
	r.put(juliet, it)
	for _, typ := range []string{"", "unavailable", "error"} {
		same(t, typ, r.in(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example" type="`+typ+`"/>`))
		same(t, "host", r.told(), "presence juliet@capulet.example romeo@montague.example/orchard "+typ)
	}
	if got := r.state(juliet, romeo); !got.Equal(it) {
		t.Errorf("changed: %+v", got)
	}
	for _, xml := range []string{`<message from="romeo@montague.example" to="juliet@capulet.example"/>`,
		`<presence from="romeo@montague.example"/>`, `<presence from="juliet@capulet.example/x" to="juliet@capulet.example" type="subscribe"/>`} {
		same(t, xml, r.in(xml))
	}
	same(t, "host", r.told())
}

func TestDomainLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		montague := romeo.Host()
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.To})
		r.put(juliet, roster.Item{Contact: nurse, Subscription: roster.Both})
		r.put(juliet, roster.Item{Contact: jid.MustParse("benvolio@montague.example"), Subscription: roster.From})
		r.put(nurse, roster.Item{Contact: romeo, Subscription: roster.To})
		lost := func() []string { r.DomainLost(montague); synctest.Wait(); return r.told() }
		back := func() []string { r.DomainBack(montague); synctest.Wait(); return r.take() }
		probe := `<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`

		same(t, "nobody online", lost())
		r.announce(balcony)
		same(t, "back, not lost", back())
		same(t, "lost", lost(), "unknown juliet@capulet.example romeo@montague.example")
		same(t, "lost twice", lost())
		same(t, "back", back(), probe)
		same(t, "back twice", back())
		r.DomainLost(montague)
		same(t, "lost and back at once", back(), probe)
		r.told()
		r.DomainLost(montague)
		r.DomainBack(montague)
		same(t, "lost, back and lost at once", lost(), "unknown juliet@capulet.example romeo@montague.example")
		r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
		same(t, "back, offline", back())

		// A contact who is new while the user is online is watched, too.
		if err := r.Remove(t.Context(), juliet, romeo); err != nil {
			t.Fatal(err)
		}
		r.announce(balcony)
		r.told()
		same(t, "no contact there", lost())
		if err := r.Subscribe(t.Context(), juliet, romeo); err != nil {
			t.Fatal(err)
		}
		r.in(from(romeo, "subscribed"))
		r.told()
		same(t, "lost", lost(), "unknown juliet@capulet.example romeo@montague.example")
	})
}

// A contact answers, and the link breaks, before all are asked.
func TestDomainLostDuringLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.To})
		r.put(juliet, roster.Item{Contact: jid.MustParse("paris@verona.example"), Subscription: roster.To})
		asked := 0
		r.Out = senderFunc(func(p *stanza.Stanza) {
			if asked++; asked == 2 {
				r.in(`<presence from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`)
				r.DomainLost(romeo.Host())
			}
		})
		r.announce(balcony)
		synctest.Wait()
		same(t, "host", r.told(), "presence juliet@capulet.example romeo@montague.example/orchard ",
			"unknown juliet@capulet.example romeo@montague.example")
		r.Out = r.sink
		r.DomainBack(romeo.Host())
		synctest.Wait()
		same(t, "back", r.take(), `<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`)
		r.announce(`<presence from="juliet@capulet.example/balcony" type="unavailable"/>`)
		if n := r.kept(); n != 0 {
			t.Errorf("%d users and domains left", n)
		}
	})
}

// senderFunc is a function that is told of what is sent.
type senderFunc func(*stanza.Stanza)

func (f senderFunc) Send(_ context.Context, s *stanza.Stanza) error {
	f(s)
	return nil
}

func TestStatic(t *testing.T) {
	out := &sink{}
	failed := errors.New("no answer")
	s := Static{Out: out, Allow: func(_ context.Context, user, contact jid.JID) (bool, error) {
		if contact.Local() == "error" {
			return false, failed
		}
		return user == juliet && contact == romeo, nil
	}}
	ask := func(s Static, xml string) []string {
		t.Helper()
		answer, err := s.HandleStanza(t.Context(), stanza.MustParse(xml))
		if err != nil {
			t.Fatal(err)
		}
		sent := out.take()
		if answer != nil {
			sent = append(sent, answer.String())
		}
		return sent
	}
	online := `<presence from="juliet@capulet.example/online" to="romeo@montague.example"/>`
	same(t, "request", ask(s, `<presence from="romeo@montague.example/x" to="juliet@capulet.example" type="subscribe" id="1"/>`),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" id="1" type="subscribed"/>`, online)
	same(t, "probe", ask(s, `<presence from="romeo@montague.example" to="juliet@capulet.example" type="probe"/>`), online)
	same(t, "probe of the session", ask(s, `<presence from="romeo@montague.example" to="juliet@capulet.example/online" type="probe"/>`), online)
	same(t, "probe of another", ask(s, `<presence from="romeo@montague.example" to="juliet@capulet.example/x" type="probe"/>`),
		`<presence from="juliet@capulet.example/x" to="romeo@montague.example" type="unavailable"/>`)
	same(t, "end", ask(s, `<presence from="romeo@montague.example" to="juliet@capulet.example" type="unsubscribe"/>`),
		`<presence from="juliet@capulet.example" to="romeo@montague.example" type="unsubscribed"/>`)
	for _, user := range []string{"juliet", "nobody"} {
		same(t, "probe of a stranger", ask(s, `<presence from="paris@verona.example/x" to="`+user+`@capulet.example/online" type="probe"/>`),
			`<presence from="`+user+`@capulet.example" to="paris@verona.example" type="unsubscribed"/>`)
		same(t, "request of a stranger", ask(s, `<presence from="paris@verona.example" to="`+user+`@capulet.example" type="subscribe"/>`))
	}
	for _, typ := range []string{"", "unavailable", "error", "subscribed", "unsubscribed"} {
		same(t, typ, ask(s, `<presence from="romeo@montague.example" to="juliet@capulet.example" type="`+typ+`"/>`))
	}
	same(t, "all", ask(Static{Out: out, Resource: "bot"}, `<presence from="paris@verona.example" to="x@capulet.example" type="probe"/>`),
		`<presence from="x@capulet.example/bot" to="paris@verona.example"/>`)
	if _, err := s.HandleStanza(t.Context(), stanza.MustParse(
		`<presence from="error@verona.example" to="juliet@capulet.example" type="probe"/>`)); !errors.Is(err, failed) {
		t.Errorf("error: %v", err)
	}
}

// Prosody probes from full addresses, and looks at capabilities in presence to bare ones
// only.
func TestProbeFromFullAddress(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
	r.announce(`<presence from="juliet@capulet.example/balcony"><show>away</show></presence>`)
	same(t, "a contact", r.in(`<presence type="probe" from="romeo@montague.example/orchard" to="juliet@capulet.example"/>`),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>away</show></presence>`)
	same(t, "an own session", r.in(`<presence type="probe" from="juliet@capulet.example/chamber" to="juliet@capulet.example"/>`),
		`<presence from="juliet@capulet.example/balcony" to="juliet@capulet.example/chamber"><show>away</show></presence>`)
	same(t, "one session", r.in(`<presence type="probe" from="romeo@montague.example/orchard" to="juliet@capulet.example/balcony"/>`),
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example/orchard"/>`)
}
