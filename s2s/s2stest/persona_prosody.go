package s2stest

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"isthmus.im/internal/xmlscan"
)

// prosody is Prosody 0.12.3 with mod_s2s, mod_tls, mod_saslauth, mod_smacks and
// mod_s2s_bidi, and mod_dialback if wanted.
type prosody struct{ manners }

// The size of an element that it takes.
const (
	prosodyLimit    = 512 << 10
	prosodyStranger = 10_000 // before authentication
)

func (p *prosody) header(l *line, attrs string) string {
	if p.dialback {
		attrs += " xmlns:db='" + nsDialback + "'"
	}
	return "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xml:lang='en'" + attrs + " xmlns:stream='" + nsStream + "' version='1.0'>"
}

// answer is the header of a stream that was accepted.
func (p *prosody) answer(l *line, to, from, id string) string {
	return p.header(l, " to='"+escape(to)+"' from='"+escape(from)+"' id='"+id+"'")
}

// uuid is how its streams are called.
func uuid(a *actor) string {
	s := a.hex(30)
	return s[:8] + "-" + s[8:12] + "-4" + s[12:15] + "-a" + s[15:18] + "-" + s[18:30]
}

// trouble says what it dislikes about a certificate, for whoever shows it;
// empty if nothing. An SRVName is as good as a dNSName, an id-on-xmppAddr is
// none, and the common name counts where there is nothing else.
func (p *prosody) trouble(l *line) string {
	if len(l.certs) == 0 {
		return "could not be validated"
	}
	if err := l.chainOf(x509.ExtKeyUsageServerAuth); err != nil {
		var invalid x509.CertificateInvalidError
		switch {
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired && strings.Contains(err.Error(), "is after"):
			return "has expired"
		case l.certs[0].CheckSignatureFrom(l.certs[0]) == nil, string(l.certs[0].RawIssuer) == string(l.certs[0].RawSubject):
			return "is self-signed"
		}
		return "is not trusted"
	}
	names, any := l.names()
	switch {
	case dnsName(names.DNS, l.remote), dnsName(names.SRV, "_xmpp-server."+l.remote):
		return ""
	case !any && strings.EqualFold(l.certs[0].Subject.CommonName, l.remote):
		return ""
	}
	return "is not valid for this name"
}

func (p *prosody) accept(l *line) bool {
	l.scan.SetLimits(xmlscan.Limits{Bytes: prosodyStranger})
	h := l.header()
	if h == nil {
		return false
	}
	from, to := h.attrs["from"], h.attrs["to"]
	l.id = uuid(l.a)
	switch {
	case to == "":
		l.put(p.answer(l, from, "", l.id))
		return l.fail("undefined-condition", "No stream features to offer", "")
	case host(to) != l.a.domain:
		l.put(p.answer(l, from, to, l.id))
		return l.fail("host-unknown", "This host does not serve "+escape(to), "")
	case host(from) == l.a.domain:
		l.put(p.answer(l, from, to, l.id))
		return l.fail("undefined-condition", "Attempt to connect from a host we serve", "")
	}
	l.remote = host(from)
	l.put(p.answer(l, from, to, l.id) + "<stream:features>" + l.a.shuffled(offerTLS, p.offerDialback()) + "</stream:features>")
	t := l.next()
	for ; t != nil && !t.is(nsTLS, "starttls"); t = l.next() {
		if t.kind != xmlscan.Element || !p.spoken(l, t) {
			return false
		}
	}
	if t == nil {
		return false
	}
	l.put(proceed)
	return l.secure("") && p.secured(l, from, to)
}

func (p *prosody) offerDialback() string {
	if p.dialback {
		return "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
	}
	return ""
}

// secured goes on after TLS: certificates are judged when the header comes.
func (p *prosody) secured(l *line, from, to string) bool {
	h := l.header()
	if h == nil {
		return false
	}
	for name, first := range map[string]string{"from": from, "to": to} {
		if h.attrs[name] != first && first != "" {
			l.put(p.answer(l, from, to, ""))
			return l.fail("improper-addressing", "New stream &apos;"+name+"&apos; attribute does not match original", "")
		}
	}
	from = h.attrs["from"]
	l.remote = host(from)
	l.id = uuid(l.a)
	why := p.trouble(l)
	if why != "" && !p.dialback {
		l.put(p.answer(l, from, to, l.id))
		return l.fail("not-authorized", "Your server&apos;s certificate "+why, "")
	}
	external := ""
	if why == "" {
		external = offerExternal
	}
	l.put(p.answer(l, from, to, l.id) + "<stream:features>" +
		l.a.shuffled(external, "<bidi xmlns='urn:xmpp:features:bidi'/>", p.offerDialback()) + "</stream:features>")
	for t := l.next(); t != nil && t.kind == xmlscan.Element; t = l.next() {
		switch {
		case t.is(nsBidi, "bidi"):
			l.bidi = true
		case t.is(nsSASL, "auth"):
			if !p.judge(l, t, why == "") {
				continue
			}
			if l.scan.Buffered() > 0 { // the rest of the write is read as part of the old stream
				l.put(p.answer(l, from, to, ""))
				return l.fail("not-well-formed", "", "")
			}
			l.scan.SetLimits(xmlscan.Limits{Bytes: prosodyLimit})
			l.scan.Restart()
			if l.header() == nil {
				return false
			}
			l.put(p.answer(l, from, to, uuid(l.a)) + "<stream:features>" + l.a.shuffled(
				"<sm xmlns='urn:xmpp:sm:2'><optional/></sm>", "<sm xmlns='urn:xmpp:sm:3'><optional/></sm>",
				"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://prosody.im' ver='"+l.a.hex(20)+"='/>") + "</stream:features>")
			l.prove()
			return true
		case t.is(nsDialback, "result") && p.dialback:
			l.scan.SetLimits(xmlscan.Limits{Bytes: prosodyLimit})
			return p.ask(l, t)
		default:
			if !p.spoken(l, t) {
				return false
			}
		}
	}
	return false
}

// judge answers <auth/>.
func (p *prosody) judge(l *line, t *token, trusted bool) bool {
	text := t.text()
	who, err := base64.StdEncoding.DecodeString(text)
	answer := ""
	switch {
	case text == "":
		answer = "malformed-request"
	case text != "=" && err != nil:
		answer = "incorrect-encoding"
	case text != "=" && string(who) != l.remote:
		answer = "invalid-authzid"
	case !trusted:
		answer = "not-authorized"
	default:
		l.put(success)
		return true
	}
	l.put("<failure xmlns='" + nsSASL + "'><" + answer + "/></failure>")
	return false
}

// spoken takes an element that may come before authentication. Stanzas are
// passed over.
func (p *prosody) spoken(l *line, t *token) bool {
	switch {
	case t.is(nsDialback, "verify") && p.dialback:
		l.verify(t)
	case t.is(nsStream, "error"):
		return false
	}
	return true
}

// ask has a dialback key verified on its own stream to the domain, behind what
// waits for it: when that stream is authorized, that is.
func (p *prosody) ask(l *line, t *token) bool {
	if l.remote = host(t.attrs["from"]); l.remote == "" || t.attrs["to"] != l.a.domain {
		return l.fail("improper-addressing", "", "")
	}
	l.a.wonder(l, t)
	l.a.post(l.remote, item{raw: "<db:verify from='" + l.a.domain + "' to='" + l.remote + "' id='" + escape(l.id) + "'>" + escape(t.text()) + "</db:verify>"})
	return true
}

func (p *prosody) open(l *line) bool {
	attrs := " from='" + l.a.domain + "' to='" + l.remote + "'"
	head := "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:db='" + nsDialback + "' xmlns:stream='" + nsStream + "' version='1.0' xml:lang='en'" + attrs + ">"
	l.put(head)
	if !l.secret {
		if l.features() == nil || !l.startTLS("") { // offered or not, and without SNI
			return false
		}
		l.put(head)
	}
	h := l.header()
	if h == nil {
		return false
	}
	l.id = h.attrs["id"]
	if why := p.trouble(l); why != "" && !p.dialback {
		return l.fail("not-authorized", "Your server&apos;s certificate "+why, "")
	}
	f := l.want(nsStream, "features")
	if f == nil {
		return false
	}
	proven := false
	if offersExternal(f) {
		if f.child("urn:xmpp:features:bidi", "bidi") {
			l.put("<bidi xmlns='" + nsBidi + "'/>")
			l.bidi = true
		}
		proven = l.external()
	}
	switch {
	case proven:
		l.put(head)
		if f = l.features(); f == nil {
			return false
		}
		l.managed = f.child(nsSM, "sm")
		return true
	case p.dialback: // advertised or not
		return l.claim()
	case offersExternal(f):
		l.put(footer)
		return false
	}
	return l.fail("unsupported-feature", "No viable authentication method offered", "")
}

// offersExternal reports whether features have the mechanism.
func offersExternal(f *token) bool {
	return f.child(nsSASL, "mechanisms") && strings.Contains(f.inner, ">EXTERNAL<")
}

// wrote asks for stream management behind the first stanzas, and for
// acknowledgements behind later ones.
func (p *prosody) wrote(l *line) {
	if !l.opened || !l.managed {
		return
	}
	if !l.enabled {
		l.enabled = true
		l.put("<enable xmlns='" + nsSM + "'/>")
		return
	}
	l.put("<r xmlns='" + nsSM + "'/>")
}

func (p *prosody) element(l *line, t *token) bool {
	switch {
	case t.space == nsSM:
		resume := ""
		if r := t.attrs["resume"]; r == "true" || r == "1" {
			resume = " resume='true'" // and no id, so that it cannot be done
		}
		l.management(t, "<enabled xmlns='"+nsSM+"'"+resume+"/>")
		return true
	case t.is(nsDialback, "verify") && p.dialback:
		l.verify(t)
		return true
	case t.is(nsDialback, "result") && p.dialback:
		return p.ask(l, t)
	case !l.opened && !l.proven.Load():
		return true // passed over
	case t.space != nsServer || t.local != "message" && t.local != "presence" && t.local != "iq":
		return l.fail("unsupported-stanza-type", "", "")
	case host(t.attrs["from"]) != l.remote:
		return l.fail("not-authorized", "", "")
	case t.attrs["to"] == "":
		return l.fail("host-unknown", "", "")
	}
	if to := host(t.attrs["to"]); to == "" {
		l.count++
		l.a.post(l.remote, item{raw: fmt.Sprintf("<%s to='%s' from='%s' type='error' id='%s'><error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>The destination address is invalid: %s</text></error></%s>",
			t.local, escape(t.attrs["from"]), escape(t.attrs["to"]), escape(t.attrs["id"]), escape(t.attrs["to"]), t.local)})
		return true
	} else if to != l.a.domain {
		return l.fail("host-unknown", "", "")
	}
	l.deliver(t)
	return true
}

// targets are first all of direct TLS, then the others.
func (p *prosody) targets(a *actor, domain string) []target {
	direct, _ := a.services("xmpps-server", domain)
	return append(direct, p.manners.targets(a, domain)...)
}
