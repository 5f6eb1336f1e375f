package s2stest

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
)

// RawStream is a connection to a server for bytes of the test's choice: for
// tests of what a hostile or broken peer can do. Reads and writes end 30
// seconds after the last call.
type RawStream struct {
	net.Conn
	// Header is what Open writes for an empty header. Empty: a correct one from
	// the peer's domain to the server's.
	Header string

	t    TB
	p    *Peer
	to   string
	read strings.Builder // received and not yet expected
	end  error
}

// Raw connects to the server of a domain, from the peer's.
func (p *Peer) Raw(domain string) *RawStream {
	p.t.Helper()
	name := ascii(p.t, []string{domain})[0]
	p.n.mu.Lock()
	target := domain // which nobody can connect to
	for at, l := range p.n.listeners {
		if !l.direct && slices.Contains(l.domains, name) {
			target = at.String()
		}
	}
	p.n.mu.Unlock()
	c, err := p.n.Dialer(p.domain.String()).DialContext(p.t.Context(), "tcp", target)
	if err != nil {
		p.t.Fatalf("s2stest: raw connection to %s: %v", domain, err)
	}
	return p.Wrap(c, domain)
}

// Wrap makes a RawStream of a connection that the test opened itself to the
// server of a domain. It is closed with the test.
func (p *Peer) Wrap(c net.Conn, domain string) *RawStream {
	p.t.Cleanup(func() { c.Close() })
	return &RawStream{Conn: c, t: p.t, p: p, to: domain}
}

// Put writes text as it is.
func (r *RawStream) Put(text string) {
	r.t.Helper()
	r.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(r.Conn, text); err != nil {
		r.t.Fatalf("s2stest: write %q: %v", text, err)
	}
}

// Open writes a stream header; an empty one stands for r.Header.
func (r *RawStream) Open(header string) {
	r.t.Helper()
	if header == "" {
		header = r.Header
	}
	if header == "" {
		header = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'" +
			" from='" + r.p.domain.String() + "' to='" + r.to + "' version='1.0'>"
	}
	r.Put(header)
}

// StartTLS asks for TLS and runs the handshake with the peer's certificate.
func (r *RawStream) StartTLS() {
	r.t.Helper()
	r.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	r.Expect("<proceed")
	r.Expect("/>")
	r.Handshake(&tls.Config{Certificates: []tls.Certificate{r.p.n.Certificate(r.p.domain.String())}})
}

// Handshake runs the TLS handshake as the client. The server's certificate is
// not checked.
func (r *RawStream) Handshake(cfg *tls.Config) {
	r.t.Helper()
	cfg = cfg.Clone()
	cfg.InsecureSkipVerify = true
	if cfg.ServerName == "" {
		cfg.ServerName = jid.MustParse(r.to).ASCIIDomain()
	}
	c := tls.Client(r.Conn, cfg)
	r.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		r.t.Fatalf("s2stest: TLS handshake: %v", err)
	}
	r.Conn = c
	r.read.Reset()
}

// Authenticate opens a stream all the way: header, STARTTLS, EXTERNAL, header.
// Stanzas may follow.
func (r *RawStream) Authenticate() {
	r.t.Helper()
	r.Open("")
	r.Expect("</stream:features>")
	r.StartTLS()
	r.SASL()
}

// SASL authenticates on a connection whose TLS handshake is done: header,
// EXTERNAL, header.
func (r *RawStream) SASL() {
	r.t.Helper()
	r.Open("")
	r.Expect("EXTERNAL")
	r.Expect("</stream:features>")
	r.Put("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" +
		base64.StdEncoding.EncodeToString([]byte(r.p.domain.String())) + "</auth>")
	r.Expect("<success")
	r.Expect("/>")
	r.Open("")
	r.Expect("</stream:features>")
}

// Expect reads until the text has arrived and returns everything up to its
// end. It fails the test if the connection ends first.
func (r *RawStream) Expect(text string) string {
	r.t.Helper()
	for {
		got := r.read.String()
		if i := strings.Index(got, text); i >= 0 {
			i += len(text)
			r.read.Reset()
			r.read.WriteString(got[i:])
			return got[:i]
		}
		if r.more() != nil {
			r.t.Fatalf("s2stest: connection ended (%v) before %q, after %q", r.end, text, got)
		}
	}
}

// Rest reads until the connection ends and returns what came.
func (r *RawStream) Rest() string {
	r.t.Helper()
	for r.more() == nil {
	}
	if !errors.Is(r.end, io.EOF) && !errors.Is(r.end, net.ErrClosed) {
		r.t.Fatalf("s2stest: connection did not end in good order: %v, after %q", r.end, r.read.String())
	}
	return r.read.String()
}

func (r *RawStream) more() error {
	var buf [4096]byte
	r.SetDeadline(time.Now().Add(patience))
	n, err := r.Conn.Read(buf[:])
	r.read.Write(buf[:n])
	if n > 0 {
		return nil
	}
	r.end = err
	return err
}

// Cut resets the connection.
func (r *RawStream) Cut() {
	c := r.Conn
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	c.(*memnet.Conn).Cut()
}
