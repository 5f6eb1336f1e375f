package s2s

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// stranger is the domain in whose name a server looks at itself. It cannot exist
// (RFC 6761 section 6.4).
const stranger = "stranger.invalid"

// CheckDomain reports what others will see of a local domain: its SRV records
// and the addresses of their hosts, its certificate and those of the local
// domains below it, such as a domain of Services, and whether a stranger that
// asks the server's own Resolver and Dialer arrives at a server that proves the
// domain. The stranger, stranger.invalid, leaves before it would authenticate,
// which Trace.AuthFailed of the server that it reached notes. A network that
// does not let its members reach its public addresses makes this part fail for
// the server and work for everybody else.
//
// Certificates are judged by Config.Verifier, as the closest thing to what
// others trust; warnings come 30 days, 7 days and 1 day before they end.
//
// watch, unless nil, is called with each finding as it is made. The report is
// never nil.
func (s *Server) CheckDomain(ctx context.Context, domain jid.JID, watch func(Finding)) *Report {
	ctx, cancel := s.while(ctx)
	defer cancel()
	p := s.newProbe(domain.Host(), jid.JID{}, watch)
	switch {
	case ctx.Err() != nil:
		p.failed(StepPolicy, CodeInterrupted, ctx.Err())
		return p.finish()
	case !s.serves(p.local):
		p.failed(StepPolicy, CodeNotLocal, nil)
		return p.finish()
	}
	for _, name := range s.withSubdomains(p.local) {
		p.target = name.String()
		p.certificate(ctx, name)
	}
	p.target = ""
	p.records(ctx)
	p.visit(ctx)
	p.report.Reachable = p.failures == 0
	return p.finish()
}

// withSubdomains returns a local domain and the local domains below it.
func (s *Server) withSubdomains(above jid.JID) []jid.JID {
	list := []jid.JID{above}
	s.domains.each(func(d *domain) bool {
		if strings.HasSuffix(d.jid.Domain(), "."+above.Domain()) {
			list = append(list, d.jid)
		}
		return true
	})
	slices.SortFunc(list[1:], jid.JID.Compare)
	return list
}

// records looks at the SRV records.
func (p *probe) records(ctx context.Context) {
	lookup, cancel := context.WithTimeout(ctx, p.s.limits.Negotiation)
	defer cancel()
	domain := p.local.ASCIIDomain()
	_, srv, err := p.s.resolver.LookupSRV(lookup, "xmpp-server", "tcp", domain)
	if err != nil && !notThere(err) {
		p.failedIn(ctx, StepDNS, CodeDNSUnavailable, err)
		return
	}
	_, direct, err := p.s.resolver.LookupSRV(lookup, "xmpps-server", "tcp", domain)
	if err != nil && !notThere(err) {
		p.failedIn(ctx, StepDNS, CodeDNSUnavailable, err)
		return
	}
	if len(srv) == 0 && len(direct) == 0 {
		p.found(StepDNS, StatusWarning, CodeNoSRV, "")
		return
	}
	var list []string
	show := func(service string, records []*net.SRV) {
		for _, r := range records {
			list = append(list, fmt.Sprintf("%s %d %d %d %s", service, r.Priority, r.Weight, r.Port, r.Target))
		}
	}
	show("_xmpp-server._tcp", srv)
	show("_xmpps-server._tcp", direct)
	p.ok(StepDNS, strings.Join(list, ", "))
}

// visit does what strangers do, up to the certificate they are shown.
func (p *probe) visit(ctx context.Context) {
	cert, err := selfSigned(stranger)
	if err != nil {
		p.failed(StepTCP, CodeInterrupted, err)
		return
	}
	s := p.s
	other, err := New(Config{
		Services: []string{stranger}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Handler: stanza.NewMux(),
		Verifier: s.verifier, DNSSEC: s.secure != nil, POSH: s.posh != nil, Web: s.web, Revoked: s.revoked, Resolver: s.resolver, Dialer: s.dialer, Limits: s.limits, Logger: s.log,
		Reach: Reach{Private: true, Loopback: true, LinkLocal: true, Literals: true, Dotless: true},
	})
	if err != nil {
		p.failed(StepTCP, CodeInterrupted, err)
		return
	}
	defer other.Close()
	visit := other.newProbe(jid.MustParse(stranger), p.local, p.take)
	visit.reach(ctx, true)
	p.target, p.addr = "", ""
}

// take makes a visitor's finding one of the report's, and looks at the addresses
// that it found.
func (p *probe) take(f Finding) {
	if f.Step == StepDNS && f.Status == StatusOK {
		return // records has said it
	}
	p.target, p.addr = f.Target, f.Addr
	p.found(f.Step, f.Status, f.Code, f.Detail)
	if f.Step != StepTCP || f.Status != StatusOK {
		return
	}
	if ap, err := netip.ParseAddrPort(f.Addr); err == nil {
		if why, forbidden := locate.Forbidden(ap.Addr()); forbidden {
			p.found(StepAddress, StatusWarning, CodePrivateAddress, why)
		}
	}
}

// certificate looks at the certificate that would be shown for a local domain.
func (p *probe) certificate(ctx context.Context, domain jid.JID) {
	cert, err := p.s.certificate(domain)
	var chain []*x509.Certificate
	if err == nil {
		chain, err = parseChain(cert)
	}
	if err != nil {
		p.failed(StepCertificate, CodeNoCertificate, err)
		return
	}
	leaf, now := chain[0], time.Now()
	names, err := pkixid.NamesOf(leaf)
	if err != nil {
		p.failed(StepCertificate, CodeCertificateInvalid, err)
		return
	}
	sound := true
	fail := func(code Code) {
		sound = false
		p.found(StepCertificate, StatusFailed, code, describe(leaf))
	}
	if _, _, ok := names.Match(domain.ASCIIDomain()); !ok {
		fail(CodeCertificateName)
	}
	switch {
	case now.After(leaf.NotAfter):
		fail(CodeCertificateExpired)
	case now.Before(leaf.NotBefore):
		fail(CodeCertificateNotYet)
	}
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) && leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
		fail(CodeSelfSigned)
	}
	if sound {
		if err := p.s.verifier.VerifyPeer(ctx, domain, &tls.ConnectionState{PeerCertificates: chain}); err != nil {
			code := codeOfIdentity(err)
			if code == CodeCertificateAuthority && len(chain) == 1 {
				code = CodeChainIncomplete
			}
			sound = false
			p.failed(StepCertificate, code, err)
		}
	}
	if !sound {
		return
	}
	status, code := codeOfExpiry(leaf.NotAfter, now)
	p.found(StepCertificate, status, code, describe(leaf))
	for i, c := range chain[1:] {
		if !bytes.Equal(chain[i].RawIssuer, c.RawSubject) {
			p.found(StepCertificate, StatusWarning, CodeChainDisordered, "")
			break
		}
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.ContainsFunc(leaf.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageClientAuth || u == x509.ExtKeyUsageAny
	}) {
		p.found(StepCertificate, StatusWarning, CodeServerAuthOnly, "")
	}
}

// ownCertificate warns of the certificate that peers will be shown, if it is
// missing, not valid now or about to end. What else may be wrong with it is for
// CheckDomain.
func (p *probe) ownCertificate() {
	p.target = p.local.String()
	defer func() { p.target = "" }()
	leaf, err := p.s.leaf(p.local)
	if err != nil {
		p.found(StepCertificate, StatusWarning, CodeNoCertificate, err.Error())
		return
	}
	now := time.Now()
	status, code := codeOfExpiry(leaf.NotAfter, now)
	switch {
	case now.After(leaf.NotAfter):
		code = CodeCertificateExpired
	case now.Before(leaf.NotBefore):
		status, code = StatusWarning, CodeCertificateNotYet
	}
	if status != StatusOK {
		p.found(StepCertificate, status, code, describe(leaf))
	}
}

func parseChain(cert *tls.Certificate) ([]*x509.Certificate, error) {
	if len(cert.Certificate) == 0 {
		return nil, errors.New("s2s: an empty certificate")
	}
	chain := make([]*x509.Certificate, len(cert.Certificate))
	for i, der := range cert.Certificate {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// selfSigned makes a certificate that nobody trusts, for a day.
func selfSigned(domain string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), DNSNames: []string{domain},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
