package s2s_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// One port serves web pages and XMPP, as the comment of TLSConfig shows it
// (XEP-0368 section 4): which of them, the protocol name decides, and with it the
// certificate and whether a client is asked for its own.
func TestHTTPSAndXMPPOnOnePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const site = "www.capulet.example"
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Addr: "-"})
		results := make(chan error, 8)
		xmpp := fed.TLSConfig()
		web := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "HTTP/%d", r.ProtoMajor) }),
			TLSConfig: &tls.Config{
				Certificates: []tls.Certificate{n.Certificate(site)},
				GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					if slices.Contains(hello.SupportedProtos, "xmpp-server") {
						return xmpp, nil
					}
					return nil, nil
				},
			},
			TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){
				"xmpp-server": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { results <- fed.ServeConn(conn) },
			},
			Protocols: new(http.Protocols),
			ErrorLog:  slog.NewLogLogger(slog.NewTextHandler(t.Output(), nil), slog.LevelError),
		}
		web.Protocols.SetHTTP1(true)
		web.Protocols.SetHTTP2(true)
		l := n.ListenTLS(here)
		served := make(chan error, 1)
		go func() { served <- web.ServeTLS(l, "", "") }()

		browse := func(version int) {
			browser := &http.Transport{
				ForceAttemptHTTP2: version == 2,
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return n.Dialer(bystander).DialContext(ctx, network, l.Addr().String())
				},
				TLSClientConfig: &tls.Config{RootCAs: n.Roots(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					t.Error("a browser was asked for a certificate")
					return new(tls.Certificate), nil
				}},
			}
			defer browser.CloseIdleConnections()
			res, err := (&http.Client{Transport: browser}).Get("https://" + site)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if page, err := io.ReadAll(res.Body); string(page) != fmt.Sprintf("HTTP/%d", version) || err != nil {
				t.Errorf("the page is %q, %v; want one by HTTP/%d", page, err, version)
			}
		}
		browse(1)
		romeo := n.Peer(there)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`)
		if m := <-got; m.Body() != "but soft" {
			t.Errorf("got %s", m)
		}
		streams := fed.Streams()
		if len(streams) != 1 || streams[0].Mechanism != "EXTERNAL" || streams[0].Outgoing || streams[0].Remote.String() != there ||
			streams[0].In != 1 || streams[0].Assurance.TLSVersion != tls.VersionTLS13 || !streams[0].Addr.IsValid() {
			t.Errorf("streams: %+v", streams)
		}
		browse(2)

		begin := time.Now()
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-results; err != nil {
			t.Errorf("ServeConn: %v", err)
		}
		if err := web.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("the end took %v", took)
		}
		if len(results) != 0 {
			t.Errorf("there was another connection: %v", <-results)
		}
	})
}

// handed is a connection on its way from whoever accepted it to ServeConn.
type handed struct {
	*s2stest.RawStream
	t     *testing.T
	romeo *s2stest.Peer
	fed   *s2s.Server
	far   *memnet.Conn
	got   chan error // what ServeConn returned
}

func handOver(t *testing.T, romeo *s2stest.Peer, fed *s2s.Server) *handed {
	near, far := memnet.Pipe(&net.TCPAddr{IP: net.IPv4(10, 9, 0, 1), Port: 50000}, &net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 443})
	return &handed{romeo.Wrap(near, here), t, romeo, fed, far, make(chan error, 1)}
}

// serve gives the other end to the server: as it is, or with TLS.
func (h *handed) serve(cfg *tls.Config) {
	var conn net.Conn = h.far
	if cfg != nil {
		conn = tls.Server(h.far, cfg)
	}
	go func() { h.got <- h.fed.ServeConn(conn) }()
}

// shake is the peer's handshake, with the versions of TLS that it has.
func (h *handed) shake(oldest, newest uint16) {
	h.Handshake(&tls.Config{Certificates: []tls.Certificate{h.romeo.Network().Certificate(there)}, NextProtos: []string{"xmpp-server"}, MinVersion: oldest, MaxVersion: newest})
}

// What ServeConn takes, what becomes of it, and what it says of that.
func TestServeConn(t *testing.T) {
	old := func(n *s2stest.Network) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS10}
	}
	const some = "some error"
	for _, c := range []struct {
		name string
		cfg  s2s.Config
		do   func(h *handed)
		want string // the error; empty: none
		is   error  // what the error is; nil: nothing in particular
		told bool   // Trace.AuthFailed is told of it
	}{
		{name: "direct TLS", do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			if p := h.Conn.(*tls.Conn).ConnectionState(); p.NegotiatedProtocol != "xmpp-server" || p.PeerCertificates[0].VerifyHostname(here) != nil {
				h.t.Errorf("protocol %q, certificate of %q", p.NegotiatedProtocol, p.PeerCertificates[0].DNSNames)
			}
			h.SASL()
			h.Put("</stream:stream>")
		}},
		{name: "direct TLS whose handshake is over", do: func(h *handed) {
			conn := tls.Server(h.far, h.fed.TLSConfig())
			done := make(chan error)
			go func() { done <- conn.Handshake() }()
			h.shake(0, 0)
			if err := <-done; err != nil {
				h.t.Fatal(err)
			}
			go func() { h.got <- h.fed.ServeConn(conn) }()
			h.SASL()
			h.Put("</stream:stream>")
		}},
		{name: "STARTTLS", do: func(h *handed) {
			h.serve(nil)
			h.Authenticate()
			h.Put("</stream:stream>")
		}},
		{name: "a stream that breaks", do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.SASL()
			synctest.Wait() // until the stream is open
			h.Cut()
		}},
		{name: "TLS 1.2", do: func(h *handed) {
			h.serve(old(h.romeo.Network()))
			h.shake(0, tls.VersionTLS12)
			h.SASL()
			h.Put("</stream:stream>")
		}},
		{name: "TLS 1.1", told: true, do: func(h *handed) {
			h.serve(old(h.romeo.Network()))
			h.shake(tls.VersionTLS10, tls.VersionTLS11)
		}, is: s2s.ErrTLSVersion, want: "s2s: streams need TLS 1.2 or later, not TLS 1.1"},
		{name: "TLS 1.1 and a configuration of the server's", told: true, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			if err := tls.Client(h.Conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake(); err == nil {
				h.t.Error("there was a handshake")
			}
		}, want: some},
		{name: "a configuration that asks for no certificate", told: true, do: func(h *handed) {
			h.serve(&tls.Config{Certificates: []tls.Certificate{h.romeo.Network().Certificate(here)}})
			h.shake(0, 0)
			h.Open("")
			h.Expect("<not-authorized")
		}, want: some},
		{name: "silence", told: true, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			time.Sleep(29 * time.Second)
			synctest.Wait()
			if len(h.got) > 0 {
				h.t.Error("it was given up before Limits.Negotiation")
			}
		}, want: some},
		{name: "a question about a key", cfg: s2s.Config{Dialback: &s2s.Dialback{}}, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.Open("")
			h.Expect("</stream:features>")
			h.Put("<db:verify xmlns:db='jabber:server:dialback' from='montague.example' to='capulet.example' id='x'>deadbeef</db:verify>")
			h.Expect("type='invalid'")
			h.Put("</stream:stream>")
		}},
		{name: "a domain that nobody serves", told: true, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.Open("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='montague.example' to='mantua.example' version='1.0'>")
			h.Expect("<host-unknown")
		}, is: &s2s.StreamError{Condition: "host-unknown"}, want: some},
		{name: "no proof by Server Dialback", told: true, cfg: s2s.Config{Dialback: &s2s.Dialback{}}, do: func(h *handed) {
			h.serve(&tls.Config{Certificates: []tls.Certificate{h.romeo.Network().Certificate(here)}})
			h.shake(0, 0)
			h.Open("")
			h.Expect("</stream:features>")
			h.Put("<db:result xmlns:db='jabber:server:dialback' from='montague.example' to='capulet.example'>deadbeef</db:result>")
			h.Expect("type='error'")
			h.Put("</stream:stream>")
		}, want: some},
		{name: "a proof by Server Dialback", cfg: s2s.Config{Dialback: &s2s.Dialback{}}, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.Open("")
			h.Expect("</stream:features>")
			h.Put("<db:result xmlns:db='jabber:server:dialback' from='montague.example' to='capulet.example'>deadbeef</db:result>")
			h.Expect("type='valid'") // the certificate does (XEP-0344)
			h.Put("</stream:stream>")
		}},
		{name: "too many from an address", cfg: s2s.Config{Limits: s2s.Limits{AddressStreams: 1}}, do: func(h *handed) {
			first := handOver(h.t, h.romeo, h.fed)
			first.serve(h.fed.TLSConfig())
			first.shake(0, 0)
			first.SASL()
			h.serve(nil)
			h.Expect("<resource-constraint")
			h.Expect("</stream:stream>")
			h.Rest()
			first.Put("</stream:stream>")
			if err := <-first.got; err != nil {
				h.t.Errorf("the first stream: %v", err)
			}
		}, want: "s2s: Limits.AddressStreams is reached"},
		{name: "too many that negotiate", cfg: s2s.Config{Limits: s2s.Limits{Negotiating: 1}}, do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			next := handOver(h.t, h.romeo, h.fed)
			next.serve(h.fed.TLSConfig())
			next.shake(0, 0)
			next.SASL()
			next.Put("</stream:stream>")
			if err := <-next.got; err != nil {
				h.t.Errorf("the one that came later: %v", err)
			}
		}, want: "s2s: Limits.Negotiating is reached"},
		{name: "a shutdown", do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.SASL()
			synctest.Wait() // until the stream is open
			done := make(chan error)
			go func() { done <- h.fed.Shutdown(h.t.Context()) }()
			h.Expect("<system-shutdown")
			late, begin := handOver(h.t, h.romeo, h.fed), time.Now()
			late.serve(h.fed.TLSConfig())
			if err := <-late.got; !errors.Is(err, s2s.ErrClosed) || time.Since(begin) > 0 {
				h.t.Errorf("a connection that came meanwhile: %v after %v", err, time.Since(begin))
			}
			h.Put("</stream:stream>")
			if err := <-done; err != nil {
				h.t.Error(err)
			}
		}},
		{name: "a shutdown before", do: func(h *handed) {
			if err := h.fed.Shutdown(h.t.Context()); err != nil {
				h.t.Error(err)
			}
			h.serve(h.fed.TLSConfig())
		}, is: s2s.ErrClosed, want: s2s.ErrClosed.Error()},
		{name: "a shutdown during the handshake", do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			synctest.Wait()
			if err := h.fed.Shutdown(h.t.Context()); err != nil {
				h.t.Error(err)
			}
		}, is: s2s.ErrClosed, want: s2s.ErrClosed.Error()},
		{name: "a close of a stream", do: func(h *handed) {
			h.serve(h.fed.TLSConfig())
			h.shake(0, 0)
			h.SASL()
			synctest.Wait() // until the stream is open
			h.fed.Close()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				told := make(chan error, 1)
				c.cfg.Services, c.cfg.Handler, c.cfg.Addr = []string{here}, stanza.NewMux(), "-"
				c.cfg.Trace = &s2s.Trace{AuthFailed: func(_ jid.JID, _ string, err error) { told <- err }}
				fed := n.Server(c.cfg)
				h := handOver(t, n.Peer(there), fed)
				c.do(h)
				err := <-h.got
				switch {
				case c.want == "" && err != nil:
					t.Errorf("got %v", err)
				case c.want == some && err == nil, c.want != some && c.want != "" && (err == nil || err.Error() != c.want):
					t.Errorf("got %v, want %s", err, c.want)
				case c.is != nil && !errors.Is(err, c.is):
					t.Errorf("got %v, which is not %v", err, c.is)
				}
				if c.told != (len(told) == 1) {
					t.Errorf("AuthFailed was told %d times", len(told))
				} else if c.told && !errors.Is(err, <-told) {
					t.Errorf("AuthFailed was told something else than %v", err)
				}
				if err := h.far.Close(); !errors.Is(err, net.ErrClosed) {
					t.Error("the connection was left open")
				}
				if list := fed.Streams(); len(list) != 0 {
					t.Errorf("streams are left: %+v", list)
				}
			})
		})
	}
}

// A configuration that is shared with a web server may make others for its
// clients. They are not for peers, of whom they ask no certificate and any TLS.
func TestConfigForClientIsNotForPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		shared := &tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}}
		shared.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: shared.Certificates, MinVersion: tls.VersionTLS10}, nil
		}
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), TLS: shared})
		if fed.TLSConfig().GetConfigForClient != nil {
			t.Error("TLSConfig has it")
		}
		raw := n.Peer(there).Raw(here)
		raw.Authenticate()
		raw.Put("</stream:stream>")
		raw.Rest()
	})
}
