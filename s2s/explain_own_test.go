package s2s_test

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/internal/testca"
	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const rooms = "rooms." + here

// mistake is one that a host can make with its own domain. Unless cert is nil
// the server shows what it returns.
type mistake struct {
	name   string
	step   s2s.Step
	status s2s.Status
	code   s2s.Code
	cert   func(n *s2stest.Network) tls.Certificate
	spoil  func(n *s2stest.Network) // after the server has started
}

func issue(o testca.Options) func(*s2stest.Network) tls.Certificate {
	return func(n *s2stest.Network) tls.Certificate {
		if o.DNS == nil {
			o.DNS = []string{here, rooms}
		}
		return n.Issue(o)
	}
}

func lasting(d time.Duration) func(*s2stest.Network) tls.Certificate {
	return func(n *s2stest.Network) tls.Certificate {
		return n.Issue(testca.Options{DNS: []string{here, rooms}, NotAfter: time.Now().Add(d)})
	}
}

const day = 24 * time.Hour

var mistakes = []mistake{
	{"expired", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeCertificateExpired, lasting(-time.Minute), nil},
	{"expires tomorrow", s2s.StepCertificate, s2s.StatusWarning, s2s.CodeExpires1, lasting(day / 2), nil},
	{"expires in a week", s2s.StepCertificate, s2s.StatusWarning, s2s.CodeExpires7, lasting(6 * day), nil},
	{"expires in a month", s2s.StepCertificate, s2s.StatusWarning, s2s.CodeExpires30, lasting(29 * day), nil},
	{"a clock that is slow", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeCertificateNotYet, func(n *s2stest.Network) tls.Certificate {
		return n.Issue(testca.Options{DNS: []string{here, rooms}, NotBefore: time.Now().Add(time.Hour)})
	}, nil},
	{"rooms not named", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeCertificateName, issue(testca.Options{DNS: []string{here}}), nil},
	{"self-signed", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeSelfSigned, func(*s2stest.Network) tls.Certificate {
		return testca.SelfSigned(testca.Options{DNS: []string{here, rooms}})
	}, nil},
	{"unknown authority or no chain", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeChainIncomplete, func(*s2stest.Network) tls.Certificate {
		c := testca.New().Intermediate(testca.Constraints{Usage: testca.NoUsage}).Issue(testca.Options{DNS: []string{here, rooms}})
		c.Certificate = c.Certificate[:1]
		return c
	}, nil},
	{"chain without order", s2s.StepCertificate, s2s.StatusWarning, s2s.CodeChainDisordered, func(n *s2stest.Network) tls.Certificate {
		c := n.Issue(testca.Options{DNS: []string{here, rooms}})
		c.Certificate = append(c.Certificate, n.Issue(testca.Options{DNS: []string{there}}).Certificate[0])
		return c
	}, nil},
	{"for servers only", s2s.StepCertificate, s2s.StatusWarning, s2s.CodeServerAuthOnly, issue(testca.Options{Usage: testca.ServerOnly}), nil},
	{"for code", s2s.StepCertificate, s2s.StatusFailed, s2s.CodeCertificateUsage, issue(testca.Options{Usage: testca.CodeSigning}), nil},
	{"no SRV records", s2s.StepDNS, s2s.StatusWarning, s2s.CodeNoSRV, nil, func(n *s2stest.Network) { n.SetSRV(here) }},
	{"an SRV record of the root", s2s.StepDNS, s2s.StatusFailed, s2s.CodeNoService, nil, func(n *s2stest.Network) { n.SetSRV(here, &net.SRV{Target: "."}) }},
	{"name servers down", s2s.StepDNS, s2s.StatusFailed, s2s.CodeDNSUnavailable, nil, func(n *s2stest.Network) {
		n.FailDNS(here, &net.DNSError{Err: "server misbehaving", Name: here, IsTemporary: true})
	}},
	{"a target that is gone", s2s.StepAddress, s2s.StatusFailed, s2s.CodeTargetNoAddress, nil, func(n *s2stest.Network) { n.SetAddrs("xmpp." + here) }},
	{"a private address", s2s.StepAddress, s2s.StatusWarning, s2s.CodePrivateAddress, nil, nil},
	{"another port", s2s.StepTCP, s2s.StatusFailed, s2s.CodeConnectionRefused, nil, func(n *s2stest.Network) {
		n.SetSRV(here, &net.SRV{Target: "xmpp." + here + ".", Port: 5222})
	}},
	{"another server", s2s.StepStream, s2s.StatusFailed, s2s.CodeHostUnknown, nil, func(n *s2stest.Network) {
		n.Peer(there)
		n.SetSRV(here, &net.SRV{Target: "xmpp." + there + ".", Port: 5269})
	}},
	{"an old address besides", s2s.StepTCP, s2s.StatusFailed, s2s.CodeConnectionRefused, nil, func(n *s2stest.Network) {
		n.SetAddrs("xmpp."+here, netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("10.0.0.1"))
	}},
}

func TestCheckDomainMistakes(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				cfg := s2s.Config{Domains: []string{here}, Services: []string{rooms}, Handler: stanza.NewMux()}
				if m.cert != nil {
					cfg.TLS = &tls.Config{Certificates: []tls.Certificate{m.cert(n)}}
				}
				fed := n.Server(cfg)
				if m.spoil != nil {
					m.spoil(n)
				}
				watched := 0
				r := fed.CheckDomain(t.Context(), jid.MustParse(here), func(s2s.Finding) { watched++ })
				if watched != len(r.Findings) {
					t.Errorf("%d of %d findings watched", watched, len(r.Findings))
				}
				if !slices.ContainsFunc(r.Findings, func(f s2s.Finding) bool {
					return f.Step == m.step && f.Status == m.status && f.Code == m.code && f.Remedy != ""
				}) {
					t.Errorf("%s is not among the findings: %+v", m.code, r.Findings)
				}
				failed := slices.ContainsFunc(r.Findings, func(f s2s.Finding) bool { return f.Status == s2s.StatusFailed })
				if r.Reachable == failed || failed == (r.Code == s2s.CodeOK) || m.status == s2s.StatusFailed && !failed {
					t.Errorf("reachable %t, code %s: %+v", r.Reachable, r.Code, r.Findings)
				}
			})
		})
	}
}

// A domain in good order gives nothing to warn of but the addresses of the
// test's network.
func TestCheckDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Services: []string{rooms}, Handler: stanza.NewMux()})
		r := fed.CheckDomain(t.Context(), jid.MustParse(here), nil)
		var got []string
		for _, f := range r.Findings {
			got = append(got, string(f.Step)+" "+string(f.Code)+" "+f.Target)
		}
		want := []string{
			"certificate ok " + here,
			"certificate ok " + rooms,
			"dns ok ",
			"address ok xmpp." + here + ":5269",
			"tcp ok xmpp." + here + ":5269",
			"address private-address xmpp." + here + ":5269",
			"stream ok xmpp." + here + ":5269",
			"tls ok xmpp." + here + ":5269",
			"identity ok xmpp." + here + ":5269",
		}
		if !slices.Equal(got, want) || !r.Reachable || r.Code != s2s.CodeOK {
			t.Errorf("%t, %s\ngot  %q\nwant %q", r.Reachable, r.Code, got, want)
		}
		if r := fed.CheckDomain(t.Context(), jid.MustParse(there), nil); r.Code != s2s.CodeNotLocal || r.Reachable {
			t.Errorf("a domain that is not local: %+v", r)
		}
		fed.Close()
		if r := fed.CheckDomain(t.Context(), jid.MustParse(here), nil); r.Code != s2s.CodeInterrupted || r.Reachable {
			t.Errorf("after Close: %+v", r)
		}
	})
}

// Explain says that peers will not like the certificate of the local domain,
// before they do.
func TestExplainWarnsOfTheOwnCertificate(t *testing.T) {
	for _, c := range []struct {
		cert func(*s2stest.Network) tls.Certificate
		want s2s.Code
	}{
		{lasting(-time.Minute), s2s.CodeCertificateExpired},
		{lasting(day / 2), s2s.CodeExpires1},
		{lasting(6 * day), s2s.CodeExpires7},
		{lasting(29 * day), s2s.CodeExpires30},
		{lasting(40 * day), ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := s2stest.NewNetwork(t)
			fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), TLS: &tls.Config{Certificates: []tls.Certificate{c.cert(n)}}})
			n.Peer(there).Ignore() // the ping
			r := fed.Explain(t.Context(), jid.MustParse(here), jid.MustParse(there), nil)
			i := slices.IndexFunc(r.Findings, func(f s2s.Finding) bool { return f.Step == s2s.StepCertificate })
			if c.want == "" {
				if i >= 0 || !r.Reachable {
					t.Errorf("%+v", r)
				}
				return
			}
			if i < 0 {
				t.Fatalf("no word of it: %+v", r)
			}
			f := r.Findings[i]
			if f.Code != c.want || f.Status != s2s.StatusWarning || f.Target != here || f.Remedy == "" || strings.Contains(f.Remedy, there) {
				t.Errorf("%+v", f)
			}
			if expired := c.want == s2s.CodeCertificateExpired; r.Reachable == expired || expired && r.Code != s2s.CodeCertificateRefused {
				t.Errorf("%+v", r)
			}
		})
	}
}
