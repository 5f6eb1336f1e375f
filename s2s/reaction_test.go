package s2s_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// conditions says what each stream error of the peer means: whether it is the
// last word when it answers an attempt to open a stream, and how long we leave
// the peer alone, at least, after it has ended an open one.
var conditions = []struct {
	condition string
	bounce    stanza.Condition // of what waits, at once; empty: after Limits.QueueAge
	pause     time.Duration
}{
	{"bad-format", "", 0},
	{"bad-namespace-prefix", stanza.RemoteServerTimeout, time.Second},
	{"conflict", "", 0},
	{"connection-timeout", "", 0},
	{"host-gone", stanza.RemoteServerNotFound, time.Second},
	{"host-unknown", stanza.RemoteServerNotFound, time.Second},
	{"improper-addressing", "", 0},
	{"internal-server-error", "", time.Second},
	{"invalid-from", stanza.RemoteServerTimeout, time.Second},
	{"invalid-namespace", stanza.RemoteServerTimeout, time.Second},
	{"invalid-xml", "", 0},
	{"not-authorized", stanza.RemoteServerTimeout, time.Second},
	{"not-well-formed", "", 0},
	{"policy-violation", stanza.RemoteServerTimeout, 4 * time.Second},
	{"remote-connection-failed", "", time.Second},
	{"reset", "", 0},
	{"resource-constraint", "", 8 * time.Second},
	{"restricted-xml", "", 0},
	{"see-other-host", stanza.RemoteServerTimeout, time.Second},
	{"system-shutdown", "", time.Second},
	{"undefined-condition", "", time.Second},
	{"unsupported-encoding", stanza.RemoteServerTimeout, time.Second},
	{"unsupported-feature", stanza.RemoteServerTimeout, time.Second},
	{"unsupported-stanza-type", "", 0},
	{"unsupported-version", stanza.RemoteServerTimeout, time.Second},
	{"not-of-this-world", "", time.Second},
}

// accept negotiates a stream as a peer that offers nothing more would.
func (w *world) accept(c net.Conn) net.Conn { return w.acceptWith(c, noFeatures) }

// acceptWith is accept with other features of the authenticated stream.
func (w *world) acceptWith(c net.Conn, features string) net.Conn {
	talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed)
	s := w.tls(c)
	talk(s, "version", theirHeader+external, "<auth", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "version", theirHeader+features)
	return s
}

func (w *world) tls(c net.Conn) net.Conn {
	return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.n.Certificate(there)}, ClientAuth: tls.RequestClientCert})
}

// Refusals of a new stream.
func TestStreamErrorsAsAnswers(t *testing.T) {
	for _, c := range conditions {
		t.Run(c.condition, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
				w := &world{t: t, n: n}
				w.script(func(c2 net.Conn) { talk(c2, "version", theirHeader+streamError(c.condition)); hold(c2) })
				begin := time.Now()
				fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "?"))
				bounce := <-got
				took, want := time.Since(begin), c.bounce
				if want == "" {
					want = stanza.RemoteServerTimeout
					if took < 5*time.Minute || bounce.Err().Type != stanza.Wait {
						t.Errorf("bounced after %v: %s", took, bounce)
					}
				} else if took > 0 || bounce.Err().Type != stanza.Cancel {
					t.Errorf("bounced after %v: %s", took, bounce)
				}
				if bounce.Err().Condition != want {
					t.Errorf("bounced with %s, want %s", bounce, want)
				}
			})
		})
	}
}

// The ends of an open stream: what was written last goes again on the next.
func TestStreamErrorsAsEnds(t *testing.T) {
	for _, c := range conditions {
		t.Run(c.condition, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
				w := &world{t: t, n: n}
				streams := make(chan time.Time, 10)
				first := true
				w.script(func(c2 net.Conn) {
					s := w.accept(c2)
					talk(s, "art thou there?", "")
					streams <- time.Now()
					if first {
						first = false
						io.WriteString(s, streamError(c.condition))
					}
					hold(s)
				})
				fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "art thou there?"))
				a, b := <-streams, <-streams
				if took := b.Sub(a); took < c.pause*3/4 || took > 2*c.pause {
					t.Errorf("it came again after %v, want about %v", took, c.pause)
				}
				if len(got) > 0 {
					t.Errorf("bounced: %s", <-got)
				}
			})
		})
	}
}

// The same when nothing waits: what comes later finds the pause.
func TestStreamErrorsWhenIdle(t *testing.T) {
	for _, c := range conditions {
		for _, later := range []time.Duration{0, 5500 * time.Millisecond} { // the second: when the goroutine of the route has looked for more
			t.Run(fmt.Sprintf("%s, %v later", c.condition, later), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					mux, got := inbox()
					fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
					w := &world{t: t, n: n}
					streams := make(chan time.Time, 10)
					end := make(chan bool)
					w.script(func(c2 net.Conn) {
						s := w.accept(c2)
						talk(s, "art thou there?", "")
						streams <- time.Now()
						if <-end {
							io.WriteString(s, streamError(c.condition))
						}
						hold(s)
					})
					fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "art thou there?"))
					<-streams
					time.Sleep(time.Minute)
					end <- true
					ended := time.Now()
					time.Sleep(later)
					synctest.Wait()
					fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "art thou there?"))
					took := (<-streams).Sub(ended)
					close(end)
					if took < c.pause*3/4 || took > max(2*c.pause, later) {
						t.Errorf("the next stream came after %v, want about %v", took, c.pause)
					}
					time.Sleep(2 * time.Minute)
					if len(got) > 0 {
						t.Errorf("bounced: %s", <-got)
					}
				})
			})
		}
	}
}

// A server that names another one is followed only if the host allows it, and
// the other has to prove the same domain.
func TestSeeOtherHost(t *testing.T) {
	cases := []struct {
		name   string
		follow bool
		host   string
		cert   string // whom the other host's certificate names
		want   bool
	}{
		{"not followed by default", false, "other.example", there, false},
		{"a domain with records", true, "other.example", there, true},
		{"host and port", true, "xmpp.other.example:5269", there, true},
		{"address and port", true, "10.0.0.2:5269", there, true},
		{"address", true, "10.0.0.2", there, true},
		{"the other proves another domain", true, "other.example", "other.example", false},
		{"in circles", true, there, there, false},
		{"nonsense", true, "a:b:c", there, false},
		{"no such port", true, "other.example:70000", there, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				dialled := 0
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Reach: s2s.Reach{OtherHosts: c.follow}, Trace: &s2s.Trace{
					Dial: func(jid.JID, string, time.Duration, error) { dialled++ },
				}})
				other := n.PeerConfig(s2s.Config{Services: []string{"other.example", there},
					TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(c.cert)}}})
				w := &world{t: t, n: n}
				w.script(func(conn net.Conn) { // takes the place of the other in DNS
					talk(conn, "version", theirHeader+"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>"+c.host+
						"</see-other-host></stream:error></stream:stream>")
					hold(conn)
				})
				fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "found you"))
				if c.want {
					other.Expect(`<message to="romeo@montague.example"><body>found you</body></message>`)
				} else if bounce := <-got; bounce.Err().Condition != stanza.RemoteServerTimeout || dialled > 3 {
					t.Errorf("%s after %d connections", bounce, dialled)
				}
			})
		})
	}
}

// blocked is a resolver that has no answer about one domain, ever.
type blocked struct {
	s2s.Resolver
	domain string
}

func (b blocked) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if name == b.domain {
		<-ctx.Done()
		return "", nil, ctx.Err()
	}
	return b.Resolver.LookupSRV(ctx, service, proto, name)
}

// A server that names another of which DNS says nothing does not hold up the
// attempt for longer than one may take.
func TestOtherHostThatIsNotFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Reach: s2s.Reach{OtherHosts: true},
			Resolver: blocked{n.Resolver(), "elsewhere.example"}, Limits: s2s.Limits{QueueAge: time.Second}})
		w := &world{t: t, n: n}
		w.script(func(conn net.Conn) {
			talk(conn, "version", theirHeader+"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>elsewhere.example</see-other-host></stream:error></stream:stream>")
			hold(conn)
		})
		begin := time.Now()
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "?"))
		select {
		case <-got:
		case <-time.After(time.Hour):
			t.Fatalf("no answer after %v", time.Since(begin))
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("took %v", took)
		}
	})
}
