package s2s_test

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// acceptor is a peer that notes when something comes by a stream to it.
type acceptor struct {
	mu   sync.Mutex
	got  []string
	when []time.Duration // since the stream was opened
}

// accept takes one stream, with the features that it offers at last, and answers
// requests for acknowledgement if told to.
func accept(t *testing.T, n *s2stest.Network, features string, answer bool) *acceptor {
	a := new(acceptor)
	l := n.Listen(there)
	cert := n.Certificate(there)
	serve(t, l, func(c net.Conn) {
		talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed)
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert})
		talk(s, "version", theirHeader+external, "<auth", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
			"version", theirHeader+"<stream:features>"+features+"</stream:features>")
		begin := time.Now()
		var buf [4096]byte
		for {
			n, err := s.Read(buf[:])
			if err != nil {
				c.Close()
				return
			}
			text := string(buf[:n])
			a.mu.Lock()
			a.got, a.when = append(a.got, text), append(a.when, time.Since(begin))
			a.mu.Unlock()
			if strings.Contains(text, "<enable") {
				s.Write([]byte("<enabled xmlns='urn:xmpp:sm:3'/>"))
			}
			if answer && strings.Contains(text, "<r ") {
				s.Write([]byte("<a xmlns='urn:xmpp:sm:3' h='1'/>"))
			}
			if strings.Contains(text, "</stream:stream>") {
				s.Write([]byte("</stream:stream>"))
			}
		}
	})
	return a
}

const sm3 = "<sm xmlns='urn:xmpp:sm:3'/>"

// A stream on which nothing happens is checked, and closed when its idle time is
// over all the same.
func TestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		name     string
		features string
		limits   s2s.Limits
		check    string
		want     []time.Duration // of the checks
		end      time.Duration
	}{
		{"acknowledging", sm3, s2s.Limits{}, "<r ", []time.Duration{5 * time.Minute}, 10 * time.Minute},
		{"not acknowledging", "", s2s.Limits{}, " ", []time.Duration{5 * time.Minute}, 10 * time.Minute},
		{"more often", sm3, s2s.Limits{KeepAlive: 3 * time.Minute}, "<r ", []time.Duration{3 * time.Minute, 6 * time.Minute, 9 * time.Minute}, 10 * time.Minute},
		{"never", sm3, s2s.Limits{KeepAlive: 10 * time.Minute}, "<r ", nil, 10 * time.Minute},
		{"peer that is idle sooner", "<limits xmlns='urn:xmpp:stream-limits:0'><idle-seconds>480</idle-seconds></limits>",
			s2s.Limits{KeepAlive: 4 * time.Minute}, " ", []time.Duration{4 * time.Minute}, 6 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: c.limits})
				a := accept(t, n, c.features, true)
				fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
				time.Sleep(time.Hour)
				a.mu.Lock()
				defer a.mu.Unlock()
				var checks []time.Duration
				for i, text := range a.got {
					if a.when[i] > time.Second && strings.HasPrefix(text, c.check) {
						checks = append(checks, a.when[i].Round(time.Second))
					}
				}
				if len(checks) != len(c.want) {
					t.Fatalf("checked after %v, want %v: %q", checks, c.want, a.got)
				}
				for i := range checks {
					if checks[i] != c.want[i] {
						t.Errorf("checked after %v, want %v", checks, c.want)
					}
				}
				last := len(a.got) - 1
				if a.got[last] != "</stream:stream>" || a.when[last].Round(time.Second) != c.end {
					t.Errorf("ended with %q after %v, want %v", a.got[last], a.when[last], c.end)
				}
			})
		})
	}
}

// A stream that is in use is not checked, and one that falls silent later is.
func TestKeepAliveWhileActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		a := accept(t, n, "", false)
		for range 30 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
			time.Sleep(time.Minute)
		}
		time.Sleep(4*time.Minute + time.Second) // five since the last
		a.mu.Lock()
		defer a.mu.Unlock()
		if last := len(a.got) - 1; last != 30 || a.got[last] != " " {
			t.Errorf("%d things were read, the last %q", len(a.got), a.got[last])
		}
	})
}

// A path that swallows everything is found broken before a stanza needs it.
func TestKeepAliveFindsBrokenStreams(t *testing.T) {
	for _, bidi := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Bidi: bidi})
			romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: bidi})
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "0"))
			romeo.Expect(`<message><body>0</body></message>`)
			time.Sleep(time.Minute)
			n.HalfOpen(here, there)
			time.Sleep(5 * time.Minute) // the check at five, the time for its answer
			if streams := fed.Streams(); len(streams) != 0 {
				t.Errorf("bidi %t: %+v", bidi, streams)
			}
			begin := time.Now()
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "1"))
			romeo.Expect(`<message><body>1</body></message>`)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("bidi %t: the next message took %v", bidi, took)
			}
			romeo.Quiet(time.Minute)
		})
	}
}

// Streams that nobody uses end in time on both sides, whoever checks them.
func TestKeepAliveKeepsNothingOpen(t *testing.T) {
	for _, bidi := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			mux, got := inbox()
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Bidi: bidi, Limits: s2s.Limits{KeepAlive: time.Minute}})
			romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: bidi, Limits: s2s.Limits{KeepAlive: time.Minute}})
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
			romeo.Next()
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
			<-got
			time.Sleep(7 * time.Minute) // of the 7.5 that the opener takes, to be the first to close
			if streams := fed.Streams(); len(streams) == 0 {
				t.Errorf("bidi %t: closed too soon", bidi)
			}
			time.Sleep(time.Minute)
			if streams := fed.Streams(); len(streams) != 0 {
				t.Errorf("bidi %t: still there: %+v", bidi, streams)
			}
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "again"))
			romeo.Expect(`<message><body>again</body></message>`)
		})
	}
}

// Peers that have opened a stream are not checked on it.
func TestKeepAliveIsOfTheOpener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{KeepAlive: time.Second, Idle: 20 * time.Second}}, there)
		raw := romeo.Raw(here)
		raw.Authenticate()
		if rest := raw.Rest(); rest != "</stream:stream>" {
			t.Errorf("got %s", rest)
		}
	})
}
