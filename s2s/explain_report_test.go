package s2s_test

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"net"
	"os"
	"reflect"
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

// A server that does not listen gets as far as it can.
func TestExplainWithoutListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Peer(there)
		fed, err := s2s.New(s2s.Config{
			Domains: []string{here}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}}, Handler: stanza.NewMux(),
			Verifier: s2s.PKIX{Roots: n.Roots()}, Resolver: n.Resolver(), Dialer: n.Dialer(here),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		if last := r.Findings[len(r.Findings)-1]; !r.Reachable || last.Code != s2s.CodePingSkipped {
			t.Errorf("%+v", r)
		}
		fed.Close()
		r = fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
		if r.Reachable || r.Code != s2s.CodeInterrupted {
			t.Errorf("after Close: %+v", r)
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
