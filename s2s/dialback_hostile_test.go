package s2s_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/dialback"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const (
	feast       = "rooms.montague.example" // the peer's other domain
	ours        = "chat.capulet.example"   // our other domain
	theirSecret = "the secret of the montagues"
)

// hostile is a server that accepts Server Dialback, and a peer with a secret that
// is known here.
type hostile struct {
	t     *testing.T
	n     *s2stest.Network
	fed   *s2s.Server
	romeo *s2stest.Peer
	got   chan *stanza.Stanza
	dials atomic.Int32 // connections of ours
	left  chan error   // what AuthFailed was told
}

func newHostile(t *testing.T, limits s2s.Limits) *hostile {
	return newHostileTraced(t, limits, s2s.Trace{})
}

func newHostileTraced(t *testing.T, limits s2s.Limits, trace s2s.Trace) *hostile {
	h := &hostile{t: t, n: s2stest.NewNetwork(t), left: make(chan error, 64)}
	trace.AuthFailed = func(_ jid.JID, _ string, err error) { h.left <- err }
	var mux *stanza.Mux
	mux, h.got = inbox()
	h.fed = h.n.Server(s2s.Config{
		Domains: []string{here, ours}, Handler: mux, Dialback: &s2s.Dialback{Secret: s2s.FixedSecret("the secret of the capulets")}, Limits: limits,
		Dialer: dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			h.dials.Add(1)
			return h.n.Dialer(here).DialContext(ctx, network, address)
		}),
		Trace: &trace,
	})
	h.romeo = h.n.PeerConfig(s2s.Config{Services: []string{there, feast}, TLS: useless(h.n), Dialback: &s2s.Dialback{Secret: s2s.FixedSecret(theirSecret)}})
	return h
}

// open opens a stream behind TLS, with a certificate for the given names, and
// returns it with its id.
func (h *hostile) open(names ...string) (*s2stest.RawStream, string) {
	h.t.Helper()
	raw := h.romeo.Raw(here)
	raw.Header = strings.Replace(streamHeader, "xmlns:stream", "xmlns:db='jabber:server:dialback' xmlns:stream", 1)
	raw.Open("")
	raw.Expect("</stream:features>")
	raw.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	raw.Expect("<proceed")
	raw.Expect("/>")
	cfg := new(tls.Config)
	if len(names) > 0 {
		cfg.Certificates = []tls.Certificate{h.n.Certificate(names...)}
	}
	raw.Handshake(cfg)
	raw.Open("")
	header := raw.Expect("<stream:features>")
	offer := raw.Expect("</stream:features>")
	if !strings.Contains(header, "xmlns:db='jabber:server:dialback'") || !strings.Contains(offer, dialback.Feature) {
		h.t.Errorf("Server Dialback is not announced in %s%s", header, offer)
	}
	_, id, _ := strings.Cut(header, " id='")
	id, _, _ = strings.Cut(id, "'")
	return raw, id
}

// result is a request with the right key for a stream.
func result(from, to, id string) string {
	key := dialback.Key([]byte(theirSecret), jid.MustParse(to), jid.MustParse(from), id)
	return fmt.Sprintf("<db:result from='%s' to='%s'>%s</db:result>", from, to, key)
}

func message(from, to, body string) string {
	return fmt.Sprintf("<message from='%s' to='%s'><body>%s</body></message>", from, to, body)
}

// valid expects the answer to result.
func valid(raw *s2stest.RawStream, from, to string) {
	raw.Expect(fmt.Sprintf("<db:result from='%s' to='%s' type='valid'/>", to, from))
}

// hears takes messages, in any order.
func (h *hostile) hears(bodies ...string) {
	h.t.Helper()
	for range bodies {
		if m := <-h.got; !slices.Contains(bodies, m.Body()) {
			h.t.Errorf("got %s, want one of %q", m, bodies)
		}
	}
}

// silent fails if the handler was called.
func (h *hostile) silent() {
	h.t.Helper()
	synctest.Wait()
	if len(h.got) > 0 {
		h.t.Errorf("the handler saw %s", <-h.got)
	}
}

// A stream may carry several pairs of domains, each of which has to be proved.
func TestDialbackSeveralDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		raw, id := h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		large := strings.Repeat("x", 100_000) // more than before authentication
		raw.Put(message("romeo@"+there, "juliet@"+here, large))
		h.hears(large)
		raw.Put(result(feast, here, id))
		valid(raw, feast, here)
		raw.Put(result(there, ours, id))
		valid(raw, there, ours)
		raw.Put(message("tybalt@"+feast, "juliet@"+here, "first") + message("romeo@"+there, "bot@"+ours, "second") + message("romeo@"+there, "juliet@"+here, "third"))
		h.hears("first", "second", "third")
		info := h.fed.Streams()
		if len(info) != 1 || fmt.Sprint(info[0].Others) != fmt.Sprint([]s2s.Route{
			{Local: jid.MustParse(ours), Remote: jid.MustParse(there)}, {Local: jid.MustParse(here), Remote: jid.MustParse(feast)},
		}) {
			t.Errorf("streams: %+v", info)
		}
		// A malformed address costs its stanza, for these domains too.
		raw.Put(message("@"+feast, "juliet@"+here, "malformed") + message("tybalt@"+feast, "juliet@"+here, "fourth"))
		h.hears("fourth")
		raw.Put(message("tybalt@"+feast, "bot@"+ours, "a pair that was not proved"))
		if rest := raw.Rest(); !strings.Contains(rest, "<invalid-from") || !strings.Contains(rest, "rooms.montague.example is not authenticated towards chat.capulet.example on this stream") {
			t.Errorf("got %s", rest)
		}
		h.silent()
		if n := len(h.left); n > 0 {
			t.Errorf("%d streams counted as refused", n)
		}
	})
}

// What is answered before anybody has authenticated, and what ends the stream.
func TestDialbackRefusals(t *testing.T) {
	const unproved = "<message from='romeo@montague.example' to='juliet@capulet.example'><body>x</body></message>"
	for _, c := range []struct {
		name, put, want string
		ends            bool
	}{
		{"wrong key", "<db:result from='montague.example' to='capulet.example'>0123456789abcdef</db:result>", "<db:result from='capulet.example' to='montague.example' type='invalid'/></stream:stream>", true},
		{"key of another stream", result(there, here, "another"), "type='invalid'/></stream:stream>", true},
		{"key of another pair", strings.Replace(result(there, ours, "ID"), ours, here, 1), "type='invalid'/></stream:stream>", true},
		{"no domain", "<db:result from='a b' to='capulet.example'>key</db:result>", "<improper-addressing", true},
		{"an account", "<db:result from='romeo@montague.example' to='capulet.example'>key</db:result>", "<improper-addressing", true},
		{"no key", "<db:result from='montague.example' to='capulet.example'/>", "<bad-format", true},
		{"unknown element", "<db:hello from='montague.example' to='capulet.example'/>", "<unsupported-stanza-type", true},
		{"too long", "<db:result from='montague.example' to='capulet.example'>" + strings.Repeat("k", 9000) + "</db:result>", "<policy-violation", true},
		{"stanza first", unproved, "<not-authorized", true},
		{"a result that nobody asked for", "<db:result from='montague.example' to='capulet.example' type='valid'/>" + unproved, "<not-authorized", true},
		{"a verdict that nobody asked for", "<db:verify from='montague.example' to='capulet.example' id='ID' type='valid'/>" + unproved, "<not-authorized", true},
		{"a domain of ours", "<db:result from='chat.capulet.example' to='capulet.example'>key</db:result>", "<not-acceptable", false},
		{"a domain that is not ours", "<db:result from='montague.example' to='verona.example'>key</db:result>", "<item-not-found", false},
		{"an unknown domain", "<db:result from='verona.example' to='capulet.example'>key</db:result>", "<remote-server-not-found", false},
		{"a domain of one label", "<db:result from='localhost' to='capulet.example'>key</db:result>", "<policy-violation", false},
		{"an address", "<db:result from='127.0.0.1' to='capulet.example'>key</db:result>", "<policy-violation", false},
		{"a question about another's domain", "<db:verify from='montague.example' to='verona.example' id='1'>key</db:verify>", "<item-not-found", false},
		{"a question about a wrong key", "<db:verify from='montague.example' to='capulet.example' id='1'>key</db:verify>", "<db:verify from='capulet.example' to='montague.example' id='1' type='invalid'/>", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, s2s.Limits{})
				raw, id := h.open()
				raw.Put(strings.ReplaceAll(c.put, "ID", id))
				raw.Expect(c.want)
				if c.ends {
					raw.Rest()
				} else {
					raw.Put(result(there, here, id)) // the stream is still of use
					valid(raw, there, here)
				}
				h.silent()
				if n := len(h.fed.Streams()); c.ends != (n == 0) {
					t.Errorf("%d streams", n)
				}
			})
		})
	}
}

// A key that was good for one stream is no good for another.
func TestDialbackReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		raw, id := h.open()
		overheard := result(there, here, id)
		raw.Put(overheard)
		valid(raw, there, here)
		raw, _ = h.open()
		raw.Put(overheard)
		raw.Expect("type='invalid'/></stream:stream>")
		h.silent()
	})
}

// The server that we connected to, with stanzas both ways, may send for the
// domain that DNS led to it for, and for others only when they are proved, which
// it is not asked about itself.
func TestDialbackLyingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, TLS: useless(n), Dialback: &s2s.Dialback{}, Bidi: true})
		n.Server(s2s.Config{Domains: []string{"verona.example"}, Handler: stanza.NewMux(), Dialback: &s2s.Dialback{}})
		w := &world{t: t, n: n}
		w.script(func(c net.Conn) {
			features := "<stream:features><bidi xmlns='urn:xmpp:features:bidi'/>" + dialback.Feature + "</stream:features>"
			w.behindTLS(c, "version", strings.Replace(theirHeader, "xmlns:stream", "xmlns:db='jabber:server:dialback' xmlns:stream", 1)+features,
				"</db:result>", "<db:result from='montague.example' to='capulet.example' type='valid'/>"+
					"<db:result from='verona.example' to='capulet.example'>key</db:result>"+
					"<db:verify from='verona.example' to='capulet.example' id='1' type='valid'/>"+message("romeo@"+there, "juliet@"+here, "mine"),
				"<forbidden", message("escalus@verona.example", "juliet@"+here, "forged"), "<invalid-from", "")
		})
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		for { // "x" is tried again on some more such streams, and comes back
			m := <-got
			if m.Type == stanza.TypeError {
				break
			}
			if m.Body() != "mine" {
				t.Errorf("got %s", m)
			}
		}
		synctest.Wait()
		if s := fed.Streams(); len(s) > 0 || len(got) > 0 {
			t.Errorf("%d messages, streams %+v", len(got), s)
		}
	})
}

// Once a stream serves one domain, another that fails does not end it.
func TestDialbackWrongKeyBesideARightOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		raw, id := h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		raw.Put("<db:result from='rooms.montague.example' to='capulet.example'>key</db:result>")
		raw.Expect("<forbidden")
		raw.Put(message("romeo@"+there, "juliet@"+here, "still here"))
		h.hears("still here")
		raw.Put(message("tybalt@"+feast, "juliet@"+here, "x"))
		raw.Expect("<invalid-from")
		h.silent()
	})
}

// A flood of requests has few others troubled.
func TestDialbackFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		h.n.Listen("victim.example") // and nobody there answers
		raw, id := h.open()
		var flood strings.Builder
		for i := range 500 {
			fmt.Fprintf(&flood, "<db:result from='d%d.victim.example' to='capulet.example'>key</db:result>", i)
			h.n.SetSRV(fmt.Sprintf("d%d.victim.example", i), &net.SRV{Target: "xmpp.victim.example.", Port: 5269})
		}
		go raw.Put(flood.String())
		for range 496 {
			raw.Expect("<resource-constraint")
		}
		synctest.Wait()
		if n := h.dials.Load(); n > 4 {
			t.Errorf("%d connections to the victim", n)
		}
		time.Sleep(time.Minute)
		// It did not authenticate in time, either.
		if rest := raw.Rest(); !strings.Contains(rest, "<connection-timeout") {
			t.Errorf("got %s", rest)
		}
		if err := <-h.left; err == nil || !strings.Contains(err.Error(), "no certificate") {
			t.Errorf("refused with %v", err)
		}
		_ = id
	})
}

// The limits of a stream, and of all together.
func TestDialbackLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{Domains: 2, Verifications: 1})
		raw, id := h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		raw.Put(result(feast, here, id))
		valid(raw, feast, here)
		raw.Put(result(feast, ours, id))
		raw.Expect("<resource-constraint")

		h.n.Listen("silent.example")
		other, id := h.open()
		other.Put("<db:result from='silent.example' to='capulet.example'>key</db:result>")
		synctest.Wait()
		other.Put(result(there, here, id))
		other.Expect("<resource-constraint")
		other.Expect("too many keys are being verified here")
		other.Expect("<remote-server-timeout")
		other.Put(result(there, here, id))
		valid(other, there, here)
	})
}

// Servers that cannot be asked. The peer learns what is wrong with them.
func TestDialbackNobodyToAsk(t *testing.T) {
	header := strings.Replace(theirHeader, "xmlns:stream", "xmlns:db='jabber:server:dialback' xmlns:stream", 1)
	for _, c := range []struct {
		name   string
		script func(w *world, c net.Conn, id string) // nil: nobody listens
		want   []string
		took   time.Duration
	}{
		{"down", nil, []string{"<remote-connection-failed", "its SRV records have to lead to a server that can be connected to from here and has TLS"}, 0},
		{"silent", func(_ *world, c net.Conn, _ string) { hold(c) }, []string{"<remote-server-timeout"}, 20 * time.Second},
		{"host unknown", func(_ *world, c net.Conn, _ string) { talk(c, "version", theirHeader+streamError("host-unknown")) },
			[]string{"<remote-server-not-found", "does not serve it"}, 0},
		{"no TLS", func(_ *world, c net.Conn, _ string) {
			talk(c, "version", theirHeader+noFeatures, "<starttls", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
		}, []string{"<remote-connection-failed"}, 0},
		{"no dialback", func(w *world, c net.Conn, id string) {
			w.behindTLS(c, "version", theirHeader+external, "<db:verify", streamError("unsupported-stanza-type"))
		}, []string{"<remote-server-timeout", "Server Dialback has to be enabled there"}, 0},
		{"no answer", func(w *world, c net.Conn, _ string) { w.behindTLS(c, "version", header+noFeatures) }, []string{"<remote-server-timeout"}, 20 * time.Second},
		{"another's answer", func(w *world, c net.Conn, _ string) {
			w.behindTLS(c, "version", header+noFeatures, "<db:verify", "<db:verify from='montague.example' to='capulet.example' id='1' type='valid'/>")
		}, []string{"<remote-server-timeout"}, 20 * time.Second},
		{"an error", func(w *world, c net.Conn, id string) {
			w.behindTLS(c, "version", header+noFeatures, "</db:verify>", "<db:verify from='montague.example' to='capulet.example' id='"+id+"' type='error'>"+
				"<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:verify>")
		}, []string{"<remote-server-not-found", "answered item-not-found"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, s2s.Limits{})
				raw, id := h.open()
				w := &world{t: t, n: h.n}
				if c.script == nil {
					h.n.SetSRV(there, &net.SRV{Target: "down.example.", Port: 5269})
					h.n.SetAddrs("down.example", netip.MustParseAddr("10.9.9.9"))
				} else {
					w.script(func(sock net.Conn) { c.script(w, sock, id) })
				}
				begin := time.Now()
				raw.Put(result(there, here, id))
				for _, want := range c.want {
					raw.Expect(want)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				raw.Put("</stream:stream>")
				raw.Rest()
				h.silent()
			})
		})
	}
}

// A domain that the peer's certificate names takes nobody to confirm it, on a
// stream that another of its domains opened (XEP-0344).
func TestDialbackByCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		raw, _ := h.open(there, "games.montague.example") // of which DNS knows nothing
		raw.Put("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>")
		raw.Expect("<success")
		raw.Open("")
		raw.Expect(dialback.Feature)
		raw.Expect("</stream:features>")
		raw.Put("<db:result from='games.montague.example' to='capulet.example'>whatever</db:result>")
		valid(raw, "games.montague.example", here)
		raw.Put(message("chess@games.montague.example", "juliet@"+here, "check") + message("romeo@"+there, "bot@"+ours, "by certificate"))
		h.hears("check", "by certificate")
		if n := h.dials.Load(); n > 0 {
			t.Errorf("%d servers were asked", n)
		}
		raw.Put("<db:result from='tybalt.example' to='capulet.example'>whatever</db:result>")
		raw.Expect("<remote-server-not-found")
		raw.Put(message("x@tybalt.example", "juliet@"+here, "x"))
		raw.Expect("<invalid-from")
		h.silent()
	})
}

// Server Dialback instead of the EXTERNAL that the certificate would do for.
func TestDialbackInsteadOfExternal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		raw, _ := h.open(there)
		raw.Put("<db:result from='montague.example' to='capulet.example'>whatever</db:result>")
		valid(raw, there, here)
		if s := h.fed.Streams(); len(s) != 1 || s[0].Mechanism != "dialback" || s[0].Assurance.Method != s2s.MethodPKIX || h.dials.Load() > 0 {
			t.Errorf("streams: %+v", s)
		}
	})
}

// Streams that are there for questions end without a fuss, before and after
// authentication, and count as nobody's failure.
func TestDialbackQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		key := dialback.Key([]byte("the secret of the capulets"), jid.MustParse(there), jid.MustParse(here), "17")
		question := "<db:verify from='montague.example' to='capulet.example' id='17'>" + key + "</db:verify>"
		raw, _ := h.open()
		raw.Put(question)
		raw.Expect("<db:verify from='capulet.example' to='montague.example' id='17' type='valid'/>")
		raw.Put("</stream:stream>")
		raw.Rest()
		raw, _ = h.open()
		raw.Put(question)
		raw.Expect("type='valid'/>")
		raw.Cut()
		raw, id := h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		raw.Put(strings.Replace(question, "17", "18", 1) + question)
		raw.Expect("id='18' type='invalid'/>")
		raw.Expect("id='17' type='valid'/>")
		synctest.Wait()
		if n := len(h.left); n > 0 {
			t.Errorf("%d streams counted as refused: %v", n, <-h.left)
		}
	})
}

// A stream on which nothing was proved keeps its place among those that have not
// authenticated, until its time is up.
func TestDialbackKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{Negotiating: 2})
		h.n.Listen("silent.example")
		raw, id := h.open()
		raw.Put("<db:result from='silent.example' to='capulet.example'>key</db:result>")
		proved, pid := h.open()
		proved.Put(result(there, here, pid))
		valid(proved, there, here)
		other, oid := h.open() // in the place of the one that was proved
		other.Put(result(there, here, oid))
		valid(other, there, here)
		begin := time.Now()
		raw.Put("<db:result from='montague.example' to='verona.example'>key</db:result>")
		raw.Expect("<item-not-found")
		rest := raw.Rest()
		if took := time.Since(begin); took != 30*time.Second || !strings.Contains(rest, "<connection-timeout") {
			t.Errorf("ended after %v with %s", took, rest)
		}
		_ = id
		if s := h.fed.Streams(); len(s) != 2 {
			t.Errorf("%d streams", len(s))
		}
	})
}

// The server can be closed while keys are being verified.
func TestDialbackShutdown(t *testing.T) {
	for _, graceful := range []bool{true, false} {
		t.Run(fmt.Sprint("graceful ", graceful), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t, s2s.Limits{})
				h.n.Listen("silent.example")
				raw, id := h.open()
				raw.Put("<db:result from='silent.example' to='capulet.example'>key</db:result>")
				proved, pid := h.open()
				proved.Put(result(there, here, pid) + "<db:result from='silent.example' to='capulet.example'>key</db:result>")
				valid(proved, there, here)
				_ = id
				if graceful {
					go proved.Rest()
					if err := h.fed.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				} else {
					h.fed.Close()
				}
				raw.Rest()
			})
		})
	}
}

// A stream to the domain that is there already is used to have its key verified.
func TestDialbackAsksOnTheStreamThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		h.fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		h.romeo.Expect(`<message><body>x</body></message>`)
		before := h.dials.Load()
		raw, id := h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		raw.Put(result(there, ours, id)) // for which there is none
		valid(raw, there, ours)
		if n := h.dials.Load() - before; n != 1 {
			t.Errorf("%d connections were made", n)
		}
	})
}

// When the stream that the question was put on ends, it is put on one of its own.
func TestDialbackStreamAskedOnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t, s2s.Limits{})
		h.fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x"))
		h.romeo.Expect(`<message><body>x</body></message>`)
		h.n.HalfOpen(here, there)
		raw, id := h.open()
		raw.Put(result(there, here, id))
		synctest.Wait()
		h.n.Reset(here, there)
		raw, id = h.open()
		raw.Put(result(there, here, id))
		valid(raw, there, here)
		h.romeo.Ignore() // what was in doubt came twice
	})
}
