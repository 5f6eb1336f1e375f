package s2s_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
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

// world is what a fault changes before the server starts.
type world struct {
	t             *testing.T
	n             *s2stest.Network
	cfg           s2s.Config
	local, remote string
	ctx           context.Context
}

// peer starts the peer with another certificate.
func (w *world) peer(cert tls.Certificate) {
	w.n.PeerConfig(s2s.Config{Services: []string{there}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
}

// stapled starts the peer with an OCSP response to its certificate.
func (w *world) stapled(o testca.OCSP) {
	ca := testca.New()
	w.peer(ca.Staple(ca.Issue(testca.Options{DNS: []string{there}}), o))
	w.cfg.Verifier = s2s.PKIX{Roots: ca.Pool()}
}

// script makes the peer a program that gets every connection.
func (w *world) script(f func(net.Conn)) {
	l := w.n.Listen(there)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); f(c) }()
		}
	}()
}

func hold(c net.Conn) { io.Copy(io.Discard, c) }

// talk writes what follows each thing that it has read.
func talk(c net.Conn, exchange ...string) {
	var got strings.Builder
	var buf [4096]byte
	for i := 0; i+1 < len(exchange); i += 2 {
		for !strings.Contains(got.String(), exchange[i]) {
			n, err := c.Read(buf[:])
			if err != nil {
				return
			}
			got.Write(buf[:n])
		}
		got.Reset()
		io.WriteString(c, exchange[i+1])
	}
}

const (
	theirHeader = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
	noFeatures  = "<stream:features/>"
	tlsFeatures = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
	proceed     = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	external    = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>"
)

// behindTLS goes on with a good certificate.
func (w *world) behindTLS(c net.Conn, exchange ...string) {
	talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed)
	s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.n.Certificate(there)}, ClientAuth: tls.RequestClientCert})
	talk(s, exchange...)
	hold(s)
}

func streamError(condition string) string {
	return "<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

var faults = []struct {
	want   s2s.Code
	step   s2s.Step
	inject func(w *world)
}{
	{s2s.CodeNotLocal, s2s.StepPolicy, func(w *world) { w.local = "verona.example" }},
	{s2s.CodeOwnDomain, s2s.StepPolicy, func(w *world) { w.remote = here }},
	{s2s.CodePolicyDenied, s2s.StepPolicy, func(w *world) {
		w.cfg.Policy.Check = func(context.Context, jid.JID) error { return errors.New("an ancient grudge") }
	}},
	{s2s.CodeUnusualDomain, s2s.StepPolicy, func(w *world) { w.remote = "localhost" }},
	{s2s.CodeOwnServer, s2s.StepStream, func(w *world) { w.n.SetSRV(there, &net.SRV{Target: "xmpp." + here + ".", Port: 5269}) }},
	{s2s.CodeWeakMethod, s2s.StepIdentity, func(w *world) {
		w.n.Peer(there)
		w.cfg.Policy.Rules = map[string]s2s.Rule{there: {MinMethod: s2s.MethodDANE}}
	}},
	{s2s.CodeNoSuchDomain, s2s.StepAddress, func(*world) {}},
	{s2s.CodeNoService, s2s.StepDNS, func(w *world) { w.n.SetSRV(there, &net.SRV{Target: "."}) }},
	{s2s.CodeDNSUnavailable, s2s.StepDNS, func(w *world) {
		w.n.FailDNS(there, &net.DNSError{Err: "server misbehaving", Name: there, IsTemporary: true})
	}},
	{s2s.CodeTargetNoAddress, s2s.StepAddress, func(w *world) { w.n.SetSRV(there, &net.SRV{Target: "nowhere.example.", Port: 5269}) }},
	{s2s.CodeAddressUnavailable, s2s.StepAddress, func(w *world) {
		w.n.SetSRV(there, &net.SRV{Target: "xmpp.example.", Port: 5269})
		w.n.FailDNS("xmpp.example", &net.DNSError{Err: "server misbehaving", Name: there, IsTemporary: true})
	}},
	{s2s.CodeConnectionRefused, s2s.StepTCP, func(w *world) { w.n.SetAddrs(there, netip.MustParseAddr("10.9.9.9")) }},
	{s2s.CodeConnectionTimeout, s2s.StepTCP, func(w *world) {
		w.n.SetAddrs(there, netip.MustParseAddr("10.9.9.9"))
		w.cfg.Dialer = dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
	}},
	{s2s.CodeUnreachable, s2s.StepTCP, func(w *world) { w.n.Peer(there); w.n.Cut(here, there) }},
	{s2s.CodeConnectionFailed, s2s.StepTCP, func(w *world) {
		w.n.SetAddrs(there, netip.MustParseAddr("10.9.9.9"))
		w.cfg.Dialer = dialFunc(func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no descriptors left") })
	}},
	{s2s.CodeSilent, s2s.StepStream, func(w *world) { w.script(hold) }},
	{s2s.CodeNotXMPP, s2s.StepStream, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", "HTTP/1.1 400 Bad Request\r\n\r\n"); hold(c) })
	}},
	{s2s.CodeConnectionLost, s2s.StepStream, func(w *world) { w.script(func(c net.Conn) { talk(c, "version", theirHeader) }) }},
	{s2s.CodeHostUnknown, s2s.StepStream, func(w *world) {
		w.n.Peer("verona.example")
		w.n.SetSRV(there, &net.SRV{Target: "xmpp.verona.example.", Port: 5269})
	}},
	{s2s.CodePeerPolicy, s2s.StepFeatures, func(w *world) {
		w.n.PeerConfig(s2s.Config{Services: []string{there}, Policy: s2s.Policy{Check: func(context.Context, jid.JID) error { return errors.New("no") }}})
	}},
	{s2s.CodePeerBusy, s2s.StepStream, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", theirHeader+streamError("resource-constraint")); hold(c) })
	}},
	{s2s.CodeStreamError, s2s.StepStream, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", theirHeader+streamError("undefined-condition")); hold(c) })
	}},
	{s2s.CodeStalled, s2s.StepStream, func(w *world) { w.script(func(c net.Conn) { talk(c, "version", theirHeader); hold(c) }) }},
	{s2s.CodeProtocolError, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", theirHeader+tlsFeatures+"<!-- hello -->"); hold(c) })
	}},
	{s2s.CodeNoSTARTTLS, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", theirHeader+noFeatures); hold(c) })
	}},
	{s2s.CodeSTARTTLSRefused, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) {
			talk(c, "version", theirHeader+tlsFeatures, "<starttls", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
			hold(c)
		})
	}},
	{s2s.CodeTLSVersion, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) {
			talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed)
			tls.Server(c, &tls.Config{Certificates: []tls.Certificate{w.n.Certificate(there)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		})
	}},
	{s2s.CodeTLSTimeout, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) { talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed); hold(c) })
	}},
	{s2s.CodeTLSFailed, s2s.StepTLS, func(w *world) {
		w.script(func(c net.Conn) {
			talk(c, "version", theirHeader+tlsFeatures, "<starttls", proceed, "\x16", "what?")
			hold(c)
		})
	}},
	{s2s.CodeCertificateExpired, s2s.StepIdentity, func(w *world) {
		w.peer(w.n.Issue(testca.Options{DNS: []string{there}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0)}))
	}},
	{s2s.CodeCertificateNotYet, s2s.StepIdentity, func(w *world) {
		w.peer(w.n.Issue(testca.Options{DNS: []string{there}, NotBefore: time.Now().Add(time.Hour)}))
	}},
	{s2s.CodeCertificateName, s2s.StepIdentity, func(w *world) { w.peer(w.n.Certificate("xmpp." + there)) }},
	{s2s.CodeCertificateAuthority, s2s.StepIdentity, func(w *world) { w.peer(testca.SelfSigned(testca.Options{DNS: []string{there}})) }},
	{s2s.CodeCertificateUsage, s2s.StepIdentity, func(w *world) {
		w.peer(w.n.Issue(testca.Options{DNS: []string{there}, Usage: testca.CodeSigning}))
	}},
	{s2s.CodeRevoked, s2s.StepIdentity, func(w *world) { w.stapled(testca.OCSP{Revoked: true}) }},
	{s2s.CodeStapleUnusable, s2s.StepIdentity, func(w *world) { w.stapled(testca.OCSP{Unknown: true}) }},
	{s2s.CodeDANEMismatch, s2s.StepIdentity, func(w *world) {
		w.cfg.DNSSEC = true
		w.n.SignDNS(".", true)
		w.n.SetTLSA(host, 5269, s2stest.TLSAFor(3, 1, 1, w.n.Authority()))
		w.n.Peer(there)
	}},
	{s2s.CodeTLSAUnavailable, s2s.StepIdentity, func(w *world) {
		w.cfg.DNSSEC = true
		w.n.SignDNS(".", true)
		w.n.FailDNS("_5269._tcp."+host, s2stest.ServFail)
		w.n.Peer(there)
	}},
	{s2s.CodePOSHMismatch, s2s.StepIdentity, func(w *world) {
		w.cfg.POSH, w.cfg.Web = true, &pages{byURL: map[string]string{poshURL: lists(60, w.n.Certificate(there))}}
		w.peer(testca.SelfSigned(testca.Options{}))
	}},
	{s2s.CodeCertificateInvalid, s2s.StepIdentity, func(w *world) { w.n.Peer(there); w.cfg.Verifier = refusal{} }},
	{s2s.CodeNoExternal, s2s.StepFeatures, func(w *world) {
		w.script(func(c net.Conn) { w.behindTLS(c, "version", theirHeader+noFeatures) })
	}},
	{s2s.CodeDialbackOnly, s2s.StepFeatures, func(w *world) {
		w.script(func(c net.Conn) {
			w.behindTLS(c, "version", theirHeader+"<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>")
		})
	}},
	{s2s.CodeCertificateRefused, s2s.StepAuth, func(w *world) {
		w.n.Peer(there)
		w.cfg.TLS = &tls.Config{Certificates: []tls.Certificate{testca.SelfSigned(testca.Options{DNS: []string{here}})}}
	}},
	{s2s.CodeAuthFailed, s2s.StepAuth, func(w *world) {
		w.script(func(c net.Conn) {
			w.behindTLS(c, "version", theirHeader+external,
				"<auth", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/></failure>")
		})
	}},
	{s2s.CodePingUnanswered, s2s.StepPing, func(w *world) {
		w.n.PeerConfig(s2s.Config{Services: []string{there}, Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("a firewall")
		})}).Handle(stanza.NewMux())
	}},
	{s2s.CodeInterrupted, s2s.StepStream, func(w *world) {
		w.script(hold)
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		w.t.Cleanup(cancel)
		w.ctx = ctx
	}},
}

type refusal struct{}

func (refusal) VerifyPeer(context.Context, jid.JID, *tls.ConnectionState) error {
	return errors.New("no certificate is good enough")
}

// Each fault has a code of its own, at the step where it shows, and every code
// of a failure says what to do.
func TestExplainFaults(t *testing.T) {
	seen := make(map[s2s.Code]bool)
	for _, f := range faults {
		if seen[f.want] {
			t.Errorf("%s is there twice", f.want)
		}
		seen[f.want] = true
		t.Run(string(f.want), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, n: s2stest.NewNetwork(t), local: here, remote: there, ctx: t.Context()}
				w.cfg = s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}
				f.inject(w)
				fed := w.n.Server(w.cfg)
				synctest.Wait() // it listens now
				var watched []s2s.Finding
				r := fed.Explain(w.ctx, jid.MustParse(w.local), jid.MustParse(w.remote), func(f s2s.Finding) { watched = append(watched, f) })
				text, err := json.MarshalIndent(r, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				if r.Code != f.want {
					t.Fatalf("code %s, want %s\n%s", r.Code, f.want, text)
				}
				if r.Reachable != (f.want == s2s.CodePingUnanswered) || len(watched) != len(r.Findings) {
					t.Errorf("reachable %t, %d of %d findings watched", r.Reachable, len(watched), len(r.Findings))
				}
				last := r.Findings[len(r.Findings)-1]
				if last.Status != s2s.StatusFailed || last.Step != f.step || last.Remedy == "" && f.want != s2s.CodeInterrupted {
					t.Errorf("the last finding is %+v, want a failure of %s with a remedy", last, f.step)
				}
				for _, before := range r.Findings[:len(r.Findings)-1] {
					if before.Status == s2s.StatusFailed {
						t.Errorf("failed before: %+v", before)
					}
				}
				if took := time.Since(r.At); r.Took != took || took > time.Minute+time.Second {
					t.Errorf("took %v, says %v", took, r.Took)
				}
			})
		})
	}
	if len(seen) < 15 {
		t.Errorf("%d codes only", len(seen))
	}
}
