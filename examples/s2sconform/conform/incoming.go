package conform

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"time"

	"isthmus.im/examples/s2sconform/wire"
)

const (
	offerTLS      = "<starttls xmlns='" + wire.NSTLS + "'><required/></starttls>"
	offerExternal = "<mechanisms xmlns='" + wire.NSSASL + "'><mechanism>EXTERNAL</mechanism></mechanisms>"
	offerAcks     = "<sm xmlns='" + nsSM + "'/>"
)

// offer is what streams that the target opens are given, unless the scenario
// answers them by hand.
type offer struct {
	cert      *tls.Certificate // nil: a good one for the domain asked for
	tls       func(*tls.Config)
	finally   string // features after authentication
	silent    bool   // requests for acknowledgement stay unanswered
	resumable bool   // streams that broke may be resumed
}

// manually makes the streams that the target opens wait for nextOpened.
func (d *driver) manually() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byHand = true
}

// incoming takes a stream that the target opened and whose header was read. It
// reports false if the scenario is over.
func (d *driver) incoming(w *wire.Stream, header wire.Event) bool {
	w.Adopt(d.name(" (theirs)"), d.log, header)
	s := &stream{Stream: w, d: d, served: true, header: header.Node, first: header}
	d.mu.Lock()
	closed, byHand := d.closed, d.byHand
	if !closed {
		d.serving.Add(1)
		d.closers = append(d.closers, func() { w.Cut() })
	}
	d.mu.Unlock()
	if closed {
		return false
	}
	if s.heard = !byHand; byHand {
		d.serving.Done()
		d.waiting <- s
		return true
	}
	go func() {
		defer d.serving.Done()
		d.serve(s)
	}()
	return true
}

// nextOpened waits for the target to open a stream, of which only its header has
// been read.
func (d *driver) nextOpened() *stream {
	timer := time.NewTimer(d.env.patience())
	defer timer.Stop()
	select {
	case s := <-d.waiting:
		return s
	case <-timer.C:
		d.fail("no stream was opened to %s", d.domain)
		return nil
	}
}

// serve answers a stream as the offer says and reads it to its end.
func (d *driver) serve(s *stream) {
	defer func() {
		if v, ok := recover().(verdict); ok {
			s.Note("%s", v.detail) // the scenario will miss it, if it matters
			s.Cut()
		}
	}()
	s.accept(d.offer)
	s.pump()
}

// accept answers a stream up to where stanzas may arrive.
func (s *stream) accept(o offer) {
	s.answer(offerTLS)
	s.want(wire.NSTLS, "starttls")
	s.proceed()
	s.serveTLS(o)
	s.takeHeader()
	s.answer(offerExternal)
	s.takeAuth()
	s.succeed()
	s.takeHeader()
	s.answer(o.finally)
}

// answer sends our header and features.
func (s *stream) answer(features string) {
	s.send(s.response("") + "<stream:features>" + features + "</stream:features>")
}

// response is our header. A non-empty from stands in for the domain asked for.
func (s *stream) response(from string) string {
	if from == "" {
		from = s.header.Attr("to")
	}
	return openingTag(from, s.header.Attr("from"), " xml:lang='en' id='"+s.d.id()+"'")
}

func (s *stream) proceed() { s.send("<proceed xmlns='" + wire.NSTLS + "'/>") }

// tryServeTLS runs the handshake as the server.
func (s *stream) tryServeTLS(o offer) error {
	if left := s.Pending(); left != "" {
		s.d.fail("%q was sent ahead of the TLS handshake", quotable(left))
	}
	c := &tls.Config{ClientAuth: tls.RequestClientCert, NextProtos: []string{"xmpp-server"}, SessionTicketsDisabled: true}
	if o.cert != nil {
		c.Certificates = []tls.Certificate{*o.cert}
	} else {
		c.Certificates = []tls.Certificate{s.d.env.certificate(s.header.Attr("to"))}
	}
	if o.tls != nil {
		o.tls(c)
	}
	t := tls.Server(s.Plain(), c)
	t.SetDeadline(s.d.deadline())
	if err := t.Handshake(); err != nil {
		s.Note("TLS handshake: %v", err)
		return err
	}
	t.SetDeadline(time.Time{})
	s.tls = t
	s.Note("%s", tls.VersionName(t.ConnectionState().Version))
	s.Secure(t)
	return nil
}

func (s *stream) serveTLS(o offer) {
	if err := s.tryServeTLS(o); err != nil {
		s.d.fail("the TLS handshake failed: %v", err)
	}
}

// takeAuth is nextAuth for the response that it carries.
func (s *stream) takeAuth() string { return s.nextAuth().Text }

// nextAuth waits for <auth/>, past a <bidi/>.
func (s *stream) nextAuth() *wire.Node {
	e := s.next()
	for e.Kind == wire.Element && e.Node.Is(nsBidi, "bidi") {
		e = s.next()
	}
	if e.Kind != wire.Element || !e.Node.Is(wire.NSSASL, "auth") {
		s.d.fail("%s instead of <auth/>", described(e))
	}
	return e.Node
}

// succeed accepts the authentication.
func (s *stream) succeed() {
	s.send("<success xmlns='" + wire.NSSASL + "'/>")
	s.Restart()
}

// authzid reads the response of an <auth/>.
func authzid(response string) (string, error) {
	if response == "=" || response == "" {
		return "", nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(response)
	if err != nil {
		return "", fmt.Errorf("%q is not base 64: %w", response, err)
	}
	return string(b), nil
}
