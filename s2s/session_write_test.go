package s2s_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	xmppjid "mellium.im/xmpp/jid"
	xmppstanza "mellium.im/xmpp/stanza"
)

// put writes bytes to a session as they are.
func put(s *xmpp.Session, text string) error {
	_, err := s.Conn().Write([]byte(text))
	return err
}

// What a session writes leaves as the server's: from its address, and in the
// namespace of servers' streams.
func TestSessionSpeaksAsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Services: []string{"bots." + here}, Handler: stanza.NewMux()}, there)
		const bot = "nurse@bots.capulet.example"
		for _, c := range []struct{ address, put, want string }{
			{balcony, `<message xmlns="jabber:client" id="1" to="romeo@montague.example"><body>x</body></message>`,
				`<message id="1" from="juliet@capulet.example/balcony" to="romeo@montague.example"><body>x</body></message>`},
			{balcony, `<message to="romeo@montague.example" from="juliet@capulet.example/balcony"/>`, `<message from="juliet@capulet.example/balcony"/>`},
			{balcony, `<message to="romeo@montague.example" from="JULIET@CAPULET.example/balcony"/>`, `<message from="juliet@capulet.example/balcony"/>`},
			{balcony, `<message to="romeo@montague.example" from="juliet@capulet.example"/>`, `<message from="juliet@capulet.example/balcony"/>`},
			{balcony, `<message xmlns="jabber:client" to="romeo@montague.example" xml:lang="it"><body xmlns="jabber:client">x</body></message>`,
				`<message xml:lang="it"><body>x</body></message>`},
			{balcony, `<presence to="romeo@montague.example"/>`, `<presence from="juliet@capulet.example/balcony" type=""/>`},
			{balcony, `<presence to="romeo@montague.example" type="subscribe"/>`, `<presence from="juliet@capulet.example" type="subscribe"/>`},
			{balcony, `<presence to="romeo@montague.example" type="unsubscribed" from="juliet@capulet.example/balcony"/>`, `<presence from="juliet@capulet.example"/>`},
			{balcony, " \n " + `<presence to="romeo@montague.example"/>` + "\n", `<presence/>`},
			{bot, `<message to="romeo@montague.example"/>`, `<message from="nurse@bots.capulet.example"/>`},
			{bot, `<message to="romeo@montague.example" from="nurse@bots.capulet.example/desk"/>`, `<message from="nurse@bots.capulet.example/desk"/>`},
			{bot, `<presence to="romeo@montague.example" type="subscribed" from="nurse@bots.capulet.example"/>`, `<presence from="nurse@bots.capulet.example"/>`},
		} {
			t.Log(c.put)
			o := open(t, fed, c.address)
			if err := put(o.Session, c.put); err != nil {
				t.Error(err)
			}
			romeo.Expect(c.want)
			for i := range c.put { // the same, byte by byte
				if err := put(o.Session, c.put[i:i+1]); err != nil {
					t.Error(err)
				}
			}
			romeo.Expect(c.want)
			o.end(t)
		}
		romeo.Quiet(time.Second)
	})
}

// What has no recipient is for the account.
func TestSessionWritesToItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan string, 1)
		handler := stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
			handled <- st.String()
			return nil, nil
		})
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: handler})
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		for _, c := range []struct{ put, want string }{
			{`<presence/>`, `<presence from='juliet@capulet.example/balcony' to='juliet@capulet.example'/>`},
			{`<message id="1" to=""><body>x</body></message>`, `<message id='1' from='juliet@capulet.example/balcony' to='juliet@capulet.example'><body>x</body></message>`},
			{`<iq type="get" id="1"><query xmlns="jabber:iq:roster"/></iq>`,
				`<iq from='juliet@capulet.example/balcony' to='juliet@capulet.example' id='1' type='get'><query xmlns="jabber:iq:roster"/></iq>`},
		} {
			if err := put(juliet.Session, c.put); err != nil {
				t.Error(err)
			}
			want, got := stanza.MustParse(c.want).String(), <-handled
			if got != want {
				t.Errorf("handled %s, want %s", got, want)
			}
		}
		if got := <-juliet.got; !strings.Contains(got, "service-unavailable") || !strings.Contains(got, `from=""`) { // mellium's way to say that it is the account
			t.Errorf("the request was answered by %s", got)
		}
	})
}

// XML that no client may write ends the session with a typed error; it never
// reaches the network.
func TestSessionWritesWhatItMustNot(t *testing.T) {
	const to = `to="romeo@montague.example"`
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Services: []string{"bots." + here}, Handler: stanza.NewMux(),
			Limits: s2s.Limits{StanzaBytes: 10_000}}, there)
		for _, c := range []struct{ name, put, condition string }{
			{"another's address", `<message ` + to + ` from="nurse@capulet.example"/>`, "invalid-from"},
			{"another session's address", `<message ` + to + ` from="juliet@capulet.example/orchard"/>`, "invalid-from"},
			{"another domain's address", `<message ` + to + ` from="tybalt@montague.example"/>`, "invalid-from"},
			{"no address", `<message ` + to + ` from="@"/>`, "invalid-from"},
			{"tags that do not match", `<message ` + to + `><body></message>`, "not-well-formed"},
			{"an end without a beginning", `</message>`, "not-well-formed"},
			{"no quotes", `<message to=x/>`, "not-well-formed"},
			{"an attribute twice", `<message ` + to + ` ` + to + `/>`, "not-well-formed"},
			{"a prefix that nobody declared", `<message ` + to + `><x:y/></message>`, "not-well-formed"},
			{"a comment", `<!-- x -->`, "restricted-xml"},
			{"a processing instruction", `<message ` + to + `><?x?></message>`, "restricted-xml"},
			{"an entity", `<message ` + to + `><body>&x;</body></message>`, "restricted-xml"},
			{"a control character", "<message " + to + "><body>\x01</body></message>", "not-well-formed"},
			{"no UTF-8", "<message " + to + "><body>\xff</body></message>", "unsupported-encoding"},
			{"text between stanzas", `x`, "bad-format"},
			{"a second header", `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" version="1.0">`, "*"},
			{"a stream error", `<stream:error/>`, "unsupported-stanza-type"},
			{"no stanza", `<roster xmlns="jabber:client"/>`, "unsupported-stanza-type"},
			{"another namespace", `<message xmlns="jabber:server" ` + to + `/>`, "unsupported-stanza-type"},
			{"acknowledgements", `<enable xmlns="urn:xmpp:sm:3"/>`, "unsupported-stanza-type"},
			{"too much", `<message ` + to + `><body>` + strings.Repeat("x", 11_000) + `</body></message>`, "policy-violation"},
			{"too deep", `<message ` + to + `>` + strings.Repeat("<x>", 70) + strings.Repeat("</x>", 70) + `</message>`, "policy-violation"},
		} {
			o := open(t, fed, balcony)
			err := put(o.Session, c.put)
			var e *s2s.StreamError
			if !errors.As(err, &e) || c.condition != "*" && e.Condition != c.condition || e.Remote {
				t.Errorf("%s: %v, want %s", c.name, err, c.condition)
			}
			if again := put(o.Session, `<presence `+to+`/>`); !errors.Is(again, err) {
				t.Errorf("%s: then %v", c.name, again)
			}
			if served := <-o.served; served == nil {
				t.Errorf("%s: the session ended well", c.name)
			}
		}
		bot := open(t, fed, "nurse@bots."+here)
		if err := put(bot.Session, `<message `+to+` from="juliet@capulet.example"/>`); !errors.Is(err, &s2s.StreamError{Condition: "invalid-from"}) {
			t.Errorf("a bot speaks for juliet: %v", err)
		}
		<-bot.served
		romeo.Quiet(time.Minute)
	})
}

// A stanza that cannot be sent costs the session nothing but that stanza.
func TestSessionStanzaIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		for _, c := range []struct{ put, condition string }{
			{`<message id="1" to="@"/>`, "jid-malformed"},
			{`<iq id="1" type="get" to="@"><x xmlns="urn:example"/></iq>`, "jid-malformed"},
			{`<iq id="1" type="what" to="montague.example"/>`, "bad-request"},
			{`<iq type="get" to="montague.example"><x xmlns="urn:example"/></iq>`, "bad-request"},
			{`<iq id="1" type="set" to="montague.example"/>`, "bad-request"},
			{`<iq id="1" to="montague.example"/>`, "bad-request"},
			{`<presence id="1" to="montague.example" type="chat"/>`, "bad-request"},
		} {
			if err := put(juliet.Session, c.put); err != nil {
				t.Errorf("%s: %v", c.put, err)
			}
			if got := <-juliet.got; !strings.Contains(got, `type="error"`) || !strings.Contains(got, c.condition) {
				t.Errorf("%s: answered with %s", c.put, got)
			}
		}
		answer := make(chan error, 2)
		go func() { answer <- ask(t.Context(), juliet.Session, "same", "montague.example") }()
		romeo.Next()
		go func() { answer <- ask(t.Context(), juliet.Session, "same", "romeo@montague.example") }()
		if err := <-answer; condition(err) != "conflict" {
			t.Errorf("a second request with this id ended with %v", err)
		}
		romeo.Quiet(time.Minute)
		// mellium has forgotten the first one by now; the session goes on.
		romeo.Send(`<iq type="result" id="same" from="montague.example" to="juliet@capulet.example/balcony"/>`)
		if got := <-juliet.got; !strings.Contains(got, `id="same"`) {
			t.Errorf("got %s", got)
		}
	})
}

// What is too large only with the address that it gets.
func TestSessionStanzaGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{StanzaBytes: 10_000}}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		const before, after = `<message id="1" to="romeo@montague.example"><body>`, `</body></message>`
		if err := put(juliet.Session, before+strings.Repeat("x", 10_000-len(before+after))+after); err != nil {
			t.Fatal(err)
		}
		if got := <-juliet.got; !strings.Contains(got, "not-acceptable") || !strings.Contains(got, `id="1"`) {
			t.Errorf("got %s", got)
		}
		romeo.Quiet(time.Minute)
	})
}

// While the queue of a domain is full, a session waits, and no longer than the
// context of the call says.
func TestSessionWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Limits: s2s.Limits{Queue: 4, Write: time.Hour}})
		romeo := n.PeerConfig(s2s.Config{Services: []string{there}, Limits: s2s.Limits{Lane: 1, LaneWait: time.Hour}})
		release := make(chan struct{})
		romeo.Handle(stanza.HandlerFunc(func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
			<-release
			return nil, nil
		}))
		juliet := open(t, fed, balcony)
		say := func(ctx context.Context) error {
			text := xml.CharData(strings.Repeat("x", 100<<10))
			return juliet.Send(ctx, xmppstanza.Message{To: xmppjid.MustParse("romeo@montague.example")}.Wrap(
				xmlstream.Wrap(xmlstream.Token(text), xml.StartElement{Name: xml.Name{Local: "body"}})))
		}
		for len(juliet.got) == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			if err := say(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			if took := time.Since(begin); took > 2*time.Second {
				t.Fatalf("waited %v", took)
			}
			synctest.Wait()
		}
		if got := <-juliet.got; !strings.Contains(got, "resource-constraint") || strings.Contains(got, "<body") {
			t.Errorf("got %.300s", got)
		}
		// A session that is cut off while it waits goes away all the same.
		sent := make(chan error, 1)
		go func() { sent <- say(t.Context()) }()
		synctest.Wait()
		juliet.Conn().Close()
		if err := <-sent; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the last message: %v", err)
		}
		<-juliet.served
		close(release)
	})
}

func TestSessionDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		s := session(t, fed, balcony)
		c := s.Conn()
		if c.LocalAddr().String() != balcony || c.RemoteAddr().String() != here || c.LocalAddr().Network() != "xmpp" {
			t.Errorf("a connection of %v with %v", c.LocalAddr(), c.RemoteAddr())
		}
		read := func() error {
			_, err := c.Read(make([]byte, 100))
			return err
		}
		begin := time.Now()
		c.SetReadDeadline(begin.Add(time.Minute))
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the deadline: %v", err)
		}
		// Moved while somebody waits.
		c.SetDeadline(time.Now().Add(time.Minute))
		result := make(chan error, 1)
		begin = time.Now()
		go func() { result <- read() }()
		synctest.Wait()
		c.SetDeadline(time.Now().Add(time.Hour))
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		c.SetDeadline(time.Time{})
		if err := fed.Send(t.Context(), stanza.Text(jid.MustParse(here), jid.MustParse(balcony), "x")); err != nil {
			t.Error(err)
		}
		if err := read(); err != nil {
			t.Error(err)
		}
		// mellium's own way to stop waiting for the far end.
		if err := s.SetCloseDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		if err := s.Serve(nil); err == nil {
			t.Error("served past the deadline")
		}
		if err := put(s, fmt.Sprintf("<presence to=%q/>", there)); err == nil {
			t.Error("the session is still open")
		}
	})
}
