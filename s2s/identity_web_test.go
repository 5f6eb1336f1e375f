package s2s_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/internal/testca"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const (
	poshPath = "/.well-known/posh/xmpp-server.json"
	poshURL  = "https://" + there + poshPath
)

// lists is a POSH document that lists certificates.
func lists(expires int, certs ...tls.Certificate) string {
	var list []string
	for _, c := range certs {
		sum := sha256.Sum256(c.Certificate[0])
		list = append(list, `{"sha-256":"`+base64.StdEncoding.EncodeToString(sum[:])+`"}`)
	}
	return fmt.Sprintf(`{"fingerprints":[%s],"expires":%d}`, strings.Join(list, ","), expires)
}

// pages is a Fetcher.
type pages struct {
	mu    sync.Mutex
	byURL map[string]string
	asked int
}

func (p *pages) Fetch(_ context.Context, url string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if text, ok := p.byURL[url]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("404 Not Found")
}

// With POSH, the web server of a domain speaks for a certificate that nobody
// else does, in both roles; without it nobody asks.
func TestPOSH(t *testing.T) {
	own := func(p papers) tls.Certificate { return p.own }
	valid := func(p papers) tls.Certificate { return p.valid }
	for _, c := range []struct {
		name  string
		pages func(papers) map[string]string
		cert  func(papers) tls.Certificate
		posh  bool
		want  s2s.Method
		asked bool
	}{
		{"listed", func(p papers) map[string]string { return map[string]string{poshURL: lists(60, p.own)} }, own, true, s2s.MethodPOSH, true},
		{"by reference", func(p papers) map[string]string {
			return map[string]string{poshURL: `{"url":"https://hosting.example/a","expires":60}`, "https://hosting.example/a": lists(60, p.foreign, p.own)}
		}, own, true, s2s.MethodPOSH, true},
		{"not listed", func(p papers) map[string]string { return map[string]string{poshURL: lists(60, p.foreign)} }, own, true, 0, true},
		{"not listed and valid", func(p papers) map[string]string { return map[string]string{poshURL: lists(60, p.foreign)} }, valid, true, s2s.MethodPKIX, false},
		{"no document", func(papers) map[string]string { return nil }, own, true, 0, true},
		{"too long", func(p papers) map[string]string {
			return map[string]string{poshURL: lists(60, p.own) + strings.Repeat(" ", 64<<10)}
		}, own, true, 0, true},
		{"listed, and nobody asks", func(p papers) map[string]string { return map[string]string{poshURL: lists(60, p.own)} }, own, false, 0, false},
	} {
		for _, outgoing := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, outgoing %t", c.name, outgoing), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					cert := certificates(n)
					romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{c.cert(cert)}}})
					romeo.Ignore()
					mux, got := inbox()
					web := &pages{byURL: c.pages(cert)}
					fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, POSH: c.posh, Web: web})
					want := outcome{c.want, ""}
					if outgoing {
						if c.want == 0 {
							want.why = "not valid for it"
						}
						if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
							t.Fatal(err)
						}
					} else {
						romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
					}
					time.Sleep(time.Second)
					checkOutcome(t, fed, got, outgoing, want)
					web.mu.Lock()
					defer web.mu.Unlock()
					if (web.asked > 0) != c.asked {
						t.Errorf("asked %d times", web.asked)
					}
				})
			})
		}
	}
}

// wired is the dialer of a network that has web servers, too.
type wired struct {
	s2s.Dialer
	web map[string]*memnet.Listener // by address and port

	mu     sync.Mutex
	dialed []string
}

func (w *wired) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	l := w.web[address]
	w.mu.Unlock()
	if l == nil {
		return w.Dialer.DialContext(ctx, network, address)
	}
	return l.Dial(ctx, &net.TCPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 1})
}

// serveWeb starts an HTTPS server for names at an address.
func (w *wired) serveWeb(t *testing.T, n *s2stest.Network, cert tls.Certificate, ip string, h http.HandlerFunc, names ...string) {
	addr := netip.MustParseAddrPort(ip + ":443")
	l := memnet.NewListener(net.TCPAddrFromAddrPort(addr))
	w.web[addr.String()] = l
	for _, name := range names {
		n.SetAddrs(name, addr.Addr())
	}
	srv := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() { defer close(done); srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { srv.Close(); <-done })
}

// The default Fetcher speaks HTTPS to web servers that are who they say they
// are, follows a few redirects, and gives up on what is too long or too slow.
func TestPOSHOverHTTPS(t *testing.T) {
	const hosting = "hosting.example"
	redirect := func(to string) func(string) http.HandlerFunc {
		return func(string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
		}
	}
	says := func(doc string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != poshPath || r.Header.Get("User-Agent") != "" || r.Header.Get("Accept-Encoding") != "" {
				http.NotFound(w, r)
				return
			}
			io.WriteString(w, doc)
		}
	}
	for _, c := range []struct {
		name  string
		at    func(doc string) http.HandlerFunc // the domain's web server; hosting.example says doc
		cert  func(n *s2stest.Network) tls.Certificate
		works bool
	}{
		{"a document", says, nil, true},
		{"a redirect", redirect("https://" + hosting + poshPath), nil, true},
		{"a reference", func(string) http.HandlerFunc {
			return says(`{"url":"https://` + hosting + poshPath + `","expires":60}`)
		}, nil, true},
		{"a redirect to HTTP", redirect("http://" + hosting + poshPath), nil, false},
		{"a redirect to an address", redirect("https://10.2.0.2" + poshPath), nil, false},
		{"a redirect to one label", redirect("https://localhost" + poshPath), nil, false},
		{"a redirect with a password", redirect("https://a:b@" + hosting + poshPath), nil, false},
		{"a redirect to itself", redirect(poshURL), nil, false},
		{"a redirect to nobody", redirect("https://nobody.example" + poshPath), nil, false},
		{"another certificate", says, func(n *s2stest.Network) tls.Certificate { return n.Certificate("verona.example") }, false},
		{"an untrusted certificate", says, func(*s2stest.Network) tls.Certificate {
			return testca.SelfSigned(testca.Options{DNS: []string{there}})
		}, false},
		{"a document that is not found", func(doc string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				io.WriteString(w, doc)
			}
		}, nil, false},
		{"not found", func(string) http.HandlerFunc { return http.NotFound }, nil, false},
		{"too long", func(doc string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, doc)
				for i := 0; i < 1<<10; i++ {
					if _, err := io.WriteString(w, strings.Repeat(" ", 1<<10)); err != nil {
						return
					}
				}
			}
		}, nil, false},
		{"a long header", func(doc string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X", strings.Repeat("x", 64<<10))
				io.WriteString(w, doc)
			}
		}, nil, false},
		{"too slow", func(doc string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(11 * time.Second):
					io.WriteString(w, doc)
				case <-r.Context().Done():
				}
			}
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				own := testca.SelfSigned(testca.Options{})
				n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{own}}}).Ignore()
				w := &wired{Dialer: n.Dialer(here), web: make(map[string]*memnet.Listener)}
				cert := n.Certificate(there)
				if c.cert != nil {
					cert = c.cert(n)
				}
				w.serveWeb(t, n, cert, "10.2.0.1", c.at(lists(60, own)), there)
				w.serveWeb(t, n, n.Certificate(hosting), "10.2.0.2", says(lists(60, own)), hosting)
				mux, got := inbox()
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, POSH: true, Dialer: w})
				if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "hello")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Second)
				want := outcome{0, "not valid for it"}
				if c.works {
					want = outcome{s2s.MethodPOSH, ""}
				}
				checkOutcome(t, fed, got, true, want)
			})
		})
	}
}

// A domain cannot make the server reach into its own network by way of its web
// server either.
func TestPOSHKeepsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		own := testca.SelfSigned(testca.Options{})
		w := &wired{Dialer: n.Dialer(here), web: make(map[string]*memnet.Listener)}
		w.serveWeb(t, n, n.Certificate(there), "10.2.0.1", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, lists(60, own)) }, there)
		fed, err := s2s.New(s2s.Config{
			Domains: []string{here}, TLS: &tls.Config{Certificates: []tls.Certificate{n.Certificate(here)}}, Handler: stanza.NewMux(),
			Verifier: s2s.PKIX{Roots: n.Roots()}, Resolver: n.Resolver(), Dialer: w, POSH: true,
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		l, done := n.Listen(here), make(chan struct{})
		go func() { defer close(done); fed.Serve(l) }()
		t.Cleanup(func() { fed.Close(); <-done })
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{own}}})
		romeo.Ignore()
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>hello</body></message>`)
		time.Sleep(time.Second)
		if len(fed.Streams()) != 0 || len(w.dialed) != 0 {
			t.Errorf("connected to %v, streams %+v", w.dialed, fed.Streams())
		}
	})
}
