package s2s

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"isthmus.im/internal/locate"
	"isthmus.im/jid"
)

// Fetcher gets documents from web servers, for Config.POSH. Implementations are
// safe for concurrent use.
type Fetcher interface {
	// Fetch returns what the server has at an "https:" address, and an error for
	// every status but 200. It is sure about the server as RFC 2818 asks, ends
	// with ctx, and does not let a redirect lead to anything but HTTPS. What is
	// longer than Limits.Document will be refused.
	Fetch(ctx context.Context, url string) ([]byte, error)
}

const (
	maxRedirects = 5        // RFC 7711 section 10 allows 10
	maxWebHeader = 16 << 10 // bytes of the header of a response
)

// web is the default Fetcher. It finds servers as the Server does, and connects
// to no others.
type web struct {
	s      *Server
	client *http.Client
}

func newWeb(s *Server) *web {
	w := &web{s: s}
	roots := (*tls.Config)(nil)
	if p, ok := s.verifier.(PKIX); ok {
		roots = &tls.Config{RootCAs: p.Roots}
	}
	w.client = &http.Client{
		Transport: &http.Transport{
			DialContext: w.dial, TLSClientConfig: roots,
			TLSNextProto:      map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 will do
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxWebHeader,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("s2s: more than %d redirects", maxRedirects)
			}
			return w.allowed(r.URL)
		},
	}
	return w
}

// Fetch implements Fetcher.
func (w *web) Fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if err := w.allowed(r.URL); err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "") // which leaves it out
	resp, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("s2s: %s answers %s", r.URL.Host, plain(resp.Status))
	}
	return io.ReadAll(io.LimitReader(resp.Body, int64(w.s.limits.Document)+1))
}

var errWebAddress = errors.New("s2s: not an HTTPS address that may be visited")

// allowed checks an address as those of domains are checked.
func (w *web) allowed(u *url.URL) error {
	if u.Scheme != "https" || u.User != nil {
		return errWebAddress
	}
	name := u.Hostname()
	if ip, err := netip.ParseAddr(name); err == nil && ip.Is6() {
		name = "[" + name + "]"
	}
	host, err := jid.New("", name, "")
	if err != nil {
		return errWebAddress
	}
	return w.s.reach.usual(host)
}

// dial connects to one of the addresses of a host, unless Config.Reach forbids
// them.
func (w *web) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	attempt := func(ctx context.Context, _ locate.Target, addr netip.AddrPort) (net.Conn, error) {
		if err := w.s.reach.allows(addr.Addr()); err != nil {
			return nil, err
		}
		return w.s.dialer.DialContext(ctx, network, addr.String())
	}
	c, failures, err := locate.Race(ctx, w.s.resolver, []locate.Target{{Host: host, Port: uint16(port)}}, 0, attempt, func(late net.Conn) { late.Close() })
	if err != nil && len(failures) > 0 {
		err = failures[0].Err
	}
	return c, err
}

// fetch is Fetch of Config.Web, within limits.
func (s *Server) fetch(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Fetch)
	defer cancel()
	text, err := s.web.Fetch(ctx, address)
	if err == nil && len(text) > s.limits.Document {
		err = fmt.Errorf("s2s: a document of more than %d bytes", s.limits.Document)
	}
	if err != nil {
		s.log.Debug("document not fetched", "url", plain(address), "err", err)
		return nil, err
	}
	return text, nil
}
