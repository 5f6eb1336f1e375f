package s2stest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/stanza"
)

// The namespaces of a stream.
const (
	nsServer   = "jabber:server"
	nsStream   = "http://etherx.jabber.org/streams"
	nsStreams  = "urn:ietf:params:xml:ns:xmpp-streams"
	nsTLS      = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL     = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsDialback = "jabber:server:dialback"
	nsBidi     = "urn:xmpp:bidi"
	nsSM       = "urn:xmpp:sm:3"
)

// What is always the same in negotiations.
const (
	offerTLS      = "<starttls xmlns='" + nsTLS + "'><required/></starttls>"
	offerExternal = "<mechanisms xmlns='" + nsSASL + "'><mechanism>EXTERNAL</mechanism></mechanisms>"
	proceed       = "<proceed xmlns='" + nsTLS + "'/>"
	success       = "<success xmlns='" + nsSASL + "'/>"
	footer        = "</stream:stream>"
)

// line is a stream as an actor sees it. One goroutine reads.
type line struct {
	a      *actor
	sock   net.Conn
	conn   net.Conn // sock, or TLS over it
	scan   *xmlscan.Scanner
	opened bool   // by the actor
	remote string // the domain at the other end, as far as it is known
	id     string // of the stream
	certs  []*x509.Certificate
	secret bool // TLS is on

	proven  atomic.Bool // who opened it may send stanzas
	bidi    bool
	count   uint32 // stanzas received
	managed bool   // the other side acknowledges
	enabled bool   // and was asked to; under fmu

	remarks *remarks      // that are ignored; nil: they end the stream
	pause   time.Duration // before each write
	wmu     sync.Mutex
	fmu     sync.Mutex // held by who writes what waits
}

// token is a header, an element or the end of a stream.
type token struct {
	kind         xmlscan.Kind
	space, local string
	attrs        map[string]string
	raw, inner   string
}

// is reports whether the token is an element of that name.
func (t *token) is(space, local string) bool {
	return t != nil && t.kind == xmlscan.Element && t.space == space && t.local == local
}

// text is the character data of an element.
func (t *token) text() string { return string(xmlscan.AppendText(nil, []byte(t.inner))) }

// child reports whether an element has a child of that name.
func (t *token) child(space, local string) bool {
	for c := range xmlscan.Children([]byte(t.inner), nsServer) {
		if string(c.Space) == space && string(c.Local) == local {
			return true
		}
	}
	return false
}

func (a *actor) newLine(c net.Conn, remote string) *line {
	l := &line{a: a, sock: c, conn: c, scan: xmlscan.New(xmlscan.Limits{}), opened: remote != "", remote: remote}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines[l] = struct{}{}
	if a.ctx.Err() != nil {
		c.Close()
	}
	return l
}

// close ends the line at once.
func (l *line) close() {
	l.sock.Close()
	l.a.lost(l)
}

// put writes text as it is.
func (l *line) put(text string) {
	if l.pause > 0 && !l.a.sleep(l.pause) {
		return
	}
	l.wmu.Lock()
	defer l.wmu.Unlock()
	l.sock.SetWriteDeadline(time.Now().Add(time.Minute))
	io.WriteString(l.conn, text) // whoever reads will notice
}

// sleep reports false if the actor ends meanwhile.
func (a *actor) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// next reads a token; nil at the end. What cannot be read ends the stream in
// the way that errors of XML end it.
func (l *line) next() *token {
	for {
		t, err := l.scan.Next()
		if err == xmlscan.ErrMore {
			n, err := l.receive(l.scan.Buffer(4096))
			l.scan.Fill(n)
			if n == 0 && err != nil {
				return nil
			}
			continue
		}
		if err != nil {
			var bad *xmlscan.Error
			if errors.As(err, &bad) && bad.Condition == xmlscan.PolicyViolation {
				l.fail("policy-violation", "XML stanza is too big", "<stanza-too-big xmlns='urn:xmpp:errors'/>")
			} else {
				l.fail("not-well-formed", "", "")
			}
			return nil
		}
		k := &token{kind: t.Kind, space: string(t.Space), local: string(t.Local), attrs: make(map[string]string), raw: string(t.Raw), inner: string(t.Inner)}
		for _, a := range t.Attrs {
			if len(a.Space) == 0 {
				k.attrs[string(a.Local)] = string(a.Value)
			}
		}
		return k
	}
}

// receive reads what has come.
func (l *line) receive(p []byte) (int, error) {
	if l.remarks == nil {
		return l.conn.Read(p)
	}
	return l.remarks.read(p, l.conn.Read)
}

// want reads an element of that name; anything else ends the stream.
func (l *line) want(space, local string) *token {
	t := l.next()
	if !t.is(space, local) {
		return nil
	}
	return t
}

// header reads a stream header.
func (l *line) header() *token {
	if t := l.next(); t != nil && t.kind == xmlscan.Open {
		return t
	}
	return nil
}

// features reads the header and the features of a stream that was opened, nil
// if an error came instead.
func (l *line) features() *token {
	h := l.header()
	if h == nil {
		return nil
	}
	l.id = h.attrs["id"]
	return l.want(nsStream, "features")
}

// fail ends the stream with an error. The text and what follows it may be
// empty. It returns false.
func (l *line) fail(condition, text, more string) bool {
	e := "<stream:error><" + condition + " xmlns='" + nsStreams + "'/>"
	if text != "" {
		e += "<text xmlns='" + nsStreams + "'>" + text + "</text>"
	}
	l.put(e + more + "</stream:error>" + footer)
	return false
}

// config is the TLS configuration of both roles. Whom to trust is up to the
// personality.
func (l *line) config() *tls.Config {
	c := &tls.Config{
		InsecureSkipVerify: true, ClientAuth: tls.RequestClientCert, NextProtos: []string{"xmpp-server"}, SessionTicketsDisabled: true,
	}
	if len(l.a.cert.Certificate) > 0 {
		c.Certificates = []tls.Certificate{l.a.cert}
	}
	return c
}

// secure runs the TLS handshake, as a client with the name of the server
// unless that is empty.
func (l *line) secure(name string) bool {
	cfg := l.config()
	cfg.ServerName = name
	var c *tls.Conn
	if l.opened {
		c = tls.Client(l.sock, cfg)
	} else {
		c = tls.Server(l.sock, cfg)
	}
	l.sock.SetDeadline(time.Now().Add(time.Minute))
	defer l.sock.SetDeadline(time.Time{})
	if c.HandshakeContext(l.a.ctx) != nil {
		return false
	}
	l.certs = c.ConnectionState().PeerCertificates
	l.conn, l.secret = c, true
	l.scan.Restart()
	return true
}

// startTLS asks for TLS as the side that opened the stream.
func (l *line) startTLS(name string) bool {
	l.put("<starttls xmlns='" + nsTLS + "'/>")
	return l.want(nsTLS, "proceed") != nil && l.secure(name)
}

// read takes what comes over an open stream until it ends.
func (l *line) read() {
	for {
		t := l.next()
		switch {
		case t == nil:
			return
		case t.kind == xmlscan.Close:
			l.put(footer)
			return
		case t.kind != xmlscan.Element, t.is(nsStream, "error"), !l.a.element(l, t):
			return
		}
	}
}

// management answers an element of stream management. The receiving side
// never resumes.
func (l *line) management(t *token, enabled string) {
	switch t.local {
	case "enable":
		l.count = 0
		l.put(enabled)
	case "enabled": // both sides count from here
		l.count = 0
	case "resume":
		l.put("<failed xmlns='" + nsSM + "'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
	case "r":
		l.put(fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsSM, l.count))
	}
}

// prove notes that the side that opened the stream is who it says.
func (l *line) prove() {
	l.proven.Store(true)
	if l.bidi {
		l.a.attach(l)
	}
}

// deliver takes a stanza whose addresses are in order.
func (l *line) deliver(t *token) {
	l.count++
	if s, err := stanza.Parse([]byte(t.raw)); err == nil {
		l.a.take(s)
	}
}
