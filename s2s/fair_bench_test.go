//go:build unix

package s2s_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"
)

// BenchmarkFair measures what a peer notices while another one floods the
// server that both talk to, as it is and without the limits on domains and
// addresses: how long a ping takes (ping), and a thousand messages until the
// handler has the last of them (messages). flood/s is what is handled of the
// flood. All of them, the one that floods too, run in this process.
func BenchmarkFair(b *testing.B) {
	floods := []struct {
		name  string
		flood func(*fairground)
	}{
		{"calm", func(*fairground) {}},
		{"one-sender", func(g *fairground) { g.stanzas(4, func(int) string { return chat("a@" + there) }) }},
		{"many-senders", func(g *fairground) { g.stanzas(4, func(i int) string { return chat(fmt.Sprintf("s%d@%s", i, there)) }) }},
		{"pings", func(g *fairground) { g.stanzas(4, ping) }},
		{"handshakes", func(g *fairground) { g.handshakes(64) }},
	}
	for _, c := range []struct {
		name   string
		limits s2s.Limits
	}{
		{"limits", s2s.Limits{}},
		{"none", unlimited()},
	} {
		for _, f := range floods {
			b.Run("ping/"+f.name+"/"+c.name, func(b *testing.B) {
				g := newFairground(b, c.limits)
				g.measure(b, f.flood, time.Millisecond, g.ping)
			})
		}
	}
	for _, c := range []struct {
		name   string
		limits s2s.Limits
	}{
		{"limits", s2s.Limits{}},
		{"none", unlimited()},
	} {
		for _, f := range floods {
			b.Run("messages/"+f.name+"/"+c.name, func(b *testing.B) {
				g := newFairground(b, c.limits)
				g.measure(b, f.flood, 250*time.Millisecond, g.messages)
			})
		}
	}
}

// unlimited leaves out the limits on domains and addresses.
func unlimited() s2s.Limits {
	const most = math.MaxInt32
	return s2s.Limits{
		DomainQueue: most, DomainHandlers: most, DomainBytes: most, DomainStanzas: most, DomainStreams: most, DomainNewStreams: most,
		AddressStreams: most, AddressNewStreams: most, AddressNegotiating: most,
	}
}

// measure measures an act of the bystander, done over and over with a pause,
// during a flood.
func (g *fairground) measure(b *testing.B, flood func(*fairground), pause time.Duration, act func(*testing.B)) {
	act(b) // so that it is connected
	flood(g)
	time.Sleep(time.Second) // what may come at once has come
	var took []time.Duration
	var sum time.Duration
	before, begin := g.handled.Load(), time.Now()
	for b.Loop() {
		t := time.Now()
		act(b)
		took = append(took, time.Since(t))
		sum += took[len(took)-1]
		time.Sleep(pause)
	}
	slices.Sort(took)
	b.ReportMetric(float64(g.handled.Load()-before)/time.Since(begin).Seconds(), "flood/s")
	b.ReportMetric(float64(sum)/float64(len(took)), "ns/op") // the pauses left out
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

func chat(from string) string {
	return "<message from='" + from + "' to='juliet@" + here + "'><body>" + "But soft, what light through yonder window breaks? It is the east." + "</body></message>"
}

func ping(i int) string {
	return fmt.Sprintf("<iq type='get' id='%d' from='p%d@%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", i, i%100, there, here)
}

type fairground struct {
	b       *testing.B
	ca      *testca.CA
	addr    string
	victim  *s2s.Server
	handled atomic.Int64 // of the flood
	left    atomic.Int64 // of the bystander's messages
	arrived chan struct{}
	ctx     context.Context
	work    sync.WaitGroup
}

func newFairground(b *testing.B, limits s2s.Limits) *fairground {
	g := &fairground{b: b, ca: testca.New(), arrived: make(chan struct{}, 1)}
	var cancel context.CancelFunc
	g.ctx, cancel = context.WithCancel(context.Background())
	dns := loopback{make(map[string]netip.AddrPort)}
	start := func(domain string, h stanza.Handler) *s2s.Server {
		srv, err := s2s.New(s2s.Config{
			Services: []string{domain}, Handler: h, Resolver: dns,
			Verifier: s2s.PKIX{Roots: g.ca.Pool()}, Reach: s2s.Reach{Loopback: true},
			TLS:    &tls.Config{Certificates: []tls.Certificate{g.ca.Issue(testca.Options{DNS: []string{domain}})}},
			Logger: slog.New(slog.DiscardHandler),
			Limits: limits,
		})
		if err != nil {
			b.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		dns.at[domain] = l.Addr().(*net.TCPAddr).AddrPort()
		go srv.Serve(l)
		b.Cleanup(func() { srv.Close() })
		return srv
	}
	block := bytes.Repeat([]byte("x"), 8<<10)
	start(here, stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
		if st.From.Domain() == there {
			g.handled.Add(1)
			sha256.Sum256(block)
		} else if g.left.Add(-1) == 0 {
			g.arrived <- struct{}{}
		}
		return nil, nil
	}))
	start(there, stanza.NewMux())
	g.victim = start(bystander, stanza.NewMux())
	g.addr = dns.at[here].String()
	b.Cleanup(func() { cancel(); g.work.Wait() })
	return g
}

func (g *fairground) ping(b *testing.B) {
	_, err := g.victim.Request(b.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(bystander), To: jid.MustParse(here),
		Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
	if err != nil {
		b.Fatal(err)
	}
}

// messages sends a thousand and waits for the last of them.
func (g *fairground) messages(b *testing.B) {
	const many = 1000
	g.left.Store(many)
	for i := range many {
		m := stanza.Text(jid.MustParse(fmt.Sprintf("u%d@%s", i%50, bystander)), jid.MustParse("juliet@"+here), "But soft, what light through yonder window breaks?")
		if err := g.victim.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
	<-g.arrived
}

// stanzas floods over a number of streams with what one returns for 0 to 9999.
func (g *fairground) stanzas(streams int, one func(int) string) {
	var all []byte
	for i := range 10_000 {
		all = append(all, one(i)...)
	}
	cert := g.ca.Issue(testca.Options{DNS: []string{there}})
	for range streams {
		c, err := g.authenticate(cert)
		if err != nil {
			g.b.Fatal(err)
		}
		g.work.Add(1)
		go func() {
			defer g.work.Done()
			defer c.Close()
			defer context.AfterFunc(g.ctx, func() { c.NetConn().Close() })()
			go io.Copy(io.Discard, c)
			for {
				if _, err := c.Write(all); err != nil {
					return
				}
			}
		}()
	}
}

// authenticate opens a stream from there to here.
func (g *fairground) authenticate(cert tls.Certificate) (*tls.Conn, error) {
	sock, err := net.Dial("tcp", g.addr)
	if err != nil {
		return nil, err
	}
	header := "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='" + there + "' to='" + here + "' version='1.0'>"
	say := func(c net.Conn, text, until string) {
		io.WriteString(c, text)
		var got []byte
		var buf [4096]byte
		for !bytes.Contains(got, []byte(until)) {
			n, e := c.Read(buf[:])
			if got = append(got, buf[:n]...); e != nil {
				err = errors.Join(err, e)
				return
			}
		}
	}
	say(sock, header, "</stream:features>")
	say(sock, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed")
	c := tls.Client(sock, &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true})
	say(c, header, "</stream:features>")
	say(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>"+base64.StdEncoding.EncodeToString([]byte(there))+"</auth>", "<success")
	say(c, header, "</stream:features>")
	return c, err
}

// handshakes begins up to 2,000 TLS handshakes a second, so many at a time, and
// never ends one: all the computing is the server's.
func (g *fairground) handshakes(many int) {
	hello := clientHello()
	for range many {
		g.work.Add(1)
		go func() {
			defer g.work.Done()
			pace := time.NewTicker(time.Duration(many) * time.Second / 2000)
			defer pace.Stop()
			for range pace.C {
				if g.ctx.Err() != nil {
					return
				}
				sock, err := net.Dial("tcp", g.addr)
				if err != nil {
					continue
				}
				stop := context.AfterFunc(g.ctx, func() { sock.Close() })
				var buf [4096]byte
				io.WriteString(sock, "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='"+there+"' to='"+here+"' version='1.0'>"+
					"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
				for got := []byte(nil); !bytes.Contains(got, []byte("<proceed")); {
					n, err := sock.Read(buf[:])
					if got = append(got, buf[:n]...); err != nil {
						break
					}
				}
				sock.Write(hello)
				if n, _ := sock.Read(buf[:]); n > 0 {
					g.handled.Add(1)
				}
				stop()
				sock.Close()
			}
		}()
	}
}

// clientHello returns the first message of a handshake.
func clientHello() []byte {
	a, b := net.Pipe()
	go tls.Client(a, &tls.Config{ServerName: here}).Handshake()
	buf := make([]byte, 4096)
	n, _ := b.Read(buf)
	b.Close()
	return buf[:n]
}
