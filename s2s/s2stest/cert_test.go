package s2stest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// A server lets in, and connects to, those whose certificates prove their
// domain, and nobody else.
func TestCertificateKinds(t *testing.T) {
	for _, kind := range s2stest.CertKinds() {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				got := make(chan *stanza.Stanza, 2)
				fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.HandlerFunc(func(_ context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
					got <- s
					return nil, nil
				})})
				romeo := n.PeerConfig(s2s.Config{Services: []string{there}, TLS: n.TLS(kind, there)})
				fed.Send(t.Context(), text("hello"))
				if kind.Proves() {
					romeo.Expect(`<message><body>hello</body></message>`)
				} else if s := <-got; s.Err() == nil || !strings.Contains(s.Err().Text, "certificate") {
					t.Errorf("connecting to it: %s", s)
				}
				romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example" id="1"><body>hello</body></message>`)
				if kind.Proves() {
					if s := <-got; s.Body() != "hello" {
						t.Errorf("got %s", s)
					}
				} else {
					romeo.Expect(`<message id="1" type="error"/>`)
				}
				if len(got) > 0 {
					t.Errorf("got %s", <-got)
				}
			})
		})
	}
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
