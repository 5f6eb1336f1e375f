package testca

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func verify(ca *CA, c tls.Certificate, name string) error {
	chain := Chain(c)
	inter := x509.NewCertPool()
	for _, c := range chain[1:] {
		inter.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: ca.Pool(), Intermediates: inter, DNSName: name})
	return err
}

func TestIssue(t *testing.T) {
	ca := New()
	c := ca.Issue(Options{DNS: []string{"capulet.example", "*.capulet.example"}, IPs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}})
	for _, name := range []string{"capulet.example", "orchard.capulet.example", "[2001:db8::1]"} {
		if err := verify(ca, c, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verify(ca, c, "montague.example"); err == nil {
		t.Error("another name was accepted")
	}
	var unknown x509.UnknownAuthorityError
	if err := verify(New(), c, "capulet.example"); !errors.As(err, &unknown) {
		t.Errorf("another root: %v", err)
	}
	if err := verify(ca, SelfSigned(Options{DNS: []string{"capulet.example"}}), "capulet.example"); !errors.As(err, &unknown) {
		t.Errorf("self-signed: %v", err)
	}
}

func TestDates(t *testing.T) {
	ca := New()
	now := time.Now()
	for name, o := range map[string]Options{
		"expired":       {NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-24 * time.Hour)},
		"not yet valid": {NotBefore: now.Add(24 * time.Hour)},
	} {
		var invalid x509.CertificateInvalidError
		if err := verify(ca, ca.Issue(o), ""); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIntermediate(t *testing.T) {
	ca := New()
	sub := ca.Intermediate(Constraints{PermittedDNS: []string{"example"}, Usage: NoUsage}).Intermediate(Constraints{ExcludedDNS: []string{"bad.example"}})
	if err := verify(ca, sub.Issue(Options{DNS: []string{"good.example"}}), "good.example"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"bad.example", "good.test"} {
		var invalid x509.CertificateInvalidError
		if err := verify(ca, sub.Issue(Options{DNS: []string{name}}), name); !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := Chain(sub.Issue(Options{})); len(got) != 3 || got[0].CheckSignatureFrom(got[1]) != nil || got[1].CheckSignatureFrom(got[2]) != nil {
		t.Errorf("chain of %d is not in order", len(got))
	}
}

func TestLoad(t *testing.T) {
	ca := New()
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate().Raw})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	again, err := Load(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(ca, again.Issue(Options{DNS: []string{"capulet.example"}}), "capulet.example"); err != nil {
		t.Error(err)
	}
	if _, err := Load(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: New().Certificate().Raw}), key); err == nil {
		t.Error("the key of another authority was accepted")
	}
}

func TestUsages(t *testing.T) {
	ca := New()
	for u, want := range map[Usage][]x509.ExtKeyUsage{
		ServerAndClient: {x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		ServerOnly:      {x509.ExtKeyUsageServerAuth},
		ClientOnly:      {x509.ExtKeyUsageClientAuth},
		NoUsage:         nil,
		AnyUsage:        {x509.ExtKeyUsageAny},
		CodeSigning:     {x509.ExtKeyUsageCodeSigning},
		XMPPUsage:       nil,
	} {
		leaf := ca.Issue(Options{Usage: u}).Leaf
		if !slices.Equal(leaf.ExtKeyUsage, want) {
			t.Errorf("usage %d: %v", u, leaf.ExtKeyUsage)
		}
		if got := len(leaf.UnknownExtKeyUsage); got == 1 != (u == XMPPUsage) {
			t.Errorf("usage %d: %d unknown usages", u, got)
		}
	}
}

func TestOtherNames(t *testing.T) {
	leaf := New().Issue(Options{SRV: []string{"_xmpp-server.x"}, XMPPAddr: []string{"é.x"}, UPN: []string{"a@x"}, CriticalSAN: true}).Leaf
	i := slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidSAN) })
	if i < 0 || !leaf.Extensions[i].Critical {
		t.Fatal("no critical subjectAltName")
	}
	// RFC 5280 section 4.2.1.6 and RFC 4985 section 2, written out by hand.
	want := slices.Concat(
		[]byte{0x30, 0x52},
		[]byte{0xa0, 0x1c, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 7, 0xa0, 0x10, 0x16, 14}, []byte("_xmpp-server.x"),
		[]byte{0xa0, 0x12, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 5, 0xa0, 6, 0x0c, 4}, []byte("é.x"),
		[]byte{0xa0, 0x13, 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3, 0xa0, 5, 0x0c, 3}, []byte("a@x"),
	)
	want[1] = byte(len(want) - 2)
	if !bytes.Equal(leaf.Extensions[i].Value, want) {
		t.Errorf("subjectAltName\n% x, want\n% x", leaf.Extensions[i].Value, want)
	}
	raw := New().Issue(Options{DNS: []string{"x"}, RawSAN: []byte{0x30, 0}}).Leaf
	if len(raw.DNSNames) != 0 {
		t.Error("RawSAN did not replace the names")
	}
	odd := New().Issue(Options{Others: [][]byte{OtherName(asn1.ObjectIdentifier{1, 2, 3}, asn1.TagNull, nil)}, DNS: []string{"x"}}).Leaf
	if !slices.Equal(odd.DNSNames, []string{"x"}) {
		t.Errorf("DNS names beside an odd name: %q", odd.DNSNames)
	}
}

func TestHandshakeInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := New()
		srv := ca.Intermediate(Constraints{}).Issue(Options{DNS: []string{"capulet.example"}})
		if y := srv.Leaf.NotBefore.Year(); y != 1999 {
			t.Errorf("dated from %d", y)
		}
		a, b := net.Pipe()
		done := make(chan error)
		go func() { done <- tls.Server(a, &tls.Config{Certificates: []tls.Certificate{srv}}).Handshake() }()
		c := tls.Client(b, &tls.Config{RootCAs: ca.Pool(), ServerName: "capulet.example"})
		go func() { done <- c.Handshake() }()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	ca := New()
	b.ReportAllocs()
	for b.Loop() {
		ca.Issue(Options{DNS: []string{"capulet.example"}})
	}
}
