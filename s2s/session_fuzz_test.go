package s2s

import (
	"bytes"
	"encoding/xml"
	"io"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/history"
	xmppjid "mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	xmppstanza "mellium.im/xmpp/stanza"
)

// FuzzSessionServes gives what tidy lets pass to a session of mellium's with
// its own handlers. It must serve on, to the end of the stream.
func FuzzSessionServes(f *testing.F) {
	for _, seed := range []string{
		`<message><body>x</body></message>`,
		`<message type="error" id="1"><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`,
		`<message> <result xmlns="urn:xmpp:mam:2" queryid="x"/></message>`,
		`<message>text<x xmlns="http://jabber.org/protocol/muc#user"/></message>`,
		`<message><x xmlns="http://etherx.jabber.org/streams"/></message>`,
		`<message><x><s:stream xmlns:s="http://etherx.jabber.org/streams"/></x></message>`,
		`<message><x xmlns="http:&#x2f;&#x2f;etherx.jabber.org/streams"/></message>`,
		`<message><![CDATA[ ]]><x/></message>`,
		`<presence from="a@b/☺"/>`,
		`<presence from="☺@b/c"/>`,
		`<presence type="unavailable"><x xmlns="http://jabber.org/protocol/muc#user"><item jid="@"/></x></presence>`,
		`<iq type="get" id="1">text<ping xmlns="urn:xmpp:ping"/></iq>`,
		`<iq type="set" id="1"><query xmlns="http://jabber.org/protocol/disco#info" node="x"/></iq>`,
		`<iq type="result" id="1">text</iq>`,
		`<iq type="error" id="1"/>`,
		`<iq type="get" id="1"/>`,
		`<iq type="get" id="" xml:lang="x"><a:b xmlns:a="urn:a" a:c="d"/></iq>`,
	} {
		f.Add([]byte(seed))
	}
	to := jid.MustParse("juliet@capulet.example/balcony")
	origin := xmppjid.MustParse(to.String())
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := stanza.Parse(data)
		if err != nil {
			return
		}
		if st.From.IsZero() {
			st.From = jid.MustParse("romeo@montague.example")
		}
		st.To = to
		if !tidy(st) {
			return
		}
		// What handlers make of it is theirs: their errors are put aside.
		inner := mux.New(xmppstanza.NSClient, disco.Handle(), muc.HandleClient(&muc.Client{}), history.Handle(history.NewHandler(nil)))
		handler := xmpp.HandlerFunc(func(r xmlstream.TokenReadEncoder, start *xml.StartElement) error {
			if err := inner.HandleXMPP(r, start); err != nil && err != io.EOF {
				t.Log(err)
			} else if err == io.EOF {
				t.Errorf("the handler ends the session: %s", st)
			}
			return nil
		})
		wire := st.AppendXML([]byte(sessionHeader))
		rw := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(append(wire, "</stream:stream>"...)), io.Discard}
		session, err := xmpp.NewSession(t.Context(), origin.Domain(), origin, rw, xmpp.Secure|xmpp.Authn, ready)
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Serve(handler); err != nil {
			t.Errorf("%s: %v", st, err)
		}
	})
}
