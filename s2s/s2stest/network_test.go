package s2stest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

func certificate(c tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// ends counts the streams that a server lost.
func ends() (*s2s.Trace, chan error) {
	c := make(chan error, 16)
	return &s2s.Trace{StreamClose: func(_ s2s.StreamInfo, err error) { c <- err }}, c
}

func TestCutAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		trace, closed := ends()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo, tybalt := n.Peer(there), n.Peer("verona.example")
		fed.Send(t.Context(), text("1"))
		romeo.Expect(`<message><body>1</body></message>`)

		time.Sleep(time.Minute) // nothing is in doubt any more
		n.Cut(there, here)
		if err := <-closed; err == nil {
			t.Error("the stream ended in good order")
		}
		_, err := n.Dialer(here).DialContext(t.Context(), "tcp", address(t, n, there))
		if !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("connecting while cut: %v", err)
		}
		tybalt.Request(`<iq type="get" id="1" from="verona.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		begin := time.Now()
		fed.Send(t.Context(), text("2"))
		romeo.Quiet(10 * time.Second)

		n.Heal(here, there)
		romeo.Expect(`<message><body>2</body></message>`)
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		trace, closed := ends()
		n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Trace: trace})
		romeo := n.Peer(there)
		ping := func() {
			romeo.Request(`<iq type="get" id="1" from="montague.example" to="capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		}
		ping()
		time.Sleep(time.Minute) // nothing is in doubt any more
		romeo.Disconnect(here)
		for range 2 { // one stream each way
			if err := <-closed; err == nil {
				t.Error("a stream ended in good order")
			}
		}
		ping()
	})
}

// What vanishes on the way is sent again once somebody notices.
func TestSwallow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		fed.Send(t.Context(), text("1"))
		romeo.Next()
		time.Sleep(time.Minute)
		romeo.Network().Swallow(here, there)
		for i := 2; i <= 4; i++ {
			fed.Send(t.Context(), text(fmt.Sprint(i)))
		}
		romeo.Quiet(20 * time.Second)
		romeo.Network().Reset(here, there)
		for i := 2; i <= 4; i++ {
			romeo.Expect(fmt.Sprintf(`<message><body>%d</body></message>`, i))
		}
	})
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		l := n.Listen(there)
		arrival := func() time.Duration {
			begin := time.Now()
			c, err := n.Dialer(here).DialContext(t.Context(), "tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			far, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			io.WriteString(c, "x")
			if _, err := far.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			return time.Since(begin)
		}
		for _, d := range []time.Duration{0, 40 * time.Millisecond, 3 * time.Second, 0} {
			n.Delay(there, here, d)
			if took := arrival(); took != d {
				t.Errorf("with a delay of %v the first byte took %v", d, took)
			}
		}
		n.Delay("verona.example", here, time.Hour)
		if took := arrival(); took != 0 {
			t.Errorf("another path's delay took %v", took)
		}
	})
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

func TestCertificates(t *testing.T) {
	n := s2stest.NewNetwork(t)
	leaf := func(c tls.Certificate) *x509.Certificate {
		x, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	good := leaf(n.Certificate("capulet.example", "bücher.example"))
	for _, name := range []string{"capulet.example", "xn--bcher-kva.example"} {
		if _, err := good.Verify(x509.VerifyOptions{DNSName: name, Roots: n.Roots()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := good.Verify(x509.VerifyOptions{DNSName: "capulet.example", Roots: s2stest.NewNetwork(t).Roots()}); err == nil {
		t.Error("another network's authority vouches for it")
	}
	client := leaf(n.Issue(s2stest.CertOptions{DNS: []string{here}, Usage: s2stest.ClientOnly}))
	if _, err := client.Verify(x509.VerifyOptions{DNSName: here, Roots: n.Roots()}); err == nil {
		t.Error("a client's certificate is good for a server")
	}
}
