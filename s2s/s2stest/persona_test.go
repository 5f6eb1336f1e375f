package s2stest_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// met is a server and a peer with a personality, and what the server's handler
// gets.
type met struct {
	n   *s2stest.Network
	fed *s2s.Server
	got chan *stanza.Stanza
	p   *s2stest.Peer
}

func meet(t *testing.T, persona s2stest.Persona, cfg s2s.Config) *met {
	m := &met{n: s2stest.NewNetwork(t), got: make(chan *stanza.Stanza, 100)}
	cfg.Domains = []string{here}
	cfg.Handler = stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
		m.got <- s
		return nil, nil
	})
	m.fed = m.n.Server(cfg)
	if persona.Domain == "" {
		persona.Domain = there
	}
	m.p = m.n.PeerAs(persona)
	return m
}

func hello(i int) string {
	return fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>%d</body></message>`, i)
}

// Messages go both ways between a server and every personality that means well.
func TestPersonas(t *testing.T) {
	for _, persona := range []s2stest.Persona{
		{Like: s2stest.Prosody},
		{Like: s2stest.Ejabberd},
		{Like: s2stest.Prosody, Dialback: true},
		{Like: s2stest.Ejabberd, Dialback: true},
		{Like: s2stest.OldServer},
		{Like: s2stest.SlowServer},
	} {
		for _, bidi := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v dialback %v bidi %v", persona.Like, persona.Dialback, bidi), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := meet(t, persona, s2s.Config{Bidi: bidi, Dialback: &s2s.Dialback{}})
					for i := range 20 {
						m.fed.Send(t.Context(), text(fmt.Sprint(i)))
						m.p.Send(hello(i))
					}
					time.Sleep(time.Minute) // one of them is slow
					for i := range 20 {
						m.p.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
						if s := <-m.got; s.Body() != fmt.Sprint(i) {
							t.Fatalf("got %s, want %d", s, i)
						}
					}
					pong := m.p.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
					if pong.Type != stanza.Result {
						t.Errorf("got %s", pong)
					}
					m.p.Quiet(time.Hour)
				})
			})
		}
	}
}

// Which certificates the real servers accept, of those who connect to them and
// of those they connect to.
func TestPersonaCertificates(t *testing.T) {
	type judged struct {
		name     string
		cert     func(n *s2stest.Network, domain string) tls.Certificate
		prosody  [2]string // what it dislikes about the certificate: in, out
		ejabberd [2]string
	}
	issue := func(o s2stest.CertOptions) func(*s2stest.Network, string) tls.Certificate {
		return func(n *s2stest.Network, domain string) tls.Certificate {
			if o.DNS != nil {
				o.DNS = []string{domain}
			}
			if o.CN != "" {
				o.CN = domain
			}
			if o.XMPPAddr != nil {
				o.XMPPAddr = []string{domain}
			}
			return n.Issue(o)
		}
	}
	kind := func(k s2stest.CertKind) func(*s2stest.Network, string) tls.Certificate {
		return func(n *s2stest.Network, domain string) tls.Certificate { return n.CertificateOf(k, domain) }
	}
	both := func(why string) [2]string { return [2]string{why, why} }
	const crash = "crash"
	any := []string{""}
	for _, c := range []judged{
		{"good", kind(s2stest.GoodCert), both(""), both("")},
		{"no usage", issue(s2stest.CertOptions{DNS: any, Usage: s2stest.NoUsage}), both(""), both("")},
		{"for servers", kind(s2stest.ServerAuthOnly), both(""), [2]string{"unsupported certificate purpose", ""}},
		{"for clients", kind(s2stest.ClientAuthOnly), both("is not trusted"), [2]string{"", "closed"}},
		{"wildcard", kind(s2stest.WildcardCert), both(""), both("")},
		{"id-on-xmppAddr besides", issue(s2stest.CertOptions{DNS: any, XMPPAddr: any}), both(""), both(crash)},
		{"id-on-xmppAddr only", kind(s2stest.XMPPAddrOnly), both("is not valid for this name"), both(crash)},
		{"SRVName only", kind(s2stest.SRVNameOnly), both(""), [2]string{"Certificate host name mismatch", "closed"}},
		{"common name only", kind(s2stest.CommonNameOnly), both(""), both("")},
		{"common name besides", issue(s2stest.CertOptions{CN: "x", SRV: []string{"_x.y"}}), both("is not valid for this name"), both("")},
		{"expired", kind(s2stest.ExpiredCert), both("has expired"), [2]string{"certificate has expired", "closed"}},
		{"unknown authority", kind(s2stest.UnknownCA), both("is not trusted"), [2]string{"unable to verify the first certificate", "closed"}},
		{"wrong name", kind(s2stest.WrongName), both("is not valid for this name"), [2]string{"Certificate host name mismatch", "closed"}},
	} {
		for _, s := range []struct {
			like s2stest.Personality
			want [2]string
		}{{s2stest.Prosody, c.prosody}, {s2stest.Ejabberd, c.ejabberd}} {
			t.Run(fmt.Sprint(s.like, " ", c.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					p := n.PeerLike(s.like, there)
					p.Ignore()
					cert := certificate(c.cert(n, here))
					server := n.RawServer(here)

					in := n.Raw(here, there)
					in.Open("")
					in.Expect("</stream:features>")
					in.Put(starttls)
					in.Expect("<proceed")
					in.Expect("/>")
					in.Handshake(cert)
					in.Open("")
					if s.like == s2stest.Ejabberd {
						in.Expect("EXTERNAL")
						in.Put(auth("Y2FwdWxldC5leGFtcGxl"))
					}
					in.SetReadDeadline(time.Now().Add(time.Second))
					heard, _ := io.ReadAll(in)
					judge(t, "in", s.want[0], string(heard))

					p.Send(hello(0))
					out := server.Accept()
					out.Expect("<stream:stream")
					out.Expect(">")
					out.Open("")
					out.Put("<stream:features>" + starttls + "</stream:features>")
					out.Expect("<starttls")
					out.Expect("/>")
					out.Put("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
					out.Handshake(cert)
					out.Expect("<stream:stream")
					out.Expect(">")
					out.Open("")
					out.Put("<stream:features>" + external + "</stream:features>")
					out.SetReadDeadline(time.Now().Add(time.Second))
					heard, _ = io.ReadAll(out)
					judge(t, "out", s.want[1], string(heard))
				})
			})
		}
	}
}

func judge(t *testing.T, way, want, heard string) {
	t.Helper()
	ended := strings.HasSuffix(heard, "</stream:stream>")
	switch want {
	case "":
		if ended || !strings.Contains(heard, "EXTERNAL") && !strings.Contains(heard, "<success") {
			t.Errorf("%s: refused: %s", way, heard)
		}
	case "crash", "closed":
		if !strings.HasPrefix(heard, "</stream:stream>") {
			t.Errorf("%s: heard %s, want nothing but the end", way, heard)
		}
	default:
		if !strings.Contains(strings.ReplaceAll(heard, "&apos;", "'"), want+"<") {
			t.Errorf("%s: heard %s, want %q", way, heard, want)
		}
	}
}

// What the personalities show of themselves when they connect.
func TestPersonaInitiators(t *testing.T) {
	for _, c := range []struct {
		like s2stest.Personality
		sni  string
		bidi string // what comes before <auth/> when XEP-0288 is offered
		sm   string // what comes behind the first stanza when acknowledgements are
	}{
		{s2stest.Prosody, "", "<bidi xmlns='urn:xmpp:bidi'/>", "<enable xmlns='urn:xmpp:sm:3'/>"},
		{s2stest.Ejabberd, here, "", ""},
		{s2stest.SlowServer, here, "", ""},
	} {
		t.Run(c.like.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				server := n.RawServer(here)
				n.PeerLike(c.like, there).Send(hello(0))
				r := server.Accept()
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features>" + starttls + "</stream:features>")
				r.Expect("<starttls")
				r.Expect("/>")
				r.Put("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
				sni := "?"
				cfg := certificate(n.Certificate(here))
				cfg.NextProtos = []string{"xmpp-server"}
				cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
					sni = h.ServerName
					if !slices.Equal(h.SupportedProtos, []string{"xmpp-server"}) {
						t.Errorf("protocols %q", h.SupportedProtos)
					}
					return nil, nil
				}
				r.Handshake(cfg)
				if sni != c.sni {
					t.Errorf("asked for %q, want %q", sni, c.sni)
				}
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features>" + external + "<bidi xmlns='urn:xmpp:features:bidi'/></stream:features>")
				if got := r.Expect("<auth"); strings.TrimSuffix(got, "<auth") != c.bidi {
					t.Errorf("before <auth/>: %s", got)
				}
				r.Expect("bW9udGFndWUuZXhhbXBsZQ==</auth>") // its own name
				r.Put("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>")
				r.Expect("</message>")
				time.Sleep(time.Minute)
				if c.sm == "" {
					r.Quiet(time.Minute)
				} else {
					r.Expect(c.sm)
				}
			})
		})
	}
}

// Prosody asks for TLS though it is not offered; ejabberd will not have it.
func TestPersonasWithoutTLS(t *testing.T) {
	for like, want := range map[s2stest.Personality]string{
		s2stest.Prosody:  "<starttls",
		s2stest.Ejabberd: "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Use of STARTTLS required</text>",
	} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			server := n.RawServer(here)
			p := n.PeerLike(like, there)
			p.Ignore()
			p.Send(hello(0))
			r := server.Accept()
			r.Open("")
			r.Put("<stream:features/>")
			r.Expect(want)
		})
	}
}

// Where EXTERNAL is not offered, each gives up in its way, and tells its users.
func TestPersonasWithoutExternal(t *testing.T) {
	for like, want := range map[s2stest.Personality]string{
		s2stest.Prosody: "<stream:error><unsupported-feature xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>" +
			"No viable authentication method offered</text></stream:error></stream:stream>",
		s2stest.Ejabberd: "", // without a word
	} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			server := n.RawServer(here)
			p := n.PeerLike(like, there)
			p.Send(hello(0))
			r := server.Accept()
			r.Open("")
			r.Put("<stream:features>" + starttls + "</stream:features>")
			r.StartTLS()
			r.Expect("<stream:stream")
			r.Expect(">")
			r.Open("")
			r.Put("<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>")
			if got := r.Rest(); got != want {
				t.Errorf("%v: heard %q, want %q", like, got, want)
			}
			p.Expect(`<message type="error" from="juliet@capulet.example" to="romeo@montague.example"><error><remote-server-not-found/></error></message>`)

			// ejabberd does not even try for a while.
			begin := time.Now()
			p.Send(hello(1))
			if like == s2stest.Prosody {
				server.Accept().Close()
			}
			p.Expect(`<message type="error"/>`)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("%v: the second error took %v", like, took)
			}
			time.Sleep(5 * time.Minute)
			p.Send(hello(2))
			server.Accept().Close()
			p.Expect(`<message type="error"/>`)
		})
	}
}

// A server learns that its peer goes down, or does not.
func TestPersonasStop(t *testing.T) {
	for like, want := range map[s2stest.Personality]string{
		s2stest.Prosody:  "system-shutdown",
		s2stest.Ejabberd: "EOF",
	} {
		synctest.Test(t, func(t *testing.T) {
			trace, closed := ends()
			m := meet(t, s2stest.Persona{Like: like}, s2s.Config{Trace: trace})
			m.fed.Send(t.Context(), text("1"))
			m.p.Expect(`<message><body>1</body></message>`)
			time.Sleep(time.Minute)
			m.p.Stop()
			if err := <-closed; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v left with %v, want %s", like, err, want)
			}
			m.fed.Send(t.Context(), text("2"))
			time.Sleep(time.Minute)
			m.p.Start()
			time.Sleep(2 * time.Minute)
			m.p.Expect(`<message><body>2</body></message>`)
		})
	}
}

// With dialback Prosody asks its questions on its own stream, once that is
// authorized, and ejabberd on connections of their own.
func TestPersonasAsk(t *testing.T) {
	for _, like := range []s2stest.Personality{s2stest.Prosody, s2stest.Ejabberd} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			server := n.RawServer(here)
			p := n.PeerAs(s2stest.Persona{Like: like, Domain: there, Dialback: true})
			p.Ignore()
			p.Send(hello(0))
			own := server.Accept()
			secure := func(r *s2stest.RawStream, features string) {
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features>" + starttls + "</stream:features>")
				r.StartTLS()
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features>" + features + "</stream:features>")
			}
			secure(own, "<dialback xmlns='urn:xmpp:features:dialback'/>")
			own.Expect("<db:result from='montague.example' to='capulet.example'>")
			own.Expect("</db:result>")

			// Meanwhile the other side shows a key.
			r := n.Raw(here, there)
			r.Header = strings.TrimSuffix(toHere, ">") + " xmlns:db='jabber:server:dialback'>"
			r.Open("")
			r.Expect("</stream:features>")
			r.StartTLS()
			r.Open("")
			r.Expect("</stream:features>")
			r.Put("<db:result from='capulet.example' to='montague.example'>key</db:result>")

			asked := own
			if like == s2stest.Ejabberd {
				asked = server.Accept()
				secure(asked, "")
			} else {
				own.Quiet(time.Minute)
				own.Put("<db:result xmlns:db='jabber:server:dialback' from='capulet.example' to='montague.example' type='valid'/>")
			}
			question := asked.Expect("<db:verify from='montague.example' to='capulet.example' id='")
			id := asked.Expect("'>key</db:verify>")
			if like == s2stest.Prosody && strings.Contains(question, "<db:verify") && !strings.Contains(question, "</message>") {
				t.Errorf("%v asked before what waited: %s", like, question)
			}
			asked.Put("<db:verify xmlns:db='jabber:server:dialback' from='capulet.example' to='montague.example' id='" +
				strings.TrimSuffix(id, "'>key</db:verify>") + "' type='valid'/>")
			r.Expect("<db:result from='montague.example' to='capulet.example' type='valid'/>")
		})
	}
}

// Without Server Dialback there is nothing to be had from an old server.
func TestOldServerNeedsDialback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meet(t, s2stest.Persona{Like: s2stest.OldServer}, s2s.Config{})
		m.fed.Send(t.Context(), text("1"))
		m.p.Send(hello(1))
		time.Sleep(10 * time.Minute)
		if s := <-m.got; s.Err() == nil {
			t.Errorf("got %s", s)
		}
		m.p.Expect(`<message type="error" from="juliet@capulet.example"/>`)
		if len(m.got) > 0 {
			t.Errorf("got %s", <-m.got)
		}
	})
}

// A slow server takes its time for each thing that it says and reads.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meet(t, s2stest.Persona{Like: s2stest.SlowServer}, s2s.Config{})
		begin := time.Now()
		for i := range 10 {
			m.fed.Send(t.Context(), text(fmt.Sprint(i)))
		}
		m.p.Next()
		// Three headers with features, <proceed/> and <success/>, 4 s each, and the stanza.
		if took := time.Since(begin); took != 5*4*time.Second+time.Second {
			t.Errorf("the first took %v", took)
		}
		begin = time.Now()
		for range 9 {
			m.p.Next()
		}
		if took := time.Since(begin); took != 9*time.Second {
			t.Errorf("the others took %v", took)
		}
		begin = time.Now()
		m.p.Send(hello(1))
		<-m.got
		// Three headers, <starttls/>, <auth/> and the stanza.
		if took := time.Since(begin); took != 6*4*time.Second {
			t.Errorf("its own took %v", took)
		}
	})
}

// Where both kinds of SRV record are, Prosody tries direct TLS first, ejabberd
// goes by priority.
func TestPersonaTargets(t *testing.T) {
	for _, c := range []struct {
		like          s2stest.Personality
		plain, direct uint16 // priorities
		want          string
	}{
		{s2stest.Prosody, 1, 10, "direct"},
		{s2stest.Prosody, 10, 1, "direct"},
		{s2stest.Ejabberd, 1, 10, "plain"},
		{s2stest.Ejabberd, 10, 1, "direct"},
		{s2stest.SlowServer, 1, 10, "plain"},
	} {
		t.Run(fmt.Sprint(c.like, c.plain, c.direct), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				first := make(chan string, 10)
				listen := func(name string, l net.Listener) uint16 {
					go func() {
						for {
							conn, err := l.Accept()
							if err != nil {
								return
							}
							first <- name
							conn.Close()
						}
					}()
					return l.Addr().(*net.TCPAddr).AddrPort().Port()
				}
				plain, direct := listen("plain", n.Listen(here)), listen("direct", n.ListenTLS(here))
				n.SetSRV(here, &net.SRV{Target: "xmpp." + here + ".", Port: plain, Priority: c.plain})
				n.SetDirectSRV(here, &net.SRV{Target: "xmpp." + here + ".", Port: direct, Priority: c.direct})
				p := n.PeerLike(c.like, there)
				p.Ignore()
				p.Send(hello(1))
				if got := <-first; got != c.want {
					t.Errorf("it connected to %s first, want %s", got, c.want)
				}
			})
		})
	}
}

// Where EXTERNAL is offered and then refused, dialback follows on the same stream
// where it is set up, and the end where it is not.
func TestPersonasRefused(t *testing.T) {
	for _, c := range []struct {
		persona s2stest.Persona
		want    string
	}{
		{s2stest.Persona{Like: s2stest.Prosody}, "</stream:stream>"},
		{s2stest.Persona{Like: s2stest.Ejabberd}, ""},
		{s2stest.Persona{Like: s2stest.Prosody, Dialback: true}, "<db:result from='montague.example' to='capulet.example'>"},
		{s2stest.Persona{Like: s2stest.Ejabberd, Dialback: true}, "<db:result from='montague.example' to='capulet.example'>"},
	} {
		t.Run(fmt.Sprint(c.persona.Like, " dialback ", c.persona.Dialback), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				server := n.RawServer(here)
				c.persona.Domain = there
				p := n.PeerAs(c.persona)
				p.Ignore()
				p.Send(hello(0))
				r := server.Accept()
				r.Open("")
				r.Put("<stream:features>" + starttls + "</stream:features>")
				r.StartTLS()
				r.Expect("<stream:stream")
				r.Expect(">")
				r.Open("")
				r.Put("<stream:features>" + external + "</stream:features>")
				r.Expect("</auth>")
				r.Put("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>")
				if c.persona.Dialback {
					r.Expect(c.want)
					return
				}
				if got := r.Rest(); got != c.want {
					t.Errorf("heard %q, want %q", got, c.want)
				}
				p.Expect(`<message type="error"/>`)
			})
		})
	}
}
