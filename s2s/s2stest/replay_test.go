package s2stest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// recorded plays a scene and returns the recording of it.
func recorded(t *testing.T, record int, scene func(fed *s2s.Server, romeo *s2stest.Peer)) string {
	var b strings.Builder
	synctest.Test(t, func(t *testing.T) {
		mux := stanza.NewMux()
		mux.HandleMessage("", stanza.HandlerFunc(func(_ context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			if m.Err() != nil {
				return nil, nil
			}
			return stanza.Text(m.To, m.From, "Hello, "+m.From.Local()+"!"), nil
		}))
		mux.HandleIQ(stanza.Get, "urn:example:late query", stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			return nil, stanza.ErrDeferred
		}))
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Record: record})
		romeo := n.Peer(there)
		romeo.Ignore()
		scene(fed, romeo)
		synctest.Wait()
		if err := fed.WriteRecording(&b, s2s.Route{Local: jid.MustParse(here), Remote: jid.MustParse(there)}); err != nil {
			t.Error(err)
		}
	})
	return b.String()
}

const hi = `<message from="romeo@montague.example/orchard" to="juliet@capulet.example" id="1"><body>hi</body><x xmlns="urn:example:x" secret="y"/></message>`

// A recording plays again, and the recording of that is the same.
func TestReplay(t *testing.T) {
	text := recorded(t, 1000, func(fed *s2s.Server, romeo *s2stest.Peer) {
		romeo.Send(hi)
		time.Sleep(1500 * time.Millisecond)
		romeo.Send(`<iq type="get" id="2" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		romeo.Send(`<iq type="get" id="3" from="montague.example" to="capulet.example"><query xmlns="urn:example:unknown"/></iq>`)
		romeo.Send(`<iq type="get" id="4" from="montague.example" to="capulet.example"><query xmlns="urn:example:late"/></iq>`)
		time.Sleep(time.Minute)
		fed.Send(t.Context(), stanza.MustParse(`<iq type="result" id="4" from="capulet.example" to="montague.example"><query xmlns="urn:example:late">late</query></iq>`))
		fed.Send(t.Context(), stanza.MustParse(`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><status>here</status></presence>`))
		time.Sleep(time.Hour)
	})
	for _, secret := range []string{"romeo", "hi<", "Hello", "orchard", "balcony", "here<"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q in\n%s", secret, text)
		}
	}
	again := s2stest.Replay(t, strings.NewReader(text), s2s.Config{})
	if instants(again) != instants(text) {
		t.Errorf("played\n%s\nand got\n%s", text, again)
	}
}

// instants sorts the lines of a recording between two waits: what happens at one
// time has no order.
func instants(recording string) string {
	_, recording, _ = strings.Cut(recording, "\n") // when it was
	var all []string
	for _, part := range strings.Split(recording, "wait: ") {
		lines := strings.Split(part, "\n")
		slices.Sort(lines[1:])
		all = append(all, strings.Join(lines, "\n"))
	}
	return strings.Join(all, "wait: ")
}

// What a server does about an outage is the same when it is played again.
func TestReplayOfAnOutage(t *testing.T) {
	text := recorded(t, 1000, func(fed *s2s.Server, romeo *s2stest.Peer) {
		romeo.Send(hi)
		time.Sleep(time.Minute)
		romeo.Network().Cut(here, there)
		for range 3 {
			time.Sleep(time.Second)
			fed.Send(t.Context(), text("art thou there?"))
		}
		time.Sleep(2 * time.Minute)
		romeo.Network().Heal(here, there)
		time.Sleep(2 * time.Minute)
		romeo.Network().Cut(here, there)
		synctest.Wait() // or it may be written, and lost
		fed.Send(t.Context(), text("and now?"))
		time.Sleep(10 * time.Minute) // too long
		romeo.Network().Heal(here, there)
		time.Sleep(time.Minute)
		fed.Send(t.Context(), text("good night"))
	})
	if got := strings.Count(text, "\ncut: "); got != 2 {
		t.Fatalf("%d outages in\n%s", got, text)
	}
	again := s2stest.Replay(t, strings.NewReader(text), s2s.Config{})
	if strings.Count(again, "\ngot: ") != 5 {
		t.Errorf("played\n%s\nand got\n%s", text, again)
	}
}

// The beginning of a recording may be missing.
func TestReplayOfTheEnd(t *testing.T) {
	text := recorded(t, 7, func(fed *s2s.Server, romeo *s2stest.Peer) {
		romeo.Send(hi)
		for i := range 20 {
			fed.Send(t.Context(), text(strings.Repeat("x", i)))
			time.Sleep(time.Second)
		}
		romeo.Network().Cut(here, there)
		synctest.Wait()
		for range 3 {
			fed.Send(t.Context(), text("late"))
		}
		time.Sleep(time.Second)
		romeo.Network().Heal(here, there)
		time.Sleep(time.Minute)
	})
	if !strings.Contains(text, "not kept") || strings.Count(text, "\nhost: ") == strings.Count(text, "\ngot: ") {
		t.Fatalf("nothing is missing in\n%s", text)
	}
	s2stest.Replay(t, strings.NewReader(text), s2s.Config{})
}

// A replay fails unless everything is as it was recorded.
func TestReplayOfAnotherStory(t *testing.T) {
	text := recorded(t, 1000, func(fed *s2s.Server, romeo *s2stest.Peer) {
		romeo.Send(hi)
		time.Sleep(time.Second)
		romeo.Send(`<iq type="get" id="2" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		time.Sleep(time.Second)
		fed.Send(t.Context(), text("good night"))
	})
	change := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	for _, c := range []struct {
		name   string
		change func(string) string
		want   string
	}{
		{"nothing", change("", ""), ""},
		{"another answer", change("id='2' type='result'/>\nwait", "id='2' type='error'/>\nwait"), "stanza 2 of the replay"},
		{"another message of the host's", change("host: <message ", "host: <message xml:lang='de' "), "stanza 2 of the replay"},
		{"another order", func(text string) string {
			lines := strings.Split(text, "\n")
			var got []int
			for i, l := range lines {
				if strings.HasPrefix(l, "got: ") {
					got = append(got, i)
				}
			}
			lines[got[0]], lines[got[1]] = lines[got[1]], lines[got[0]]
			return strings.Join(lines, "\n")
		}, "stanza 1 of the replay"},
		{"less", func(text string) string { return text[:strings.LastIndex(text, "got: ")] }, "want (nothing)"},
		{"more", func(text string) string {
			return text + "got: <iq id='3' type='result' from='capulet.example' to='montague.example'/>\n"
		}, "got  (nothing)"},
		{"no names", change("peer: ", "pear: "), "not a recording"},
		{"no transcript", change("server: ", "server "), "no key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s2stest.Difference(t, c.change(text))
			if !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("failed with %q, want %q in it; played\n%s", got, c.want, c.change(text))
			}
		})
	}
}

// What was in doubt when a stream broke is lost again, and sent again, when the
// recording of it is played, whatever broke the stream.
func TestReplayOfDoubt(t *testing.T) {
	say := func(fed *s2s.Server, bodies ...string) {
		for _, b := range bodies {
			fed.Send(context.Background(), text(b))
		}
	}
	for _, c := range []struct {
		name string
		lost int
		play func(fed *s2s.Server, romeo *s2stest.Peer)
	}{
		{"half-open", 3, func(fed *s2s.Server, romeo *s2stest.Peer) {
			say(fed, "one")
			time.Sleep(time.Minute)
			romeo.Network().HalfOpen(here, there)
			for range 3 {
				say(fed, "art thou there?")
				time.Sleep(time.Second)
			}
			romeo.Network().Reset(here, there)
			time.Sleep(time.Minute)
			say(fed, "good night")
		}},
		{"half-open until somebody notices", 2, func(fed *s2s.Server, romeo *s2stest.Peer) {
			say(fed, "one")
			time.Sleep(time.Minute)
			romeo.Network().HalfOpen(here, there)
			say(fed, "two", "three")
			time.Sleep(10 * time.Minute)
			say(fed, "good night")
		}},
		{"the first of a stream", 2, func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Network().Impair(there, here, s2stest.Impairment{Delay: time.Second})
			say(fed, "one", "two")
			for len(fed.Streams()) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			synctest.Wait() // they are written, and not acknowledged
			romeo.Network().Reset(here, there)
			romeo.Network().Impair(there, here, s2stest.Impairment{})
			time.Sleep(time.Minute)
			say(fed, "good night")
		}},
		{"reset", 1, func(fed *s2s.Server, romeo *s2stest.Peer) {
			say(fed, "one")
			time.Sleep(time.Minute)
			romeo.Network().Impair(here, there, s2stest.Impairment{ResetAfter: 100, Once: true})
			say(fed, strings.Repeat("x", 1000))
			time.Sleep(time.Minute)
			say(fed, "good night")
		}},
		{"silence and an outage", 2, func(fed *s2s.Server, romeo *s2stest.Peer) {
			say(fed, "one")
			time.Sleep(time.Minute)
			romeo.Network().Impair(here, there, s2stest.Impairment{Lose: true})
			say(fed, "two", "three")
			time.Sleep(2 * time.Minute)
			romeo.Network().Impair(here, there, s2stest.Impairment{})
			time.Sleep(2 * time.Minute)
			say(fed, "good night")
		}},
		{"one way, while the peer talks on", 4, func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Send(hi)
			time.Sleep(time.Minute)
			romeo.Network().Impair(here, there, s2stest.Impairment{Lose: true})
			say(fed, "two")
			for range 3 { // each is answered
				romeo.Send(strings.Replace(hi, "hi<", "what?<", 1))
				time.Sleep(time.Second)
			}
			romeo.Network().Impair(here, there, s2stest.Impairment{})
			romeo.Network().Reset(here, there)
			time.Sleep(time.Minute)
			say(fed, "good night")
		}},
		{"answers of the server", 1, func(fed *s2s.Server, romeo *s2stest.Peer) {
			const ping = `<iq type="get" id="p" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`
			romeo.Send(ping)
			time.Sleep(time.Minute)
			romeo.Network().Impair(here, there, s2stest.Impairment{Lose: true})
			romeo.Send(strings.Replace(ping, `id="p"`, `id="q"`, 1))
			time.Sleep(time.Second)
			romeo.Network().Impair(here, there, s2stest.Impairment{})
			romeo.Network().Reset(here, there)
			time.Sleep(time.Minute)
			say(fed, "good night")
		}},
		{"twice", 4, func(fed *s2s.Server, romeo *s2stest.Peer) {
			say(fed, "one")
			time.Sleep(time.Minute)
			for range 2 {
				romeo.Network().HalfOpen(here, there)
				say(fed, "art thou there?", "or not?")
				time.Sleep(time.Second)
				romeo.Network().Reset(here, there)
				time.Sleep(time.Minute)
			}
			say(fed, "good night")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := recorded(t, 1000, c.play)
			if got := strings.Count(text, "\nlost: "); got != c.lost {
				t.Errorf("%d stanzas lost, want %d", got, c.lost)
			}
			again := s2stest.Replay(t, strings.NewReader(text), s2s.Config{})
			for _, key := range []string{"\nlost: ", "\ngot: "} {
				if got, want := strings.Count(again, key), strings.Count(text, key); got != want {
					t.Errorf("%d times %q, want %d", got, key, want)
				}
			}
			if t.Failed() {
				t.Logf("played\n%s\nand got\n%s", text, again)
			}
		})
	}
}
