package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

const streamHeader = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='montague.example' to='capulet.example' version='1.0'>"

// What ends a stream before it is authenticated, and what the peer is told.
func TestNegotiationRefusals(t *testing.T) {
	cases := []struct{ name, put, want string }{
		{"unknown host", strings.Replace(streamHeader, "to='capulet.example'", "to='verona.example'", 1), "<host-unknown"},
		{"wrong content namespace", strings.Replace(streamHeader, "'jabber:server'", "'jabber:client'", 1), "<invalid-namespace"},
		{"wrong stream namespace", strings.Replace(streamHeader, "etherx", "ethery", 1), "<invalid-namespace"},
		{"old version", strings.Replace(streamHeader, " version='1.0'", "", 1), "<unsupported-version"},
		{"not XML", "GET / HTTP/1.1\r\n\r\n", "<not-well-formed"},
		{"comment", streamHeader + "<!-- hi -->", "<restricted-xml"},
		{"processing instruction", streamHeader + "<?php ?>", "<restricted-xml"},
		{"DTD", "<!DOCTYPE x>" + streamHeader, "<restricted-xml"},
		{"UTF-16", "\xfe\xff\x00<", "<unsupported-encoding"},
		{"declared encoding", "<?xml version='1.0' encoding='ISO-8859-1'?>" + streamHeader, "<unsupported-encoding"},
		{"invalid UTF-8", streamHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls' x='\xff'/>", "<unsupported-encoding"},
		{"unbound prefix", streamHeader + "<db:result>x</db:result>", "<not-well-formed"},
		{"stanza before TLS", streamHeader + "<message from='a@montague.example' to='b@capulet.example'/>", "<not-authorized"},
		{"SASL before TLS", streamHeader + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", "<policy-violation"},
		{"too much before authentication", streamHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>" + strings.Repeat("x", 10_001), "<policy-violation"},
		{"too deep before authentication", streamHeader + strings.Repeat("<a>", 17), "<policy-violation"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
				raw := romeo.Raw(here)
				raw.Put(c.put)
				got := raw.Rest()
				if !strings.Contains(got, c.want) || !strings.HasSuffix(got, "</stream:error></stream:stream>") {
					t.Errorf("got %s\nwant a stream error with %s", got, c.want)
				}
				if !strings.Contains(got, "<stream:stream ") || strings.Index(got, "<stream:stream ") > strings.Index(got, "<stream:error>") {
					t.Errorf("the header must come before the error: %s", got)
				}
			})
		})
	}
}

// Plaintext that came along with the request for TLS is not taken for something
// said under its protection.
func TestInjectionBeforeTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		raw := romeo.Raw(here)
		raw.Put(streamHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>")
		raw.Expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
		if rest := raw.Rest(); rest != "" {
			t.Errorf("the server went on: %s", rest)
		}
	})
}

// What an authenticated peer loses its stream for.
func TestLyingPeersLoseTheirStream(t *testing.T) {
	cases := []struct{ name, put, want string }{
		{"from another domain", "<message from='tybalt@verona.example' to='juliet@capulet.example'><body>x</body></message>", "<invalid-from"},
		{"from us", "<message from='juliet@capulet.example' to='juliet@capulet.example'><body>x</body></message>", "<invalid-from"},
		{"malformed from at another domain", "<message from='a b@verona.example' to='juliet@capulet.example'/>", "<invalid-from"},
		{"no from", "<message to='juliet@capulet.example'/>", "<improper-addressing"},
		{"no to", "<message from='romeo@montague.example'/>", "<improper-addressing"},
		{"to a domain that is not ours", "<message from='romeo@montague.example' to='x@verona.example'/>", "<host-unknown"},
		{"unknown element", "<hello xmlns='urn:example'/>", "<unsupported-stanza-type"},
		{"a client's stanza", "<message xmlns='jabber:client' from='romeo@montague.example' to='juliet@capulet.example'/>", "<unsupported-stanza-type"},
		{"text between stanzas", "<presence from='romeo@montague.example' to='juliet@capulet.example'/>hello", "<bad-format"},
		{"too large", "<message from='romeo@montague.example' to='juliet@capulet.example'><body>" + strings.Repeat("x", 512<<10) + "</body></message>", "<policy-violation"},
		{"too deep", "<message from='romeo@montague.example' to='juliet@capulet.example'>" + strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64) + "</message>", "<policy-violation"},
		{"not well-formed", "<message from='romeo@montague.example' to='juliet@capulet.example'><body></message>", "<not-well-formed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mux, got := inbox()
				fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
				raw := romeo.Raw(here)
				raw.Authenticate()
				go raw.Put(c.put)
				rest := raw.Rest()
				if !strings.Contains(rest, c.want) {
					t.Errorf("got %s\nwant a stream error with %s", rest, c.want)
				}
				if len(got) > 0 {
					t.Errorf("the handler saw %s", <-got)
				}
				raw.Close()
				synctest.Wait()
				for _, s := range fed.Streams() {
					t.Errorf("the stream is still there: %+v", s)
				}
			})
		})
	}
}

// What costs a peer one stanza, and what its sender is told.
func TestOneBadStanzaCostsOneStanza(t *testing.T) {
	cases := []struct{ name, put, want string }{
		{"malformed to", "<message id='1' from='romeo@montague.example/o' to='@capulet.example'><body>x</body></message>",
			`<message type="error" id="1" from="capulet.example" to="romeo@montague.example/o"><error type="modify"><jid-malformed/></error></message>`},
		{"malformed from", "<message id='1' from='ro meo@montague.example' to='juliet@capulet.example'/>", ""},
		{"malformed to of an error", "<message type='error' id='1' from='romeo@montague.example' to='@capulet.example'/>", ""},
		{"iq without id", "<iq type='get' from='romeo@montague.example' to='capulet.example'><ping xmlns='urn:xmpp:ping'/></iq>",
			`<iq type="error"><error type="modify"><bad-request/></error></iq>`},
		{"iq without payload", "<iq type='get' id='1' from='romeo@montague.example' to='capulet.example'/>",
			`<iq type="error" id="1"><error type="modify"><bad-request/></error></iq>`},
		{"iq of unknown type", "<iq type='ask' id='1' from='romeo@montague.example' to='capulet.example'/>",
			`<iq type="error" id="1"><error type="modify"><bad-request/></error></iq>`},
		{"presence of unknown type", "<presence type='odd' id='1' from='romeo@montague.example' to='capulet.example'/>",
			`<presence type="error" id="1"><error type="modify"><bad-request/></error></presence>`},
		{"unknown user", "<message id='1' from='romeo@montague.example' to='nobody@capulet.example'/>",
			`<message type="error" id="1" from="nobody@capulet.example"><error type="cancel"><service-unavailable/></error></message>`},
		{"presence to an unknown user", "<presence from='romeo@montague.example' to='nobody@capulet.example'/>", ""},
		{"a handler's error", "<message id='1' from='romeo@montague.example' to='juliet@capulet.example'><body>refuse</body></message>",
			`<message type="error" id="1" from="juliet@capulet.example"><error type="auth"><forbidden/><text>no</text></error></message>`},
		{"a handler's failure", "<message id='1' from='romeo@montague.example' to='juliet@capulet.example'><body>fail</body></message>",
			`<message type="error" id="1"><error><internal-server-error/></error></message>`},
		{"a handler's panic", "<message id='1' from='romeo@montague.example' to='juliet@capulet.example'><body>panic</body></message>",
			`<message type="error" id="1"><error><internal-server-error/></error></message>`},
		{"a failing user directory", "<message id='1' from='romeo@montague.example' to='broken@capulet.example'/>",
			`<message type="error" id="1"><error><internal-server-error/></error></message>`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := make(chan string, 8)
				mux := stanza.NewMux()
				mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
					switch m.Body() {
					case "refuse":
						return stanza.Errorf(stanza.Forbidden, "no")
					case "fail":
						return errors.New("the database password is secret")
					case "panic":
						panic("secret")
					}
					got <- m.Body()
					return nil
				}))
				users := s2s.DirectoryFunc(func(_ context.Context, u jid.JID) (bool, error) {
					if u.Local() == "broken" {
						return false, errors.New("secret")
					}
					return u.Local() == "juliet", nil
				})
				_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Users: users}, there)
				raw := romeo.Raw(here)
				raw.Authenticate()
				raw.Put(c.put)
				if c.want != "" {
					if s := romeo.Expect(c.want); strings.Contains(s.String(), "secret") {
						t.Errorf("internals leak to the peer: %s", s)
					}
				}
				raw.Put("<message from='romeo@montague.example' to='juliet@capulet.example'><body>still here</body></message>")
				if body := <-got; body != "still here" {
					t.Errorf("handler got %q", body)
				}
				romeo.Quiet(time.Minute)
			})
		})
	}
}

// Certificates that do not prove the domain are told so, and get nowhere.
func TestInboundCertificates(t *testing.T) {
	for _, c := range []struct {
		name string
		opts testca.Options
		self bool
		ok   bool
	}{
		{"dNSName", testca.Options{DNS: []string{there}}, false, true},
		{"serverAuth only", testca.Options{DNS: []string{there}, Usage: testca.ServerOnly}, false, true},
		{"SRVName", testca.Options{SRV: []string{"_xmpp-server." + there}}, false, true},
		{"id-on-xmppAddr", testca.Options{XMPPAddr: []string{there}}, false, true},
		{"wildcard", testca.Options{DNS: []string{"*.example"}}, false, true},
		{"common name only", testca.Options{CN: there}, false, false},
		{"Microsoft UPN", testca.Options{UPN: []string{there}}, false, false},
		{"another domain", testca.Options{DNS: []string{"verona.example"}}, false, false},
		{"expired", testca.Options{DNS: []string{there}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}, false, false},
		{"self-signed", testca.Options{DNS: []string{there}}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				mux, got := inbox()
				refused := make(chan error, 1)
				n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Trace: &s2s.Trace{AuthFailed: func(_ jid.JID, _ string, err error) {
					select {
					case refused <- err:
					default:
					}
				}}})
				cert := n.Issue(c.opts)
				if c.self {
					cert = testca.SelfSigned(c.opts)
				}
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
				romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>let me in</body></message>`)
				synctest.Wait()
				if ok := len(got) > 0; ok != c.ok {
					t.Errorf("accepted: %t, want %t", ok, c.ok)
				}
				if c.ok {
					return
				}
				if err := <-refused; !strings.Contains(err.Error(), "certificate") {
					t.Errorf("refused with %v", err)
				}
				romeo.Expect(`<message type="error" from="juliet@capulet.example"><error><remote-server-timeout/></error></message>`)
			})
		})
	}
}

func TestHostMistakesNeverReachTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		from, to := jid.MustParse("juliet@"+here), jid.MustParse("romeo@"+there)
		cases := []struct {
			name string
			st   *stanza.Stanza
			want error
		}{
			{"nil", nil, nil},
			{"no kind", &stanza.Stanza{From: from, To: to}, nil},
			{"foreign sender", &stanza.Stanza{Kind: stanza.Message, From: to, To: from}, s2s.ErrNotLocal},
			{"no sender", &stanza.Stanza{Kind: stanza.Message, To: to}, s2s.ErrNotLocal},
			{"no recipient", &stanza.Stanza{Kind: stanza.Message, From: from}, s2s.ErrNoRecipient},
			{"type of another kind", &stanza.Stanza{Kind: stanza.Message, Type: stanza.Subscribe, From: from, To: to}, nil},
			{"iq without id", &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: from, To: to, Inner: []byte("<x xmlns='y'/>")}, nil},
			{"injected end", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("</message><message from='a@verona.example' to='b@montague.example'>")}, nil},
			{"injected footer", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("</message></stream:stream>")}, nil},
			{"unfinished", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("<body>")}, nil},
			{"comment", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("<!-- x -->")}, nil},
			{"unbound prefix", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("<a:b/>")}, nil},
			{"not UTF-8", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("<body>\xff</body>")}, nil},
			{"too large", &stanza.Stanza{Kind: stanza.Message, From: from, To: to, Inner: []byte("<body>" + strings.Repeat("x", 512<<10) + "</body>")}, nil},
		}
		for _, c := range cases {
			err := fed.Send(t.Context(), c.st)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		if _, err := fed.Request(t.Context(), text(from.String(), to.String(), "x")); !errors.Is(err, s2s.ErrUnanswerable) {
			t.Errorf("request of a message: %v", err)
		}
		fed.Send(t.Context(), text(from.String(), to.String(), "good"))
		romeo.Expect(`<message><body>good</body></message>`)
		romeo.Quiet(time.Minute)
	})
}

// A stanza without xml:lang has its stream's (RFC 6120 section 8.1.5).
func TestLanguageOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		raw := romeo.Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.StartTLS()
		raw.Header = strings.Replace(streamHeader, "version=", "xml:lang='it' version=", 1)
		raw.SASL()
		raw.Put("<message from='romeo@montague.example' to='juliet@capulet.example'/><message xml:lang='en' from='romeo@montague.example' to='juliet@capulet.example'/>")
		if a, b := <-got, <-got; a.Lang != "it" || b.Lang != "en" {
			t.Errorf("languages %q and %q", a.Lang, b.Lang)
		}
	})
}

// One handler that hangs takes its own pair's stanzas down, after a bounded
// wait, and nobody else's.
func TestHangingHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		got := make(chan string, 64)
		handler := stanza.HandlerFunc(func(ctx context.Context, m *stanza.Stanza) (*stanza.Stanza, error) {
			if m.From.Local() == "tybalt" {
				<-release
			}
			got <- m.Body()
			return nil, nil
		})
		_, romeo := s2stest.Pair(t, s2s.Config{Services: []string{here}, Handler: handler, Limits: s2s.Limits{Lane: 8}}, there)
		for i := range 10 {
			romeo.Send(fmt.Sprintf(`<message id="%d" from="tybalt@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i, i))
		}
		begin := time.Now()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
		if body := <-got; body != "hello" {
			t.Errorf("got %q", body)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("the other pair waited %v, want at most Limits.LaneWait", took)
		}
		romeo.Expect(`<message type="error" id="8"><error type="wait"><resource-constraint/></error></message>`)
		romeo.Expect(`<message type="error" id="9"><error type="wait"><resource-constraint/></error></message>`)
		close(release)
		for i := range 8 {
			if body := <-got; body != fmt.Sprint(i) {
				t.Errorf("got %q, want %d", body, i)
			}
		}
	})
}
