package s2s

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"isthmus.im/internal/locate"
	"isthmus.im/internal/pkixid"
	"isthmus.im/internal/stream"
	"isthmus.im/stanza"
)

// allowed takes the first step.
func (p *probe) allowed(ctx context.Context) bool {
	switch {
	case ctx.Err() != nil:
		p.failed(StepPolicy, CodeInterrupted, ctx.Err())
	case !p.s.serves(p.local):
		p.failed(StepPolicy, CodeNotLocal, nil)
	case p.s.serves(p.remote):
		p.failed(StepPolicy, CodeOwnDomain, nil)
	default:
		return p.permitted(ctx)
	}
	return false
}

// permitted reports what the policy says of the remote domain.
func (p *probe) permitted(ctx context.Context) bool {
	detail, overrides := p.rule.describe()
	err := p.s.permits(ctx, Route{Local: p.local, Remote: p.remote})
	switch {
	case err == nil && overrides:
		p.found(StepPolicy, StatusInfo, CodeOverridden, detail)
	case err == nil:
		p.ok(StepPolicy, detail)
	case errors.Is(err, errLiteral), errors.Is(err, errDotless):
		p.failed(StepPolicy, CodeUnusualDomain, err)
	case errors.Is(err, errDenied):
		p.found(StepPolicy, StatusFailed, CodePolicyDenied, detail)
	default:
		p.failed(StepPolicy, CodePolicyDenied, err)
	}
	return err == nil
}

// reach goes through targets and addresses until a stream is open; shallow
// stops each attempt at the peer's certificate, and tries all of them.
func (p *probe) reach(ctx context.Context, shallow bool) {
	domain := p.remote.ASCIIDomain()
	lookup, cancel := context.WithTimeout(ctx, p.s.limits.Negotiation)
	targets, err := p.rule.lookup(lookup, p.s, p.remote)
	cancel()
	if err != nil {
		p.failedIn(ctx, StepDNS, codeOfTargets(err), err)
		return
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
		if t.Direct {
			names[i] += " (direct TLS)"
		}
	}
	p.ok(StepDNS, strings.Join(names, ", "))
	for _, t := range targets {
		p.target = net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
		for _, addr := range p.addresses(ctx, t, domain) {
			ap := netip.AddrPortFrom(addr.Unmap(), t.Port)
			p.addr = ap.String()
			done := false
			if err := p.rule.reaches(ap, p.s.reach); err != nil {
				p.failed(StepAddress, CodeForbiddenAddress, err)
			} else {
				done = p.attempt(ctx, t, shallow)
			}
			p.addr = ""
			if done && !shallow || ctx.Err() != nil {
				return
			}
		}
	}
}

// failedIn is failed, unless it was the end of ctx that made a step fail.
func (p *probe) failedIn(ctx context.Context, step Step, code Code, err error) {
	if ctx.Err() != nil {
		code, err = CodeInterrupted, ctx.Err()
	}
	p.failed(step, code, err)
}

func (p *probe) addresses(ctx context.Context, t locate.Target, domain string) []netip.Addr {
	lookup, cancel := context.WithTimeout(ctx, p.s.limits.Negotiation)
	addrs, err := p.s.resolver.LookupNetIP(lookup, "ip", t.Host)
	cancel()
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: t.Host, IsNotFound: true}
	}
	if err != nil {
		code := CodeAddressUnavailable
		if notThere(err) {
			code = CodeTargetNoAddress
			if t.Host == domain {
				code = CodeNoSuchDomain
			}
		}
		p.failedIn(ctx, StepAddress, code, err)
		return nil
	}
	texts := make([]string, len(addrs))
	for i, a := range addrs {
		texts[i] = a.Unmap().String()
	}
	p.ok(StepAddress, strings.Join(texts, ", "))
	return addrs
}

// attempt opens a stream to one address and reports whether that worked. A
// shallow one ends with the verdict on the peer's certificate.
func (p *probe) attempt(ctx context.Context, t locate.Target, shallow bool) bool {
	limited, cancel := context.WithTimeout(ctx, p.s.limits.Negotiation)
	sock, err := p.s.dialer.DialContext(limited, "tcp", p.addr)
	cancel()
	if err != nil {
		p.failedIn(ctx, StepTCP, codeOfDial(err), err)
		return false
	}
	p.ok(StepTCP, "")
	talk, stop := context.WithCancel(ctx) // the socket's deadline limits its time
	defer stop()
	c := p.s.newConn(sock, true)
	c.local, c.remote, c.target = p.local, p.remote, t
	v := &view{p: p, c: c, secure: t.Direct, shallow: shallow, stop: stop}
	c.watch = v.saw
	if t.Direct {
		sock.SetDeadline(time.Now().Add(p.s.limits.Negotiation))
		if err := c.handshake(talk, p.local, p.remote); err != nil {
			sock.Close()
			p.failedIn(ctx, StepTLS, codeOfHandshake(err), err)
			return false
		}
		v.saw(stream.Secured{})
	}
	end, err := c.negotiate(talk, stream.New(stream.Config{
		Role: stream.Initiator, Local: p.local, Remote: p.remote, Secure: t.Direct, NewID: newID,
		Bidi: p.s.bidi, Limits: p.s.announced(), Dialback: p.s.dialbackBy(p.rule),
	}))
	if shallow && v.verified {
		sock.Close()
		return true
	}
	h, instead := end.(stream.Handover)
	if instead {
		v.handover(h)
	}
	if err == nil {
		err = c.ready(talk, end)
	}
	if err != nil {
		sock.Close()
		step, code := judge(err, v)
		p.failedIn(ctx, step, code, withCause(err))
		return false
	}
	if err := p.rule.good(c.method); err != nil {
		c.end(notPermitted(c, err))
		sock.Close()
		p.failed(StepIdentity, CodeWeakMethod, err)
		return false
	}
	p.report.Reachable = true
	if instead {
		p.found(StepDialback, StatusWarning, CodeDialback, "")
		p.offers(h.Limits, nil, h.Bidi)
	} else {
		ready := end.(stream.Ready)
		p.offers(ready.Limits, ready.Features, ready.Bidi)
	}
	p.ping(ctx, c)
	return true
}

// offers reports what the peer announces of an open stream.
func (p *probe) offers(l stream.Limits, features []xml.Name, bidi bool) {
	if l == (stream.Limits{}) {
		p.found(StepLimits, StatusInfo, CodeNotOffered, "")
	} else {
		p.ok(StepLimits, fmt.Sprintf("largest stanza %d bytes, idle %d s (zero: not said)", l.MaxBytes, l.IdleSeconds))
	}
	offered := func(step Step, yes bool) {
		if yes {
			p.ok(step, "")
		} else {
			p.found(step, StatusInfo, CodeNotOffered, "")
		}
	}
	sm := false
	for _, name := range features {
		sm = sm || name == xml.Name{Space: nsSM, Local: "sm"}
	}
	offered(StepAcks, sm)
	if p.s.bidi {
		offered(StepBidi, bidi)
	}
}

// ping asks the peer over the new stream. The answer may come by any stream.
func (p *probe) ping(ctx context.Context, c *conn) {
	ended := p.s.serveProbe(c)
	if ended == nil {
		c.sock.Close()
		p.failed(StepPing, CodeInterrupted, ErrClosed)
		return
	}
	defer c.end(nil)
	s := p.s
	if !c.bidi && !s.listening() {
		p.settle(ctx, ended)
		return
	}
	iq := &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, ID: newID(), From: p.local, To: p.remote, Inner: []byte("<ping xmlns='" + nsPing + "'/>")}
	key := requestKey{local: iq.From, remote: iq.To, id: iq.ID}
	answer, err := s.wait.add(key, s.limits.Requests)
	if err != nil {
		p.failed(StepPing, CodeInterrupted, err)
		return
	}
	defer s.wait.remove(key)
	_ = c.write(iq.AppendXML(nil)) // if it fails the reader knows why
	timer := time.NewTimer(s.limits.Negotiation)
	defer timer.Stop()
	select {
	case st, ok := <-answer:
		switch {
		case !ok:
			p.failed(StepPing, CodeInterrupted, ErrClosed)
		case st.Type == stanza.TypeError:
			p.ok(StepPing, "answered with an error: "+st.Err().Error())
		default:
			p.ok(StepPing, "")
		}
	case cause := <-ended:
		p.report.Reachable = false
		p.failedIn(ctx, StepPing, codeOfEnd(cause), cause)
	case <-timer.C:
		p.failed(StepPing, CodePingUnanswered, nil)
	case <-ctx.Done():
		p.failed(StepPing, CodeInterrupted, ctx.Err())
	}
}

// settle takes the place of a ping that cannot be answered: a peer that refuses
// us although it has authenticated us says so at once.
func (p *probe) settle(ctx context.Context, ended <-chan error) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case cause := <-ended:
		p.report.Reachable = false
		p.failedIn(ctx, StepPing, codeOfEnd(cause), cause)
	case <-timer.C:
		p.found(StepPing, StatusInfo, CodePingSkipped, "this server does not listen, so no answer could reach it")
	case <-ctx.Done():
		p.failed(StepPing, CodeInterrupted, ctx.Err())
	}
}

// serveProbe starts to read an open stream; why it ends is sent to the channel.
// The channel is nil if the server is closing.
func (s *Server) serveProbe(c *conn) <-chan error {
	if !s.begin() {
		return nil
	}
	if c.open() != nil {
		s.running.Done()
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		defer s.running.Done()
		var peek [128]byte
		cause, clean := c.readAll(peek[:])
		c.closed(cause, clean)
		ended <- cause
	}()
	return ended
}

// codeOfEnd judges the end of an authenticated stream.
func codeOfEnd(cause error) Code {
	var se *StreamError
	if !errors.As(cause, &se) {
		return CodeConnectionLost
	}
	_, code := judgeStream(&stream.Error{Condition: se.Condition, Remote: se.Remote}, &view{features: true, header: true})
	return code
}

// listening reports whether peers can open streams to this server.
func (s *Server) listening() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.listeners) > 0
}

// view follows a negotiation.
type view struct {
	p       *probe
	c       *conn
	shallow bool
	stop    func()

	header   bool // the peer sent one
	features bool // and what it offers
	secure   bool
	verified bool
	authed   bool
	offered  time.Time // when the features behind TLS came
}

// step says where a negotiation stands.
func (v *view) step() Step {
	switch {
	case v.authed:
		return StepAuth
	case v.features && v.secure:
		return StepFeatures
	case v.features:
		return StepTLS
	default:
		return StepStream
	}
}

// saw takes the events of the negotiation.
func (v *view) saw(x stream.Event) {
	switch x := x.(type) {
	case stream.Header:
		v.header = true
	case stream.Element:
		switch {
		case x.Space == stream.NS && x.Local == "features":
			v.gotFeatures()
		case x.Space == stream.NSSASL && x.Local == "success":
			v.external()
			v.authed = true
			v.p.ok(StepAuth, "SASL EXTERNAL")
		case x.Space == stream.NSSASL && x.Local == "failure":
			v.external()
		}
	case stream.Secured:
		v.secure = true
		cs := v.c.tls.ConnectionState()
		v.p.ok(StepTLS, tls.VersionName(cs.Version))
	case stream.Verified:
		switch {
		case x.Err == nil:
			v.verified = true
			v.identity()
			if v.shallow {
				v.stop()
			}
		case !v.p.s.dialback.off:
			v.p.found(StepIdentity, StatusWarning, codeOfIdentity(x.Err), x.Err.Error())
		}
	}
}

func (v *view) gotFeatures() {
	if !v.features {
		v.features = true
		v.p.ok(StepStream, "")
	}
	if !v.authed {
		v.offered = time.Now()
	}
}

// external reports that EXTERNAL was offered, once it is known that it was.
func (v *view) external() {
	v.p.foundAt(v.offered, StepFeatures, StatusOK, CodeOK, "SASL EXTERNAL is offered")
}

// identity reports a certificate that was accepted.
func (v *view) identity() {
	chain := v.c.tls.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		v.p.ok(StepIdentity, "")
		return
	}
	status, code := codeOfExpiry(chain[0].NotAfter, time.Now())
	v.p.found(StepIdentity, status, code, "proved by "+v.c.method.String()+"; "+describe(chain[0]))
	v.p.compare(v.c)
}

// compare warns of an identity that is not the one that is remembered. Nothing is
// remembered of what is seen here.
func (p *probe) compare(c *conn) {
	cs := c.tls.ConnectionState()
	change := Change{Domain: p.remote, Outgoing: true, After: assure(c.method, &cs, p.begin)}
	ctx, cancel := context.WithTimeout(p.s.ctx, p.s.limits.Negotiation)
	defer cancel()
	err := p.s.identities.UpdateIdentity(ctx, p.remote, true, func(old Identity) Identity {
		change.Before = old.Accepted
		return old
	})
	if err == nil && change.surprising() {
		p.found(StepIdentity, StatusWarning, CodeIdentityChanged, change.String())
	}
}

// describe says for whom a certificate speaks, until when, and who says so.
func describe(cert *x509.Certificate) string {
	names, err := pkixid.NamesOf(cert)
	list := strings.Join(names.All(), ", ")
	if err != nil || list == "" {
		list = "nothing"
	}
	issuer := cert.Issuer.CommonName
	if issuer == "" {
		issuer = cert.Issuer.String()
	}
	return "names " + list + "; until " + cert.NotAfter.UTC().Format(time.RFC3339) + "; issued by " + issuer
}
