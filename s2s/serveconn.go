package s2s

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"isthmus.im/jid"
)

// ServeConn serves a connection that somebody else has accepted, such as the
// HTTPS server that shares its port with XMPP (see [Server.TLSConfig]), until it
// has ended, and closes it. It is admitted, negotiated and counted as those that
// Serve accepts; the limits on addresses go by its RemoteAddr.
//
// A [*tls.Conn] begins with TLS (XEP-0368). Its own configuration makes the
// handshake, within Limits.Negotiation, unless it is done, and has to be one that
// asks for the peer's certificate; with less than TLS 1.2 the connection is refused
// ([ErrTLSVersion]). Any other connection begins with STARTTLS.
//
// The error is nil when a stream was opened and has ended, whatever the reason, of
// which Trace.StreamClose is told, and when the peer came to ask about a key of
// Server Dialback. It is ErrClosed when Shutdown or Close had begun, or Close came
// before the stream was opened. Otherwise it is why the connection was refused, as
// Trace.AuthFailed is told, or that one of the Limits was met.
//
// Any number of calls may be made at the same time, each with a connection that is
// nobody else's from then on. What ends other streams ends this one: Shutdown and
// Close, which wait for the call, and a change of policy or domains.
func (s *Server) ServeConn(conn net.Conn) error {
	if s.draining() || !s.begin() {
		conn.Close()
		return ErrClosed
	}
	defer s.running.Done()
	s.resume()
	made, direct := conn.(*tls.Conn)
	if direct {
		conn = made.NetConn()
	}
	c, unproved, err := s.receive(conn, made, direct)
	switch {
	case errors.Is(err, errQuestioned):
		return nil
	case err != nil:
		return err
	}
	s.running.Add(1)
	if unproved != nil {
		return c.prove(unproved)
	}
	c.read()
	return nil
}

// completeTLS finishes the handshake of a connection that began with TLS before it
// was ours.
func (c *conn) completeTLS(ctx context.Context) error {
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return err
	}
	if v := c.tls.ConnectionState().Version; v < tls.VersionTLS12 {
		return fmt.Errorf("%w, not %s", ErrTLSVersion, tls.VersionName(v))
	}
	return nil
}

// TLSConfig returns the configuration for the handshakes of connections that are
// meant for [Server.ServeConn]: TLS 1.2 at least, the protocol name xmpp-server
// (ALPN), the certificate of the domain that the peer names (SNI), at each
// handshake the one that is current then, and a request for the peer's, which is
// verified later. It is the caller's own and may be kept for as long as the Server
// is in use, and shared.
//
// With it, XMPP and HTTPS share one port, and browsers are not asked for a
// certificate:
//
//	xmpp := fed.TLSConfig()
//	web := &http.Server{
//		Handler: pages,
//		TLSConfig: &tls.Config{
//			Certificates: []tls.Certificate{cert},
//			GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
//				if slices.Contains(hello.SupportedProtos, "xmpp-server") {
//					return xmpp, nil
//				}
//				return nil, nil // as above
//			},
//		},
//		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){
//			"xmpp-server": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { fed.ServeConn(conn) },
//		},
//		Protocols: new(http.Protocols), // without it there is no HTTP/2 beside TLSNextProto
//	}
//	web.Protocols.SetHTTP1(true)
//	web.Protocols.SetHTTP2(true)
//	err := web.ListenAndServeTLS("", "") // on port 443
//
// with a DNS record that names the port:
//
//	_xmpps-server._tcp.chat.example.  SRV  0 0 443  host.example.
//
// Peers that send no protocol name get the web server, so there should be a way in
// with STARTTLS, too (XEP-0368 section 5). http.Server.Shutdown waits for the
// streams: call Shutdown of this Server first, or at the same time.
func (s *Server) TLSConfig() *tls.Config { return s.serverTLS(jid.JID{}).Clone() }
