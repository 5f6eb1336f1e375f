package s2stest

import (
	"crypto/x509"
	"time"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// plain is a server without quirks, as RFC 6120 has them: STARTTLS, EXTERNAL,
// one stream each way.
type plain struct{ manners }

func (p *plain) answer(l *line, to string) string {
	l.id = l.a.hex(20)
	return "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' from='" + l.a.domain + "' to='" +
		escape(to) + "' id='" + l.id + "' version='1.0' xml:lang='en'>"
}

// greet reads a header and answers it with features.
func (p *plain) greet(l *line, features string) bool {
	h := l.header()
	if h == nil {
		return false
	}
	head := p.answer(l, h.attrs["from"])
	if host(h.attrs["to"]) != l.a.domain {
		l.put(head)
		return l.fail("host-unknown", "", "")
	}
	if from := host(h.attrs["from"]); from != "" {
		l.remote = from
	}
	l.put(head + "<stream:features>" + features + "</stream:features>")
	return true
}

func (p *plain) accept(l *line) bool {
	if !p.greet(l, offerTLS) || l.want(nsTLS, "starttls") == nil {
		return false
	}
	l.put(proceed)
	if !l.secure("") || !p.greet(l, offerExternal) || l.want(nsSASL, "auth") == nil {
		return false
	}
	if !p.trusts(l) {
		l.put("<failure xmlns='" + nsSASL + "'><not-authorized/></failure>" + footer)
		return false
	}
	l.put(success)
	l.scan.Restart()
	l.prove()
	return p.greet(l, "")
}

// trusts judges certificates as RFC 6120 section 13.7 does.
func (p *plain) trusts(l *line) bool {
	if len(l.certs) == 0 || l.chainOf(x509.ExtKeyUsageAny) != nil {
		return false
	}
	n, _ := l.names()
	_, _, ok := n.Match(l.remote)
	return ok
}

func (p *plain) open(l *line) bool {
	head := "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' from='" + l.a.domain + "' to='" + l.remote +
		"' version='1.0' xml:lang='en'>"
	name, err := jid.Parse(l.remote)
	if err != nil {
		return false
	}
	if !l.secret {
		l.put(head)
		if l.features() == nil || !l.startTLS(name.ASCIIDomain()) {
			return false
		}
	}
	l.put(head)
	f := l.features()
	if f == nil || !p.trusts(l) || !offersExternal(f) || !l.external() {
		return false
	}
	l.put(head)
	return l.features() != nil
}

func (p *plain) element(l *line, t *token) bool {
	switch {
	case t.kind != xmlscan.Element, t.space != nsServer:
		return l.fail("unsupported-stanza-type", "", "")
	case host(t.attrs["from"]) != l.remote:
		return l.fail("invalid-from", "", "")
	case host(t.attrs["to"]) != l.a.domain:
		return l.fail("host-unknown", "", "")
	}
	l.deliver(t)
	return true
}

func (p *plain) targets(a *actor, domain string) []target { return merged(a, domain) }

// slowServer does everything right, in its own time.
type slowServer struct{ plain }

// What a slow server takes its time for.
const (
	slowStep   = 4 * time.Second // each thing that it says
	slowStanza = time.Second     // each stanza that it reads
)

func (s *slowServer) accept(l *line) bool {
	l.pause = slowStep
	return s.plain.accept(l)
}

func (s *slowServer) open(l *line) bool {
	l.pause = slowStep
	return s.plain.open(l)
}

func (s *slowServer) element(l *line, t *token) bool {
	return l.a.sleep(slowStanza) && s.plain.element(l, t)
}
