package s2stest

import (
	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// oldServer is jabberd2 2.7.0: STARTTLS, whatever the certificate, and then
// Server Dialback, without SASL.
type oldServer struct{ manners }

func (o *oldServer) header(l *line, attrs string) string {
	return "<?xml version='1.0'?><stream:stream xmlns:stream='" + nsStream + "' xmlns='" + nsServer + "' xmlns:db='" + nsDialback + "'" + attrs + " version='1.0'>"
}

func (o *oldServer) accept(l *line) bool {
	for {
		h := l.header()
		if h == nil {
			return false
		}
		l.id = l.a.hex(40)
		l.remote = host(h.attrs["from"])
		l.put(o.header(l, " from='"+l.a.domain+"' to='"+escape(h.attrs["from"])+"' id='"+l.id+"'"))
		if host(h.attrs["to"]) != l.a.domain {
			return l.fail("host-unknown", "", "")
		}
		offer := offerTLS
		if l.secret {
			offer = "<dialback xmlns='urn:xmpp:features:dialback'><required/></dialback>"
		}
		l.put("<stream:features>" + offer + "</stream:features>")
		if l.secret {
			return true // stanzas wait for the key
		}
		t := l.next()
		for ; t.is(nsDialback, "verify"); t = l.next() {
			l.verify(t)
		}
		if !t.is(nsTLS, "starttls") {
			return false
		}
		l.put(proceed)
		if !l.secure("") {
			return false
		}
	}
}

func (o *oldServer) open(l *line) bool {
	head := o.header(l, " from='"+l.a.domain+"' to='"+l.remote+"'")
	l.put(head)
	f := l.features()
	if f == nil {
		return false
	}
	if f.child(nsTLS, "starttls") {
		name, err := jid.Parse(l.remote)
		if err != nil || !l.startTLS(name.ASCIIDomain()) {
			return false
		}
		l.put(head)
		if l.features() == nil {
			return false
		}
	}
	return l.claim()
}

func (o *oldServer) element(l *line, t *token) bool {
	switch {
	case t.is(nsDialback, "verify"):
		l.verify(t)
	case t.is(nsDialback, "result"):
		l.ask(t)
	case t.kind == xmlscan.Element && t.space == nsServer && (l.opened || l.proven.Load()):
		if host(t.attrs["from"]) != l.remote || host(t.attrs["to"]) != l.a.domain {
			return l.fail("invalid-from", "", "")
		}
		l.deliver(t)
	}
	return true
}
