package pkixid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"isthmus.im/internal/testca"
)

// What is known is not searched for again, and nothing else about a certificate
// is taken for granted.
func TestCache(t *testing.T) {
	ca, other := testca.New(), testca.New()
	chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}}))
	var c Cache
	now := time.Now()
	o := Options{Roots: ca.Pool(), Now: now, Cache: &c}
	first, err := Verify(chain, domain, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Verify(chain, domain, o)
	if err != nil {
		t.Fatal(err)
	}
	if again.Chain[0] != first.Chain[0] || !again.NotAfter.Equal(first.NotAfter) {
		t.Error("the chain was searched for again")
	}
	if _, err := Verify(chain, "elsewhere.example", o); err == nil {
		t.Error("names are not looked at")
	}
	elsewhere := o
	elsewhere.Roots = other.Pool()
	if _, err := Verify(chain, domain, elsewhere); err == nil {
		t.Error("other roots vouch for it")
	}
	later := o
	later.Now = first.NotAfter.Add(time.Second)
	if _, err := Verify(chain, domain, later); err == nil {
		t.Error("an expired certificate is good")
	}
	earlier := o
	earlier.Now = chain[0].NotBefore.Add(-time.Second)
	if _, err := Verify(chain, domain, earlier); err == nil {
		t.Error("a certificate is good before its time")
	}
	old := o
	old.Now = now.Add(cacheAge + time.Second)
	if m, err := Verify(chain, domain, old); err != nil || m.Chain[0] == first.Chain[0] {
		t.Errorf("what was found an hour ago is believed (%v)", err)
	}
}

// What does not lead to a root is searched for again, since a root may be there
// the next time, and one good certificate vouches for no other.
func TestCacheOfWhatIsNotGood(t *testing.T) {
	ca := testca.New()
	good := testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}}))
	bad := testca.Chain(testca.New().Issue(testca.Options{DNS: []string{domain}}))
	var c Cache
	o := Options{Roots: ca.Pool(), Cache: &c}
	for range 3 {
		if _, err := Verify(bad, domain, o); err == nil {
			t.Error("good")
		}
		if _, err := Verify(good, domain, o); err != nil {
			t.Error(err)
		}
		if _, err := Verify(append(bad[:1:1], good...), domain, o); err == nil {
			t.Error("good in company")
		}
	}
	if len(c.recent) != 1 {
		t.Errorf("%d are remembered", len(c.recent))
	}
}

// A chain without an authority for the domain stays refused; what the first call
// took out of the list is there for the second.
func TestCacheIsNotChanged(t *testing.T) {
	ca := testca.New()
	chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}, Usage: testca.ClientOnly}))
	var c Cache
	o := Options{Roots: ca.Pool(), Cache: &c}
	for range 3 {
		if _, err := Verify(chain, "elsewhere.example", o); err == nil {
			t.Error("good")
		}
		if m, err := Verify(chain, domain, o); err != nil || len(m.Chains) != 1 {
			t.Errorf("%v, %v", m.Chains, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c Cache
	now := time.Now()
	chains := [][]*x509.Certificate{{{NotAfter: now.Add(time.Hour)}}}
	q := func(i int) question { return question{sum: [32]byte{byte(i), byte(i >> 8), byte(i >> 16)}} }
	c.put(q(0), now, chains)
	for i := range 10 * cacheSize {
		c.put(q(i+1), now, chains)
		if c.get(q(0), now) == nil {
			t.Fatalf("one that is asked for was forgotten at %d", i)
		}
		if n := len(c.recent) + len(c.old); n > 2*cacheSize {
			t.Fatalf("%d are remembered", n)
		}
	}
	if c.get(q(1), now) != nil {
		t.Error("one that nobody asks for is still there")
	}
}

func TestCacheIsShared(t *testing.T) {
	ca := testca.New()
	var c Cache
	o := Options{Roots: ca.Pool(), Cache: &c}
	var work sync.WaitGroup
	for i := range 4 {
		name := fmt.Sprintf("d%d.example", i%2)
		chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{name}}))
		work.Go(func() {
			for range 20 {
				if _, err := Verify(chain, name, o); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
}

// BenchmarkAuthority verifies a certificate as public authorities issue them
// now: by an intermediate with a P-384 key, which a root with such a key issued.
func BenchmarkAuthority(b *testing.B) {
	issue := func(name string, ca bool, parent *x509.Certificate, curve elliptic.Curve, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true}
		if parent == nil {
			parent, by = t, key
		}
		der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
		if err != nil {
			b.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			b.Fatal(err)
		}
		return cert, key
	}
	root, rootKey := issue("root", true, nil, elliptic.P384(), nil)
	middle, middleKey := issue("middle", true, root, elliptic.P384(), rootKey)
	leaf, _ := issue(domain, false, middle, elliptic.P256(), middleKey)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range []struct {
		name  string
		cache *Cache
	}{{"search", nil}, {"known", new(Cache)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Verify([]*x509.Certificate{leaf, middle}, domain, Options{Roots: roots, Cache: c.cache}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
