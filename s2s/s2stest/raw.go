package s2stest

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"isthmus.im/internal/memnet"
	"isthmus.im/jid"
)

// RawStream is a connection to or from a server for bytes of the test's choice:
// for tests of what a hostile or broken peer can do. Reads and writes end 30
// seconds after the last call.
type RawStream struct {
	net.Conn
	// Header is what Open writes for an empty header. Empty: a correct one.
	Header string
	// Split is how many bytes Put writes at once, each piece in a TLS record of
	// its own after the handshake; with 1, text arrives split at every
	// boundary. Zero: all.
	Split int

	t        TB
	n        *Network
	from, to string
	accepted bool            // by the test; otherwise it has connected
	read     strings.Builder // received and not yet expected
	end      error
}

// Raw connects to the server of a domain, as a server of another domain.
func (n *Network) Raw(from, to string) *RawStream {
	n.t.Helper()
	name := ascii(n.t, []string{to})[0]
	n.mu.Lock()
	address := to // which nobody can connect to
	for at, l := range n.listeners {
		if !l.direct && slices.Contains(l.domains, name) {
			address = at.String()
		}
	}
	n.mu.Unlock()
	c, err := n.Dialer(from).DialContext(n.t.Context(), "tcp", address)
	if err != nil {
		n.t.Fatalf("s2stest: raw connection to %s: %v", to, err)
	}
	return n.wrap(c, from, to, false)
}

// Raw connects to the server of a domain, from the peer's.
func (p *Peer) Raw(domain string) *RawStream {
	p.t.Helper()
	r := p.n.Raw(p.domain.String(), domain)
	r.t = p.t
	return r
}

// Wrap makes a RawStream of a connection that the test opened itself to the
// server of a domain. It is closed with the test.
func (p *Peer) Wrap(c net.Conn, domain string) *RawStream {
	r := p.n.wrap(c, p.domain.String(), domain, false)
	r.t = p.t
	return r
}

func (n *Network) wrap(c net.Conn, from, to string, accepted bool) *RawStream {
	n.t.Cleanup(func() { c.Close() })
	return &RawStream{Conn: c, t: n.t, n: n, from: from, to: to, accepted: accepted}
}

// Put writes text as it is. That the other side has closed the connection
// already shows in what is read next, as it does with TCP.
func (r *RawStream) Put(text string) {
	r.t.Helper()
	r.SetDeadline(time.Now().Add(patience))
	for rest := text; rest != ""; {
		piece := rest
		if r.Split > 0 {
			piece = rest[:min(r.Split, len(rest))]
		}
		if _, err := io.WriteString(r.Conn, piece); errors.Is(err, syscall.EPIPE) {
			return
		} else if err != nil {
			r.t.Fatalf("s2stest: write %q: %v", text, err)
		}
		rest = rest[len(piece):]
	}
}

// Open writes a stream header; an empty one stands for r.Header.
func (r *RawStream) Open(header string) {
	r.t.Helper()
	if header == "" {
		header = r.Header
	}
	if header == "" {
		header = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='" + r.from + "'"
		if r.to != "" {
			header += " to='" + r.to + "'"
		}
		if r.accepted {
			header += " id='raw'"
		}
		header += " version='1.0'>"
	}
	r.Put(header)
}

// StartTLS asks for TLS, or waits to be asked, and runs the handshake with a
// good certificate.
func (r *RawStream) StartTLS() {
	r.t.Helper()
	if r.accepted {
		r.Expect("<starttls")
		r.Expect("/>")
		r.Put(proceed)
	} else {
		r.Put("<starttls xmlns='" + nsTLS + "'/>")
		r.Expect("<proceed")
		r.Expect("/>")
	}
	r.Handshake(&tls.Config{Certificates: []tls.Certificate{r.n.Certificate(r.from)}})
}

// Handshake runs the TLS handshake, as the server if the connection was
// accepted. The other side's certificate is not checked.
func (r *RawStream) Handshake(cfg *tls.Config) {
	r.t.Helper()
	cfg = cfg.Clone()
	cfg.InsecureSkipVerify = true
	var c *tls.Conn
	if r.accepted {
		cfg.ClientAuth = tls.RequestClientCert
		c = tls.Server(r.Conn, cfg)
	} else {
		if cfg.ServerName == "" {
			cfg.ServerName = jid.MustParse(r.to).ASCIIDomain()
		}
		c = tls.Client(r.Conn, cfg)
	}
	r.SetDeadline(time.Now().Add(patience))
	if err := c.Handshake(); err != nil {
		r.t.Fatalf("s2stest: TLS handshake: %v", err)
	}
	r.Conn = c
	r.read.Reset()
}

// Authenticate negotiates a stream all the way, from either side: header,
// STARTTLS, EXTERNAL, header. Stanzas may follow.
func (r *RawStream) Authenticate() {
	r.t.Helper()
	if r.accepted {
		r.answer(offerTLS)
	} else {
		r.Open("")
		r.Expect("</stream:features>")
	}
	r.StartTLS()
	r.SASL()
}

// SASL authenticates on a connection whose TLS handshake is done: header,
// EXTERNAL, header.
func (r *RawStream) SASL() {
	r.t.Helper()
	if r.accepted {
		r.answer(offerExternal)
		r.Expect("<auth")
		r.Expect("</auth>")
		r.Put(success)
		r.answer("")
		return
	}
	r.Open("")
	r.Expect("EXTERNAL")
	r.Expect("</stream:features>")
	r.Put("<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>" + base64.StdEncoding.EncodeToString([]byte(r.from)) + "</auth>")
	r.Expect("<success")
	r.Expect("/>")
	r.Open("")
	r.Expect("</stream:features>")
}

// answer reads a header, and writes one with features.
func (r *RawStream) answer(features string) {
	r.t.Helper()
	r.Expect("<stream:stream")
	header := r.Expect(">")
	for _, quote := range []string{"'", `"`} {
		if _, rest, ok := strings.Cut(header, " from="+quote); ok {
			r.to, _, _ = strings.Cut(rest, quote)
		}
	}
	r.Open("")
	r.Put("<stream:features>" + features + "</stream:features>")
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

// Quiet fails the test if anything arrives within d, or the connection ends.
func (r *RawStream) Quiet(d time.Duration) {
	r.t.Helper()
	if r.read.Len() == 0 {
		var buf [4096]byte
		r.SetDeadline(time.Now().Add(d))
		n, err := r.Conn.Read(buf[:])
		r.read.Write(buf[:n])
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if n == 0 {
			r.t.Fatalf("s2stest: connection ended: %v", err)
		}
	}
	r.t.Fatalf("s2stest: got what should not have come: %q", r.read.String())
}

// pending returns what has arrived and not been expected, without waiting, and
// the error with which the connection ended.
func (r *RawStream) pending() (string, error) {
	for {
		var buf [4096]byte
		r.SetDeadline(time.Now().Add(time.Nanosecond))
		n, err := r.Conn.Read(buf[:])
		r.read.Write(buf[:n])
		if n > 0 {
			continue
		}
		text := r.read.String()
		r.read.Reset()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
		return text, err
	}
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
