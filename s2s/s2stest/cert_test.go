package s2stest_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"isthmus.im/s2s/s2stest"
)

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
