package dane_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
	"isthmus.im/internal/testca"
)

const (
	domain = "montague.example"
	host   = "xmpp.hosting.example"
)

// record makes the record of the given kind for a certificate.
func record(usage, selector, matching uint8, c *x509.Certificate) locate.TLSA {
	data := c.Raw
	if selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return locate.TLSA{Usage: usage, Selector: selector, MatchingType: matching, Data: data}
}

// pki is everything the tests need certificates for.
type pki struct {
	root, other, middle *testca.CA
}

func newPKI() pki {
	root := testca.New()
	return pki{root: root, other: testca.New(), middle: root.Intermediate(testca.Constraints{Usage: testca.NoUsage})}
}

// pkix verifies against the root, as a server would.
func (p pki) pkix(chain []*x509.Certificate) func() ([][]*x509.Certificate, error) {
	return func() ([][]*x509.Certificate, error) {
		m, err := pkixid.Verify(chain, domain, pkixid.Options{Roots: p.root.Pool()})
		return [][]*x509.Certificate{m.Chain}, err
	}
}

func TestVerify(t *testing.T) {
	p := newPKI()
	good := testca.Chain(p.middle.Issue(testca.Options{DNS: []string{domain}}))
	ofHost := testca.Chain(p.middle.Issue(testca.Options{DNS: []string{host}}))
	stranger := testca.Chain(p.middle.Issue(testca.Options{DNS: []string{"verona.example"}}))
	expired := testca.Chain(p.middle.Issue(testca.Options{DNS: []string{domain}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}))
	self := testca.Chain(testca.SelfSigned(testca.Options{}))
	foreign := testca.Chain(p.other.Issue(testca.Options{DNS: []string{domain}}))
	root, middle := p.root.Certificate(), p.middle.Certificate()
	withRoot := append(append([]*x509.Certificate{}, good...), root)

	for _, c := range []struct {
		name    string
		chain   []*x509.Certificate
		records []locate.TLSA
		usage   int // that of the record that matches; -1: none does
		reason  pkixid.Reason
	}{
		{"3 1 1 is enough", self, []locate.TLSA{record(3, 1, 1, self[0])}, 3, 0},
		{"3 0 1", self, []locate.TLSA{record(3, 0, 1, self[0])}, 3, 0},
		{"3 0 2", self, []locate.TLSA{record(3, 0, 2, self[0])}, 3, 0},
		{"3 1 2", self, []locate.TLSA{record(3, 1, 2, self[0])}, 3, 0},
		{"3 0 0", self, []locate.TLSA{record(3, 0, 0, self[0])}, 3, 0},
		{"3 1 0", self, []locate.TLSA{record(3, 1, 0, self[0])}, 3, 0},
		{"3 1 1 whatever the date", expired, []locate.TLSA{record(3, 1, 1, expired[0])}, 3, 0},
		{"3 1 1 whatever the name", stranger, []locate.TLSA{record(3, 1, 1, stranger[0])}, 3, 0},
		{"3 1 1 of another", good, []locate.TLSA{record(3, 1, 1, self[0])}, -1, 0},
		{"3 is not about authorities", good, []locate.TLSA{record(3, 1, 1, middle)}, -1, 0},
		{"one of several", good, []locate.TLSA{record(3, 1, 1, self[0]), record(3, 1, 1, good[0])}, 3, 0},
		{"no certificate", nil, []locate.TLSA{record(3, 1, 1, self[0])}, -1, 0},

		{"2 0 1 of the intermediate", good, []locate.TLSA{record(2, 0, 1, middle)}, 2, 0},
		{"2 1 1 of the intermediate", good, []locate.TLSA{record(2, 1, 1, middle)}, 2, 0},
		{"2 1 2, the name is the host's", ofHost, []locate.TLSA{record(2, 1, 2, middle)}, 2, 0},
		{"2 0 1 of the root, which was sent", withRoot, []locate.TLSA{record(2, 0, 1, root)}, 2, 0},
		{"2 0 1 of the root, which was not", good, []locate.TLSA{record(2, 0, 1, root)}, -1, 0},
		{"2 0 0 of the root, which was not", good, []locate.TLSA{record(2, 0, 0, root)}, 2, 0},
		{"2 1 0 of the root, which was not", good, []locate.TLSA{record(2, 1, 0, root)}, 2, 0},
		{"2 1 0 signed the leaf", foreign, []locate.TLSA{record(2, 1, 0, p.other.Certificate())}, 2, 0},
		{"2 1 0 signed nothing", foreign, []locate.TLSA{record(2, 1, 0, root)}, -1, 0},
		{"2 is not about the leaf", self, []locate.TLSA{record(2, 1, 1, self[0])}, -1, 0},
		{"2 and another name", stranger, []locate.TLSA{record(2, 0, 1, middle)}, -1, pkixid.NameMismatch},
		{"2 and too old", expired, []locate.TLSA{record(2, 0, 1, middle)}, -1, pkixid.Expired},
		{"2 and a chain that does not lead there", append(append([]*x509.Certificate{}, foreign...), middle), []locate.TLSA{record(2, 0, 1, middle)}, -1, pkixid.UnknownAuthority},

		{"1 1 1", good, []locate.TLSA{record(1, 1, 1, good[0])}, 1, 0},
		{"1 1 1 without trust", foreign, []locate.TLSA{record(1, 1, 1, foreign[0])}, -1, pkixid.UnknownAuthority},
		{"1 1 1 of another", good, []locate.TLSA{record(1, 1, 1, self[0])}, -1, 0},
		{"0 0 1 of the root", good, []locate.TLSA{record(0, 0, 1, root)}, 0, 0},
		{"0 1 2 of the intermediate", good, []locate.TLSA{record(0, 1, 2, middle)}, 0, 0},
		{"0 0 1 of another root", good, []locate.TLSA{record(0, 0, 1, p.other.Certificate())}, -1, 0},
		{"0 is not about the leaf", good, []locate.TLSA{record(0, 0, 1, good[0])}, -1, 0},
		{"0 without trust", foreign, []locate.TLSA{record(0, 0, 1, p.other.Certificate())}, -1, pkixid.UnknownAuthority},

		{"a weak digest does not count beside a strong one", good, []locate.TLSA{record(3, 1, 1, good[0]), record(3, 1, 2, self[0])}, -1, 0},
		{"unless it is of another kind", good, []locate.TLSA{record(3, 0, 1, good[0]), record(3, 1, 2, self[0])}, 3, 0},
		{"in full always counts", good, []locate.TLSA{record(3, 1, 0, good[0]), record(3, 1, 2, self[0])}, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := dane.Verify(c.records, c.chain, dane.Terms{Names: []string{domain, host}, PKIX: p.pkix(c.chain)})
			if c.usage >= 0 {
				if err != nil || int(m.Record.Usage) != c.usage || (m.Chain == nil) != (c.usage == 3) {
					t.Errorf("got usage %d, chain of %d, %v", m.Record.Usage, len(m.Chain), err)
				}
				return
			}
			var miss *dane.MismatchError
			if !errors.As(err, &miss) || miss.Records != len(dane.Usable(c.records)) {
				t.Fatalf("got %+v, %v", m, err)
			}
			var id *pkixid.Error
			if errors.As(err, &id) != (c.reason != 0) || c.reason != 0 && id.Reason != c.reason {
				t.Errorf("the reason is %v, want %v", miss.Err, c.reason)
			}
		})
	}
}

func TestUsable(t *testing.T) {
	c := testca.Chain(testca.SelfSigned(testca.Options{}))[0]
	cut := func(r locate.TLSA) locate.TLSA { r.Data = r.Data[1:]; return r }
	for name, r := range map[string]locate.TLSA{
		"usage":        record(4, 1, 1, c),
		"private use":  record(255, 1, 1, c),
		"selector":     record(3, 2, 0, c),
		"matching":     record(3, 1, 3, c),
		"short 256":    cut(record(3, 1, 1, c)),
		"short 512":    cut(record(3, 1, 2, c)),
		"short cert":   cut(record(2, 0, 0, c)),
		"short key":    cut(record(2, 1, 0, c)),
		"empty":        {Usage: 3, Selector: 1},
		"empty digest": {Usage: 3, Selector: 1, MatchingType: 1},
	} {
		if got := dane.Usable([]locate.TLSA{r}); len(got) != 0 {
			t.Errorf("%s: is usable", name)
		}
		if _, err := dane.Verify([]locate.TLSA{r}, []*x509.Certificate{c}, dane.Terms{}); !errors.Is(err, dane.ErrUnusable) {
			t.Errorf("%s: %v", name, err)
		}
		if got := dane.Usable([]locate.TLSA{r, record(3, 1, 1, c)}); len(got) != 1 {
			t.Errorf("%s: spoils another", name)
		}
	}
	if _, err := dane.Verify(nil, []*x509.Certificate{c}, dane.Terms{}); !errors.Is(err, dane.ErrUnusable) {
		t.Errorf("no records: %v", err)
	}
}

// Without somebody who verifies, what only constrains others matches nothing.
func TestNoPKIX(t *testing.T) {
	c := testca.Chain(testca.SelfSigned(testca.Options{DNS: []string{domain}}))
	_, err := dane.Verify([]locate.TLSA{record(1, 1, 1, c[0])}, c, dane.Terms{Names: []string{domain}})
	if err == nil || errors.Is(err, dane.ErrUnusable) {
		t.Error(err)
	}
}

// The authority's own limits hold for what it vouches for through DNS.
func TestConstraintsOfTheAuthority(t *testing.T) {
	ca := testca.New().Intermediate(testca.Constraints{PermittedDNS: []string{"capulet.example"}})
	for name, fits := range map[string]bool{domain: false, "capulet.example": true} {
		chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{name}}))
		_, err := dane.Verify([]locate.TLSA{record(2, 0, 1, ca.Certificate())}, chain, dane.Terms{Names: []string{name}})
		if (err == nil) != fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The time is that of the terms.
func TestNow(t *testing.T) {
	ca := testca.New()
	chain := append(testca.Chain(ca.Issue(testca.Options{DNS: []string{domain}})), ca.Certificate())
	records := []locate.TLSA{record(2, 0, 1, ca.Certificate())}
	if _, err := dane.Verify(records, chain, dane.Terms{Names: []string{domain}, Now: time.Now().AddDate(0, 0, 91)}); err == nil {
		t.Error("an expired certificate is good")
	}
}
