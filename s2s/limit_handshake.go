package s2s

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"net"
)

// turn is a socket during an inbound handshake. It takes a turn at computing and
// gives it to another handshake while it waits for the network, so that however
// many there are, established streams find a processor.
type turn struct {
	net.Conn
	gate *gate // nil when no turns are taken any more
}

func (t *turn) Read(p []byte) (int, error) {
	if t.gate == nil {
		return t.Conn.Read(p)
	}
	t.gate.leave()
	defer t.take()
	return t.Conn.Read(p)
}

func (t *turn) Write(p []byte) (int, error) {
	if t.gate == nil {
		return t.Conn.Write(p)
	}
	t.gate.leave()
	defer t.take()
	return t.Conn.Write(p)
}

// end is called after the handshake.
func (t *turn) end() {
	if t.gate != nil {
		t.gate.leave()
		t.gate = nil
	}
}

func (t *turn) take() {
	if !t.gate.enter() {
		t.gate.wait(nil)
	}
}

// showing wraps what finds the certificate of an inbound handshake. The host may
// take its time over that, and over signing with a key that is elsewhere, so
// neither holds others up.
func showing(find func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		t, ok := hello.Conn.(*turn)
		if !ok {
			return find(hello)
		}
		t.gate.leave()
		cert, err := find(hello)
		if err == nil && isHere(cert.PrivateKey) {
			t.take()
		} else {
			t.gate = nil
		}
		return cert, err
	}
}

// isHere reports whether signing with a key is mere computing.
func isHere(key any) bool {
	switch key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}
