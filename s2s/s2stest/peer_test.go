package s2stest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func text(body string) *stanza.Stanza {
	return stanza.Text(jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there), body)
}

// What a test on this package fails for, and what it is told.
func TestFailures(t *testing.T) {
	const hello = `<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`
	cases := []struct {
		name string
		test func(fed *s2s.Server, romeo *s2stest.Peer)
		want []string
	}{
		{"nothing", func(fed *s2s.Server, romeo *s2stest.Peer) {}, nil},
		{"a stanza that nobody read", func(fed *s2s.Server, romeo *s2stest.Peer) {
			fed.Send(context.Background(), text("read"))
			fed.Send(context.Background(), text("unread"))
			romeo.Expect(`<message><body>read</body></message>`)
			synctest.Wait()
		}, []string{"montague.example received a stanza that the test did not ask for", "<body>unread</body>"}},
		{"a stanza that nobody read and that was ignored", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Ignore()
			fed.Send(context.Background(), text("unread"))
			synctest.Wait()
		}, nil},
		{"another stanza than expected", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Send(hello)
			fed.Send(context.Background(), text("hello"))
			fed.Send(context.Background(), text("unread too, but that is no news"))
			romeo.Expect(`<message><body>good night</body></message>`)
		}, []string{
			`montague.example: <body/>: want text "good night", got "hello"`,
			"\nwant <message><body>good night</body></message>\n",
			"\ngot  <message from=\"juliet@capulet.example\" to=\"romeo@montague.example\"",
			"\nthe last stanzas of montague.example:\n", " sent " + hello + "\n",
		}},
		{"nothing expected comes", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Expect(`<message/>`) },
			[]string{"montague.example got nothing within 30s", "want <message/>", "nothing was sent or received before"}},
		{"nothing comes", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Next() }, []string{"montague.example got nothing within 30s"}},
		{"noise", func(fed *s2s.Server, romeo *s2stest.Peer) {
			time.AfterFunc(59*time.Minute, func() { fed.Send(context.Background(), text("hey")) })
			romeo.Quiet(time.Hour)
		}, []string{"montague.example got what it should not have", "<body>hey</body>"}},
		{"a pattern that is none", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Expect(`<message>`) }, []string{"pattern <message>: "}},
		{"a request that is refused", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><query xmlns="urn:example:x"/></iq>`)
		}, []string{"request <iq ", "service-unavailable"}},
		{"a request without an id", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Request(`<iq type="get" from="montague.example" to="capulet.example"><query xmlns="urn:example:x"/></iq>`)
		}, []string{"request <iq ", "needs an id"}},
		{"a sender from elsewhere", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Send(`<message from="tybalt@verona.example" to="juliet@capulet.example"/>`)
		}, []string{"send <message ", s2s.ErrNotLocal.Error()}},
		{"a stanza that is none", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Send(`<message>`) }, []string{"send <message>: "}},
		{"an address that is none", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.JID("a b") }, []string{`local part of "a b"`}},
		{"a server without domains", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Network().Server(s2s.Config{}) },
			[]string{"neither Domains nor Services"}},
		{"a server without handler", func(fed *s2s.Server, romeo *s2stest.Peer) {
			romeo.Network().Server(s2s.Config{Domains: []string{"verona.example"}})
		}, []string{"Config.Handler is missing"}},
		{"a domain that is none", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Network().SetSRV("a b") }, []string{`domain "a b"`}},
		{"raw bytes for nobody", func(fed *s2s.Server, romeo *s2stest.Peer) { romeo.Raw("verona.example") },
			[]string{"raw connection to verona.example"}},
		{"raw bytes that do not come", func(fed *s2s.Server, romeo *s2stest.Peer) {
			raw := romeo.Raw(here)
			raw.Put("hello")
			raw.Expect("hello yourself")
		}, []string{`before "hello yourself", after "<?xml `, "</stream:stream>"}},
		{"a raw connection that breaks", func(fed *s2s.Server, romeo *s2stest.Peer) {
			raw := romeo.Raw(here)
			raw.Open("")
			raw.Expect("</stream:features>")
			romeo.Disconnect(here)
			raw.Rest()
		}, []string{"connection did not end in good order"}},
		{"a handshake that fails", func(fed *s2s.Server, romeo *s2stest.Peer) {
			fed.Close()
			raw := romeo.Raw(here)
			raw.StartTLS()
		}, []string{"connection"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wantFailure(t, record(t, func(tb s2stest.TB) {
					c.test(s2stest.Pair(tb, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there))
				}), c.want...)
			})
		})
	}
}

func TestPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *stanza.Stanza, 1)
		handler := stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			got <- s
			return nil, stanza.ErrDeferred
		})
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: handler}, there)
		if j := romeo.JID("romeo"); j.String() != "romeo@"+there {
			t.Errorf("JID: %s", j)
		}

		// Requests of the server under test wait for the test's answer, not for
		// an automatic one.
		ask := func(id string) {
			fed.Send(t.Context(), stanza.MustParse(`<iq type="get" id="`+id+`" from="juliet@capulet.example" to="montague.example"><query xmlns="urn:example:x"/></iq>`))
		}
		ask("7")
		romeo.Expect(`<iq id="{id}"/>`)
		if id := romeo.Captured("id"); id != "7" {
			t.Errorf("captured %q", id)
		}
		romeo.Quiet(time.Minute)
		if len(got) > 0 {
			t.Errorf("answered by itself: %s", <-got)
		}
		romeo.Send(`<iq type="result" id="7" from="montague.example" to="juliet@capulet.example"/>`)
		if s := <-got; s.Type != stanza.Result {
			t.Errorf("got %s", s)
		}

		mux := stanza.NewMux()
		mux.HandleIQ(stanza.Get, "urn:example:x query", stanza.IQFunc(func(context.Context, *stanza.Stanza) (any, error) { return nil, nil }))
		romeo.Handle(mux)
		ask("8")
		if s := <-got; s.Type != stanza.Result || s.ID != "8" {
			t.Errorf("got %s", s)
		}
		romeo.Handle(nil)
		ask("9")
		romeo.Expect(`<iq id="9"/>`)
	})
}

// A peer shows what it is told to, and the server under test judges it.
func TestPeerWithAnotherCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := s2stest.NewNetwork(t)
		got := make(chan *stanza.Stanza, 1)
		fed := net.Server(s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			got <- s
			return nil, nil
		})})
		net.PeerConfig(s2s.Config{Services: []string{there}, TLS: certificate(net.Issue(s2stest.CertOptions{
			DNS: []string{there}, NotAfter: time.Now().Add(-time.Hour), NotBefore: time.Now().Add(-2 * time.Hour),
		}))})
		fed.Send(t.Context(), text("hello"))
		if e := (<-got).Err(); e == nil || e.Text != "the certificate of montague.example is not valid for it" {
			t.Errorf("got %v", e)
		}
	})
}

// What a peer has received does not come back when the test ends, whoever was
// started first.
func TestEndIsQuiet(t *testing.T) {
	for _, peerFirst := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			got := make(chan *stanza.Stanza, 4)
			cfg := s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
				got <- s
				return nil, nil
			})}
			wantFailure(t, record(t, func(tb s2stest.TB) {
				n := s2stest.NewNetwork(tb)
				var romeo *s2stest.Peer
				if peerFirst {
					romeo = n.Peer(there)
				}
				fed := n.Server(cfg)
				if !peerFirst {
					romeo = n.Peer(there)
				}
				fed.Send(tb.Context(), text("good night"))
				romeo.Next()
			}))
			synctest.Wait()
			if len(got) > 0 {
				t.Errorf("peer first %v: got %s", peerFirst, <-got)
			}
		})
	}
}

// Nothing here depends on virtual time.
func TestWithoutBubble(t *testing.T) {
	got := make(chan string, 1)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		got <- m.Body()
		return nil
	}))
	fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
	romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
	if body := <-got; body != "but soft" {
		t.Errorf("got %q", body)
	}
	romeo.Network().Reset(here, there)
	if err := fed.Send(t.Context(), text("what light")); err != nil {
		t.Fatal(err)
	}
	romeo.Expect(`<message><body>what light</body></message>`)
}
