package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// bounced waits for the one error that a message must come back as.
func bounced(t *testing.T, got <-chan *stanza.Stanza, want stanza.Condition, typ stanza.ErrorType) *stanza.Error {
	t.Helper()
	timer := time.NewTimer(24 * time.Hour)
	defer timer.Stop()
	select {
	case m := <-got:
		e := m.Err()
		if e == nil || e.Condition != want || e.Type != typ {
			t.Fatalf("got %s, want %s of type %s", m, want, typ)
		}
		if e.Text == "" {
			t.Error("the error has no text for people")
		}
		synctest.Wait()
		if len(got) > 0 {
			t.Fatalf("a second error came: %s", <-got)
		}
		return e
	case <-timer.C:
		t.Fatal("nothing came back")
		return nil
	}
}

// dialError returns a Trace and the last error it saw.
func unreachable(t *testing.T, fed *s2s.Server, want ...string) {
	t.Helper()
	_, err := fed.Request(t.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(here), To: jid.MustParse(there),
		Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("request to an unreachable domain: %v, want %q in it", err, w)
		}
	}
}

func TestUnreachableDomains(t *testing.T) {
	dnsDown := &net.DNSError{Err: "server misbehaving", Name: there, IsTemporary: true}
	cases := []struct {
		name string
		prep func(*testing.T, *s2stest.Network, *s2s.Config)
		want stanza.Condition
		typ  stanza.ErrorType
		took time.Duration
	}{
		{"no such domain", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {}, stanza.RemoteServerNotFound, stanza.Cancel, 0},
		{"SRV target is the root", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			n.SetSRV(there, &net.SRV{Target: "."})
			n.SetAddrs(there, netip.MustParseAddr("10.9.9.9"))
		}, stanza.RemoteServerNotFound, stanza.Cancel, 0},
		{"target without address", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			n.SetSRV(there, &net.SRV{Target: "nowhere.example.", Port: 5269})
		}, stanza.RemoteServerNotFound, stanza.Cancel, 0},
		{"DNS is down", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) { n.FailDNS(there, dnsDown) },
			stanza.RemoteServerTimeout, stanza.Wait, 5 * time.Minute},
		{"nobody listens", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			n.SetAddrs(there, netip.MustParseAddr("10.9.9.9"))
		}, stanza.RemoteServerTimeout, stanza.Wait, 5 * time.Minute},
		{"network is cut", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			n.Peer(there)
			n.Cut(here, there)
		}, stanza.RemoteServerTimeout, stanza.Wait, 5 * time.Minute},
		{"policy", func(t *testing.T, n *s2stest.Network, cfg *s2s.Config) {
			n.Peer(there)
			cfg.Policy.Check = func(_ context.Context, remote jid.JID) error {
				if remote.String() == there {
					return errors.New("not with them")
				}
				return nil
			}
		}, stanza.NotAllowed, stanza.Cancel, 0},
		{"wrong certificate there", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate("verona.example")}}})
		}, stanza.RemoteServerTimeout, stanza.Cancel, 0},
		{"untrusted certificate there", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			cert := testca.New().Issue(testca.Options{DNS: []string{there}})
			n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
		}, stanza.RemoteServerTimeout, stanza.Cancel, 0},
		{"our certificate refused", func(t *testing.T, n *s2stest.Network, cfg *s2s.Config) {
			n.Peer(there)
			cfg.TLS = &tls.Config{Certificates: []tls.Certificate{n.Certificate("verona.example")}}
		}, stanza.RemoteServerTimeout, stanza.Cancel, 0},
		{"a server that says nothing", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			silent(t, n.Listen(there))
		}, stanza.RemoteServerTimeout, stanza.Wait, 5 * time.Minute},
		{"a server of another protocol", func(t *testing.T, n *s2stest.Network, _ *s2s.Config) {
			l := n.Listen(there)
			serve(t, l, func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); c.Close() })
		}, stanza.RemoteServerTimeout, stanza.Wait, 5 * time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				cfg := s2s.Config{Domains: []string{here}, Handler: mux}
				c.prep(t, n, &cfg)
				fed := n.Server(cfg)
				begin := time.Now()
				if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "art thou there?")); err != nil {
					t.Fatal(err)
				}
				// Errors and answers are never bounced.
				fed.Send(t.Context(), &stanza.Stanza{Kind: stanza.Message, Type: stanza.TypeError, From: jid.MustParse("juliet@" + here), To: jid.MustParse("romeo@" + there)})
				fed.Send(t.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Result, ID: "1", From: jid.MustParse("juliet@" + here), To: jid.MustParse("romeo@" + there)})
				bounced(t, got, c.want, c.typ)
				if took := time.Since(begin); took < c.took || took > c.took+time.Minute {
					t.Errorf("the error came after %v, want %v", took, c.took)
				}
				unreachable(t, fed, string(c.want))
			})
		})
	}
}

// serve runs f for each connection to l.
func serve(t *testing.T, l net.Listener, f func(net.Conn)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// silent accepts connections and never says anything.
func silent(t *testing.T, l net.Listener) {
	serve(t, l, func(c net.Conn) { t.Cleanup(func() { c.Close() }) })
}

func TestQueueSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		romeo.Expect(`<message><body>0</body></message>`)

		n.Cut(here, there)
		for i := 1; i <= 10; i++ {
			fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i)))
			time.Sleep(time.Second)
		}
		n.Heal(here, there)
		seen := map[string]bool{"0": true}
		for next := 1; next <= 10; {
			body := romeo.Next().Body()
			if seen[body] {
				continue // what was on the wire when it broke may come twice
			}
			if body != fmt.Sprint(next) {
				t.Fatalf("got %s, want %d", body, next)
			}
			seen[body] = true
			next++
		}
		romeo.Quiet(time.Hour)
		if len(got) > 0 {
			t.Errorf("delivered and bounced: %s", <-got)
		}
	})
}

// A domain whose outage is over is tried at once when it shows up by itself.
func TestInboundStreamEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{QueueAge: time.Hour}})
		romeo := n.Peer(there)
		n.Cut(here, there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "waiting"))
		time.Sleep(20 * time.Minute) // pauses have grown to a minute
		n.Heal(here, there)
		time.Sleep(100 * time.Millisecond)
		begin := time.Now()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>back</body></message>`)
		<-got
		romeo.Expect(`<message><body>waiting</body></message>`)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %v to try again", took)
		}
	})
}

// What was written to a stream that dies at once is sent again.
func TestWrittenStanzasAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		romeo.Next()
		time.Sleep(time.Minute) // the first message is out of doubt

		n.HalfOpen(here, there) // accepted by the network, never delivered
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "1"))
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "2"))
		romeo.Quiet(10 * time.Second)
		n.Reset(here, there)
		romeo.Expect(`<message><body>1</body></message>`)
		romeo.Expect(`<message><body>2</body></message>`)
		romeo.Quiet(time.Minute)
	})
}

// A path that swallows everything is noticed by the missing acknowledgement
// (XEP-0198), and nothing is lost or comes in another order.
func TestHalfOpenStreamIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Ack: 10 * time.Second}})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "0"))
		if m := romeo.Expect(`<message><body>0</body></message>`); originID(m) != m.ID {
			t.Errorf("no origin-id in %s", m)
		}
		synctest.Wait()
		n.HalfOpen(here, there)
		begin := time.Now()
		for i := 1; i <= 3; i++ {
			fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i)))
		}
		for i := 1; i <= 3; i++ {
			m := romeo.Expect(fmt.Sprintf(`<message><body>%d</body><delay xmlns="urn:xmpp:delay" from="capulet.example" stamp="2000-01-01T00:00:00.000Z"/></message>`, i))
			if originID(m) != m.ID {
				t.Errorf("no origin-id in %s", m)
			}
		}
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("it took %v to notice, want Limits.Ack", took)
		}
		romeo.Quiet(time.Hour)
	})
}

// Acknowledged stanzas are never sent again, whatever happens to the stream.
func TestAcknowledgedStanzasAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		romeo := n.Peer(there)
		sent := 0
		for range 20 {
			for range 30 {
				fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(sent)))
				sent++
			}
			synctest.Wait() // all is acknowledged
			n.Reset(here, there)
		}
		for i := range sent {
			if m := romeo.Next(); m.Body() != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m.Body(), i)
			}
		}
		romeo.Quiet(time.Hour)
	})
}

// An acknowledging peer sets the pace: no more than Limits.Unacknowledged
// stanzas are under way.
func TestWindowOfUnacknowledgedStanzas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Delay(here, there, time.Second)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Unacknowledged: 10}})
		romeo := n.Peer(there)
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "first"))
		romeo.Next()
		time.Sleep(10 * time.Second) // the peer has agreed to acknowledge
		begin := time.Now()
		for i := range 100 {
			fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i)))
		}
		for i := range 100 {
			if m := romeo.Next(); m.Body() != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m.Body(), i)
			}
		}
		if took := time.Since(begin); took < 10*time.Second {
			t.Errorf("100 stanzas took %v through a window of 10 and a path of 1s", took)
		}
	})
}

func TestEveryTargetAndAddressIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var tried []string
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: &s2s.Trace{
			Dial: func(_ jid.JID, addr string, _ time.Duration, err error) {
				tried = append(tried, fmt.Sprint(addr, " ", err == nil))
			},
		}})
		romeo := n.Peer(there)
		good, err := n.Resolver().LookupNetIP(t.Context(), "ip", "xmpp."+there)
		if err != nil {
			t.Fatal(err)
		}
		n.SetAddrs("dead.example", netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("10.9.0.2"))
		n.SetAddrs("half.example", netip.MustParseAddr("10.9.0.3"), good[0])
		n.SetSRV(there,
			&net.SRV{Target: "half.example.", Port: 5269, Priority: 3},
			&net.SRV{Target: "missing.example.", Port: 5269, Priority: 2},
			&net.SRV{Target: "dead.example.", Port: 5269, Priority: 1})
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "found you"))
		romeo.Expect(`<message><body>found you</body></message>`)
		want := "10.9.0.1:5269 false,10.9.0.2:5269 false,10.9.0.3:5269 false," + good[0].String() + ":5269 true"
		if got := strings.Join(tried, ","); got != want {
			t.Errorf("tried %s\nwant  %s", got, want)
		}
	})
}

func TestConnectErrorNamesEveryAttempt(t *testing.T) {
	err := &s2s.ConnectError{Domain: jid.MustParse(there), Stage: s2s.StageTLS, Attempts: []s2s.Attempt{
		{Target: "a.example:5269", Addr: "10.0.0.1:5269", Stage: s2s.StageDial, Err: errors.New("refused")},
		{Target: "b.example:5269", Stage: s2s.StageTLS, Err: context.DeadlineExceeded},
	}}
	want := "s2s: cannot reach montague.example: a.example:5269 (10.0.0.1:5269): dial: refused; b.example:5269: tls: context deadline exceeded"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) || err.Timeout() {
		t.Error("must unwrap to every attempt and be a timeout only when all are")
	}
}
