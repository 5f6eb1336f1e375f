package s2stest_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/pkixid"
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

// What is in a certificate of each kind.
func TestCertificateOf(t *testing.T) {
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	name := func(s ...string) pkixid.Names { return pkixid.Names{DNS: s} }
	for kind, want := range map[s2stest.CertKind]struct {
		names  pkixid.Names
		upn    string // in the certificate, and in no other kind's
		cn     string
		usage  []x509.ExtKeyUsage
		valid  time.Duration // how far the present is from its validity: 0 within, negative too early
		chain  int           // certificates that are sent
		verify bool          // by the network's authority, for what it says
	}{
		s2stest.GoodCert:        {names: name(here), usage: both, chain: 1, verify: true},
		s2stest.WildcardCert:    {names: name("*.example"), usage: both, chain: 1, verify: true},
		s2stest.ServerAuthOnly:  {names: name(here), usage: both[:1], chain: 1, verify: true},
		s2stest.ClientAuthOnly:  {names: name(here), usage: both[1:], chain: 1, verify: true},
		s2stest.XMPPAddrOnly:    {names: pkixid.Names{XMPPAddr: []string{here}}, usage: both, chain: 1, verify: true},
		s2stest.SRVNameOnly:     {names: pkixid.Names{SRV: []string{"_xmpp-server." + here}}, usage: both, chain: 1, verify: true},
		s2stest.ExpiredCert:     {names: name(here), usage: both, valid: time.Hour, chain: 1},
		s2stest.NotYetValidCert: {names: name(here), usage: both, valid: -time.Hour, chain: 1},
		s2stest.WrongName:       {names: name("wrong.example"), usage: both, chain: 1, verify: true},
		s2stest.CommonNameOnly:  {cn: here, usage: both, chain: 1, verify: true},
		s2stest.UPNOnly:         {upn: here, usage: both, chain: 1, verify: true},
		s2stest.UnknownCA:       {names: name(here), usage: both, chain: 1},
		s2stest.SelfSignedCert:  {names: name(here), usage: both, chain: 1},
		s2stest.ChainMissing:    {names: name(here), usage: both, chain: 1},
		s2stest.NameConstrained: {names: name(here), usage: both, chain: 2},
		s2stest.WeakKey:         {names: name(here), usage: both, chain: 1, verify: true},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				c := n.CertificateOf(kind, here)
				x, err := x509.ParseCertificate(c.Certificate[0])
				if err != nil {
					t.Fatal(err)
				}
				if names, err := pkixid.NamesOf(x); err != nil || !reflect.DeepEqual(names, want.names) {
					t.Errorf("names %+v, %v", names, err)
				}
				upn := []byte{0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3, 0xa0, byte(len(here) + 2), 12, byte(len(here))} // 1.3.6.1.4.1.311.20.2.3, UTF8String
				if got := bytes.Contains(x.Raw, append(upn, here...)); got != (want.upn != "") {
					t.Errorf("a UPN: %v", got)
				}
				if x.Subject.CommonName != want.cn {
					t.Errorf("common name %q", x.Subject.CommonName)
				}
				if !slices.Equal(x.ExtKeyUsage, want.usage) {
					t.Errorf("usage %v", x.ExtKeyUsage)
				}
				valid := time.Duration(0)
				if now := time.Now(); now.After(x.NotAfter) {
					valid = now.Sub(x.NotAfter)
				} else if now.Before(x.NotBefore) {
					valid = now.Sub(x.NotBefore)
				}
				if valid != want.valid {
					t.Errorf("now is %v beyond its validity", valid)
				}
				if len(c.Certificate) != want.chain {
					t.Errorf("%d certificates", len(c.Certificate))
				}
				x.UnhandledCriticalExtensions = nil
				if _, err = x.Verify(x509.VerifyOptions{Roots: n.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); (err == nil) != want.verify {
					t.Errorf("the authority: %v", err)
				}
				self := bytes.Equal(x.RawIssuer, x.RawSubject) && x.CheckSignature(x.SignatureAlgorithm, x.RawTBSCertificate, x.Signature) == nil
				if self != (kind == s2stest.SelfSignedCert) {
					t.Errorf("self-signed: %v", self)
				}
				if key, weak := x.PublicKey.(*rsa.PublicKey); weak != (kind == s2stest.WeakKey) || weak && key.N.BitLen() != 1024 {
					t.Errorf("key %v", x.PublicKey)
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
