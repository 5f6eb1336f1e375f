package payload

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
	"isthmus.im/stanza/disco"
)

// world takes a second for each question and counts them. Domains beginning with
// "kin" announce the polls, those with "mute" do not answer, all others refuse.
type world struct {
	mu    sync.Mutex
	asked []string
	sent  []string
	fails error // what Send returns
}

func (w *world) Send(_ context.Context, m *stanza.Stanza) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil {
		return w.fails
	}
	w.sent = append(w.sent, m.To.String()+" "+string(m.Inner))
	return nil
}

func (w *world) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	w.mu.Lock()
	w.asked = append(w.asked, iq.From.String()+" asks "+iq.To.String())
	w.mu.Unlock()
	if strings.HasPrefix(iq.To.Domain(), "mute") {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !strings.HasPrefix(iq.To.Domain(), "kin") {
		return nil, stanza.Errorf(stanza.ServiceUnavailable, "")
	}
	return iq.Reply(stanza.Result, disco.Info{Features: []string{disco.NSInfo, "https://chat.example/ns/poll", "urn:other"}})
}

// took returns how many questions there were since the last call, and what was sent.
func (w *world) took() (int, []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, sent := len(w.asked), w.sent
	w.asked, w.sent = nil, nil
	return asked, sent
}

func pollFor(to string) *stanza.Stanza {
	return stanza.MustParse(`<message from="juliet@capulet.example/balcony" to="` + to + `">` + pollXML + `</message>`)
}

const rendered = "<body>Poll: Cake?</body>"

// One question for a domain, whoever asks and however often, until the answer is old.
func TestSenderAsksOnce(t *testing.T) {
	for _, tt := range []struct {
		domain, want string
		waits, holds time.Duration
	}{
		{"kin.example", pollXML, time.Second, time.Hour},
		{"plain.example", rendered, time.Second, 5 * time.Minute},
		{"mute.example", rendered, 10 * time.Second, 5 * time.Minute},
	} {
		t.Run(tt.domain, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{}
				s := &Sender{Extensions: registry(), Ask: w, Out: w}
				begin := time.Now()
				var wg sync.WaitGroup
				for n := range 20 {
					wg.Go(func() {
						if err := s.Send(t.Context(), pollFor(fmt.Sprintf("c%d@%s/x", n, tt.domain))); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if d := time.Since(begin); d != tt.waits {
					t.Errorf("it took %v, want %v", d, tt.waits)
				}
				if w.asked[0] != "capulet.example asks "+tt.domain {
					t.Error(w.asked[0])
				}
				asked, sent := w.took()
				if asked != 1 || len(sent) != 20 {
					t.Errorf("asked %d times, sent %d", asked, len(sent))
				}
				for _, m := range sent {
					if !strings.HasSuffix(m, tt.want) {
						t.Errorf("sent %s, want %s", m, tt.want)
					}
				}
				for _, age := range []time.Duration{tt.holds - 1, 1} {
					time.Sleep(age)
					if err := s.Send(t.Context(), pollFor("c@"+tt.domain)); err != nil {
						t.Error(err)
					}
					want := 0
					if age == 1 {
						want = 1
					}
					if asked, _ := w.took(); asked != want {
						t.Errorf("%v later: asked %d times, want %d", age, asked, want)
					}
				}
				if len(s.lines) != 0 || len(s.flights) != 0 || len(s.known) != 1 {
					t.Errorf("left behind: %d lines, %d flights, %d answers", len(s.lines), len(s.flights), len(s.known))
				}
			})
		})
	}
}

// What waits for an answer is not overtaken by its own pair of addresses, and is by all
// others.
func TestSenderOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		s := &Sender{Extensions: registry(), Ask: w, Out: w}
		send := func(m *stanza.Stanza) {
			go func() {
				if err := s.Send(t.Context(), m); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		send(pollFor("romeo@mute.example"))
		var want []string
		for n := range 20 {
			inner := fmt.Sprintf("<body>%d</body>", n)
			m := stanza.MustParse(`<message from="juliet@capulet.example/balcony" to="romeo@mute.example">` + inner + `</message>`)
			if n%2 == 1 {
				m = stanza.MustParse(`<iq type="set" id="1" from="juliet@capulet.example/balcony" to="romeo@mute.example/orchard">` + pollXML + `</iq>`)
			}
			want = append(want, m.To.String()+" "+string(m.Inner))
			send(m)
		}
		if _, sent := w.took(); len(sent) != 0 {
			t.Errorf("overtook: %q", sent)
		}
		send(stanza.MustParse(`<message from="juliet@capulet.example/balcony" to="benvolio@mute.example"><body>hi</body></message>`))
		send(stanza.MustParse(`<message from="nurse@capulet.example/x" to="romeo@mute.example"><body>hi</body></message>`))
		if _, sent := w.took(); len(sent) != 2 {
			t.Errorf("others wait: %q", sent)
		}
		time.Sleep(time.Minute)
		want = append([]string{"romeo@mute.example " + rendered}, want...)
		if _, sent := w.took(); !slices.Equal(sent, want) {
			t.Errorf("sent %q\nwant %q", sent, want)
		}
	})
}

// Who has no patience spoils nothing for those who have.
func TestSenderGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		s := &Sender{Extensions: registry(), Ask: w, Out: w}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		errs := make(chan error, 2)
		go func() { errs <- s.Send(ctx, pollFor("romeo@kin.example")) }() // asks
		synctest.Wait()
		go func() { errs <- s.Send(ctx, pollFor("romeo@kin.example")) }() // waits behind it
		go func() { errs <- s.Send(t.Context(), pollFor("benvolio@kin.example")) }()
		for range 2 {
			if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if err := <-errs; err != nil {
			t.Error(err)
		}
		if asked, sent := w.took(); asked != 1 || !slices.Equal(sent, []string{"benvolio@kin.example " + pollXML}) {
			t.Errorf("asked %d times, sent %q", asked, sent)
		}
		if len(s.lines) != 0 || len(s.flights) != 0 {
			t.Errorf("left behind: %d lines, %d flights", len(s.lines), len(s.flights))
		}
	})
}

func TestSenderErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		s := &Sender{Extensions: registry(), Ask: w, Out: w, Entries: 2}
		for inner, want := range map[string]error{
			nudgeXML: ErrNothingLeft,
			`<pointer xmlns="urn:nudge"/><body>hi</body>`: errCodec,
		} {
			m := stanza.MustParse(`<message from="juliet@capulet.example" to="romeo@plain.example">` + inner + `</message>`)
			if err := s.Send(t.Context(), m); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", inner, err, want)
			}
		}
		if _, sent := w.took(); len(sent) != 0 {
			t.Errorf("sent %q", sent)
		}
		w.fails = errors.New("full")
		if err := s.Send(t.Context(), pollFor("romeo@kin.example")); err != w.fails {
			t.Error(err)
		}
		w.fails = nil
		for n := range 5 { // no more than Entries are remembered
			if err := s.Send(t.Context(), pollFor(fmt.Sprintf("romeo@kin%d.example", n))); err != nil {
				t.Error(err)
			}
			if len(s.known) > 2 {
				t.Errorf("%d answers are kept", len(s.known))
			}
		}
		w.took()
		other := pollFor("romeo@kin4.example")
		other.From = jid.MustParse("tybalt@verona.example") // of another local domain
		if err := s.Send(t.Context(), other); err != nil {
			t.Error(err)
		}
		if asked, sent := w.took(); asked != 1 || len(sent) != 1 {
			t.Errorf("asked %d times, sent %q", asked, sent)
		}
	})
}
