package s2s_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// reader reads what comes on a stream that was opened with sm: the bodies, in
// order, and when. Each request for acknowledgement it answers with their number.
type reader struct {
	bodies   []string
	at       []time.Time
	requests int
}

func (r *reader) run(s *scripted) {
	var buf [4096]byte
	for {
		for {
			i := strings.IndexByte(s.got, '>')
			if i < 0 {
				break
			}
			tag := s.got[:i+1]
			s.got = s.got[i+1:]
			if body, ok := strings.CutSuffix(tag, "</body>"); ok {
				r.bodies, r.at = append(r.bodies, body), append(r.at, time.Now())
			} else if strings.HasPrefix(tag, "<r ") {
				r.requests++
				fmt.Fprintf(s, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", len(r.bodies))
			}
		}
		n, err := s.Read(buf[:])
		if err != nil {
			return
		}
		s.got += string(buf[:n])
	}
}

// Until the peer has answered <enable/>, no more is in doubt than if it
// acknowledged, however much waits: what it does not say at once it may say later.
// Only one that says nothing for Limits.Ack gets the rest without.
func TestBacklogForAPeerThatHasNotAgreedYet(t *testing.T) {
	const window, all, ack = 10, 45, 30 * time.Second
	for _, c := range []struct {
		name   string
		after  time.Duration
		answer string        // to <enable/>
		rest   time.Duration // when what is beyond the window comes
		acks   bool
	}{
		{"it agrees", 0, nowAcks, 0, true},
		{"it agrees late", 20 * time.Second, nowAcks, 20 * time.Second, true},
		{"it agrees at the last moment", ack - 1, nowAcks, ack - 1, true},
		{"it refuses", 0, "<failed xmlns='urn:xmpp:sm:3'/>", 0, false},
		{"it refuses late", 19 * time.Second, "<failed xmlns='urn:xmpp:sm:3'/>", 19 * time.Second, false},
		{"it says nothing", 0, "", ack, false},
		{"it agrees too late", ack + time.Second, nowAcks, ack, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Unacknowledged: window, Unconfirmed: 5, Ack: ack}})
				w := &world{t: t, n: n}
				var r reader
				var streams atomic.Int32
				w.script(func(conn net.Conn) {
					streams.Add(1)
					s := w.sm(conn)
					s.expect("<enable", "")
					go func() {
						time.Sleep(c.after)
						io.WriteString(s, c.answer)
					}()
					r.run(s)
				})
				begin := time.Now()
				for i := range all {
					fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
				}
				time.Sleep(time.Hour / 10)
				synctest.Wait()
				if len(r.bodies) != all || streams.Load() != 1 || len(fed.Streams()) != 1 {
					t.Fatalf("%d stanzas on %d streams, %v", len(r.bodies), streams.Load(), r.bodies)
				}
				for i, body := range r.bodies {
					want := c.rest
					if i < window {
						want = 0
					}
					if took := r.at[i].Sub(begin); body != fmt.Sprint(i) || took != want {
						t.Errorf("number %d: %s after %v, want it after %v", i, body, took, want)
					}
				}
				if c.acks != (r.requests >= all/window) || !c.acks && r.requests > 0 {
					t.Errorf("%d requests for acknowledgement", r.requests)
				}
			})
		})
	}
}

// What was sent on a stream with caution, after another was spoilt, is not out of
// doubt before the peer has said whether it acknowledges: the count begins with
// the first stanza.
func TestCautionAndAPeerThatAgreesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		w := &world{t: t, n: n}
		var r reader
		streams := 0
		w.script(func(conn net.Conn) {
			s := w.sm(conn)
			s.expect("<enable", "")
			if streams++; streams == 1 {
				s.expect("2</body>", streamError("not-well-formed"))
				hold(s)
				return
			}
			go func() {
				time.Sleep(10 * time.Second)
				io.WriteString(s, nowAcks)
			}()
			r.run(s)
		})
		for i := range 3 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(r.bodies, " "); got != "0 1 2" || streams != 2 {
			t.Errorf("%s on %d streams", got, streams)
		}
	})
}
