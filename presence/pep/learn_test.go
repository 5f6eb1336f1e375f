package pep

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

// Many contacts come online at once with the same program: one is asked, and if that
// teaches nothing another, at each domain a few.
func TestLesson(t *testing.T) {
	honest := func(iq *stanza.Stanza) (*stanza.Stanza, error) { return iq.Reply(stanza.Result, interests(tune)) }
	liar := func(iq *stanza.Stanza) (*stanza.Stanza, error) { return iq.Reply(stanza.Result, interests(keys)) }
	refuses := func(*stanza.Stanza) (*stanza.Stanza, error) { return nil, stanza.Errorf(stanza.ServiceUnavailable, "") }
	var silent func(*stanza.Stanza) (*stanza.Stanza, error)
	type answers map[string]func(*stanza.Stanza) (*stanza.Stanza, error)
	for _, tt := range []struct {
		name    string
		answers answers // by domain
		asked   int
		learnt  int
	}{
		{"all honest", answers{"a.example": honest, "b.example": honest}, 1, 200},
		{"one domain silent", answers{"a.example": silent, "b.example": honest}, 4, 197}, // without those asked in vain
		{"one domain refuses", answers{"a.example": refuses, "b.example": honest}, 4, 197},
		{"one domain lies", answers{"a.example": liar, "b.example": honest}, 4, 197},
		{"none tells", answers{"a.example": refuses, "b.example": silent}, 6, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.publish1(tune, "1", song, nil)
			r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) {
				time.Sleep(time.Second) // so that all are waiting
				if f := tt.answers[iq.To.Domain()]; f != nil {
					return f(iq)
				}
				time.Sleep(30 * time.Second)
				return nil, stanza.Errorf(stanza.RemoteServerTimeout, "")
			})
			var all []jid.JID
			for n := range 200 {
				contact := jid.MustParse(fmt.Sprintf("c%d@%s.example", n, "ab"[n/100:n/100+1]))
				r.befriend(juliet, contact)
				full, _ := contact.WithResource("x")
				all = append(all, full)
				r.Presence(t.Context(), juliet, full, available(t, full, interests(tune)))
			}
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if n := r.questions(); n != tt.asked {
				t.Errorf("%s: %d questions, want %d", tt.name, n, tt.asked)
			}
			if n := len(r.take()); n != tt.learnt {
				t.Errorf("%s: %d last items, want %d", tt.name, n, tt.learnt)
			}
			if lessons, _ := r.learns(all[0].Bare()); lessons != 0 {
				t.Errorf("%s: the lesson goes on", tt.name)
			}
			// Who learnt nothing learns when they send presence again.
			r.answers(honest)
			for _, full := range all {
				r.Presence(t.Context(), juliet, full, available(t, full, interests(tune)))
				synctest.Wait()
			}
			want := 200 - tt.learnt
			if tt.name == "one domain lies" {
				want = 0 // a lie is not asked about again
			}
			if n := len(r.take()); n != want {
				t.Errorf("%s: then %d last items, want %d", tt.name, n, want)
			}
		})
	}
}

// Who leaves while they wait is not asked, and does not pile up.
func TestLessonLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo, paris)
		gone := stanza.MustParse(`<presence from="romeo@montague.example/orchard" type="unavailable"/>`)
		caps, _ := disco.ReadCaps(available(t, orchard, interests(tune)))
		most := 0
		for range 1000 {
			r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
			r.Service.mu.Lock()
			if l := r.lessons[caps]; l != nil { // it may be over already
				most = max(most, len(l.pupils))
			}
			r.Service.mu.Unlock()
			r.Presence(t.Context(), juliet, orchard, gone)
		}
		if most > 10 {
			t.Errorf("%d wait", most)
		}
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(tune)))
		r.RosterChanged(t.Context(), juliet, roster.Item{Contact: romeo})
		time.Sleep(2 * time.Minute)
		if n := r.questions(); n > 1 {
			t.Errorf("%d questions", n)
		}
		if lessons, sessions := r.learns(romeo); lessons != 0 || sessions != 0 || r.kept() != 0 {
			t.Errorf("left: %d lessons, %d sessions, %d users", lessons, sessions, r.kept())
		}
	})
}

// One domain does not fill all places.
func TestLessonsOfADomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.MaxLearning, r.MaxResources = 16, 100
		r.befriend(juliet, romeo, paris)
		for n := range 50 {
			full, _ := romeo.WithResource(fmt.Sprint(n))
			r.Presence(t.Context(), juliet, full, available(t, full, interests(tune, fmt.Sprint("n", n))))
		}
		r.answers(func(iq *stanza.Stanza) (*stanza.Stanza, error) { return iq.Reply(stanza.Result, interests(keys)) })
		hall, _ := paris.WithResource("hall")
		r.publish1(keys, "1", song, nil)
		r.Presence(t.Context(), juliet, hall, available(t, hall, interests(keys)))
		synctest.Wait()
		if got := strings.Join(r.recipients(), " "); got != hall.String() {
			t.Errorf("told %s", got)
		}
		time.Sleep(5 * time.Minute)
	})
}

// After Close nobody is asked on the Service's own account, and who was being asked is not
// waited for.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.befriend(juliet, romeo)
		asked := make(silent, 10)
		r.Caps = &disco.Cache{Ask: asked}
		r.Presence(t.Context(), juliet, orchard, available(t, orchard, interests(tune)))
		synctest.Wait()
		before := time.Now()
		r.Close()
		if took := time.Since(before); took > time.Second {
			t.Errorf("Close took %v", took)
		}
		r.Presence(t.Context(), juliet, tomb, available(t, tomb, interests(keys)))
		synctest.Wait()
		if n := len(asked); n != 1 {
			t.Errorf("%d questions, want the first alone", n)
		}
	})
}

// silent takes questions and answers nothing until it is not waited for any more.
type silent chan *stanza.Stanza

func (silent) Send(context.Context, *stanza.Stanza) error { return nil }

func (s silent) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	s <- iq
	<-ctx.Done()
	return nil, ctx.Err()
}
