package conform

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

// how says how to open a stream to the target. The zero value is the way that
// every server accepts.
type how struct {
	from   string           // of the headers; empty: the scenario's domain
	cert   *tls.Certificate // empty: a good one for from
	noCert bool
	tls    func(*tls.Config)
	direct bool   // direct TLS
	attrs  string // further attributes of the headers behind TLS
	before string // sent right before <auth/>
}

// stream is one stream with the target, seen from our side.
type stream struct {
	*wire.Stream
	d        *driver
	how      how
	header   *wire.Node // the target's last one
	features *wire.Node // the target's last ones
	tls      *tls.Conn

	behind string     // id of the request that probe sent
	served bool       // the target opened it
	first  wire.Event // and began with this
	heard  bool       // it is read in the background
	mu     sync.Mutex
	h      int // stanzas received since acknowledgements were enabled
}

// connect makes a connection, and no more; with how.direct TLS is up.
func (d *driver) connect(h how) *stream {
	if h.from == "" {
		h.from = d.domain
	}
	dial := d.env.Target.Dial
	if h.direct {
		if dial = d.env.Target.DialTLS; dial == nil {
			d.skip("no address for direct TLS is known")
		}
	}
	ctx, cancel := context.WithDeadline(d.ctx, d.deadline())
	defer cancel()
	c, err := dial(ctx)
	if err != nil {
		d.fail("no connection: %v", err)
	}
	s := &stream{Stream: wire.New(c, d.name(""), d.log), d: d, how: h}
	d.later(func() { s.Stream.Cut() })
	if h.direct {
		s.handshake()
	}
	return s
}

// name numbers the connections of a scenario.
func (d *driver) name(suffix string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns++
	return "C" + strconv.Itoa(d.conns) + suffix
}

// send writes a text, with the domains filled in. That the connection is gone
// shows when something is expected of it.
func (s *stream) send(text string) {
	s.WriteWithin(s.d.fill(text), s.d.env.patience())
}

// openingTag is the opening tag of a stream of ours.
func openingTag(from, to, attrs string) string {
	return openingTagOf(" version='1.0'", from, to, attrs)
}

// openingTagOf is openingTag with another version attribute.
func openingTagOf(version, from, to, attrs string) string {
	b := "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='" + wire.NSStream + "'"
	if from != "" {
		b += " from='" + from + "'"
	}
	if to != "" {
		b += " to='" + to + "'"
	}
	return b + version + attrs + ">"
}

// next returns the next event on a stream that is not read in the background.
func (s *stream) next() wire.Event { return s.Next(s.d.deadline()) }

// want returns the next event if it is an element of that name.
func (s *stream) want(space, local string) *wire.Node {
	e := s.next()
	if e.Kind != wire.Element || !e.Node.Is(space, local) {
		s.d.fail("%s instead of <%s/>", described(e), local)
	}
	return e.Node
}

// described says what came where something else was expected.
func described(e wire.Event) string {
	if n := e.Error(); n != nil {
		text := ""
		if t := n.Child(wire.NSErrors, "text"); t != nil {
			text = " (" + quotable(strings.TrimSpace(t.Text)) + ")"
		}
		return "stream error <" + n.Condition(wire.NSErrors) + "/>" + text
	}
	if e.Kind == wire.Element && e.Node.Is(wire.NSSASL, "failure") {
		return "SASL failure <" + e.Node.Condition(wire.NSSASL) + "/>"
	}
	return e.String()
}

// open exchanges headers and takes the features.
func (s *stream) open() {
	attrs := ""
	if s.tls != nil {
		attrs = s.how.attrs
	}
	s.openWith(openingTag(s.how.from, s.d.target, attrs))
}

func (s *stream) openWith(header string) {
	s.send(header)
	s.takeHeader()
	s.features = s.want(wire.NSStream, "features")
}

// takeHeader waits for the target's header.
func (s *stream) takeHeader() wire.Event {
	e := s.next()
	if e.Kind != wire.Header {
		s.d.fail("%s instead of a stream header", described(e))
	}
	s.header = e.Node
	return e
}

// starttls asks for TLS and waits for the permission.
func (s *stream) starttls() {
	s.send("<starttls xmlns='" + wire.NSTLS + "'/>")
	s.want(wire.NSTLS, "proceed")
}

// config returns the TLS configuration that how asks for. What the target shows
// is not checked here.
func (s *stream) config() *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, ServerName: s.d.target, NextProtos: []string{"xmpp-server"}}
	switch {
	case s.how.noCert:
	case s.how.cert != nil:
		c.Certificates = []tls.Certificate{*s.how.cert}
	default:
		c.Certificates = []tls.Certificate{s.d.env.certificate(s.how.from)}
	}
	if s.how.tls != nil {
		s.how.tls(c)
	}
	// Whatever authorities the target names, ours is the one to show.
	cert := &tls.Certificate{}
	if len(c.Certificates) > 0 {
		cert = &c.Certificates[0]
	}
	if c.GetClientCertificate == nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return c
}

// tryHandshake runs the TLS handshake as the client.
func (s *stream) tryHandshake() error {
	if left := s.Pending(); left != "" {
		s.d.fail("%q was sent ahead of the TLS handshake", quotable(left))
	}
	c := tls.Client(s.Plain(), s.config())
	c.SetDeadline(s.d.deadline())
	err := c.Handshake()
	if err != nil {
		s.Note("TLS handshake: %v", err)
		return err
	}
	c.SetDeadline(time.Time{})
	s.tls = c
	s.Note("%s", tls.VersionName(c.ConnectionState().Version))
	s.Secure(c)
	return nil
}

func (s *stream) handshake() {
	if err := s.tryHandshake(); err != nil {
		s.d.fail("the TLS handshake failed: %v", err)
	}
}

// authText is an <auth/> for EXTERNAL with an authorization identity; empty
// stands for none.
func authText(authzid string) string {
	response := "="
	if authzid != "" {
		response = base64.StdEncoding.EncodeToString([]byte(authzid))
	}
	return "<auth xmlns='" + wire.NSSASL + "' mechanism='EXTERNAL'>" + response + "</auth>"
}

// authenticate runs SASL EXTERNAL and exchanges headers once more.
func (s *stream) authenticate() {
	if !offers(s.features, "EXTERNAL") {
		s.d.fail("SASL EXTERNAL is not offered to %s", s.how.from)
	}
	s.send(s.how.before + authText(s.how.from))
	s.want(wire.NSSASL, "success")
	s.Restart()
	s.open()
}

// offers reports whether features list a SASL mechanism.
func offers(features *wire.Node, mechanism string) bool {
	for _, m := range mechanisms(features) {
		if m == mechanism {
			return true
		}
	}
	return false
}

func mechanisms(features *wire.Node) (list []string) {
	if m := features.Child(wire.NSSASL, "mechanisms"); m != nil {
		for _, n := range m.Nodes {
			if n.Is(wire.NSSASL, "mechanism") {
				list = append(list, strings.TrimSpace(n.Text))
			}
		}
	}
	return list
}

// plain is a stream on which the target has said its first features.
func (d *driver) plain(h how) *stream {
	s := d.connect(h)
	s.open()
	return s
}

// secured is a stream on which TLS is up and nothing was said since.
func (d *driver) secured(h how) *stream {
	if h.direct {
		return d.connect(h)
	}
	s := d.plain(h)
	s.starttls()
	s.handshake()
	return s
}

// offered is a stream on which the target has said its features behind TLS.
func (d *driver) offered(h how) *stream {
	s := d.secured(h)
	s.open()
	return s
}

// authenticated is a stream ready for stanzas that nobody reads yet.
func (d *driver) authenticated(h how) *stream {
	s := d.offered(h)
	s.authenticate()
	return s
}

// stream is a stream ready for stanzas, read in the background.
func (d *driver) stream(h how) *stream {
	s := d.authenticated(h)
	s.listen()
	return s
}

// listen reads the stream in the background from now on.
func (s *stream) listen() {
	s.heard = true
	s.d.serving.Add(1)
	go func() {
		defer s.d.serving.Done()
		s.pump()
	}()
}
