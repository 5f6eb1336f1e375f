package s2s_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

const (
	here  = "capulet.example"
	there = "montague.example"

	// bystander is a third domain.
	bystander = "verona.example"
)

// inbox returns a mux that puts messages into a channel, errors included.
func inbox() (*stanza.Mux, chan *stanza.Stanza) {
	got := make(chan *stanza.Stanza, 64)
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		got <- m
		return nil
	}))
	return mux, got
}

func text(from, to, body string) *stanza.Stanza {
	return stanza.Text(jid.MustParse(from), jid.MustParse(to), body)
}

func TestMessagesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		romeo.Send(`<message type="chat" from="romeo@montague.example/orchard" to="juliet@capulet.example"><body>but soft</body></message>`)
		m := <-got
		if m.Body() != "but soft" || m.From != jid.MustParse("romeo@montague.example/orchard") || m.Type != stanza.Chat {
			t.Errorf("got %s", m)
		}
		if err := fed.Send(t.Context(), text("juliet@capulet.example/balcony", "romeo@montague.example", "art <thou> & \"I\"")); err != nil {
			t.Fatal(err)
		}
		romeo.Expect(`<message type="chat" from="juliet@capulet.example/balcony" to="romeo@montague.example" id="*"><body>art &lt;thou&gt; &amp; "I"</body></message>`)
		romeo.Quiet(time.Hour)

		for _, s := range fed.Streams() {
			t.Errorf("an idle stream is left after an hour: %+v", s)
		}
	})
}

// An account and its resources count as one recipient, in and out.
func TestOrderAcrossResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		to := [...]string{"", "/balcony", "/chamber"}
		for i := range 60 {
			romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="juliet@capulet.example%s"><body>%d</body></message>`, to[i%3], i))
		}
		for i := range 60 {
			if m := <-got; m.Body() != fmt.Sprint(i) {
				t.Fatalf("message %s where %d is due", m.Body(), i)
			}
		}
		for _, x := range []string{
			`<presence from="juliet@capulet.example/balcony" to="room@montague.example/juliet"/>`,
			`<message type="groupchat" from="juliet@capulet.example/balcony" to="room@montague.example"/>`,
		} {
			if err := fed.Send(t.Context(), stanza.MustParse(x)); err != nil {
				t.Fatal(err)
			}
		}
		romeo.Expect(`<presence from="juliet@capulet.example/balcony" to="room@montague.example/juliet"/>`)
		romeo.Expect(`<message type="groupchat" from="juliet@capulet.example/balcony" to="room@montague.example"/>`)
	})
}

func TestStreamsAreDescribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example"><body>1</body></message>`)
		<-got
		fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", "2"))
		romeo.Next()
		streams := fed.Streams()
		if len(streams) != 2 {
			t.Fatalf("%d streams, want 2", len(streams))
		}
		for i, s := range streams {
			if s.Local.String() != here || s.Remote.String() != there || s.Mechanism != "EXTERNAL" || s.Outgoing != (i == 1) ||
				s.Assurance.TLSVersion != 0x304 || s.ID == "" || !s.Addr.IsValid() {
				t.Errorf("stream %d: %+v", i, s)
			}
		}
		if streams[0].In != 1 || streams[1].Out != 1 {
			t.Errorf("counters: %+v", streams)
		}
	})
}

func TestOrderIsKeptWhileConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		romeo.Network().Delay(here, there, 50*time.Millisecond)
		const n = 500
		for i := range n {
			if err := fed.Send(t.Context(), text("juliet@capulet.example", "romeo@montague.example", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			if m := romeo.Next(); m.Body() != fmt.Sprint(i) {
				t.Fatalf("message %d came as number %d", i, i)
			}
		}
	})
}

func TestRequestIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		ping := func() *stanza.Stanza {
			return &stanza.Stanza{Kind: stanza.IQ, Type: stanza.Get, From: jid.MustParse(here), To: jid.MustParse(there),
				Inner: []byte(`<ping xmlns="urn:xmpp:ping"/>`)}
		}
		answer := make(chan error, 1)
		go func() {
			_, err := fed.Request(t.Context(), ping())
			answer <- err
		}()
		romeo.Expect(`<iq type="get" id="{id}" from="capulet.example" to="montague.example"><ping xmlns="urn:xmpp:ping"/></iq>`)
		id := romeo.Captured("id")
		// Answers from others, or under another id, do not count.
		romeo.Send(fmt.Sprintf(`<iq type="result" id="%s" from="tybalt@montague.example" to="capulet.example"/>`, id))
		romeo.Send(`<iq type="result" id="other" from="montague.example" to="capulet.example"/>`)
		romeo.Send(fmt.Sprintf(`<iq type="result" id="%s" from="montague.example" to="juliet@capulet.example"/>`, id))
		synctest.Wait()
		select {
		case err := <-answer:
			t.Fatalf("a forged answer was taken: %v", err)
		default:
		}
		romeo.Send(fmt.Sprintf(`<iq type="result" id="%s" from="montague.example" to="capulet.example"/>`, id))
		if err := <-answer; err != nil {
			t.Fatal(err)
		}

		go func() {
			_, err := fed.Request(t.Context(), ping())
			answer <- err
		}()
		romeo.Expect(`<iq type="get" id="{second}"/>`)
		romeo.Send(fmt.Sprintf(`<iq type="error" id="%s" from="montague.example" to="capulet.example"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`, romeo.Captured("second")))
		if err := <-answer; !errors.Is(err, &stanza.Error{Condition: stanza.Forbidden}) {
			t.Errorf("error answer came as %v", err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := fed.Request(ctx, ping()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("unanswered request: %v", err)
		}
		romeo.Next()
	})
}

func TestAnsweredOutOfTheBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := stanza.NewMux()
		mux.HandleIQ(stanza.Get, "urn:example:weather query", stanza.IQFunc(func(context.Context, *stanza.Stanza) (any, error) { return nil, nil }))
		users := s2s.DirectoryFunc(func(_ context.Context, u jid.JID) (bool, error) { return u.Local() == "juliet", nil })
		_, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux, Users: users, Software: s2s.Software{Name: "Verona", Version: "1.2"}}, there)
		cases := []struct{ name, to, payload, want string }{
			{"ping", here, `<ping xmlns="urn:xmpp:ping"/>`, `<iq type="result" id="1"/>`},
			{"ping of an account", "juliet@" + here, `<ping xmlns="urn:xmpp:ping"/>`, `<iq type="error" from="juliet@capulet.example"><error type="cancel"><service-unavailable/></error></iq>`},
			{"ping of a session", "juliet@" + here + "/balcony", `<ping xmlns="urn:xmpp:ping"/>`, `<iq type="error"><error type="cancel"><service-unavailable/></error></iq>`},
			{"ping of nobody", "nurse@" + here, `<ping xmlns="urn:xmpp:ping"/>`, `<iq type="error"><error type="cancel"><service-unavailable/></error></iq>`},
			{"version", here, `<query xmlns="jabber:iq:version"/>`, `<iq type="result"><query xmlns="jabber:iq:version"><name>Verona</name><version>1.2</version></query></iq>`},
			{"time", here, `<time xmlns="urn:xmpp:time"/>`, `<iq type="result"><time xmlns="urn:xmpp:time"><tzo>*</tzo><utc>*</utc></time></iq>`},
			{"unknown", here, `<query xmlns="urn:example:unknown"/>`, `<iq type="error"><error type="cancel"><service-unavailable/></error></iq>`},
			{"served by the mux", here, `<query xmlns="urn:example:weather"/>`, `<iq type="result"/>`},
			{"discovery", here, `<query xmlns="http://jabber.org/protocol/disco#info"/>`,
				`<iq type="result"><query><identity category="server" type="im"/><feature var="urn:xmpp:ping"/><feature var="urn:xmpp:time"/><feature var="jabber:iq:version"/><feature var="http://jabber.org/protocol/disco#info"/><feature var="urn:example:weather"/></query></iq>`},
			{"discovery of an account", "juliet@" + here, `<query xmlns="http://jabber.org/protocol/disco#info"/>`,
				`<iq type="error"><error type="cancel"><service-unavailable/></error></iq>`},
			{"items", here, `<query xmlns="http://jabber.org/protocol/disco#items"/>`, `<iq type="result"><query xmlns="http://jabber.org/protocol/disco#items"/></iq>`},
			{"unknown node", here, `<query xmlns="http://jabber.org/protocol/disco#info" node="x"/>`, `<iq type="error"><error><item-not-found/></error></iq>`},
		}
		for _, c := range cases {
			t.Log(c.name)
			romeo.Send(fmt.Sprintf(`<iq type="get" id="1" from="romeo@montague.example/o" to="%s">%s</iq>`, c.to, c.payload))
			romeo.Expect(c.want)
		}
	})
}
