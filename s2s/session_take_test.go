package s2s_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"

	"mellium.im/xmlstream"
	"mellium.im/xmpp/disco"
	"mellium.im/xmpp/history"
	xmppjid "mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	xmppstanza "mellium.im/xmpp/stanza"
)

// mellium's session would end, or panic, for each of these: an address it does not
// know, an element of the stream's own namespace, text where it expects a child,
// an error without one. They cost the sender that stanza.
func TestSessionOutlivesStrangers(t *testing.T) {
	const stream = "http://etherx.jabber.org/streams"
	const refused = `<error type="modify"><not-acceptable/></error>`
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := session(t, fed, balcony)
		seen := make(chan string, 64)
		archive := history.NewHandler(nil)
		client := &muc.Client{}
		m := mux.New(xmppstanza.NSClient, disco.Handle(), muc.HandleClient(client), history.Handle(archive),
			mux.PresenceFunc(xmppstanza.AvailablePresence, xml.Name{Local: "show"}, func(p xmppstanza.Presence, _ xmlstream.TokenReadEncoder) error {
				seen <- p.ID
				return nil
			}))
		served := make(chan error, 1)
		go func() { served <- juliet.Serve(m) }()
		send := func(xml string) {
			romeo.Send(strings.ReplaceAll(xml, "@@", `from="romeo@montague.example" to="juliet@capulet.example/balcony"`))
		}
		for i, c := range []struct{ put, want string }{
			{`<message id="1" from="☺@montague.example" to="juliet@capulet.example/balcony"><body>x</body></message>`, `<message id="1" type="error">` + refused + `</message>`},
			{`<iq id="2" type="get" from="☺@montague.example" to="juliet@capulet.example/balcony"><ping xmlns="urn:xmpp:ping"/></iq>`, `<iq id="2" type="error">` + refused + `</iq>`},
			{`<message id="3" @@><error xmlns="` + stream + `"/></message>`, `<message id="3" type="error">` + refused + `</message>`},
			{`<message id="4" @@><x xmlns="urn:example"><s:stream xmlns:s="` + stream + `"/></x></message>`, `<message id="4" type="error">` + refused + `</message>`},
			{`<message id="5" @@><x xmlns="urn:example"><y xmlns="http:&#x2f;&#x2f;etherx.jabber.org/streams"/></x></message>`, `<message id="5" type="error">` + refused + `</message>`},
			{`<iq id="6" type="get" @@>text<ping xmlns="urn:xmpp:ping"/></iq>`, `<iq id="6" type="error"><error><service-unavailable/></error></iq>`},
			{`<message id="7" @@> <result xmlns="urn:xmpp:mam:2" queryid="x"/></message>`, ""},
			{`<message id="8" @@>text<x xmlns="http://jabber.org/protocol/muc#user"/></message>`, ""},
			{`<message id="9" @@>only text</message>`, ""},
			{`<iq id="10" type="error" @@/>`, ""},
			{`<iq id="11" type="result" @@>text</iq>`, ""},
			{`<presence id="12" @@><x xmlns="http://jabber.org/protocol/muc#user"><item jid="@"/></x></presence>`, ""},
		} {
			send(c.put)
			if c.want != "" {
				romeo.Expect(c.want)
			}
			send(fmt.Sprintf(`<presence id="alive %d" @@><show>chat</show></presence>`, i))
			select {
			case id := <-seen:
				if id != fmt.Sprint("alive ", i) {
					t.Errorf("%s: then %s", c.put, id)
				}
			case err := <-served:
				t.Fatalf("%s: the session ended: %v", c.put, err)
			}
		}

		// The same in answers, which go to whoever asked.
		for i, c := range []struct{ answer, want string }{
			{`<iq id="a" type="result" @@>text</iq>`, "<nil>"},
			{`<iq id="a" type="result" @@> <x xmlns="urn:example"/></iq>`, "<nil>"},
			{`<iq id="a" type="result" @@><x xmlns="` + stream + `"/></iq>`, "not-acceptable"},
			{`<iq id="a" type="error" @@/>`, "not-acceptable"},
			{`<iq id="a" type="error" @@><error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`, "gone"},
		} {
			answer := make(chan error, 1)
			go func() { answer <- ask(t.Context(), juliet, "a", "romeo@montague.example") }()
			romeo.Next()
			send(c.answer)
			if err := <-answer; condition(err) != c.want {
				t.Errorf("answer %d: %v, want %s", i, err, c.want)
			}
		}

		// And in answers that come too late.
		for _, late := range []string{`<iq id="b" type="error" @@/>`, `<iq id="b" type="result" @@>text</iq>`} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := ask(ctx, juliet, "b", "romeo@montague.example"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("unanswered: %v", err)
			}
			cancel()
			romeo.Next()
			send(late)
			send(`<presence id="late" @@><show>chat</show></presence>`)
			<-seen
		}
		// The host's own mistakes are no better.
		empty := &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, ID: "1", From: jid.MustParse(here), To: jid.MustParse(balcony)}
		if _, err := fed.Request(t.Context(), empty); !errors.Is(err, &stanza.Error{Condition: stanza.NotAcceptable}) {
			t.Errorf("a request without a child: %v", err)
		}
		juliet.Close()
		if err := <-served; err != nil {
			t.Errorf("served until %v", err)
		}
		romeo.Quiet(time.Minute)
	})
}

// A session that does not read costs a bounded amount of memory and holds nobody
// else up.
func TestSessionThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Limits: s2s.Limits{SessionBytes: 100_000}}, there)
		juliet := session(t, fed, balcony)
		if err := juliet.Send(t.Context(), xmppstanza.IQ{ID: "1", Type: xmppstanza.GetIQ, To: xmppjid.MustParse(there)}.Wrap(disco.InfoQuery{}.TokenReader())); err != nil {
			t.Fatal(err)
		}
		romeo.Next()
		begin := time.Now()
		body := strings.Repeat("x", 1000)
		for i := range 200 {
			romeo.Send(fmt.Sprintf(`<message id="%d" from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>%s</body></message>`, i, body))
		}
		romeo.Send(`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/balcony"><query xmlns="http://jabber.org/protocol/disco#info"><feature var="` + body + `"/></query></iq>`)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>on</body></message>`)
		if m := <-got; m.Body() != "on" || time.Since(begin) > time.Second {
			t.Errorf("%s after %v", m, time.Since(begin))
		}
		synctest.Wait()
		const taken = 59 // of 1,000 bytes in the body and about 680 around it, most of them overhead
		for i := taken; i < 200; i++ {
			romeo.Expect(fmt.Sprintf(`<message type="error" id="%d"><error type="wait"><resource-constraint/></error></message>`, i))
		}
		romeo.Quiet(time.Second)

		// What it has taken is all there once it reads.
		o := &opened{Session: juliet, got: make(chan string, 256), served: make(chan error, 1)}
		o.serve()
		synctest.Wait()
		if len(o.got) != taken+1 {
			t.Errorf("read %d stanzas, want %d messages and an answer", len(o.got), taken)
		}
		for range taken {
			<-o.got
		}
		if answer := <-o.got; !strings.Contains(answer, `id="1"`) || !strings.Contains(answer, "resource-constraint") {
			t.Errorf("the answer is %s", answer)
		}
		o.end(t)
	})
}

// Only so many requests are remembered; the oldest are forgotten.
func TestSessionForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan *stanza.Stanza, 16)
		handler := stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
			handled <- st
			return nil, nil
		})
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: handler, Limits: s2s.Limits{SessionSent: 2}}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		for i := range 3 {
			if err := put(juliet.Session, fmt.Sprintf(`<iq type="get" id="%d" to="montague.example"><ping xmlns="urn:xmpp:ping"/></iq>`, i)); err != nil {
				t.Fatal(err)
			}
			if err := put(juliet.Session, fmt.Sprintf(`<message id="%d" to="montague.example"/>`, i)); err != nil {
				t.Fatal(err)
			}
			romeo.Next()
			romeo.Next()
		}
		for i := range 3 {
			romeo.Send(fmt.Sprintf(`<iq type="result" id="%d" from="montague.example" to="juliet@capulet.example/balcony"/>`, i))
			romeo.Send(fmt.Sprintf(`<message type="error" id="%d" from="montague.example" to="juliet@capulet.example/balcony"><error type="cancel"/></message>`, i))
		}
		for range 2 {
			if st := <-handled; st.ID != "0" {
				t.Errorf("the handler got %s", st)
			}
		}
		var got []string
		for range 4 {
			st := stanza.MustParse(<-juliet.got)
			got = append(got, st.Kind.String()+" "+st.ID)
		}
		slices.Sort(got)
		if want := []string{"iq 1", "iq 2", "message 1", "message 2"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		synctest.Wait()
		if len(handled)+len(juliet.got) > 0 {
			t.Error("something came twice")
		}
	})
}

// The host's own requests from the address of a session are answered to it.
func TestRequestFromAddressOfSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		answer := make(chan error, 1)
		go func() {
			_, err := fed.Request(t.Context(), &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, ID: "1",
				From: jid.MustParse(balcony), To: jid.MustParse(there), Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)})
			answer <- err
		}()
		romeo.Next()
		romeo.Send(`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/balcony"/>`)
		if err := <-answer; err != nil {
			t.Error(err)
		}
		if len(juliet.got) > 0 {
			t.Errorf("the session got %s", <-juliet.got)
		}
	})
}
