package s2s_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// What strangers hear of an account that does not exist (RFC 6121 section
// 8.5.1), and that they hear the same of one that exists.
func TestStrangersCannotTellWhoExists(t *testing.T) {
	const nothing = ""
	cases := []struct{ in, want string }{
		{`<presence type="probe" id="1" from="romeo@montague.example/orchard" to="%@capulet.example"/>`,
			`<presence type="unsubscribed" id="1" from="%@capulet.example" to="romeo@montague.example"/>`},
		{`<presence from="romeo@montague.example/orchard" to="%@capulet.example"/>`, nothing},
		{`<presence type="subscribe" from="romeo@montague.example" to="%@capulet.example"/>`, nothing},
		{`<presence type="unsubscribed" from="romeo@montague.example" to="%@capulet.example"/>`, nothing},
		{`<iq type="get" id="2" from="romeo@montague.example/orchard" to="%@capulet.example"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`,
			`<iq type="error" id="2" from="%@capulet.example"><error type="cancel"><service-unavailable/></error></iq>`},
		{`<iq type="get" id="3" from="romeo@montague.example/orchard" to="%@capulet.example/balcony"><ping xmlns="urn:xmpp:ping"/></iq>`,
			`<iq type="error" id="3" from="%@capulet.example/balcony"><error type="cancel"><service-unavailable/></error></iq>`},
		{`<message type="headline" from="romeo@montague.example/orchard" to="%@capulet.example"><body>news</body></message>`, nothing},
	}
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		exists := s2s.DirectoryFunc(func(_ context.Context, user jid.JID) (bool, error) { return user.Local() == "juliet", nil })
		n.Server(s2s.Config{Domains: []string{here}, Users: exists, Handler: stanza.NewMux()})
		romeo := n.Peer(there)
		for _, user := range []string{"juliet", "nobody"} {
			for _, c := range cases {
				romeo.Send(strings.ReplaceAll(c.in, "%", user))
				if c.want == nothing {
					romeo.Quiet(time.Second)
				} else {
					romeo.Expect(strings.ReplaceAll(c.want, "%", user))
				}
			}
		}
	})
}
