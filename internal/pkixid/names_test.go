package pkixid

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"isthmus.im/internal/testca"
)

// xmppAddrDER is the otherName id-on-xmppAddr "a".
var xmppAddrDER = []byte{0xa0, 15, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 5, 0xa0, 3, 0x0c, 1, 'a'}

func seq(der ...byte) []byte { return append([]byte{0x30, byte(len(der))}, der...) }

func edited(at int, b byte) []byte {
	der := bytes.Clone(xmppAddrDER)
	der[at] = b
	return seq(der...)
}

func sanSeeds() map[string][]byte {
	return map[string][]byte{
		"empty":                   {},
		"no names":                seq(),
		"good":                    seq(xmppAddrDER...),
		"not a sequence":          append([]byte{0x31}, seq(xmppAddrDER...)[1:]...),
		"primitive sequence":      append([]byte{0x10}, seq(xmppAddrDER...)[1:]...),
		"trailing bytes":          append(seq(xmppAddrDER...), 0),
		"long form of length":     {0x30, 0x81, 0},
		"indefinite length":       {0x30, 0x80, 0, 0},
		"length too large":        {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"universal name":          seq(0x0c, 1, 'a'),
		"primitive otherName":     edited(0, 0x80),
		"otherName without type":  seq(0xa0, 5, 0xa0, 3, 0x0c, 1, 'a'),
		"type is no OID":          edited(2, 0x04),
		"value not tagged":        edited(12, 0x30),
		"value tagged 1":          edited(12, 0xa1),
		"value implicitly tagged": edited(12, 0x80),
		"value too short":         edited(13, 2),
		"no value":                seq(0xa0, 10, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 5),
		"two values":              seq(append([]byte{0xa0, 18, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 8, 5, 0xa0, 3, 0x0c, 1, 'a'}, 0x0c, 1, 'b')...),
		"string of another type":  edited(14, 0x16),
		"string of no bytes":      edited(15, 0),
		"string not UTF-8":        edited(16, 0xff),
		"other OID":               edited(11, 6),
		"empty dNSName":           seq(0x82, 0),
		"dNSName":                 seq(0x82, 1, 'a'),
		"compound dNSName":        seq(0xa2, 1, 'a'),
		"dNSName not ASCII":       seq(0x82, 2, 0xc3, 0xa9),
		"iPAddress":               seq(0x87, 4, 192, 0, 2, 1),
		"iPAddress of 5":          seq(0x87, 5, 192, 0, 2, 1, 0),
		"unknown tag":             seq(0x9e, 1, 'a'),
		"high tag":                seq(0x9f, 0x1f, 1, 'a'),
		"long OID":                seq(0xa0, 19, 0x06, 11, 0x2b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xa0, 4, 0x0c, 2, 'a', 'b'),
	}
}

func TestParseSAN(t *testing.T) {
	good := map[string]Names{
		"no names":               {},
		"good":                   {XMPPAddr: []string{"a"}},
		"string of another type": {},
		"string of no bytes":     {}, // and one byte too many in the value
		"string not UTF-8":       {},
		"other OID":              {},
		"empty dNSName":          {DNS: []string{""}},
		"dNSName":                {DNS: []string{"a"}},
		"iPAddress":              {IP: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		"unknown tag":            {},
		"high tag":               {},
		"long OID":               {},
	}
	for name, der := range sanSeeds() {
		got, err := parseSAN(der)
		want, ok := good[name]
		if ok != (err == nil) {
			t.Errorf("%s: err = %v", name, err)
		}
		if !slices.Equal(got.All(), want.All()) {
			t.Errorf("%s: names %q, want %q", name, got.All(), want.All())
		}
	}
}

func TestMalformedSAN(t *testing.T) {
	ca := testca.New()
	chain := testca.Chain(ca.Issue(testca.Options{RawSAN: sanSeeds()["no value"]}))
	_, err := Verify(chain, domain, Options{Roots: ca.Pool()})
	checkReason(t, err, Malformed)
}

func TestNamesWithoutExtension(t *testing.T) {
	n, err := NamesOf(testca.New().Issue(testca.Options{CN: domain}).Leaf)
	if err != nil || len(n.All()) != 0 {
		t.Errorf("names %q, %v", n.All(), err)
	}
}

func TestNamesMatch(t *testing.T) {
	n := Names{DNS: []string{"*.capulet.example"}, SRV: []string{"_xmpp-server.capulet.example"}}
	if k, name, ok := n.Match("capulet.example"); !ok || k != SRVName || name != n.SRV[0] {
		t.Errorf("Match = %v %q %v", k, name, ok)
	}
	for _, d := range []string{"", "montague.example", "*.capulet.example", "a/b.capulet.example", ".capulet.example", "a..", "a:1.capulet.example", "\xff.capulet.example"} {
		if k, name, ok := n.Match(d); ok {
			t.Errorf("Match(%q) = %v %q", d, k, name)
		}
	}
}

func TestErrorText(t *testing.T) {
	names := []string{"a.example", "b\n.example", strings.Repeat("x", 300)}
	for range 20 {
		names = append(names, "c.example")
	}
	e := &Error{Domain: "capulet.example", Reason: NameMismatch, Names: names}
	want := `pkixid: capulet.example: certificate for another name: it has a.example, "b\n.example", ` +
		strings.Repeat("x", maxShownSize) + "..., c.example, c.example, c.example, c.example, c.example and 15 more"
	if got := e.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (&Error{Reason: NameMismatch}).Error(); got != `pkixid: "": certificate for another name: it carries none` {
		t.Error(got)
	}
	if got := (&Error{Domain: "a", Reason: Malformed, Err: errSAN}); got.Error() != "pkixid: a: malformed certificate: "+errSAN.Error() || !errors.Is(got, errSAN) {
		t.Error(got)
	}
	seen := map[string]bool{}
	for r := NoCertificate; r <= NameMismatch+1; r++ {
		if seen[r.String()] {
			t.Errorf("two reasons read %q", r)
		}
		seen[r.String()] = true
	}
	for k := Kind(0); k <= IPAddress; k++ {
		if seen[k.String()] {
			t.Errorf("two kinds read %q", k)
		}
		seen[k.String()] = true
	}
}

// FuzzSAN compares what is read from any extension value with crypto/x509.
func FuzzSAN(f *testing.F) {
	for _, der := range sanSeeds() {
		f.Add(der, "a")
	}
	f.Add(seq(0x82, 9, '*', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'), "a.example")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte, domain string) {
		n, err := parseSAN(der)
		kind, name, ok := n.Match(domain)
		if ok && (err != nil || !slices.Contains(n.All(), name)) {
			t.Fatalf("%v %q matches but is not there", kind, name)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), ExtraExtensions: []pkix.Extension{{Id: oidSAN, Value: der}}}
		cert, err2 := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err2 != nil {
			return
		}
		parsed, err2 := x509.ParseCertificate(cert)
		if err2 != nil || err != nil {
			return
		}
		if !slices.Equal(parsed.DNSNames, n.DNS) || len(parsed.IPAddresses) != len(n.IP) {
			t.Errorf("names %q, crypto/x509 has %q %v", n.All(), parsed.DNSNames, parsed.IPAddresses)
		}
		if kind == DNSName && !strings.HasPrefix(name, "*") && parsed.VerifyHostname(domain) != nil && comparable509(domain, name) {
			t.Errorf("%q matches %q, not so for crypto/x509", domain, name)
		}
	})
}

// comparable509 reports whether crypto/x509 could compare the two as they are: it
// knows no IDNA and only preferred names.
func comparable509(names ...string) bool {
	for _, s := range names {
		if s == "" || strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return true
}

func BenchmarkVerify(b *testing.B) {
	ca := testca.New()
	chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}}))
	o := Options{Roots: ca.Pool()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(chain, domain, o); err != nil {
			b.Fatal(err)
		}
	}
}
