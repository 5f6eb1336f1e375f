package s2stest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
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
	{"too big before TLS", fresh, xmlHead + strings.Repeat(" ", 11_000) + "to='montague.example'>", []string{"<policy-violation" + streamErr}, true},
	{"too big before authentication", secured, toHere + "<message from='a@capulet.example' to='b@montague.example'><body>" + strings.Repeat("x", 11_000) + "</body></message>",
		[]string{external, "<policy-violation" + streamErr, ">XML stanza is too big<", "<stanza-too-big xmlns='urn:xmpp:errors'/>"}, true},
	{"as big afterwards", authenticated, "<message from='a@capulet.example' to='b@montague.example'><body>" + strings.Repeat("x", 500_000) + "</body></message>", nil, false},
	{"processing instruction", authenticated, "<?hello world?>", []string{"<not-well-formed" + streamErr}, true},
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
	{"more behind auth", secured, toHere + auth("Y2FwdWxldC5leGFtcGxl") + toHere, []string{sasl("success"), "<not-well-formed" + streamErr}, true},
	{"comment", authenticated, "<!-- hello --><message from='a@capulet.example' to='b@montague.example'><body>x<!-- y --></body></message>", nil, false},
	{"processing instruction", authenticated, "<?hello world?>", nil, false},
	{"comment in a header", fresh, "<!-- hello -->" + toHere, []string{"<starttls"}, false},
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

// A server that gives no from is who it asks to be authorized as, to ejabberd.
func TestEjabberdWithoutFrom(t *testing.T) {
	const nobody = xmlHead + " to='montague.example'>"
	for _, c := range []struct{ name, identity, want string }{
		{"its own name", "Y2FwdWxldC5leGFtcGxl", sasl("success")},
		{"another name", "dmVyb25hLmV4YW1wbGU=", "Certificate host name mismatch"},
		{"no name", "", "Certificate host name mismatch"},
		{"an empty name", "=", "Certificate host name mismatch"},
		{"no text", "%%%", "Certificate host name mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := s2stest.NewNetwork(t)
				n.PeerLike(s2stest.Ejabberd, there)
				r := n.Raw(here, there)
				r.Header = nobody
				r.Open("")
				r.Expect("</stream:features>")
				r.StartTLS()
				r.Open("")
				r.Expect("</stream:features>")
				r.Put(auth(c.identity))
				r.Expect(c.want)
			})
		})
	}
}

// What the handler of a peer refuses comes back as the software does it.
func TestRefusals(t *testing.T) {
	const body = "<body>hello</body>"
	for _, c := range []struct {
		like     s2stest.Personality
		echoes   bool // the payload
		headline bool // is answered
	}{{s2stest.Prosody, false, false}, {s2stest.Ejabberd, true, true}} {
		t.Run(c.like.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := meet(t, s2stest.Persona{Like: c.like}, s2s.Config{})
				m.p.Handle(stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
					return nil, stanza.Errorf(stanza.ServiceUnavailable, "offline")
				}))
				for _, typ := range []stanza.Type{stanza.Chat, stanza.Headline} {
					hello := text("hello")
					hello.Type, hello.ID = typ, string(typ)
					m.fed.Send(t.Context(), hello)
					time.Sleep(time.Second)
					if typ == stanza.Headline && !c.headline {
						if len(m.got) > 0 {
							t.Errorf("a headline came back: %s", <-m.got)
						}
						continue
					}
					s := <-m.got
					if s.Err() == nil || s.Err().Condition != stanza.ServiceUnavailable || s.ID != string(typ) {
						t.Errorf("got %s", s)
					}
					if strings.Contains(s.String(), body) != c.echoes {
						t.Errorf("the error is %s", s)
					}
				}
			})
		})
	}
}
