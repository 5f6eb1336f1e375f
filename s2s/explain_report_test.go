package s2s_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"
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

var update = flag.Bool("update", false, "write golden files anew")

// explained is the report of a good peer, after a target that is down.
func explained(t *testing.T, cfg s2s.Config) (*s2s.Server, *s2s.Report) {
	n := s2stest.NewNetwork(t)
	cfg.Domains, cfg.Handler = []string{here}, stanza.NewMux()
	fed := n.Server(cfg)
	cert := n.Issue(testca.Options{DNS: []string{there}, NotAfter: time.Now().Add(5 * 24 * time.Hour)})
	romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Bidi: cfg.Bidi, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	romeo.Handle(stanza.NewMux())
	n.SetSRV(there,
		&net.SRV{Target: "old.montague.example.", Port: 5269, Priority: 1},
		&net.SRV{Target: "xmpp.montague.example.", Port: 5269, Priority: 2})
	n.Delay(here, there, 20*time.Millisecond)
	synctest.Wait() // both listen now
	return fed, fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
}

// The JSON of a report is an interface: names of fields and codes stay.
func TestExplainJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := explained(t, s2s.Config{})
		got, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		const golden = "testdata/explain.json"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		var back s2s.Report
		if err := json.Unmarshal(got, &back); err != nil || !reflect.DeepEqual(&back, r) {
			t.Errorf("back from JSON: %+v, %v\nwant %+v", back, err, r)
		}
	})
}

// The stream of Explain is closed again, whoever answers the ping.
func TestExplainLeavesNothing(t *testing.T) {
	for _, bidi := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			fed, r := explained(t, s2s.Config{Bidi: bidi})
			if !r.Reachable || r.Code != s2s.CodeOK {
				t.Errorf("bidi %t: %+v", bidi, r)
			}
			synctest.Wait()
			time.Sleep(time.Minute)
			for _, s := range fed.Streams() {
				if s.Outgoing {
					t.Errorf("bidi %t: still there: %+v", bidi, s)
				}
			}
		})
	}
}

// deaf returns a server that does not listen.
func deaf(t *testing.T, n *s2stest.Network, reach s2s.Reach) *s2s.Server {
	fed, err := s2s.New(s2s.Config{
		Domains: []string{here}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}}, Handler: stanza.NewMux(),
		Verifier: s2s.PKIX{Roots: n.Roots()}, Resolver: n.Resolver(), Dialer: n.Dialer(here), Reach: reach,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fed.Close() })
	return fed
}

// A server that does not listen gets as far as it can.
func TestExplainWithoutListener(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy func(context.Context, jid.JID) error
		closed bool
		want   s2s.Code
	}{
		{"well", nil, false, s2s.CodePingSkipped},
		{"refused", func(context.Context, jid.JID) error { return errors.New("no") }, false, s2s.CodePeerPolicy},
		{"closed", nil, true, s2s.CodeInterrupted},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.PeerConfig(s2s.Config{Services: []string{there}, Policy: s2s.Policy{Check: c.policy}})
				fed := deaf(t, n, s2s.Reach{Private: true})
				if c.closed {
					fed.Close()
				}
				r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
				if last := r.Findings[len(r.Findings)-1]; last.Code != c.want || r.Reachable != (c.want == s2s.CodePingSkipped) {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// Explain connects to no address that the server itself would not connect to.
func TestExplainKeepsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Peer(there)
		r := deaf(t, n, s2s.Reach{}).Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		last := r.Findings[len(r.Findings)-1]
		if r.Code != s2s.CodeForbiddenAddress || last.Step != s2s.StepAddress || last.Addr != "10.0.0.1:5269" || last.Remedy == "" {
			t.Errorf("%+v", r)
		}
	})
}

// What a peer says reaches no terminal as it is, and not at any length.
func TestExplainTextsAreTame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, n: s2stest.NewNetwork(t)}
		w.script(func(c net.Conn) {
			talk(c, "version", theirHeader+"<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"+
				"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a\tb\u009b31m"+strings.Repeat("x", 2000)+"</text></stream:error>")
			hold(c)
		})
		fed := w.n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		detail := r.Findings[len(r.Findings)-1].Detail
		if !strings.Contains(detail, "a b 31mxxx") || len(detail) > 410 {
			t.Errorf("%q", detail)
		}
	})
}

// Direct TLS has the same steps; the certificate comes before the stream.
func TestExplainDirectTLS(t *testing.T) {
	for _, c := range []struct {
		direct bool // what the peer speaks
		want   s2s.Code
	}{{true, s2s.CodeOK}, {false, s2s.CodeTLSFailed}} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			srv, err := s2s.New(s2s.Config{
				Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(there)}}, Handler: stanza.NewMux(),
				Verifier: s2s.PKIX{Roots: n.Roots()}, Resolver: n.Resolver(), Dialer: n.Dialer(there), Reach: s2s.Reach{Private: true},
				Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			l, done := n.Listen(there), make(chan struct{})
			serve := srv.Serve
			if c.direct {
				serve = srv.ServeTLS
			}
			go func() { defer close(done); serve(l) }()
			t.Cleanup(func() { srv.Close(); <-done })
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Resolver: directOnly{n.Resolver()}})
			synctest.Wait()
			r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
			var steps []string
			for _, f := range r.Findings {
				steps = append(steps, string(f.Step))
			}
			got := strings.Join(steps, " ")
			want := "policy dns address tcp tls identity stream features auth limits acks ping"
			if !c.direct {
				want = "policy dns address tcp tls"
			}
			if r.Reachable != c.direct || r.Code != c.want || got != want {
				t.Errorf("direct %t: %s, %s", c.direct, r.Code, got)
			}
			if !strings.Contains(r.Findings[1].Detail, "(direct TLS)") {
				t.Errorf("dns: %s", r.Findings[1].Detail)
			}
		})
	}
}

// The step of the certificate says by which method it was accepted, and whether
// that is a surprise; to look is not to remember.
func TestExplainIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPast(t, s2s.Config{})
		h.romeo.Handle(stanza.NewMux())
		own := testca.SelfSigned(testca.Options{})
		identity := func() (details []string) {
			r := h.fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
			for _, f := range r.Findings {
				if f.Step == s2s.StepIdentity {
					details = append(details, string(f.Status)+" "+f.Detail)
				}
			}
			return details
		}
		check := func(want ...string) {
			t.Helper()
			got := identity()
			if !slices.EqualFunc(got, want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		h.again(t)
		h.romeo.Handle(stanza.NewMux())
		check("ok proved by PKIX; names montague.example")
		h.cert.set(own)
		h.n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, own.Leaf))
		check("ok proved by DANE; names nothing")
		h.n.SetTLSA(host, 5269)
		h.cert.set(h.other.Issue(testca.Options{DNS: []string{there}}))
		for range 2 {
			check("ok proved by PKIX", `warning montague.example shows a certificate of "SERIALNUMBER=`)
		}
		if got := h.events.since(); strings.Contains(got, "outgoing true") {
			t.Errorf("events: %s", got)
		}
	})
}
