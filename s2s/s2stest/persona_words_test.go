package s2stest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s/s2stest"
)

const (
	xmlHead   = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
	toHere    = xmlHead + " from='capulet.example' to='montague.example'>"
	starttls  = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
	external  = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
	streamErr = " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
	stanzaErr = " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
)

func auth(text string) string {
	return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + text + "</auth>"
}

func sasl(answer string) string {
	return "<" + answer + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
}

// How far a stream has come before the words that are tried.
type point int

const (
	fresh point = iota
	secured
	authenticated
)

// words is what is said to a personality, and what was heard from the real one.
type words struct {
	name  string
	after point
	put   string
	want  []string // all of it in the answer, in any order
	ends  bool     // the stream ends with it
}

var prosodyWords = []words{
	{"header", fresh, toHere, []string{"to='capulet.example'", "from='montague.example'", "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"}, false},
	{"no from", fresh, xmlHead + " to='montague.example'>", []string{"to=''", "<starttls"}, false},
	{"no to", fresh, xmlHead + " from='capulet.example'>", []string{"<undefined-condition" + streamErr, ">No stream features to offer<"}, true},
	{"unknown to", fresh, xmlHead + " from='capulet.example' to='verona.example'>", []string{"from='verona.example'", "<host-unknown" + streamErr, ">This host does not serve verona.example<"}, true},
	{"from its own domain", fresh, xmlHead + " from='montague.example' to='montague.example'>", []string{">Attempt to connect from a host we serve<"}, true},
	{"header after TLS", secured, toHere, []string{external, "<bidi xmlns='urn:xmpp:features:bidi'/>"}, false},
	{"another from after TLS", secured, xmlHead + " from='verona.example' to='montague.example'>", []string{"id=''", "<improper-addressing" + streamErr, ">New stream 'from' attribute does not match original<"}, true},
	{"another to after TLS", secured, xmlHead + " from='capulet.example' to='verona.example'>", []string{">New stream 'to' attribute does not match original<"}, true},
	{"no authzid", secured, toHere + auth(""), []string{sasl("failure"), "<malformed-request/>"}, false},
	{"empty authzid", secured, toHere + auth("="), []string{sasl("success")}, false},
	{"authzid of another domain", secured, toHere + auth("dmVyb25hLmV4YW1wbGU="), []string{"<invalid-authzid/>"}, false},
	{"not base64", secured, toHere + auth("%%%"), []string{"<incorrect-encoding/>"}, false},
	{"header and auth in one write", secured, toHere + auth("Y2FwdWxldC5leGFtcGxl"), []string{external, sasl("success")}, false},
	{"and more behind it", secured, toHere + auth("=") + toHere, []string{sasl("success"), "<not-well-formed" + streamErr}, true},
	{"stanza before authentication", secured, toHere + "<message from='a@capulet.example' to='b@montague.example'/>", []string{external}, false},
	{"another sender", authenticated, "<message from='a@verona.example' to='b@montague.example'/>", []string{"<not-authorized" + streamErr}, true},
	{"no sender", authenticated, "<message to='b@montague.example'/>", []string{"<not-authorized" + streamErr}, true},
	{"no recipient", authenticated, "<message from='a@capulet.example'/>", []string{"<host-unknown" + streamErr}, true},
	{"unknown domain", authenticated, "<message from='a@capulet.example' to='b@verona.example'/>", []string{"<host-unknown" + streamErr}, true},
	{"unknown element", authenticated, "<what xmlns='urn:example:unknown'/>", []string{"<unsupported-stanza-type" + streamErr}, true},
	{"bidi too late", authenticated, "<bidi xmlns='urn:xmpp:bidi'/>", []string{"<unsupported-stanza-type" + streamErr}, true},
	{"comment", authenticated, "<!-- hello -->", []string{"<not-well-formed" + streamErr}, true},
	{"malformed XML", authenticated, "<iq></message>", []string{"<not-well-formed" + streamErr}, true},
	{"stream management", authenticated, "<enable xmlns='urn:xmpp:sm:3'/><presence from='capulet.example' to='montague.example'/><r xmlns='urn:xmpp:sm:3'/>",
		[]string{"<enabled xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>"}, false},
	{"resumption", authenticated, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>", []string{"<enabled xmlns='urn:xmpp:sm:3' resume='true'/>"}, false},
	{"too big", authenticated, "<message from='a@capulet.example' to='b@montague.example'><body>" + strings.Repeat("x", 600<<10) + "</body></message>",
		[]string{"<policy-violation" + streamErr, ">XML stanza is too big<", "<stanza-too-big xmlns='urn:xmpp:errors'/>"}, true},
	{"the end", authenticated, "</stream:stream>", nil, true},
}

var ejabberdWords = []words{
	{"header", fresh, toHere, []string{"to='capulet.example'", "from='montague.example'", "xmlns:db='jabber:server:dialback'", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"}, false},
	{"no from", fresh, xmlHead + " to='montague.example'>", []string{"<starttls"}, false},
	{"no to", fresh, xmlHead + " from='capulet.example'>", []string{"<improper-addressing" + streamErr, ">Missing 'to' attribute<"}, true},
	{"unknown to", fresh, xmlHead + " from='capulet.example' to='verona.example'>", []string{"from='verona.example'", "<host-unknown" + streamErr}, true},
	{"from its own domain", fresh, xmlHead + " from='montague.example' to='montague.example'>", []string{"<starttls"}, false},
	{"header after TLS", secured, toHere, []string{"<stream:features>" + external + "</stream:features>"}, false},
	{"another to after TLS", secured, xmlHead + " from='capulet.example' to='verona.example'>", []string{external}, false},
	{"no to after TLS", secured, xmlHead + " from='capulet.example'>", []string{">Missing 'to' attribute<"}, true},
	{"no authzid", secured, toHere + auth(""), []string{sasl("success")}, false},
	{"authzid of another domain", secured, toHere + auth("dmVyb25hLmV4YW1wbGU="), []string{sasl("success")}, false},
	{"not base64", secured, toHere + auth("%%%"), []string{sasl("success")}, false},
	{"stanza before authentication", secured, toHere + "<message from='a@capulet.example' to='b@montague.example'/>", []string{"<not-authorized" + streamErr}, true},
	{"another sender", authenticated, "<message from='a@verona.example' to='b@montague.example'/>", []string{"<invalid-from" + streamErr}, true},
	{"no sender", authenticated, "<message to='b@montague.example'/>", []string{"<improper-addressing" + streamErr, ">Missing 'from' attribute<"}, true},
	{"no recipient", authenticated, "<message from='a@capulet.example'/>", []string{"<improper-addressing" + streamErr, ">Missing 'to' attribute<"}, true},
	{"unknown domain", authenticated, "<message from='a@capulet.example' to='b@verona.example'/>", []string{"<host-unknown" + streamErr}, true},
	{"unknown element", authenticated, "<what xmlns='urn:example:unknown'/>", nil, false},
	{"stream management", authenticated, "<enable xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/>", nil, false},
	{"malformed address", authenticated, "<iq type='get' id='x' from='capulet.example' to='a b@montague.example'><ping xmlns='urn:xmpp:ping'/></iq>",
		[]string{"<iq type='error' id='x' from='a b@montague.example' to='capulet.example'><ping xmlns='urn:xmpp:ping'/><error type='modify'><bad-request" + stanzaErr}, false},
	{"no id", authenticated, "<iq type='get' from='capulet.example' to='montague.example'><ping xmlns='urn:xmpp:ping'/></iq>",
		[]string{"<iq type='error' from='montague.example' to='capulet.example'><ping xmlns='urn:xmpp:ping'/><error type='modify'><bad-request", "Missing attribute 'id' in tag <iq/>"}, false},
	{"malformed XML", authenticated, "<iq></message>", []string{"<not-well-formed" + streamErr}, true},
	{"too big", authenticated, "<message from='a@capulet.example' to='b@montague.example'><body>" + strings.Repeat("x", 1100<<10) + "</body></message>",
		[]string{"<policy-violation" + streamErr, ">XML stanza is too big<"}, true},
	{"the end", authenticated, "</stream:stream>", nil, true},
}

// The personalities say what the real servers say; the words were taken down
// from those.
func TestPersonaWords(t *testing.T) {
	for _, server := range []struct {
		like  s2stest.Personality
		words []words
	}{{s2stest.Prosody, prosodyWords}, {s2stest.Ejabberd, ejabberdWords}} {
		for _, w := range server.words {
			t.Run(server.like.String()+" "+w.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := s2stest.NewNetwork(t)
					n.PeerLike(server.like, there).Ignore()
					r := n.Raw(here, there)
					if w.after >= secured {
						r.Open("")
						r.Expect("</stream:features>")
						r.StartTLS()
					}
					if w.after == authenticated {
						r.SASL()
					}
					go r.Put(w.put)
					time.Sleep(time.Second)
					r.SetDeadline(time.Now().Add(time.Second))
					var got strings.Builder
					buf := make([]byte, 4096)
					ended := false
					for {
						k, err := r.Read(buf)
						got.Write(buf[:k])
						if err != nil {
							ended = !strings.Contains(err.Error(), "timeout")
							break
						}
					}
					heard := strings.NewReplacer("&apos;", "'", "&lt;", "<", "&gt;", ">").Replace(got.String())
					for _, want := range w.want {
						if !strings.Contains(heard, want) {
							t.Errorf("heard %s\nwant  %s", heard, want)
						}
					}
					if w.want == nil && !ended && heard != "" {
						t.Errorf("heard %s", heard)
					}
					if ended != w.ends || ended && !strings.HasSuffix(heard, "</stream:stream>") {
						t.Errorf("ended: %v, want %v; heard %s", ended, w.ends, heard)
					}
				})
			})
		}
	}
}
