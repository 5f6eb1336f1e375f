package pkixid

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"isthmus.im/internal/testca"
)

const domain = "capulet.example"

func dns(names ...string) testca.Options  { return testca.Options{DNS: names} }
func srv(names ...string) testca.Options  { return testca.Options{SRV: names} }
func xmpp(names ...string) testca.Options { return testca.Options{XMPPAddr: names} }

// TestCertificates is the table of certificates: each is issued by a trusted
// root and either speaks for a domain by a name of some kind or does not.
func TestCertificates(t *testing.T) {
	ip4, ip6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	xmppAs := func(tag int, s string) testca.Options {
		return testca.Options{Others: [][]byte{testca.OtherName(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, 5}, tag, []byte(s))}}
	}
	tests := []struct {
		name   string
		domain string // "": domain
		opts   testca.Options
		kind   Kind // 0: refused
		reason Reason
	}{
		{"dNSName", "", dns(domain), DNSName, 0},
		{"dNSName in capitals", "", dns("CAPULET.Example"), DNSName, 0},
		{"domain in capitals with final dot", "Capulet.EXAMPLE.", dns(domain), DNSName, 0},
		{"second dNSName", "", dns("other.example", domain), DNSName, 0},
		{"single label", "localhost", dns("localhost"), DNSName, 0},
		{"another dNSName", "", dns("montague.example"), 0, NameMismatch},
		{"parent", "orchard.capulet.example", dns(domain), 0, NameMismatch},
		{"child", "", dns("orchard.capulet.example"), 0, NameMismatch},
		{"prefix", "", dns("capulet.example.net"), 0, NameMismatch},
		{"NUL", "", dns("capulet.example\x00.evil.example"), 0, NameMismatch},
		{"wildcard", "orchard.capulet.example", dns("*.capulet.example"), DNSName, 0},
		{"wildcard for an A-label", "xn--bcher-kva.example", dns("*.example"), DNSName, 0},
		{"wildcard, no label", "", dns("*.capulet.example"), 0, NameMismatch},
		{"wildcard, two labels", "a.b.capulet.example", dns("*.capulet.example"), 0, NameMismatch},
		{"partial wildcard", "foo.example", dns("f*o.example"), 0, NameMismatch},
		{"trailing wildcard", "foo.example", dns("f*.example"), 0, NameMismatch},
		{"inner wildcard", "a.b.example", dns("a.*.example"), 0, NameMismatch},
		{"double wildcard", "a.b.example", dns("*.*.example"), 0, NameMismatch},
		{"bare wildcard", "localhost", dns("*"), 0, NameMismatch},
		{"wildcard without parent", "localhost", dns("*."), 0, NameMismatch},
		{"wildcard asked for", "*.capulet.example", dns("*.capulet.example"), 0, BadDomain},
		{"A-label", "xn--bcher-kva.example", dns("xn--bcher-kva.example"), DNSName, 0},
		{"U-label asked for", "Bücher.example", dns("xn--bcher-kva.example"), DNSName, 0},
		{"SRVName", "", srv("_xmpp-server.capulet.example"), SRVName, 0},
		{"SRVName in capitals", "", srv("_XMPP-Server.Capulet.example"), SRVName, 0},
		{"SRVName for clients", "", srv("_xmpp-client.capulet.example"), 0, NameMismatch},
		{"SRVName for mail", "", srv("_imap.capulet.example"), 0, NameMismatch},
		{"SRVName with protocol", "", srv("_xmpp-server._tcp.capulet.example"), 0, NameMismatch},
		{"SRVName with wildcard", "orchard.capulet.example", srv("_xmpp-server.*.capulet.example"), 0, NameMismatch},
		{"SRVName without service", "", srv(domain), 0, NameMismatch},
		{"SRVName beside useless dNSName", "", testca.Options{DNS: []string{"x1.example.net"}, SRV: []string{"_xmpp-server.capulet.example"}}, SRVName, 0},
		{"xmppAddr", "", xmpp(domain), XMPPAddr, 0},
		{"xmppAddr in capitals", "", xmpp("Capulet.Example"), XMPPAddr, 0},
		{"xmppAddr with U-label", "xn--bcher-kva.example", xmpp("bücher.example"), XMPPAddr, 0},
		{"xmppAddr of a user", "", xmpp("juliet@capulet.example"), 0, NameMismatch},
		{"xmppAddr of a resource", "", xmpp("capulet.example/balcony"), 0, NameMismatch},
		{"xmppAddr with wildcard", "orchard.capulet.example", xmpp("*.capulet.example"), 0, NameMismatch},
		{"xmppAddr as IA5String", "", xmppAs(asn1.TagIA5String, domain), 0, NameMismatch},
		{"xmppAddr as OCTET STRING", "", xmppAs(asn1.TagOctetString, domain), 0, NameMismatch},
		{"xmppAddr not UTF-8", "", xmppAs(asn1.TagUTF8String, domain+"\xff"), 0, NameMismatch},
		{"critical SAN of xmppAddr alone", "", testca.Options{XMPPAddr: []string{domain}, CriticalSAN: true}, XMPPAddr, 0},
		{"UPN", "", testca.Options{UPN: []string{domain}}, 0, NameMismatch},
		{"UPN beside dNSName", "", testca.Options{UPN: []string{"admin@corp.example"}, DNS: []string{domain}}, DNSName, 0},
		{"CN only", "", testca.Options{CN: domain}, 0, NameMismatch},
		{"CN beside another dNSName", "", testca.Options{CN: domain, DNS: []string{"other.example"}}, 0, NameMismatch},
		{"no name", "", testca.Options{}, 0, NameMismatch},
		{"IPv4", "192.0.2.1", testca.Options{IPs: []netip.Addr{ip4}}, IPAddress, 0},
		{"IPv6", "[2001:DB8:0::1]", testca.Options{IPs: []netip.Addr{ip6}}, IPAddress, 0},
		{"another IP", "192.0.2.2", testca.Options{IPs: []netip.Addr{ip4, ip6}}, 0, NameMismatch},
		{"mapped IP", "[::ffff:192.0.2.1]", testca.Options{IPs: []netip.Addr{ip4}}, 0, NameMismatch},
		{"IP as dNSName", "192.0.2.1", dns("192.0.2.1"), 0, NameMismatch},
		{"IP under a wildcard", "192.0.2.1", dns("*.0.2.1"), 0, NameMismatch},
		{"IP as xmppAddr", "192.0.2.1", xmpp("192.0.2.1"), 0, NameMismatch},
		{"full-width IP", "１９２.0.2.1", dns("192.0.2.1"), 0, BadDomain},
		{"IP SAN for a domain", "", testca.Options{IPs: []netip.Addr{ip4}}, 0, NameMismatch},
		{"scoped IP", "[fe80::1%eth0]", testca.Options{IPs: []netip.Addr{ip6}}, 0, NameMismatch},
		{"serverAuth only", "", testca.Options{DNS: []string{domain}, Usage: testca.ServerOnly}, DNSName, 0},
		{"clientAuth only", "", testca.Options{DNS: []string{domain}, Usage: testca.ClientOnly}, DNSName, 0},
		{"no usage", "", testca.Options{DNS: []string{domain}, Usage: testca.NoUsage}, DNSName, 0},
		{"any usage", "", testca.Options{DNS: []string{domain}, Usage: testca.AnyUsage}, DNSName, 0},
		{"XMPP usage", "", testca.Options{DNS: []string{domain}, Usage: testca.XMPPUsage}, DNSName, 0},
		{"code signing", "", testca.Options{DNS: []string{domain}, Usage: testca.CodeSigning}, 0, BadUsage},
		{"an authority's", "", testca.Options{DNS: []string{domain}, IsCA: true}, 0, BadUsage},
		{"empty domain", " ", dns(domain), 0, BadDomain},
		{"address for domain", "juliet@capulet.example", xmpp("juliet@capulet.example"), 0, BadDomain},
		{"open bracket", "[2001:db8::1", testca.Options{IPs: []netip.Addr{ip6}}, 0, BadDomain},
	}
	ca := testca.New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.domain
			if want == "" {
				want = domain
			}
			chain := testca.Chain(ca.Issue(tt.opts))
			m, err := Verify(chain, want, Options{Roots: ca.Pool()})
			if tt.kind != 0 {
				if err != nil || m.Kind != tt.kind {
					t.Fatalf("Verify = %v %q, %v, want %v", m.Kind, m.Name, err, tt.kind)
				}
				if len(m.Chain) != 2 || !m.Chain[0].Equal(chain[0]) || !m.NotAfter.Equal(chain[0].NotAfter) {
					t.Errorf("chain of %d until %v", len(m.Chain), m.NotAfter)
				}
				return
			}
			checkReason(t, err, tt.reason)
		})
	}
}

func checkReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want reason %v", err, want)
	}
	if e.Reason != want {
		t.Errorf("reason %q, want %q (%v)", e.Reason, want, err)
	}
	if !strings.HasPrefix(err.Error(), "pkixid: ") {
		t.Errorf("message %q", err)
	}
}

func TestTrust(t *testing.T) {
	ca := testca.New()
	now := time.Now()
	good := dns(domain)
	old := testca.Options{DNS: []string{domain}, NotBefore: now.Add(-3 * time.Hour), NotAfter: now.Add(-2 * time.Hour)}
	future := testca.Options{DNS: []string{domain}, NotBefore: now.Add(2 * time.Hour)}
	expiring := ca.Intermediate(testca.Constraints{NotAfter: now.Add(time.Hour)})
	tests := []struct {
		name   string
		cert   tls.Certificate
		now    time.Time
		reason Reason // 0: accepted
	}{
		{"good", ca.Issue(good), time.Time{}, 0},
		{"expired", ca.Issue(old), time.Time{}, Expired},
		{"in its time, the root too young", ca.Issue(old), now.Add(-150 * time.Minute), NotYetValid},
		{"not yet valid", ca.Issue(future), time.Time{}, NotYetValid},
		{"valid later", ca.Issue(future), now.Add(3 * time.Hour), 0},
		{"expired for another name", ca.Issue(testca.Options{DNS: []string{"x.example"}, NotBefore: old.NotBefore, NotAfter: old.NotAfter}), time.Time{}, Expired},
		{"self-signed", testca.SelfSigned(good), time.Time{}, UnknownAuthority},
		{"self-signed authority", testca.SelfSigned(testca.Options{DNS: []string{domain}, IsCA: true}), time.Time{}, UnknownAuthority},
		{"weak key", ca.Issue(testca.Options{DNS: []string{domain}, RSA: 1024}), time.Time{}, WeakKey},
		{"weak key for another name", ca.Issue(testca.Options{RSA: 1024}), time.Time{}, WeakKey},
		{"RSA key", ca.Issue(testca.Options{DNS: []string{domain}, RSA: 2048}), time.Time{}, 0},
		{"intermediate with a weak key", ca.Intermediate(testca.Constraints{RSA: 1024}).Issue(good), time.Time{}, WeakKey},
		{"another authority", testca.New().Issue(good), time.Time{}, UnknownAuthority},
		{"none", tls.Certificate{}, time.Time{}, NoCertificate},
		{"intermediate", ca.Intermediate(testca.Constraints{}).Issue(good), time.Time{}, 0},
		{"intermediate expired", expiring.Issue(good), now.Add(2 * time.Hour), Expired},
		{"intermediate for code", ca.Intermediate(testca.Constraints{Usage: testca.CodeSigning}).Issue(good), time.Time{}, BadUsage},
		{"intermediate for servers", ca.Intermediate(testca.Constraints{Usage: testca.ServerOnly}).Issue(good), time.Time{}, 0},
		{"client under servers", ca.Intermediate(testca.Constraints{Usage: testca.ServerOnly}).Issue(testca.Options{DNS: []string{domain}, Usage: testca.ClientOnly}), time.Time{}, BadUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(testca.Chain(tt.cert), domain, Options{Roots: ca.Pool(), Now: tt.now})
			if tt.reason != 0 {
				checkReason(t, err, tt.reason)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("intermediate missing", func(t *testing.T) {
		chain := testca.Chain(expiring.Issue(good))[:1]
		_, err := Verify(chain, domain, Options{Roots: ca.Pool()})
		checkReason(t, err, UnknownAuthority)
	})
	t.Run("first expiry", func(t *testing.T) {
		m, err := Verify(testca.Chain(expiring.Issue(good)), domain, Options{Roots: ca.Pool()})
		if err != nil || m.NotAfter.After(now.Add(time.Hour)) {
			t.Errorf("NotAfter = %v, %v", m.NotAfter, err)
		}
	})
	t.Run("two chains", func(t *testing.T) {
		late := testca.Options{DNS: []string{domain}, NotAfter: now.AddDate(20, 0, 0)}
		chain := testca.Chain(ca.Intermediate(testca.Constraints{NotAfter: now.AddDate(30, 0, 0)}).Issue(late))
		roots := ca.Pool() // good for ten years
		roots.AddCert(chain[1])
		m, err := Verify(chain, domain, Options{Roots: roots})
		if err != nil || len(m.Chain) != 2 || !m.NotAfter.Equal(chain[0].NotAfter) {
			t.Errorf("chain of %d until %v, %v", len(m.Chain), m.NotAfter, err)
		}
		if len(m.Chains) != 2 || len(m.Chains[0])+len(m.Chains[1]) != 5 {
			t.Errorf("%d chains in all: %v", len(m.Chains), m.Chains)
		}
	})
	t.Run("chain out of order", func(t *testing.T) {
		c := testca.Chain(ca.Intermediate(testca.Constraints{}).Intermediate(testca.Constraints{}).Issue(good))
		c[1], c[2] = c[2], c[1]
		if _, err := Verify(append(c, nil, c[0]), domain, Options{Roots: ca.Pool()}); err != nil {
			t.Error(err)
		}
	})
}

func TestPinnedSelfSigned(t *testing.T) {
	for _, isCA := range []bool{false, true} {
		chain := testca.Chain(testca.SelfSigned(testca.Options{DNS: []string{domain}, IsCA: isCA}))
		roots := x509.NewCertPool()
		roots.AddCert(chain[0])
		if m, err := Verify(chain, domain, Options{Roots: roots}); err != nil || len(m.Chain) != 1 {
			t.Errorf("authority %v: chain of %d, %v", isCA, len(m.Chain), err)
		}
		_, err := Verify(chain, "montague.example", Options{Roots: roots})
		checkReason(t, err, NameMismatch)
	}
}

func TestNameConstraints(t *testing.T) {
	ca := testca.New()
	limited := ca.Intermediate(testca.Constraints{PermittedDNS: []string{"Capulet.example"}, ExcludedDNS: []string{"secret.capulet.example"}})
	inside := ca.Intermediate(testca.Constraints{PermittedDNS: []string{domain}})
	dotted := ca.Intermediate(testca.Constraints{PermittedDNS: []string{".capulet.example"}})
	excluding := ca.Intermediate(testca.Constraints{ExcludedDNS: []string{"montague.example"}})
	nothing := ca.Intermediate(testca.Constraints{ExcludedDNS: []string{""}})
	below := limited.Intermediate(testca.Constraints{})
	tests := []struct {
		name   string
		ca     *testca.CA
		opts   testca.Options
		domain string
		ok     bool
	}{
		{"dNSName inside", limited, dns(domain), domain, true},
		{"dNSName outside", limited, dns("montague.example"), "montague.example", false},
		{"dNSName excluded", limited, dns("secret.capulet.example"), "secret.capulet.example", false},
		{"wildcard inside", inside, dns("*.capulet.example"), "orchard.capulet.example", true},
		{"wildcard reaching out", limited, dns("*.capulet.example"), "secret.capulet.example", false},
		{"SRVName inside", limited, srv("_xmpp-server.capulet.example"), domain, true},
		{"SRVName below", limited, srv("_xmpp-server.a.capulet.example"), "a.capulet.example", true},
		{"SRVName outside", limited, srv("_xmpp-server.montague.example"), "montague.example", false},
		{"SRVName lookalike", limited, srv("_xmpp-server.notcapulet.example"), "notcapulet.example", false},
		{"SRVName excluded", limited, srv("_xmpp-server.secret.capulet.example"), "secret.capulet.example", false},
		{"xmppAddr inside", limited, xmpp(domain), domain, true},
		{"xmppAddr outside", limited, xmpp("montague.example"), "montague.example", false},
		{"xmppAddr beside dNSName inside", limited, testca.Options{DNS: []string{domain}, XMPPAddr: []string{"montague.example"}}, "montague.example", false},
		{"two authorities below", below, xmpp("montague.example"), "montague.example", false},
		{"dotted, itself", dotted, xmpp(domain), domain, false},
		{"dotted, below", dotted, xmpp("a.capulet.example"), "a.capulet.example", true},
		{"only exclusions, other", excluding, xmpp(domain), domain, true},
		{"only exclusions, excluded", excluding, xmpp("a.montague.example"), "a.montague.example", false},
		{"everything excluded", nothing, xmpp(domain), domain, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(testca.Chain(tt.ca.Issue(tt.opts)), tt.domain, Options{Roots: ca.Pool()})
			if !tt.ok {
				checkReason(t, err, NameConstraint)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
