package s2s_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// Between servers that resume streams, nothing comes twice however often the
// network breaks.
func TestNothingComesTwiceAfterResumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Impair(here, there, s2stest.Impairment{Delay: 20 * time.Millisecond})
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		romeo.Next()
		time.Sleep(time.Second) // the peer has said how to resume
		const all = 2000
		go func() {
			for i := 1; i <= all; i++ {
				fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i)))
				time.Sleep(time.Millisecond)
			}
		}()
		go func() {
			for range 5 {
				time.Sleep(333 * time.Millisecond)
				n.Reset(here, there)
			}
		}()
		for i := 1; i <= all; i++ {
			if body := romeo.Next().Body(); body != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", body, i)
			}
		}
		romeo.Quiet(time.Hour)
	})
}

// A stream is resumed although the other side has not noticed yet that it
// broke.
func TestResumingAHalfOpenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Ack: 10 * time.Second}})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		romeo.Next()
		synctest.Wait()
		n.HalfOpen(here, there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "1"))
		romeo.Expect(`<message><body>1</body></message>`)
		romeo.Quiet(time.Hour)
	})
}

const (
	smFeatures = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>"
	smReply    = " xmlns='urn:xmpp:sm:3'"
)

// sm negotiates a stream as a peer that offers stream management would.
func (w *world) sm(c net.Conn) *scripted {
	talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed)
	s := &scripted{Conn: w.tls(c), t: w.t}
	s.expect("version", theirHeader+external)
	s.expect("<auth", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
	s.expect("version", theirHeader+smFeatures)
	return s
}

type scripted struct {
	net.Conn
	t   *testing.T
	got string
}

// expect reads until text has come, answers, and returns what came up to the
// end of the text.
func (s *scripted) expect(text, answer string) string {
	var buf [4096]byte
	for !strings.Contains(s.got, text) {
		n, err := s.Read(buf[:])
		if err != nil {
			s.t.Errorf("waiting for %s: %v after %q", text, err, s.got)
			return ""
		}
		s.got += string(buf[:n])
	}
	i := strings.Index(s.got, text) + len(text)
	seen := s.got[:i]
	s.got = s.got[i:]
	io.WriteString(s, answer)
	return seen
}

func TestResumptionOnTheWire(t *testing.T) {
	const enabled = "<enabled" + smReply + " resume='true' id='&apos;x&lt;' max='600'/>"
	send := func(t *testing.T, fed *s2s.Server, bodies ...string) {
		for _, b := range bodies {
			m := text("juliet@capulet.example", "romeo@montague.example", b)
			m.ID = b
			if err := fed.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := []struct {
		name   string
		first  string // the answer to <enable/>
		wait   time.Duration
		second func(s *scripted) // goes on after the negotiation
	}{
		{"what the peer has is not sent again", enabled, 0, func(s *scripted) {
			if seen := s.expect("/>", "<resumed"+smReply+" previd='&apos;x&lt;' h='2'/>"); !strings.Contains(seen, "<resume xmlns='urn:xmpp:sm:3' h='0' previd='&apos;x&lt;'/>") {
				s.t.Errorf("got %s", seen)
			}
			if seen := s.expect("c</body>", ""); strings.Contains(seen, "id=\"b\"") || strings.Contains(seen, "<enable") {
				s.t.Errorf("sent again: %s", seen)
			}
			s.expect("<r ", "<a"+smReply+" h='3'/>")
		}},
		{"nothing goes before the answer", enabled, 0, func(s *scripted) {
			s.expect("<resume", "")
			time.Sleep(20 * time.Second)
			s.expect("/>", "<resumed"+smReply+" previd='x' h='1'/>")
			if seen := s.expect("b</body>", ""); strings.Contains(seen, "a</body>") {
				s.t.Errorf("got %s", seen)
			}
			s.expect("c</body>", "")
		}},
		{"a peer that has forgotten the stream", enabled, 0, func(s *scripted) {
			s.expect("<resume", "<failed"+smReply+"><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
			s.expect("<enable", "<enabled"+smReply+"/>")
			for _, b := range []string{"a", "b", "c"} {
				s.expect(b+"</body>", "")
			}
		}},
		{"but remembers how far it came", enabled, 0, func(s *scripted) {
			s.expect("<resume", "<failed"+smReply+" h='2'/>")
			if seen := s.expect("c</body>", ""); strings.Contains(seen, "b</body>") {
				s.t.Errorf("sent again: %s", seen)
			}
		}},
		{"a peer that does not resume", "<enabled" + smReply + " resume='true'/>", 0, func(s *scripted) {
			if seen := s.expect("a</body>", ""); strings.Contains(seen, "<resume") {
				s.t.Errorf("got %s", seen)
			}
		}},
		{"too late", "<enabled" + smReply + " resume='true' id='x' max='60'/>", 2 * time.Minute, func(s *scripted) {
			if seen := s.expect("a</body>", ""); strings.Contains(seen, "<resume") {
				s.t.Errorf("got %s", seen)
			}
		}},
		{"more than was sent", enabled, 0, func(s *scripted) {
			s.expect("<resume", "<resumed"+smReply+" previd='x' h='9'/>")
			s.expect("handled-count-too-high", "")
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
				w := &world{t: t, n: n}
				done := make(chan bool)
				streams := 0
				w.script(func(conn net.Conn) {
					if streams++; streams > 2 {
						return
					}
					if streams == 2 {
						c.second(w.sm(conn))
						close(done)
						return
					}
					s := w.sm(conn)
					s.expect("<enable", c.first)
					s.expect("a</body>", "") // the count begins with <enable/>
					s.expect("b</body>", "")
					time.Sleep(100 * time.Millisecond) // our answer arrives
					n.Cut(here, there)
				})
				send(t, fed, "a", "b")
				time.Sleep(time.Second)
				send(t, fed, "c")
				time.Sleep(c.wait)
				n.Heal(here, there)
				<-done
			})
		})
	}
}

// A server keeps the counts of so many broken streams, and of those not for
// ever.
func TestResumableStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Resumable: 3, Resume: time.Minute}})
		romeo := n.Peer(there)
		var ids []string
		enable := func() {
			r := romeo.Raw(here)
			r.Authenticate()
			r.Put("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
			seen := r.Expect("max='60'/>")
			_, id, _ := strings.Cut(seen, "id='")
			if i := strings.LastIndex(seen, " id='"); i >= 0 {
				id = seen[i+len(" id='"):]
			}
			id, _, _ = strings.Cut(id, "'")
			ids = append(ids, id)
			r.Cut()
			synctest.Wait()
		}
		resume := func(id string) string {
			r := romeo.Raw(here)
			r.Authenticate()
			r.Put("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/><r xmlns='urn:xmpp:sm:3'/>")
			seen := r.Expect("/>")
			r.Put("</stream:stream>")
			r.Rest()
			return seen
		}
		for range 5 {
			enable()
		}
		for i, id := range ids {
			if got := resume(id); strings.Contains(got, "<resumed") != (i >= 2) {
				t.Errorf("stream %d of 5: %s", i, got)
			}
		}
		enable()
		time.Sleep(2 * time.Minute)
		if got := resume(ids[5]); strings.Contains(got, "<resumed") {
			t.Errorf("after two minutes: %s", got)
		}
	})
}

// Nobody resumes the stream of another domain.
func TestResumptionIsOfTheSameDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		r := n.Peer(there).Raw(here)
		r.Authenticate()
		r.Put("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
		seen := r.Expect("max='300'/>")
		id := seen[strings.LastIndex(seen, " id='")+len(" id='"):]
		id, _, _ = strings.Cut(id, "'")
		thief := n.Peer("verona.example").Raw(here)
		thief.Authenticate()
		thief.Put("<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>")
		thief.Expect("<item-not-found")
		r.Put("<r xmlns='urn:xmpp:sm:3'/>")
		r.Expect("h='0'")
	})
}
