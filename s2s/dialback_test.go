package s2s_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// useless is a certificate that proves nothing that is asked for here.
func useless(n *s2stest.Network) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{n.Certificate("unrelated.example")}}
}

// certificate is a useless one, or that of s2stest.
func certificate(n *s2stest.Network, good bool) *tls.Config {
	if good {
		return nil
	}
	return useless(n)
}

// logs keeps what a server logs.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (l *logs) has(t *testing.T, texts ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range texts {
		if !strings.Contains(l.text.String(), text) {
			t.Errorf("nothing logged with %q:\n%s", text, l.text.String())
		}
	}
}

// Messages travel both ways whoever of the two has a certificate, and each
// stream tells what it rests on.
func TestDialbackBothWays(t *testing.T) {
	for _, c := range []struct{ ours, theirs, bidi, theyBegin bool }{
		{false, false, false, false}, {false, false, false, true}, {false, false, true, false}, {false, false, true, true},
		{true, false, false, false}, {true, false, true, true}, {false, true, false, false}, {false, true, true, false},
		{true, true, false, false},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				proof := make(chan s2s.Method, 8)
				fed := n.Server(s2s.Config{
					Domains: []string{here}, TLS: certificate(n, c.ours), Dialback: &s2s.Dialback{}, Bidi: c.bidi,
					Handler: stanza.HandlerFunc(func(ctx context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
						if a, ok := s2s.AssuranceOf(ctx); ok {
							proof <- a.Method
						}
						return mux.HandleStanza(ctx, st)
					}),
				})
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: certificate(n, c.theirs), Dialback: &s2s.Dialback{}, Bidi: c.bidi})
				// The peer proves itself by its certificate if it has one.
				method := s2s.MethodDialback
				if c.theirs {
					method = s2s.MethodPKIX
				}
				hear := func() {
					romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hear</body></message>`)
					if m := <-got; m.Body() != "hear" {
						t.Errorf("got %s", m)
					}
					if p := <-proof; p != method {
						t.Errorf("the handler was told %v, want %v", p, method)
					}
				}
				if c.theyBegin {
					hear()
				}
				if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "say")); err != nil {
					t.Fatal(err)
				}
				romeo.Expect(`<message><body>say</body></message>`)
				hear()
				synctest.Wait()
				streams := fed.Streams()
				if want := map[bool]int{true: 1, false: 2}[c.bidi]; len(streams) != want {
					t.Errorf("%d streams, want %d: %+v", len(streams), want, streams)
				}
				for _, s := range streams {
					mechanism := "dialback" // unless who connects has a certificate
					if s.Outgoing && c.ours || !s.Outgoing && c.theirs {
						mechanism = "EXTERNAL"
					}
					if s.Assurance.Method != method || s.Mechanism != mechanism || s.Local.String() != here || s.Remote.String() != there || s.Bidi != c.bidi {
						t.Errorf("stream %+v, want %v by %s", s, method, mechanism)
					}
				}
				time.Sleep(11 * time.Minute)
				if s := fed.Streams(); len(s) != 0 {
					t.Errorf("%d idle streams are left", len(s))
				}
				hear()
				romeo.Quiet(time.Minute)
			})
		})
	}
}

// Both connect at once, and each waits for the other to verify its key.
func TestDialbackCrossConnect(t *testing.T) {
	for _, bidi := range []bool{false, true} {
		t.Run(fmt.Sprint("bidi ", bidi), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.Delay(here, there, 50*time.Millisecond)
				n.Delay(there, here, 50*time.Millisecond)
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{}, Bidi: bidi})
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: useless(n), Dialback: &s2s.Dialback{}, Bidi: bidi})
				begin := time.Now()
				for i := range 20 {
					fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(i)))
					romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i))
				}
				for i := range 20 {
					if m := <-got; m.Body() != fmt.Sprint(i) {
						t.Errorf("got %s as message %d", m, i)
					}
					romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
				}
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A number of servers that have nothing but dialback, all of which talk to all,
// while connections break.
func TestDialbackAmongMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		const servers, messages = 6, 20
		domain := func(i int) string { return fmt.Sprintf("d%d.example", i) }
		var feds []*s2s.Server
		var inboxes []chan *stanza.Stanza
		for i := range servers {
			mux, got := stanza.NewMux(), make(chan *stanza.Stanza, 10_000)
			mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
				got <- m
				return nil
			}))
			feds = append(feds, n.Server(s2s.Config{Domains: []string{domain(i)}, Handler: mux, TLS: useless(n), Dialback: &s2s.Dialback{}, Bidi: i%2 == 0}))
			inboxes = append(inboxes, got)
		}
		for m := range messages {
			for i, fed := range feds {
				for j := range feds {
					if i != j {
						fed.Send(t.Context(), text("a@"+domain(i), "b@"+domain(j), fmt.Sprint(m)))
					}
				}
			}
			if m%5 == 2 {
				n.Reset(domain(m%servers), domain((m+1)%servers))
			}
			for _, got := range inboxes {
				seen := make(map[jid.JID]bool) // what was in doubt may come twice
				for len(seen) < servers-1 {
					if st := <-got; st.Type == stanza.TypeError {
						t.Fatalf("bounced: %s", st)
					} else if st.Body() == fmt.Sprint(m) {
						seen[st.From] = true
					}
				}
			}
		}
	})
}

// Without Config.Dialback nothing changes: who has no certificate gets nowhere,
// and both administrators are told what to do.
func TestDialbackIsOffUnlessSet(t *testing.T) {
	for _, theirs := range []bool{false, true} {
		t.Run(fmt.Sprint("peer with it ", theirs), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				var ours, peers logs
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Logger: ours.logger()})
				cfg := s2s.Config{Services: []string{there}, TLS: useless(n), Logger: peers.logger()}
				if theirs {
					cfg.Dialback = &s2s.Dialback{}
				}
				romeo := n.PeerConfig(cfg)
				romeo.Send(`<message id="1" from="romeo@montague.example" to="juliet@capulet.example"><body>x</body></message>`)
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
				e := (<-got).Err()
				if e == nil || e.Condition != stanza.RemoteServerTimeout || e.Text != "the certificate of montague.example is not valid for it" {
					t.Errorf("our sender is told %v", e)
				}
				synctest.Wait()
				ours.has(t, "inbound stream refused", "certificate shown does not authenticate montague.example", "it has to be replaced there, unless this side is to trust it")
				peers.has(t, "cannot reach domain", "your certificate does not authenticate montague.example",
					"here it takes one that names montague.example, is in date, has its whole chain and comes from a trusted authority (Server Dialback is not accepted)")
				if n := len(fed.Streams()); n != 0 {
					t.Errorf("%d streams", n)
				}
				romeo.Ignore()
			})
		})
	}
}

// replicas that share a secret vouch for each other's keys; those that do not
// have their peers told what is wrong.
func TestDialbackReplicas(t *testing.T) {
	for _, share := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", share), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				secret := s2s.FixedSecret("0123456789abcdef0123456789abcdef")
				var connects, named s2s.Secret = secret, secret
				if !share {
					named = nil
				}
				mux, got := inbox()
				start := func(s s2s.Secret) *s2s.Server {
					return n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{Secret: s}})
				}
				fed := start(connects)
				start(named) // DNS leads to the one that was started last
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: useless(n), Dialback: &s2s.Dialback{}})
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
				if share {
					romeo.Expect(`<message><body>x</body></message>`)
					return
				}
				e := (<-got).Err()
				if e == nil || e.Condition != stanza.InternalServerError || !strings.Contains(e.Text, "montague.example did not accept this server") {
					t.Errorf("the sender is told %v", e)
				}
				report := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
				if report.Code != s2s.CodeDialbackKey || report.Reachable {
					t.Errorf("explained as %s", report.Code)
				}
			})
		})
	}
}

func TestDialbackSecretIsChecked(t *testing.T) {
	n := s2stest.NewNetwork(t)
	for _, secret := range []s2s.Secret{s2s.FixedSecret(nil), s2s.FixedSecret("too short")} {
		_, err := s2s.New(s2s.Config{
			Domains: []string{here}, Handler: stanza.NewMux(), TLS: useless(n), Dialback: &s2s.Dialback{Secret: secret},
		})
		if err == nil || !strings.Contains(err.Error(), "at least 16 bytes") {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// A rotating secret recognizes what it made of the one before.
type rotating struct {
	mu  sync.Mutex
	now [][]byte
}

func (r *rotating) Secrets() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func TestDialbackSecretRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		before, after := []byte("0123456789abcdef"), []byte("fedcba9876543210")
		replica := &rotating{now: [][]byte{after, before}}
		mux, _ := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{Secret: s2s.FixedSecret(before)}})
		n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{Secret: replica}})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: useless(n), Dialback: &s2s.Dialback{}})
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		romeo.Expect(`<message><body>x</body></message>`)
	})
}

// What the error of a stream that could not be opened tells a host.
func TestDialbackConnectError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		var ours logs
		mux, got := inbox()
		failed := make(chan error, 8)
		fed := n.Server(s2s.Config{
			Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{}, Logger: ours.logger(),
			Trace: &s2s.Trace{Dial: func(_ jid.JID, _ string, _ time.Duration, err error) { failed <- err }},
		})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Dialback: &s2s.Dialback{}})
		n.SetSRV(here) // the peer finds nobody to ask
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		e := (<-got).Err()
		if e == nil || e.Condition != stanza.RemoteServerTimeout || !strings.Contains(e.Text, "Server Dialback") {
			t.Errorf("the sender is told %v", e)
		}
		err := <-failed
		for _, want := range []string{
			"montague.example does not offer SASL EXTERNAL to capulet.example",
			"here, check that the certificate shown names capulet.example",
			"there, certificate authentication of servers has to be enabled",
			"and by Server Dialback: dialback: montague.example refused capulet.example: remote-server-not-found",
			"its SRV records have to name the server that asks",
			"here, the SRV records of capulet.example have to lead to a server that montague.example can connect to",
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v\ndoes not say %q", err, want)
			}
		}
		report := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		if report.Code != s2s.CodeDialbackUnreachable {
			t.Errorf("explained as %s", report.Code)
		}
		romeo.Ignore()
	})
}

// A peer that cannot or will not speak Server Dialback.
func TestDialbackRefusedByPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{}})
		n.PeerConfig(s2s.Config{Services: []string{there}})
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		if e := (<-got).Err(); e == nil || e.Condition != stanza.RemoteServerTimeout || e.Type != stanza.Cancel {
			t.Errorf("the sender is told %v", e)
		}
	})
}

// Explain goes by dialback where a stream would, and says that it is weak.
func TestDialbackExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, _ := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, TLS: useless(n), Handler: mux, Dialback: &s2s.Dialback{}, Trace: &s2s.Trace{StreamOpen: func(s2s.StreamInfo) {}}})
		n.Server(s2s.Config{Services: []string{there}, Handler: stanza.NewMux(), TLS: useless(n), Dialback: &s2s.Dialback{}})
		report := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		codes := make(map[s2s.Step]s2s.Finding)
		for _, f := range report.Findings {
			codes[f.Step] = f
		}
		if !report.Reachable || report.Code != s2s.CodeOK {
			t.Errorf("%+v", report)
		}
		for step, want := range map[s2s.Step]s2s.Code{
			s2s.StepIdentity: s2s.CodeCertificateName, s2s.StepFeatures: s2s.CodeDialbackOnly, s2s.StepDialback: s2s.CodeDialback, s2s.StepPing: s2s.CodeOK,
		} {
			if f := codes[step]; f.Code != want || (f.Status != s2s.StatusWarning) != (want == s2s.CodeOK) || f.Remedy == "" != (want == s2s.CodeOK) {
				t.Errorf("%s: %+v, want %s", step, f, want)
			}
		}
	})
}
