package s2stest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"regexp"
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

// A hostile server deceives nobody, breaks nothing, and keeps nobody else from
// being served.
func TestHostileServer(t *testing.T) {
	for name, cfg := range map[string]s2s.Config{
		"certificates":           {},
		"both ways and dialback": {Bidi: true, Dialback: &s2s.Dialback{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const evil = "mallory.example"
				n := s2stest.NewNetwork(t)
				var mu sync.Mutex
				bounces := make(map[string]int)
				cfg.Domains = []string{here}
				cfg.Handler = stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
					mu.Lock()
					defer mu.Unlock()
					switch {
					case strings.Contains(s.String(), "forged"):
						t.Errorf("deceived: %s", s)
					case s.Err() != nil:
						bounces[s.ID]++
					}
					return nil, nil
				})
				fed := n.Server(cfg)
				mallory, romeo := n.PeerLike(s2stest.HostileServer, evil), n.Peer(there)
				mallory.Ignore()
				served := func(when string) {
					t.Helper()
					begin := time.Now()
					romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
					fed.Send(t.Context(), text("hello"))
					romeo.Expect(`<message><body>hello</body></message>`)
					if took := time.Since(begin); took > time.Second {
						t.Errorf("%s others waited %v", when, took)
					}
				}
				served("at first")
				mallory.Attack(here)
				served("after the attacks")

				for i := range 40 {
					m := stanza.Text(jid.MustParse("juliet@"+here), jid.MustParse("mallory@"+evil), "hello")
					m.ID = fmt.Sprint("to mallory ", i)
					if err := fed.Send(t.Context(), m); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
					served(fmt.Sprint("after message ", i))
				}
				time.Sleep(10 * time.Minute)
				mu.Lock()
				defer mu.Unlock()
				for id, times := range bounces {
					if times != 1 {
						t.Errorf("%s came back %d times", id, times)
					}
				}
				if len(bounces) == 0 {
					t.Error("all messages were delivered to somebody who takes none")
				}
				for _, s := range fed.Streams() {
					if s.Remote.Domain() != there && s.Remote.Domain() != evil {
						t.Errorf("a stream with %s", s.Remote)
					}
				}
			})
		})
	}
}

func TestAttackNeedsAHostileServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantFailure(t, record(t, func(tb s2stest.TB) {
			s2stest.NewNetwork(tb).PeerLike(s2stest.Prosody, there).Attack(here)
		}), "montague.example is not hostile")
	})
}

// All that a hostile server knows to do to those whom it attacks, it does.
func TestAttacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out printed
		var met int
		wantFailure(t, record(t, func(tb s2stest.TB) {
			tb.(*recorder).out = &out
			n := s2stest.NewNetwork(tb)
			l := n.Listen(here)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					met++
					c.Close()
				}
			}()
			n.PeerLike(s2stest.HostileServer, there).Attack(here)
			synctest.Wait()
		}))
		names := make(map[string]bool)
		for line := range strings.Lines(out.String()) {
			if _, name, ok := strings.Cut(line, "s2stest: montague.example attacks capulet.example: "); ok {
				names[name] = true
			}
		}
		if met != 34 || len(names) != met {
			t.Errorf("%d attacks by %d connections", len(names), met)
		}
	})
}

// And to those who connect to it, one after the other.
func TestActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.PeerLike(s2stest.HostileServer, there).Ignore()
		for i, want := range []string{
			"^$",
			"^<[?]xml version='1.0'[?]><stream:stream xmlns='xx+$",
			"<!ENTITY b ",
			"<stream:features><x xmlns='urn:example:x'/><x ",
			"^<[?]xml[^>]*><stream:stream [^>]*><stream:features><mechanisms ",
			"<proceed [^>]*><[?]xml.*<success ",
			"TLS.*id='[0-9a-f]+'[^>]*><success ",
			"TLS.* from='capulet.example'.*EXTERNAL",
			"<see-other-host .*>127.0.0.1:5269<",
			"<success .*<message from='tybalt@verona.example'.*forged",
			"<success .*<a [^>]*h='4294967295'",
			"<success .*<message [^>]*><x xmlns='urn:example:x'/><x ",
			"<success .*</stream:features>EOF$",
			"^$", // and from the beginning
		} {
			got := provoke(n, n.Raw(here, there))
			if !regexp.MustCompile("(?s)" + want).MatchString(got) {
				t.Errorf("act %d: heard %.300q, want %s", i, got, want)
			}
		}
	})
}

// provoke goes as far as it can on a stream to a hostile server and returns what
// it has heard.
func provoke(n *s2stest.Network, r *s2stest.RawStream) (heard string) {
	listen := func() (text string) {
		r.SetReadDeadline(time.Now().Add(3500 * time.Millisecond))
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Read(buf)
			text += string(buf[:n])
			if err != nil {
				if errors.Is(err, io.EOF) {
					text += "EOF"
				}
				return text
			}
		}
	}
	defer r.Close()
	r.Open("")
	if heard = listen(); !strings.Contains(heard, "<starttls ") {
		return heard
	}
	r.Put(starttls)
	text := listen()
	if heard += text; strings.Contains(text, "<success ") {
		return heard
	}
	r.Handshake(&tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}})
	r.Open("")
	text = listen()
	if heard += "TLS" + text; !strings.Contains(text, "EXTERNAL") || strings.Contains(text, "from='capulet.example'") {
		return heard
	}
	r.Put(auth("Y2FwdWxldC5leGFtcGxl"))
	if heard += listen(); strings.HasSuffix(heard, "EOF") {
		return heard
	}
	r.Open("")
	return heard + listen()
}
