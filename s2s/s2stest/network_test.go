package s2stest_test

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

func certificate(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// ends counts the streams that a server lost.
func ends() (*s2s.Trace, chan error) {
	c := make(chan error, 16)
	return &s2s.Trace{StreamClose: func(_ s2s.StreamInfo, err error) { c <- err }}, c
}

func TestDialer(t *testing.T) {
	n := s2stest.NewNetwork(t)
	dial := func(addr string) error {
		c, err := n.Dialer(here).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := dial("10.9.9.9:5269"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nobody listens: %v", err)
	}
	if err := dial("capulet.example:5269"); err == nil {
		t.Error("a name was connected to")
	}
	l := n.Listen(there)
	if err := dial(l.Addr().String()); err != nil {
		t.Error(err)
	}
	l.Close()
	if err := dial(l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nobody listens any more: %v", err)
	}
}

// address looks up where a domain's server is.
func address(t *testing.T, n *s2stest.Network, domain string) string {
	t.Helper()
	_, srv, err := n.Resolver().LookupSRV(t.Context(), "xmpp-server", "tcp", domain)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := n.Resolver().LookupNetIP(t.Context(), "ip", srv[0].Target)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(addrs[0], srv[0].Port).String()
}
