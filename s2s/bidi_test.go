package s2s_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

// Where both sides agree one stream carries both directions; where one does not,
// each direction has its own.
func TestOneStreamBothWays(t *testing.T) {
	for _, c := range []struct {
		ours, theirs bool
		want         int
	}{{true, true, 1}, {true, false, 2}, {false, true, 2}} {
		for _, theyBegin := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+v %t", c, theyBegin), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					mux, got := inbox()
					fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: c.ours})
					romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: c.theirs})
					hear := func(i int) {
						romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i))
						if m := <-got; m.Body() != fmt.Sprint(i) {
							t.Errorf("got %s", m)
						}
					}
					say := func(i int) {
						fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
						romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
					}
					for i := range 3 {
						if theyBegin {
							hear(i)
							say(i)
						} else {
							say(i)
							hear(i)
						}
					}
					synctest.Wait()
					streams := fed.Streams()
					if len(streams) != c.want {
						t.Errorf("%d streams, want %d", len(streams), c.want)
					}
					for _, s := range streams {
						if s.Bidi != (c.want == 1) || !s.SM {
							t.Errorf("stream %+v", s)
						}
					}
					// Streams end and come again without loss, idle or cut.
					time.Sleep(11 * time.Minute)
					if s := fed.Streams(); len(s) != 0 {
						t.Errorf("%d idle streams are left", len(s))
					}
					say(10)
					hear(10)
					synctest.Wait()
					n.Reset(here, there)
					hear(11)
					say(11)
					romeo.Quiet(time.Minute)
				})
			})
		}
	}
}

// What was written to the peer's stream and not acknowledged goes again, by a
// stream of our own if need be.
func TestBothWaysAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: true})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: true})
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>first</body></message>`)
		<-got
		for i := range 200 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
			if i%50 == 49 {
				n.Reset(here, there)
			}
		}
		seen := make(map[string]bool)
		last := -1
		for len(seen) < 200 {
			body := romeo.Next().Body()
			if seen[body] {
				continue
			}
			var i int
			fmt.Sscan(body, &i)
			if i != last+1 {
				t.Fatalf("%d came after %d", i, last)
			}
			last, seen[body] = i, true
		}
		romeo.Ignore()
		synctest.Wait()
		if n := len(fed.Streams()); n > 2 {
			t.Errorf("%d streams", n)
		}
		for len(got) > 0 {
			if m := <-got; m.Err() != nil { // "first" may have come twice
				t.Errorf("bounced: %s", m)
			}
		}
	})
}

// What the peer sends on such a stream before it answers <enable/> does not count
// (XEP-0198 section 4): its own count begins with the answer.
func TestCountBeginsWithEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: true})
		w := &world{t: t, n: n}
		counted := make(chan string, 2)
		w.script(func(conn net.Conn) {
			talk(conn, "version", theirHeader+tlsFeatures, "<starttls", proceed)
			s := &scripted{Conn: w.tls(conn), t: t}
			s.expect("version", theirHeader+strings.Replace(external, "</stream:features>", "<bidi xmlns='urn:xmpp:features:bidi'/></stream:features>", 1))
			s.expect("<bidi", "")
			s.expect("<auth", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
			s.expect("version", theirHeader+smFeatures)
			message := text("romeo@"+there, "juliet@"+here, "but soft").String()
			s.expect("<enable", message+message+nowAcks+"<r xmlns='urn:xmpp:sm:3'/>")
			s.expect("<a ", "")
			counted <- s.expect("/>", message+"<r xmlns='urn:xmpp:sm:3'/>")
			s.expect("<a ", "")
			counted <- s.expect("/>", "")
		})
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "o romeo"))
		for i := range 2 {
			if a := <-counted; !strings.Contains(a, fmt.Sprintf(" h='%d'", i)) {
				t.Errorf("counted %s, want %d", a, i)
			}
		}
		for range 3 {
			<-got
		}
	})
}
