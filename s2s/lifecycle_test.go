package s2s_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func TestShutdownDrainsAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		working := make(chan struct{})
		handler := stanza.HandlerFunc(func(ctx context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			close(working)
			time.Sleep(3 * time.Second) // busy when the shutdown begins
			return stanza.Text(m.To, m.From, "done"), nil
		})
		var ended []string
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Trace: &s2s.Trace{StreamClose: func(i s2s.StreamInfo, err error) {
			ended = append(ended, fmt.Sprint(i.Outgoing, " ", err))
		}}})
		raw := romeo.Raw(here)
		raw.Authenticate()
		romeo.Send(`<message from="romeo@montague.example" to="bot@capulet.example"><body>work</body></message>`)
		<-working
		result := make(chan error, 1)
		begin := time.Now()
		go func() { result <- fed.Shutdown(t.Context()) }()
		raw.Expect("<system-shutdown")
		raw.Expect("</stream:stream>")
		raw.Put("</stream:stream>")
		romeo.Expect(`<message><body>done</body></message>`)
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
		if err := fed.Send(t.Context(), text("bot@"+here, "romeo@"+there, "late")); !errors.Is(err, s2s.ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("send after shutdown: %v", err)
		}
		if err := fed.Serve(n.Listen("late.example")); !errors.Is(err, s2s.ErrClosed) {
			t.Errorf("serve after shutdown: %v", err)
		}
		synctest.Wait()
		for _, e := range ended {
			if !strings.Contains(e, "system-shutdown") {
				t.Errorf("a stream of the peer ended with %q", e)
			}
		}
		if len(ended) != 2 {
			t.Errorf("%d streams ended, want 2", len(ended))
		}
	})
}

func TestShutdownBouncesWhatCannotBeDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		n.Peer(there)
		n.Cut(here, there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "1"))
		time.Sleep(time.Minute)
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		bounced(t, got, stanza.RemoteServerTimeout, stanza.Wait)
	})
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		started := make(chan struct{})
		handler := stanza.HandlerFunc(func(ctx context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			close(started)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: handler, Limits: s2s.Limits{HandlerTime: time.Hour}})
		romeo := n.Peer(there)
		romeo.Ignore()
		romeo.Send(`<message from="romeo@montague.example" to="bot@capulet.example"/>`)
		<-started
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := fed.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseEndsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		romeo.Ignore()
		result := make(chan error, 1)
		go func() {
			_, err := fed.Request(t.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(here), To: jid.MustParse(there), Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
			result <- err
		}()
		synctest.Wait()
		fed.Close()
		if err := <-result; !errors.Is(err, s2s.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTimeLimits(t *testing.T) {
	t.Run("negotiation", func(t *testing.T) {
		for _, put := range []string{"", "<?xml version='1.0'?>", streamHeader, streamHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"} {
			synctest.Test(t, func(t *testing.T) {
				_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Negotiation: 7 * time.Second}}, there)
				raw := romeo.Raw(here)
				begin := time.Now()
				raw.Put(put)
				raw.Rest()
				if took := time.Since(begin); took != 7*time.Second {
					t.Errorf("after %q the connection lived %v, want 7s", put, took)
				}
			})
		}
	})
	t.Run("idle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Idle: 20 * time.Second}}, there)
			raw := romeo.Raw(here)
			raw.Authenticate()
			time.Sleep(15 * time.Second)
			raw.Put("<presence from='romeo@montague.example' to='juliet@capulet.example'/>")
			begin := time.Now()
			if rest := raw.Rest(); rest != "</stream:stream>" {
				t.Errorf("the end of an idle stream: %s", rest)
			}
			if took := time.Since(begin); took != 25*time.Second { // 20 s idle, 5 s without an answer
				t.Errorf("the stream lived %v", took)
			}
		})
	})
	t.Run("keep-alive", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Idle: 20 * time.Second}}, there)
			raw := romeo.Raw(here)
			raw.Authenticate()
			for range 10 {
				time.Sleep(15 * time.Second)
				raw.Put(" ")
			}
			if n := len(fed.Streams()); n != 1 {
				t.Errorf("%d streams, want the one kept alive", n)
			}
		})
	})
}

// Stanzas sent while the other side closes the stream arrive on the next one.
func TestCloseByThePeerLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{Idle: 30 * time.Second}})
		n.Delay(here, there, 200*time.Millisecond)
		sent := 0
		for range 100 {
			fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, fmt.Sprint(sent)))
			sent++
			time.Sleep(30*time.Second + time.Duration(sent*3)*time.Millisecond)
		}
		seen := make(map[string]bool)
		for len(seen) < sent {
			seen[romeo.Next().Body()] = true
		}
		romeo.Ignore()
		if len(got) > 0 {
			t.Errorf("bounced: %s", <-got)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{Queue: 3}})
		n.Peer(there)
		n.Cut(here, there)
		for i := range 3 {
			if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x")); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x")); !errors.Is(err, s2s.ErrQueueFull) {
			t.Errorf("got %v, want ErrQueueFull", err)
		}
		for range 3 {
			if e := (<-got).Err(); e == nil {
				t.Error("not an error")
			}
		}
	})
}

// A connected but slow domain holds its senders up instead.
func TestFullQueueOfASlowDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Queue: 10}})
		release := make(chan struct{})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{Lane: 4, LaneWait: time.Hour}})
		count := 0
		romeo.Handle(stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			<-release
			count++
			return nil, nil
		}))
		body := strings.Repeat("x", 100<<10)
		if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, body)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the domain is connected
		sent := make(chan int, 1)
		go func() {
			i := 1
			for ; i < 50; i++ {
				if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, body)); err != nil {
					t.Error(err)
					break
				}
			}
			sent <- i
		}()
		synctest.Wait()
		select {
		case <-sent:
			t.Fatal("nothing held the sender up")
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := fed.Send(ctx, text("juliet@"+here, "romeo@"+there, body)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		close(release)
		<-sent
		synctest.Wait()
		if count != 50 {
			t.Errorf("%d of 50 arrived", count)
		}
	})
}

func TestCertificateByNameIndicationAndByTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		const other = "verona.example"
		n.Server(s2s.Config{Domains: []string{here, other}, Handler: stanza.NewMux(), TLS: &tls.Config{
			Certificates: []tls.Certificate{n.Certificate(here), n.Certificate(other)},
		}})
		romeo := n.Peer(there)
		for _, c := range []struct{ to, sni, want string }{
			{here, here, here}, {other, other, other}, {here, "", here}, {other, "", other}, {other, "elsewhere.example", other},
		} {
			raw := romeo.Raw(here)
			raw.Put(strings.Replace(streamHeader, "to='capulet.example'", "to='"+c.to+"'", 1))
			raw.Expect("</stream:features>")
			raw.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
			raw.Expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
			var shown *x509.Certificate
			client := tls.Client(raw.Conn, &tls.Config{ServerName: c.sni, InsecureSkipVerify: true, NextProtos: []string{"xmpp-server"},
				VerifyConnection: func(cs tls.ConnectionState) error { shown = cs.PeerCertificates[0]; return nil }})
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			if shown.VerifyHostname(c.want) != nil {
				t.Errorf("to %s with name %q: got the certificate of %v", c.to, c.sni, shown.DNSNames)
			}
			raw.Close()
		}
	})
}

func TestDirectTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		l := memnet.NewListener(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 99), Port: 5270})
		done := make(chan error, 1)
		go func() { done <- fed.ServeTLS(l) }()
		c, err := l.Dial(t.Context(), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 98), Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		raw := n.Peer(there).Wrap(c, here)
		raw.Handshake(&tls.Config{Certificates: []tls.Certificate{n.Certificate(there)}, NextProtos: []string{"xmpp-server"}})
		raw.SASL()
		raw.Put("<message from='romeo@montague.example' to='juliet@capulet.example'><body>direct</body></message>")
		if m := <-got; m.Body() != "direct" {
			t.Errorf("got %s", m)
		}
		raw.Close()
		fed.Close()
		if err := <-done; !errors.Is(err, s2s.ErrClosed) {
			t.Errorf("ServeTLS returned %v", err)
		}
	})
}

func TestConfigMistakes(t *testing.T) {
	good := func() s2s.Config {
		return s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), TLS: &tls.Config{Certificates: []tls.Certificate{{}}}}
	}
	for name, change := range map[string]func(*s2s.Config){
		"malformed domain": func(c *s2s.Config) { c.Domains = []string{"a b"} },
		"address":          func(c *s2s.Config) { c.Services = []string{"a@b.example"} },
		"domain twice":     func(c *s2s.Config) { c.Services = []string{"CAPULET.example"} },
		"no handler":       func(c *s2s.Config) { c.Handler = nil },
		"no TLS":           func(c *s2s.Config) { c.TLS = nil },
		"no certificate":   func(c *s2s.Config) { c.TLS = &tls.Config{} },
		"old TLS only":     func(c *s2s.Config) { c.TLS.MaxVersion = tls.VersionTLS11 },
		"negative limit":   func(c *s2s.Config) { c.Limits.Queue = -1 },
		"negative time":    func(c *s2s.Config) { c.Limits.Idle = -1 },
	} {
		cfg := good()
		change(&cfg)
		if _, err := s2s.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "s2s: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s2s.New(good()); err != nil {
		t.Error(err)
	}
}
