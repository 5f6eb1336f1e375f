package s2s_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// host is the server that DNS names for the peer's domain.
const host = "xmpp.montague.example"

// papers are the certificates that a peer may show.
type papers struct{ own, valid, ofHost, foreign tls.Certificate }

// outcome is what became of a stream: the method, or a part of the text that the
// sender of a stanza gets.
type outcome struct {
	method s2s.Method
	why    string
}

// With DNSSEC, TLSA records decide about servers that are connected to, and signed
// SRV records name hosts whose certificates do; without it neither counts.
func TestDANEOutgoing(t *testing.T) {
	const (
		invalid = "not valid for it"
		unknown = "could not be found out"
	)
	dane, pkix, refused := outcome{s2s.MethodDANE, ""}, outcome{s2s.MethodPKIX, ""}, outcome{0, invalid}
	record := func(c tls.Certificate) s2s.TLSA { return s2stest.TLSAFor(3, 1, 1, c.Leaf) }
	for _, c := range []struct {
		name string
		dns  func(n *s2stest.Network, c papers) // all is signed before
		cert func(c papers) tls.Certificate
		cfg  s2s.Config
		want outcome
	}{
		{"a self-signed certificate with its record", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, dane},
		{"the record of the authority, the name of the host", func(n *s2stest.Network, c papers) {
			n.SetTLSA(host, 5269, s2stest.TLSAFor(0, 0, 1, n.Authority()))
		}, func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{DNSSEC: true}, dane},
		{"a valid certificate and the record of another", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, refused},
		{"the record of another port", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5270, record(c.own)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"no record", func(*s2stest.Network, papers) {},
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"no usable record", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, s2s.TLSA{Usage: 9}) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"nothing is signed", func(n *s2stest.Network, c papers) { n.SignDNS(".", false); n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"nothing is signed and the record fits", func(n *s2stest.Network, c papers) { n.SignDNS(".", false); n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, refused},
		{"only the record is signed", func(n *s2stest.Network, c papers) {
			n.SignDNS(".", false)
			n.SignDNS("_5269._tcp."+host, true)
			n.SetTLSA(host, 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, refused},
		{"the address is not signed", func(n *s2stest.Network, c papers) {
			n.SignDNS(host, false)
			n.SignDNS("_5269._tcp."+host, true)
			n.SetTLSA(host, 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"the record is not signed", func(n *s2stest.Network, c papers) {
			n.SignDNS("_5269._tcp."+host, false)
			n.SetTLSA(host, 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, pkix},
		{"an alias of the record is not signed", func(n *s2stest.Network, c papers) {
			n.SetAlias("_5269._tcp."+host, "_5269._tcp.tlsa.example")
			n.SignDNS("_5269._tcp.tlsa.example", false)
			n.SetTLSA("tlsa.example", 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, refused},
		{"an alias of the record is signed", func(n *s2stest.Network, c papers) {
			n.SetAlias("_5269._tcp."+host, "_5269._tcp.tlsa.example")
			n.SetTLSA("tlsa.example", 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, dane},
		{"somebody holds the record back", func(n *s2stest.Network, c papers) { n.FailDNS("_5269._tcp."+host, s2stest.ServFail) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, outcome{0, unknown}},
		{"the name of the host, which DNSSEC vouches for", func(*s2stest.Network, papers) {},
			func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{DNSSEC: true}, pkix},
		{"the name of the host, from an authority that nobody trusts", func(*s2stest.Network, papers) {},
			func(c papers) tls.Certificate { return c.foreign }, s2s.Config{DNSSEC: true}, refused},
		{"the name of the host, unsigned", func(n *s2stest.Network, _ papers) { n.SignDNS(there, false); n.SignDNS(host, true) },
			func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{DNSSEC: true}, refused},
		{"DNSSEC is not believed", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{}, refused},
		{"DNSSEC is not believed, a valid certificate", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{}, pkix},
		{"DNSSEC is not believed, the name of the host", func(*s2stest.Network, papers) {},
			func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{}, refused},
		{"the next server shows the right one", func(n *s2stest.Network, c papers) {
			n.SetAddrs("b."+host, netip.MustParseAddr("10.0.0.1")) // the same; the record is what differs
			n.SetSRV(there, &net.SRV{Target: host + ".", Port: 5269, Priority: 1}, &net.SRV{Target: "b." + host + ".", Port: 5269, Priority: 2})
			n.SetTLSA(host, 5269, record(c.ofHost))
			n.SetTLSA("b."+host, 5269, record(c.own))
		}, func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, dane},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.SignDNS(".", true)
				cert := certificates(n)
				n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{c.cert(cert)}}}).Ignore()
				c.dns(n, cert)
				mux, got := inbox()
				c.cfg.Domains, c.cfg.Handler = []string{here}, mux
				fed := n.Server(c.cfg)
				if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(6 * time.Minute) // until the queue gives up, too
				checkOutcome(t, fed, got, true, c.want)
			})
		})
	}
}

func certificates(n *s2stest.Network) papers {
	return papers{
		own:     testca.SelfSigned(testca.Options{}),
		valid:   n.Certificate(there),
		ofHost:  n.Certificate(host),
		foreign: testca.New().Issue(testca.Options{DNS: []string{host, there}}),
	}
}

// checkOutcome looks at the streams of one direction, and at what came back.
func checkOutcome(t *testing.T, fed *s2s.Server, got chan *stanza.Stanza, outgoing bool, want outcome) {
	t.Helper()
	var found outcome
	for _, s := range fed.Streams() {
		if s.Outgoing == outgoing {
			found.method = s.Assurance.Method
		}
	}
	for len(got) > 0 {
		if m := <-got; m.Err() != nil {
			found.why = m.Err().Text
		}
	}
	if found.method != want.method || !strings.Contains(found.why, want.why) || want.why == "" && found.why != "" {
		t.Errorf("%s, %q; want %s, %q", found.method, found.why, want.method, want.why)
	}
}

// For a domain that connects the records of its servers count as well. A
// certificate that is valid in the ordinary way remains so: who connects need not
// be one of those servers.
func TestDANEIncoming(t *testing.T) {
	record := func(c tls.Certificate) s2s.TLSA { return s2stest.TLSAFor(3, 1, 1, c.Leaf) }
	for _, c := range []struct {
		name string
		dns  func(n *s2stest.Network, c papers)
		cert func(c papers) tls.Certificate
		cfg  s2s.Config
		want s2s.Method
	}{
		{"its record", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, s2s.MethodDANE},
		{"the record of one of several servers", func(n *s2stest.Network, c papers) {
			n.SetSRV(there, &net.SRV{Target: "a.example.", Port: 1, Priority: 1}, &net.SRV{Target: "b.example.", Port: 2, Priority: 2}, &net.SRV{Target: host + ".", Port: 5269, Priority: 3})
			n.SetAddrs("a.example", netip.MustParseAddr("10.0.9.9"))
			n.SetTLSA("a.example", 1, record(c.ofHost))
			n.SetTLSA(host, 5269, record(c.own))
			n.FailDNS("b.example", s2stest.ServFail)
		}, func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, s2s.MethodDANE},
		{"a valid certificate and its record", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.valid)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, s2s.MethodDANE},
		{"a valid certificate and the record of another", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, s2s.MethodPKIX},
		{"the record of another", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.valid)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, 0},
		{"the name of the host, which DNSSEC vouches for", func(*s2stest.Network, papers) {},
			func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{DNSSEC: true}, s2s.MethodPKIX},
		{"unsigned", func(n *s2stest.Network, c papers) { n.SignDNS(".", false); n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{DNSSEC: true}, 0},
		{"the name of the host, unsigned", func(n *s2stest.Network, _ papers) { n.SignDNS(".", false) },
			func(c papers) tls.Certificate { return c.ofHost }, s2s.Config{DNSSEC: true}, 0},
		{"DNSSEC is not believed", func(n *s2stest.Network, c papers) { n.SetTLSA(host, 5269, record(c.own)) },
			func(c papers) tls.Certificate { return c.own }, s2s.Config{}, 0},
		{"no DNS at all", func(n *s2stest.Network, _ papers) { n.FailDNS(there, s2stest.ServFail) },
			func(c papers) tls.Certificate { return c.valid }, s2s.Config{DNSSEC: true}, s2s.MethodPKIX},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.SignDNS(".", true)
				cert := certificates(n)
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{c.cert(cert)}}})
				romeo.Ignore()
				c.dns(n, cert)
				mux, got := inbox()
				c.cfg.Domains, c.cfg.Handler = []string{here}, mux
				fed := n.Server(c.cfg)
				romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
				time.Sleep(time.Minute)
				checkOutcome(t, fed, got, false, outcome{method: c.want})
			})
		})
	}
}

// counting is a resolver that knows how often it was asked about DNSSEC.
type counting struct {
	s2s.Resolver
	s2s.ValidatingResolver
	mu    sync.Mutex
	asked map[string]int
}

func (c *counting) LookupSRVAuthentic(ctx context.Context, service, proto, name string) ([]*net.SRV, bool, error) {
	c.mu.Lock()
	c.asked[name]++
	c.mu.Unlock()
	return c.ValidatingResolver.LookupSRVAuthentic(ctx, service, proto, name)
}

// Nobody is made to look up the records of a domain that the host's policy
// refuses.
func TestNoLookupsForTheUnwelcome(t *testing.T) {
	for _, welcome := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			r := n.Resolver()
			dns := &counting{Resolver: r, ValidatingResolver: r.(s2s.ValidatingResolver), asked: make(map[string]int)}
			cfg := s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), DNSSEC: true, Resolver: dns}
			if !welcome {
				cfg.Policy.Check = func(context.Context, jid.JID) error { return stanza.Errorf(stanza.NotAllowed, "an ancient grudge") }
			}
			n.Server(cfg)
			romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{testca.SelfSigned(testca.Options{})}}})
			romeo.Ignore()
			romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
			time.Sleep(time.Second)
			dns.mu.Lock()
			defer dns.mu.Unlock()
			if (dns.asked[there] > 0) != welcome {
				t.Errorf("welcome %t: asked %v", welcome, dns.asked)
			}
		})
	}
}

// A server that says that another one is to be asked does not make the records of
// that one proofs of the domain.
func TestDANEElsewhere(t *testing.T) {
	for _, signed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			n.SignDNS(".", true)
			own := testca.SelfSigned(testca.Options{})
			n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{own}}}).Ignore()
			n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, own.Leaf))
			want := outcome{s2s.MethodDANE, ""}
			if !signed {
				// Whoever forges the domain's own records names a server that names
				// one whose records are signed.
				n.SetSRV("mallory.example", &net.SRV{Target: host + ".", Port: 5269})
				l := n.Listen("front.example")
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go func() {
							defer c.Close()
							talk(c, "version", theirHeader+"<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>mallory.example</see-other-host></stream:error></stream:stream>")
							hold(c)
						}()
					}
				}()
				n.SignDNS(there, false)
				n.SignDNS(host, true)
				n.SetSRV(there, &net.SRV{Target: "xmpp.front.example.", Port: 5269})
				want = outcome{0, "not valid for it"}
			}
			mux, got := inbox()
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, DNSSEC: true, Reach: s2s.Reach{OtherHosts: true}})
			if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			checkOutcome(t, fed, got, true, want)
		})
	}
}

// A resolver that cannot tell what is signed is a mistake that shows at once.
func TestDNSSECNeedsAResolver(t *testing.T) {
	cert := testca.SelfSigned(testca.Options{})
	_, err := s2s.New(s2s.Config{
		Domains: []string{here}, Handler: stanza.NewMux(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		DNSSEC: true, Resolver: &net.Resolver{},
	})
	if err == nil || !strings.Contains(err.Error(), "ValidatingResolver") {
		t.Error(err)
	}
}
