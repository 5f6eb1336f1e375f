package s2stest

import (
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"isthmus.im/internal/pkixid"
	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// manners are what several personalities have in common.
type manners struct {
	dialback bool
}

func (manners) wrote(*line)           {}
func (manners) failed(*actor, string) {}
func (manners) leave(l *line)         { l.fail("system-shutdown", "", "") }

func (manners) targets(a *actor, domain string) []target {
	list, records := a.services("xmpp-server", domain)
	if len(records) == 0 {
		list = []target{{domain, 5269, false}}
	}
	return list
}

// bounce is in the words of Prosody (core/s2smanager) and ejabberd alike.
func (manners) bounce(s *stanza.Stanza, reached bool) *stanza.Stanza {
	e := &stanza.Error{Condition: stanza.RemoteServerNotFound, Type: stanza.Cancel, Text: "Server-to-server connection failed"}
	if reached {
		e = &stanza.Error{Condition: stanza.RemoteServerTimeout, Type: stanza.Wait, Text: "Server-to-server connection failed"}
	}
	return s.ErrorReply(e)
}

// refuse is how others hear that a local user does not take a stanza: without
// its payload, and about headlines not at all.
func (manners) refuse(s *stanza.Stanza, why *stanza.Error) *stanza.Stanza {
	if s.Type == stanza.Headline {
		return nil
	}
	return s.ErrorReply(why)
}

// escape makes text fit between quotes.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;").Replace(s)
}

// host returns the domain of an address, or nothing.
func host(address string) string {
	j, _, err := jid.ParseLegacy(address)
	if err != nil {
		return ""
	}
	return j.Domain()
}

// external asks for authentication by certificate, as the side that opened the
// stream.
func (l *line) external() bool {
	l.put("<auth xmlns='" + nsSASL + "' mechanism='EXTERNAL'>" + base64.StdEncoding.EncodeToString([]byte(l.a.domain)) + "</auth>")
	if l.want(nsSASL, "success") == nil {
		return false
	}
	l.scan.Restart()
	return true
}

// claim sends a dialback key and waits for the verdict. Questions of the other
// side are answered meanwhile, or both would wait for ever.
func (l *line) claim() bool {
	l.put("<db:result from='" + l.a.domain + "' to='" + l.remote + "'>" + l.a.key(l.remote, l.id) + "</db:result>")
	for {
		t := l.next()
		switch {
		case t.is(nsDialback, "result"):
			return t.attrs["type"] == "valid"
		case t.is(nsDialback, "verify"):
			l.verify(t)
		default:
			return false
		}
	}
}

// verify answers whether a key is ours, or takes such an answer.
func (l *line) verify(t *token) {
	if t.attrs["type"] != "" {
		l.a.told(t)
		return
	}
	kind := "invalid"
	if t.attrs["to"] == l.a.domain && t.text() == l.a.key(t.attrs["from"], t.attrs["id"]) {
		kind = "valid"
	}
	l.put("<db:verify from='" + escape(t.attrs["to"]) + "' to='" + escape(t.attrs["from"]) + "' id='" + escape(t.attrs["id"]) + "' type='" + kind + "'/>")
}

// settle passes a verdict on to who has shown a key.
func (l *line) settle(from, to string, valid bool) {
	kind := "invalid"
	if valid {
		kind = "valid"
		l.prove()
	}
	l.put("<db:result from='" + escape(to) + "' to='" + escape(from) + "' type='" + kind + "'/>")
}

// ask has a dialback key verified on a connection for nothing else.
func (l *line) ask(t *token) {
	from, to, key := t.attrs["from"], t.attrs["to"], t.text()
	l.remote = host(from)
	l.a.running.Go(func() { l.settle(from, to, l.a.asks(l.remote, l.id, key)) })
}

// wonder remembers a key whose verification is under way, told takes the
// answer.
func (a *actor) wonder(l *line, t *token) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.questions[waiter{t.attrs["from"], t.attrs["to"], l.id}] = l
}

func (a *actor) told(t *token) {
	w := waiter{t.attrs["from"], t.attrs["to"], t.attrs["id"]}
	a.mu.Lock()
	l := a.questions[w]
	delete(a.questions, w)
	a.mu.Unlock()
	if l != nil {
		l.settle(w.from, w.to, t.attrs["type"] == "valid")
	}
}

func (a *actor) asks(domain, id, key string) bool {
	l := a.dial(domain)
	if l == nil {
		return false
	}
	defer l.close()
	header := "<?xml version='1.0'?><stream:stream xmlns='" + nsServer + "' xmlns:stream='" + nsStream + "' xmlns:db='" + nsDialback +
		"' from='" + a.domain + "' to='" + domain + "' version='1.0'>"
	l.put(header)
	f := l.features()
	if f == nil {
		return false
	}
	if f.child(nsTLS, "starttls") {
		if !l.startTLS(domain) {
			return false
		}
		l.put(header)
		if l.features() == nil {
			return false
		}
	}
	l.put("<db:verify from='" + a.domain + "' to='" + domain + "' id='" + escape(id) + "'>" + escape(key) + "</db:verify>")
	answer := l.want(nsDialback, "verify")
	return answer != nil && answer.attrs["type"] == "valid"
}

// chainOf verifies a chain for a usage against the network's authority.
func (l *line) chainOf(usage x509.ExtKeyUsage) error {
	pool := x509.NewCertPool()
	for _, c := range l.certs[1:] {
		pool.AddCert(c)
	}
	// A critical subjectAltName with otherNames alone is read by who looks for
	// names.
	leaf := *l.certs[0]
	leaf.UnhandledCriticalExtensions = nil
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: l.a.n.Roots(), Intermediates: pool, CurrentTime: time.Now(), KeyUsages: []x509.ExtKeyUsage{usage},
	})
	return err
}

// names returns the identities in the certificate, and whether it has any
// subjectAltName.
func (l *line) names() (n pkixid.Names, any bool) {
	n, err := pkixid.NamesOf(l.certs[0])
	for _, e := range l.certs[0].Extensions {
		any = any || e.Id.String() == "2.5.29.17"
	}
	return n, any && err == nil
}

// dnsName reports whether one of the names is the domain, or a wildcard for it.
func dnsName(names []string, domain string) bool {
	_, parent, _ := strings.Cut(domain, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(n, domain) || parent != "" && strings.EqualFold(n, "*."+parent)
	})
}

// merged returns the targets of both kinds of SRV record in one order.
func merged(a *actor, domain string) []target {
	direct, d := a.services("xmpps-server", domain)
	plain, p := a.services("xmpp-server", domain)
	if len(d) == 0 && len(p) == 0 {
		return []target{{domain, 5269, false}}
	}
	all := append(direct, plain...)
	priority := func(t target) uint16 {
		for _, r := range append(slices.Clone(d), p...) {
			if r.Target == t.host && r.Port == t.port {
				return r.Priority
			}
		}
		return 0
	}
	slices.SortStableFunc(all, func(x, y target) int { return int(priority(x)) - int(priority(y)) })
	return all
}
