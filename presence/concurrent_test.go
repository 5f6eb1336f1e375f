package presence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// loop is a Sender that hands stanzas to the Service at once, in the middle of
// whatever it does: the worst that a Sender can be.
type loop struct{ s *Service }

func (l *loop) Send(ctx context.Context, st *stanza.Stanza) error {
	answer, err := l.s.HandleStanza(ctx, st)
	if err != nil || answer == nil {
		return err
	}
	_, err = l.s.HandleStanza(ctx, answer)
	return err
}

// Two users of one Service, with a host that approves from within OnRequest.
func TestLoop(t *testing.T) {
	r := newRig(t)
	r.Out = &loop{r.Service}
	note := r.OnRequest
	r.OnRequest = func(ctx context.Context, user, contact jid.JID, req *stanza.Stanza) {
		note(ctx, user, contact, req)
		if err := r.Approve(ctx, user, contact); err != nil {
			t.Error(err)
		}
	}
	r.announce(balcony)
	r.announce(`<presence from="nurse@capulet.example/kitchen"><show>dnd</show></presence>`)
	if err := r.Subscribe(t.Context(), juliet, nurse); err != nil {
		t.Fatal(err)
	}
	same(t, "host", r.told(),
		`request nurse@capulet.example juliet@capulet.example <presence from="juliet@capulet.example" to="nurse@capulet.example" type="subscribe"/>`,
		"presence juliet@capulet.example nurse@capulet.example subscribed",
		"roster juliet@capulet.example nurse@capulet.example To",
		"presence juliet@capulet.example nurse@capulet.example/kitchen ",
		"roster nurse@capulet.example juliet@capulet.example From",
		"roster juliet@capulet.example nurse@capulet.example To") // for the request, as things are by then
}

// Everything at once, for the race detector; and when it is over and all sessions
// ended, nothing is kept.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Interval = 5 * time.Microsecond
		contacts := []jid.JID{romeo, jid.MustParse("paris@verona.example"), jid.MustParse("benvolio@montague.example")}
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(1, uint64(worker)))
				ctx := t.Context()
				for range 300 {
					user, contact := []jid.JID{juliet, nurse}[rnd.IntN(2)], contacts[rnd.IntN(len(contacts))]
					session := fmt.Sprintf("%s/%d", user, rnd.IntN(3))
					var err error
					switch rnd.IntN(10) {
					case 0:
						err = r.Subscribe(ctx, user, contact)
					case 1:
						err = r.Approve(ctx, user, contact)
					case 2:
						err = r.Deny(ctx, user, contact)
					case 3:
						err = r.Remove(ctx, user, contact)
					case 4:
						err = r.Announce(ctx, stanza.MustParse(`<presence from="`+session+`"/>`))
					case 5:
						err = r.Announce(ctx, stanza.MustParse(`<presence from="`+session+`" type="unavailable"/>`))
					case 6:
						err = r.Announce(ctx, stanza.MustParse(`<presence from="`+session+`" to="`+contact.String()+`/x"/>`))
					case 7:
						r.DomainLost(contact)
						r.DomainBack(contact)
					case 8:
						err = r.Flush(ctx)
					default:
						typ := []string{"", "unavailable", "error", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"}[rnd.IntN(8)]
						_, err = r.HandleStanza(ctx, stanza.MustParse(`<presence from="`+contact.String()+`/x" to="`+session+`" type="`+typ+`"/>`))
					}
					if err != nil && !errors.Is(err, ErrResources) {
						t.Error(err)
					}
					r.Sessions(user)
					time.Sleep(time.Microsecond)
				}
			})
		}
		all.Wait()
		for _, user := range []jid.JID{juliet, nurse} {
			for n := range 3 {
				r.announce(fmt.Sprintf(`<presence from="%s/%d" type="unavailable"/>`, user, n))
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := r.kept(); n != 0 {
			t.Errorf("%d users and domains are kept", n)
		}
	})
}

// Whoever is subscribed when all is over knows which sessions there are, whatever the
// order in which approvals, denials and changes met.
func TestLastWord(t *testing.T) {
	r := newRig(t)
	r.put(juliet, roster.Item{Contact: romeo, Pending: true})
	var all sync.WaitGroup
	for _, resource := range []string{"a", "b", "c"} {
		all.Go(func() {
			for n := range 100 {
				typ := ""
				if n%2 == 1 && n < 99 {
					typ = "unavailable"
				}
				xml := fmt.Sprintf(`<presence from="juliet@capulet.example/%s" type="%s" id="%d"/>`, resource, typ, n)
				if err := r.Announce(t.Context(), stanza.MustParse(xml)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		if err := r.Approve(t.Context(), juliet, romeo); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	last := map[string]string{}
	for _, xml := range r.take() {
		if p := stanza.MustParse(xml); p.To == romeo && !p.From.IsBare() {
			last[p.From.Resource()] = p.ID
		}
	}
	for _, resource := range []string{"a", "b", "c"} {
		if last[resource] != "99" {
			t.Errorf("the last of %s is %q", resource, last[resource])
		}
	}
}
