package s2stest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// raw returns a raw stream to a server, what that server's handler gets, and
// what ends its streams.
func raw(t *testing.T) (r *s2stest.RawStream, got chan *stanza.Stanza, closed chan error) {
	trace, closed := ends()
	got = make(chan *stanza.Stanza, 4)
	handler := stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
		got <- s
		return nil, nil
	})
	_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: handler, Trace: trace}, there)
	return romeo.Raw(here), got, closed
}

func TestRawStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got, closed := raw(t)
		r.Authenticate()
		r.Put("<message from='romeo@montague.example' to='juliet@capulet.example'><bo")
		synctest.Wait()
		if len(got) > 0 {
			t.Errorf("half a stanza was handled: %s", <-got)
		}
		r.Put("dy>x</body></message></stream:stream>")
		if s := <-got; s.Body() != "x" {
			t.Errorf("got %s", s)
		}
		if rest := r.Rest(); rest != "</stream:stream>" {
			t.Errorf("the end is %q", rest)
		}
		if err := <-closed; err != nil {
			t.Errorf("the server says %v", err)
		}
	})
}

func TestRawStreamByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := raw(t)
		r.Open("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='capulet.example' version='1.0'>")
		head := r.Expect("<stream:features>")
		if !strings.HasPrefix(head, "<?xml ") || !strings.HasSuffix(head, "<stream:features>") || strings.Contains(head, "starttls") {
			t.Errorf("up to the features: %s", head)
		}
		if offer := r.Expect("</stream:features>"); !strings.Contains(offer, "<starttls ") {
			t.Errorf("the features: %s", offer)
		}
		r.StartTLS()
		state := r.Conn.(*tls.Conn).ConnectionState()
		if err := state.PeerCertificates[0].VerifyHostname(here); err != nil {
			t.Errorf("the server's certificate: %v", err)
		}
		r.SASL()
	})
}

func TestRawStreamCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, closed := raw(t)
		r.Authenticate()
		r.Cut()
		if err := <-closed; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server says %v", err)
		}
		if _, err := io.WriteString(r, "x"); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
	})
}

// Text arrives split at every boundary, within TLS too.
func TestRawStreamSplit(t *testing.T) {
	for _, split := range []int{1, 2, 3, 5, 8, 13} {
		synctest.Test(t, func(t *testing.T) {
			r, got, _ := raw(t)
			r.Split = split
			r.Authenticate()
			r.Put("<message from='romeo@montague.example' to='juliet@capulet.example'><body>\u20ac &amp; &#8364;</body></message></stream:stream>")
			if s := <-got; s.Body() != "\u20ac & \u20ac" {
				t.Errorf("split %d: got %s", split, s)
			}
			r.Rest()
		})
	}
}

// The test is who the server connects to.
func TestRawServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		got := make(chan *stanza.Stanza, 1)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			got <- s
			return nil, nil
		})})
		server := n.RawServer(there)
		fed.Send(t.Context(), text("hello"))
		r := server.Accept()
		r.Authenticate()
		if s := r.Expect("</message>"); !strings.Contains(s, "<body>hello</body>") {
			t.Errorf("got %s", s)
		}
		r.Quiet(time.Minute)
		r.Put("<message type='error' from='romeo@montague.example' to='juliet@capulet.example' id='x'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
		if s := <-got; s.Err() == nil {
			t.Errorf("got %s", s)
		}
		server.Close()
		r.Cut()
		fed.Send(t.Context(), text("and now?"))
		if s := <-got; s.Err() == nil || s.Err().Condition != stanza.RemoteServerTimeout {
			t.Errorf("got %s", s)
		}
	})
}

func TestRawFailures(t *testing.T) {
	for name, c := range map[string]struct {
		test func(*s2stest.Network)
		want string
	}{
		"nobody connects": {func(n *s2stest.Network) { n.RawServer(there).Accept() }, "nobody connected to montague.example within 30s"},
		"a closed server": {func(n *s2stest.Network) { s := n.RawServer(there); s.Close(); s.Accept() }, "montague.example: "},
		"noise": {func(n *s2stest.Network) {
			n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
			r := n.Raw(there, here)
			r.Open("")
			r.Quiet(time.Second)
		}, "got what should not have come"},
		"silence that ends": {func(n *s2stest.Network) {
			s := n.RawServer(here)
			r := n.Raw(there, here)
			s.Accept().Close()
			r.Quiet(time.Second)
		}, "connection ended: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wantFailure(t, record(t, func(tb s2stest.TB) { c.test(s2stest.NewNetwork(tb)) }), c.want)
			})
		})
	}
}
