package s2s_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

// Without Config.Dialback a stream may carry those domains that its certificate
// names (XEP-0344 section 2.4), and asking for another costs nothing but an error.
func TestFurtherDomainsOfACertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux})
		raw := n.Peer(there).Raw(here)
		raw.Open("")
		raw.Expect("</stream:features>")
		raw.Put("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
		raw.Expect("<proceed")
		raw.Expect("/>")
		raw.Handshake(&tls.Config{Certificates: []tls.Certificate{n.Certificate(there, feast)}})
		raw.SASL()
		request := func(from string) string {
			return fmt.Sprintf("<db:result xmlns:db='jabber:server:dialback' from='%s' to='%s'>00ff</db:result>", from, here)
		}
		raw.Put(request("mantua.example"))
		if answer := raw.Expect("</db:result>"); !strings.Contains(answer, " type='error'") || !strings.Contains(answer, "policy-violation") {
			t.Errorf("a domain of which nothing is known: %s", answer)
		}
		raw.Put(request(feast))
		if answer := raw.Expect("/>"); !strings.Contains(answer, " type='valid'") || !strings.Contains(answer, " to='"+feast+"'") {
			t.Errorf("a domain of the certificate: %s", answer)
		}
		raw.Put(message("tybalt@"+feast, "juliet@"+here, "both") + message("romeo@"+there, "juliet@"+here, "both"))
		for range 2 {
			if m := <-got; m.Body() != "both" {
				t.Errorf("got %s", m)
			}
		}
		info := fed.Streams()
		if want := []s2s.Route{{Local: jid.MustParse(here), Remote: jid.MustParse(feast)}}; len(info) != 1 || fmt.Sprint(info[0].Others) != fmt.Sprint(want) || info[0].Mechanism != "EXTERNAL" {
			t.Errorf("streams: %+v", info)
		}
		raw.Put(message("someone@mantua.example", "juliet@"+here, "not proved"))
		raw.Expect("invalid-from")
	})
}
