package library

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus.im/internal/interop"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// dialbackKit is a kit whose peers have nothing but Server Dialback.
func dialbackKit(t *testing.T) *interop.Kit {
	t.Helper()
	kit := interop.Open(t)
	if kit.Dialback != "only" {
		t.Skip("interop: the kit was not booted with DIALBACK=only")
	}
	return kit
}

// eachDialbackPeer runs f as a subtest for every peer that is up, jabberd2
// included.
func eachDialbackPeer(t *testing.T, kit *interop.Kit, f func(t *testing.T, p *interop.Peer)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(kit.Peers)) {
		t.Run(name, func(t *testing.T) { f(t, kit.Peers[name]) })
	}
}

// Messages travel both ways with peers that do not accept our certificate,
// whether we accept theirs or not, on one stream or two.
func TestDialback(t *testing.T) {
	for _, c := range []struct{ trust, bidi, weBegin bool }{{true, false, true}, {false, false, true}, {false, false, false}, {false, true, true}, {false, true, false}} {
		t.Run(fmt.Sprintf("trust %t bidi %t we begin %t", c.trust, c.bidi, c.weBegin), func(t *testing.T) {
			kit := dialbackKit(t)
			s := startConfig(t, kit, func(cfg *s2s.Config) {
				cfg.Dialback, cfg.Bidi = &s2s.Dialback{}, c.bidi
				if !c.trust {
					cfg.Verifier = s2s.PKIX{Roots: x509.NewCertPool()}
				}
			})
			eachDialbackPeer(t, kit, func(t *testing.T, p *interop.Peer) {
				client := kit.Login(t, p, p.Users[0])
				say := func(body string) {
					if err := s.Send(context.Background(), stanza.Text(address(t, "alice@"+domain), address(t, client.Address), body)); err != nil {
						t.Fatal(err)
					}
					client.WaitMessage(t, "alice@"+domain, body)
				}
				hear := func(body string) {
					client.Send(t, "alice@"+domain, body)
					if m := s.next(t); m.Body() != body {
						t.Errorf("got %s, want %q", m, body)
					}
				}
				for i := range 3 {
					if c.weBegin {
						say(fmt.Sprint("say ", i))
					}
					hear(fmt.Sprint("hear ", i))
					say(fmt.Sprint("and say ", i))
				}
				list := s.with(p.Domain)
				if one := c.bidi && p.Name == "prosody"; one != (len(list) == 1) {
					t.Errorf("%d streams", len(list))
				}
				for _, info := range list {
					method, mechanism := s2s.MethodDialback, "dialback"
					if c.trust {
						method = s2s.MethodPKIX
						if !info.Outgoing && p.Name != "jabberd2" {
							mechanism = "EXTERNAL" // which we offer them
						}
					}
					if info.Mechanism != mechanism || info.Assurance.Method != method {
						t.Errorf("stream %+v, want %v by %s", info, method, mechanism)
					}
				}
			})
		})
	}
}

// amnesiac is a secret that is another each time, so that no key is recognized.
type amnesiac struct{}

func (amnesiac) Secrets() [][]byte { return [][]byte{[]byte(rand.Text())} }

// A key that we do not recognize when the peer asks gets us nowhere.
func TestDialbackWrongKeyOfOurs(t *testing.T) {
	kit := dialbackKit(t)
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Dialback = &s2s.Dialback{Secret: amnesiac{}} })
	eachDialbackPeer(t, kit, func(t *testing.T, p *interop.Peer) {
		m := stanza.Text(address(t, "alice@"+domain), address(t, p.Users[0]+"@"+p.Domain), "never")
		if err := s.Send(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		got := s.next(t)
		if e := got.Err(); e == nil || got.ID != m.ID || !strings.Contains(e.Text, "nor by Server Dialback") {
			t.Errorf("the sender is told %s", got)
		} else {
			t.Logf("the sender is told %v", e)
		}
		for _, info := range s.with(p.Domain) {
			if info.Outgoing {
				t.Errorf("stream %+v", info)
			}
		}
		report := s.Explain(context.Background(), address(t, domain), address(t, p.Domain), nil)
		t.Logf("explained as %s", report.Code)
		if report.Reachable || report.Code == s2s.CodeOK {
			t.Errorf("reported as %+v", report)
		}
	})
}

// Who claims a peer's domain with a key of its own making is found out by asking
// the peer.
func TestDialbackWrongKeyOfTheirs(t *testing.T) {
	kit := dialbackKit(t)
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Dialback = &s2s.Dialback{} })
	eachDialbackPeer(t, kit, func(t *testing.T, p *interop.Peer) {
		answer := claim(t, kit.Listen.Other, p.Domain)
		if !strings.Contains(answer, "type='invalid'") {
			t.Errorf("the impostor is told %s", answer)
		}
		if list := s.with(p.Domain); len(list) > 0 {
			t.Errorf("streams: %+v", list)
		}
	})
}

// claim opens a stream in the name of a domain, sends a wrong key and returns the
// rest of what it is told.
func claim(t *testing.T, addr, name string) string {
	t.Helper()
	sock, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	sock.SetDeadline(time.Now().Add(30 * time.Second))
	header := fmt.Sprintf("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' from='%s' to='%s' version='1.0'>", name, domain)
	read := func(r *bufio.Reader, until string) (got string) {
		for !strings.HasSuffix(got, until) {
			b, err := r.ReadByte()
			if err != nil {
				t.Fatalf("%v after %s", err, got)
			}
			got += string(b)
		}
		return got
	}
	r := bufio.NewReader(sock)
	io.WriteString(sock, header)
	read(r, "</stream:features>")
	io.WriteString(sock, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	read(r, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	conn := tls.Client(sock, &tls.Config{InsecureSkipVerify: true})
	r = bufio.NewReader(conn)
	io.WriteString(conn, header)
	read(r, "</stream:features>")
	fmt.Fprintf(conn, "<db:result from='%s' to='%s'>%s</db:result>", name, domain, strings.Repeat("0123456789abcdef", 4))
	return read(r, "</stream:stream>")
}

// Explain says by what a peer was reached.
func TestDialbackExplained(t *testing.T) {
	kit := dialbackKit(t)
	s := startConfig(t, kit, func(cfg *s2s.Config) { cfg.Dialback = &s2s.Dialback{} })
	eachDialbackPeer(t, kit, func(t *testing.T, p *interop.Peer) {
		report := s.Explain(context.Background(), address(t, domain), address(t, p.Domain), nil)
		found := slices.ContainsFunc(report.Findings, func(f s2s.Finding) bool {
			return f.Step == s2s.StepDialback && f.Code == s2s.CodeDialback && f.Status == s2s.StatusWarning
		})
		if !report.Reachable || report.Code != s2s.CodeOK || !found {
			t.Errorf("reported as %+v", report)
		}
	})
}

// Without Config.Dialback both sides' administrators learn what is missing.
func TestDialbackIsOffHere(t *testing.T) {
	kit := dialbackKit(t)
	failed := make(chan error, 16)
	s := startConfig(t, kit, func(cfg *s2s.Config) {
		cfg.Trace = &s2s.Trace{Dial: func(_ jid.JID, _ string, _ time.Duration, err error) { failed <- err }}
	})
	eachDialbackPeer(t, kit, func(t *testing.T, p *interop.Peer) {
		mark := p.Mark(t)
		if err := s.ping(t, domain, p.Domain); err == nil {
			t.Fatal("an answer")
		}
		err := <-failed
		for _, want := range []string{"here, check that the certificate shown names other.test", "; there, ", "Server Dialback, which proves less and is offered there, has to be allowed here"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v\ndoes not say %q", err, want)
			}
		}
		if p.Name == "prosody" {
			mark.Wait(t, "servers have to be let in by certificate, and the authority of its certificate be trusted|unsupported-feature")
		}
	})
}
