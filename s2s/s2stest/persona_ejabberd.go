package s2stest

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// ejabberd is ejabberd 23.01 (p1_xmpp 1.6.1) with s2s_use_starttls: required.
type ejabberd struct{ manners }

// ejabberdRetry is the longest time for which it does not try again to reach a
// domain (s2s_max_retry_delay).
const ejabberdRetry = 300 * time.Second

// answer is the header of a stream that was accepted.
func (e *ejabberd) answer(l *line, to, from string) string {
	l.id = fmt.Sprint(l.a.number())
	head := "<?xml version='1.0'?><stream:stream id='" + l.id + "' version='1.0' xml:lang='en' xmlns:db='" + nsDialback + "' xmlns:stream='" + nsStream + "'"
	if to != "" {
		head += " to='" + escape(to) + "'"
	}
	if from != "" {
		head += " from='" + escape(from) + "'"
	}
	return head + " xmlns='" + nsServer + "'>"
}

// trouble says what it dislikes about a certificate; empty if nothing. It wants
// the usage of the role, takes a common name beside anything, and knows no
// SRVName. At an id-on-xmppAddr its process crashes.
func (e *ejabberd) trouble(l *line) (why string, crash bool) {
	if len(l.certs) == 0 {
		return "Failed to get peer certificate", false
	}
	names, _ := l.names()
	if len(names.XMPPAddr) > 0 {
		return "", true
	}
	usage := x509.ExtKeyUsageClientAuth
	if l.opened {
		usage = x509.ExtKeyUsageServerAuth
	}
	if err := l.chainOf(usage); err != nil {
		var invalid x509.CertificateInvalidError
		errors.As(err, &invalid)
		switch {
		case invalid.Cert == nil && l.certs[0].CheckSignatureFrom(l.certs[0]) == nil:
			return "self-signed certificate", false
		case invalid.Cert == nil:
			return "unable to verify the first certificate", false
		case invalid.Reason == x509.Expired && strings.Contains(err.Error(), "is before"):
			return "certificate is not yet valid", false
		case invalid.Reason == x509.Expired:
			return "certificate has expired", false
		case invalid.Reason == x509.IncompatibleUsage:
			return "unsupported certificate purpose", false
		}
		return "permitted subtree violation", false
	}
	if l.remote == "" || !dnsName(names.DNS, l.remote) && !strings.EqualFold(l.certs[0].Subject.CommonName, l.remote) {
		return "Certificate host name mismatch", false
	}
	return "", false
}

func (e *ejabberd) accept(l *line) bool {
	l.scan.SetLimits(xmlscan.Limits{Bytes: 1 << 20})
	l.remarks = new(remarks)
	to, ok := e.greet(l, false)
	if !ok || host(to) != l.a.domain {
		if ok {
			l.fail("host-unknown", "", "")
		}
		return false
	}
	l.put("<stream:features>" + e.features(offerTLS) + "</stream:features>")
	for {
		t := l.next()
		switch {
		case t == nil || t.kind != xmlscan.Element:
			return false
		case t.is(nsTLS, "starttls"):
			l.put(proceed)
			return l.secure("") && e.secured(l)
		case t.is(nsDialback, "verify") && e.dialback:
			l.verify(t)
		case t.space == nsServer:
			return l.fail("policy-violation", "Use of STARTTLS required", "")
		}
	}
}

// greet reads a header and answers it; from may be missing. The header after
// TLS may name another host.
func (e *ejabberd) greet(l *line, again bool) (to string, ok bool) {
	h := l.header()
	if h == nil {
		return "", false
	}
	to = h.attrs["to"]
	if from := host(h.attrs["from"]); from != "" {
		l.remote = from
	}
	if again {
		to = l.a.domain
	}
	l.put(e.answer(l, h.attrs["from"], to))
	if h.attrs["to"] == "" {
		return "", l.fail("improper-addressing", "Missing &apos;to&apos; attribute", "")
	}
	return to, true
}

func (e *ejabberd) features(first string) string {
	if e.dialback {
		first += "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
	}
	return first
}

// secured offers EXTERNAL whatever was shown, and judges at <auth/>.
func (e *ejabberd) secured(l *line) bool {
	if _, ok := e.greet(l, true); !ok {
		return false
	}
	l.put("<stream:features>" + e.features(offerExternal) + "</stream:features>")
	for {
		t := l.next()
		switch {
		case t == nil || t.kind != xmlscan.Element:
			return false
		case t.is(nsSASL, "auth"):
			if l.remote == "" { // the authorization identity counts where no from does
				who, _ := base64.StdEncoding.DecodeString(t.text())
				l.remote = host(string(who))
			}
			why, crash := e.trouble(l)
			if crash {
				l.put(footer)
				return false
			}
			if why != "" {
				l.put("<failure xmlns='" + nsSASL + "'><not-authorized/><text xml:lang='en'>" + why + "</text></failure>")
				continue // and the stream stays open
			}
			l.put(success)
			if l.scan.Buffered() > 0 {
				l.put(e.answer(l, l.remote, l.a.domain))
				return l.fail("not-well-formed", "", "")
			}
			l.scan.Restart()
			if _, ok := e.greet(l, true); !ok {
				return false
			}
			l.prove()
			l.put("<stream:features><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://www.process-one.net/en/ejabberd/' ver='" + l.a.hex(20) + "='/></stream:features>")
			return true
		case t.is(nsDialback, "verify") && e.dialback:
			l.verify(t)
		case t.is(nsDialback, "result") && e.dialback:
			l.ask(t)
			return true
		case t.space == nsServer:
			return l.fail("not-authorized", "", "")
		}
	}
}

func (e *ejabberd) open(l *line) bool {
	l.remarks = new(remarks)
	head := "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:db='" + nsDialback + "' xmlns:stream='" + nsStream +
		"' to='" + l.remote + "' from='" + l.a.domain + "' version='1.0' xml:lang='en'>"
	l.put(head)
	if !l.secret {
		f := l.features()
		if f == nil {
			return false
		}
		if !f.child(nsTLS, "starttls") {
			return l.fail("policy-violation", "Use of STARTTLS required", "")
		}
		name, err := jid.Parse(l.remote)
		if err != nil || !l.startTLS(name.ASCIIDomain()) {
			return false
		}
		l.put(head)
	}
	if why, crash := e.trouble(l); (why != "" || crash) && !e.dialback {
		l.put(footer)
		return false
	}
	f := l.features()
	if f == nil {
		return false
	}
	if offersExternal(f) && l.external() {
		l.put(head)
		return l.features() != nil
	}
	if e.dialback {
		return l.claim()
	}
	l.a.sleep(time.Second) // it goes silent, and drops the connection
	return false
}

func (e *ejabberd) element(l *line, t *token) bool {
	switch {
	case t.is(nsDialback, "verify") && e.dialback:
		l.verify(t)
		return true
	case t.is(nsDialback, "result") && e.dialback:
		l.ask(t)
		return true
	case t.space != nsServer || t.local != "message" && t.local != "presence" && t.local != "iq":
		return true // ignored
	case t.attrs["from"] == "":
		return l.fail("improper-addressing", "Missing &apos;from&apos; attribute", "")
	case t.attrs["to"] == "":
		return l.fail("improper-addressing", "Missing &apos;to&apos; attribute", "")
	}
	if !l.opened && !l.proven.Load() {
		return l.fail("not-authorized", "", "")
	}
	// What it cannot read is sent back on the same stream, payload and all.
	switch {
	case host(t.attrs["to"]) == "":
		e.echo(l, t, "Bad value of attribute &apos;to&apos; in tag &lt;"+t.local+"/&gt; qualified by namespace &apos;jabber:server&apos;")
		return true
	case t.local == "iq" && t.attrs["id"] == "":
		e.echo(l, t, "Missing attribute &apos;id&apos; in tag &lt;iq/&gt; qualified by namespace &apos;jabber:server&apos;")
		return true
	case host(t.attrs["from"]) != l.remote:
		return l.fail("invalid-from", "", "")
	case host(t.attrs["to"]) != l.a.domain:
		return l.fail("host-unknown", "", "")
	}
	l.deliver(t)
	return true
}

func (e *ejabberd) echo(l *line, t *token, text string) {
	id := ""
	if t.attrs["id"] != "" {
		id = " id='" + escape(t.attrs["id"]) + "'"
	}
	l.put("<" + t.local + " type='error'" + id + " from='" + escape(t.attrs["to"]) + "' to='" + escape(t.attrs["from"]) + "'>" + t.inner +
		"<error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>" +
		text + "</text></error></" + t.local + ">")
}

// refuse sends the whole payload back, and answers headlines, too.
func (e *ejabberd) refuse(s *stanza.Stanza, why *stanza.Error) *stanza.Stanza {
	r := s.ErrorReply(why)
	if r != nil {
		r.Inner = append(slices.Clone(s.Inner), r.Inner...)
	}
	return r
}

func (e *ejabberd) targets(a *actor, domain string) []target { return merged(a, domain) }

// failed lets everything to the domain bounce for a random time.
func (e *ejabberd) failed(a *actor, domain string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.routes[domain].refuse = time.Now().Add(time.Duration(a.rand.Int64N(int64(ejabberdRetry))))
}

// leave closes the connection without a word.
func (e *ejabberd) leave(l *line) { l.sock.Close() }
