package s2s_test

import (
	"crypto"
	"crypto/tls"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// slowSigner is a key that is elsewhere.
type slowSigner struct{ crypto.Signer }

func (s slowSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	time.Sleep(time.Second)
	return s.Signer.Sign(r, digest, o)
}

// Handshakes take turns at computing. Those that wait, for the host or for the
// peer, hold nobody up.
func TestHandshakesThatWait(t *testing.T) {
	many := 2 * runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		name string
		wait func(*tls.Certificate)
	}{
		{"for a certificate", func(*tls.Certificate) { time.Sleep(time.Second) }},
		{"for a key that is elsewhere", func(c *tls.Certificate) { c.PrivateKey = slowSigner{c.PrivateKey.(crypto.Signer)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(),
					TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
						cert := n.Certificate(here)
						c.wait(&cert)
						return &cert, nil
					}}})
				begin := time.Now()
				done := make(chan time.Duration, many)
				peer := n.Peer(there)
				for range many {
					raw := peer.Raw(here)
					go func() {
						raw.Authenticate()
						done <- time.Since(begin)
					}()
				}
				for range many {
					if took := <-done; took != time.Second {
						t.Errorf("took %v", took)
					}
				}
			})
		})
	}
	t.Run("for the peer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm(t, s2s.Limits{})
			for range many {
				raw := f.romeo.Wrap(f.connect(netip.MustParseAddr("192.0.2.1")), here)
				raw.Open("")
				raw.Expect("</stream:features>")
				raw.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
				raw.Expect("<proceed") // and now nothing
			}
			if took := f.greet("192.0.2.2"); took != 0 {
				t.Errorf("a good stream took %v", took)
			}
		})
	})
}
