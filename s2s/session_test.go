package s2s_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
	"mellium.im/xmpp/disco"
	xmppjid "mellium.im/xmpp/jid"
	xmppstanza "mellium.im/xmpp/stanza"
	xmppstream "mellium.im/xmpp/stream"
)

const balcony = "juliet@capulet.example/balcony"

// opened is a session that is served: what no request waits for is in got.
type opened struct {
	*xmpp.Session
	got    chan string
	served chan error
}

// open opens a session and serves it with a handler that keeps everything.
func open(t *testing.T, fed *s2s.Server, address string) *opened {
	t.Helper()
	o := &opened{Session: session(t, fed, address), got: make(chan string, 4096), served: make(chan error, 1)}
	o.serve()
	return o
}

// serve serves a session until it ends.
func (o *opened) serve() {
	go func() {
		o.served <- o.Serve(xmpp.HandlerFunc(func(r xmlstream.TokenReadEncoder, start *xml.StartElement) error {
			var b strings.Builder
			e := xml.NewEncoder(&b)
			if _, err := xmlstream.Copy(e, xmlstream.MultiReader(xmlstream.Token(*start), r)); err != nil {
				return err
			}
			if err := e.Flush(); err != nil {
				return err
			}
			o.got <- b.String()
			return nil
		}))
	}()
}

// session opens a session that nobody serves yet.
func session(t *testing.T, fed *s2s.Server, address string) *xmpp.Session {
	t.Helper()
	s, err := fed.Session(t.Context(), jid.MustParse(address))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// end closes a session and waits for its Serve method.
func (o *opened) end(t *testing.T) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := <-o.served; err != nil {
		t.Errorf("served until %v", err)
	}
}

// ask sends a request with an empty payload and returns the error, if any.
func ask(ctx context.Context, s *xmpp.Session, id, to string) error {
	return s.UnmarshalIQElement(ctx, xmlstream.Wrap(nil, xml.StartElement{Name: xml.Name{Space: "urn:xmpp:ping", Local: "ping"}}),
		xmppstanza.IQ{ID: id, Type: xmppstanza.GetIQ, To: xmppjid.MustParse(to)}, nil)
}

func condition(err error) string {
	var e xmppstanza.Error
	if errors.As(err, &e) {
		return string(e.Condition)
	}
	return fmt.Sprint(err)
}

func TestSessionAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		if juliet.LocalAddr().String() != balcony || juliet.State()&xmpp.Ready == 0 {
			t.Errorf("a session of %s in state %v", juliet.LocalAddr(), juliet.State())
		}
		answer := make(chan error, 1)
		go func() {
			info, err := disco.GetInfo(t.Context(), "", xmppjid.MustParse(there), juliet.Session)
			if err == nil && (len(info.Identity) != 1 || info.Identity[0].Type != "im") {
				err = fmt.Errorf("the answer is %+v", info)
			}
			answer <- err
		}()
		romeo.Expect(`<iq type="get" id="{id}" from="juliet@capulet.example/balcony" to="montague.example"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`)
		romeo.Send(fmt.Sprintf(`<iq type="result" id="%s" from="montague.example" to="%s"><query xmlns="http://jabber.org/protocol/disco#info"><identity category="server" type="im"/></query></iq>`, romeo.Captured("id"), balcony))
		if err := <-answer; err != nil {
			t.Error(err)
		}

		go func() { answer <- ask(t.Context(), juliet.Session, "2", "romeo@montague.example") }()
		romeo.Next()
		romeo.Send(`<iq type="error" id="2" from="romeo@montague.example" to="juliet@capulet.example/balcony"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`)
		if err := <-answer; condition(err) != "forbidden" {
			t.Errorf("an error came as %v", err)
		}
	})
}

// An answer counts if it comes from the address that was asked, to the one that
// asked, with the same id, whatever mellium's session would take.
func TestSessionTakesNoForgedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan string, 16)
		handler := stanza.HandlerFunc(func(_ context.Context, st *stanza.Stanza) (*stanza.Stanza, error) {
			handled <- fmt.Sprintf("%s from %s to %s", st.Kind, st.From, st.To)
			return nil, nil
		})
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: handler})
		romeo, tybalt := n.Peer(there), n.Peer("verona.example")
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		iq, message := make(chan error, 1), make(chan error, 1)
		go func() { iq <- ask(t.Context(), juliet.Session, "1", "montague.example") }()
		romeo.Next()
		go func() {
			r, err := juliet.SendMessageElement(t.Context(), nil, xmppstanza.Message{ID: "2", To: xmppjid.MustParse("romeo@montague.example")})
			if err == nil {
				r.Close()
			}
			message <- err
		}()
		romeo.Next()

		const refused = `<error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`
		tybalt.Send(`<iq type="result" id="1" from="verona.example" to="juliet@capulet.example/balcony"/>`)
		tybalt.Send(`<message type="error" id="2" from="tybalt@verona.example" to="juliet@capulet.example/balcony">` + refused + `</message>`)
		for range 2 {
			t.Log(<-handled)
		}
		for _, forged := range []string{
			`<iq type="result" id="1" from="tybalt@montague.example" to="juliet@capulet.example/balcony"/>`,
			`<iq type="result" id="1" from="montague.example/x" to="juliet@capulet.example/balcony"/>`,
			`<iq type="error" id="1" from="tybalt@montague.example" to="juliet@capulet.example/balcony">` + refused + `</iq>`,
			`<iq type="result" id="2" from="montague.example" to="juliet@capulet.example/balcony"/>`,
			`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example"/>`,
			`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/orchard"/>`,
			`<message type="error" id="2" from="tybalt@montague.example" to="juliet@capulet.example/balcony">` + refused + `</message>`,
			`<message type="error" id="1" from="montague.example" to="juliet@capulet.example/balcony">` + refused + `</message>`,
			`<presence type="error" id="2" from="romeo@montague.example" to="juliet@capulet.example/balcony">` + refused + `</presence>`,
		} {
			romeo.Send(forged)
			if st := stanza.MustParse(forged); <-handled != fmt.Sprintf("%s from %s to %s", st.Kind, st.From, st.To) {
				t.Errorf("something else was handled than %s", forged)
			}
		}
		synctest.Wait()
		if len(iq)+len(message)+len(juliet.got) > 0 {
			t.Fatal("a forged answer was taken")
		}

		romeo.Send(`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/balcony"/>`)
		romeo.Send(`<message type="error" id="2" from="romeo@montague.example" to="juliet@capulet.example/balcony">` + refused + `</message>`)
		if err := errors.Join(<-iq, <-message); err != nil {
			t.Error(err)
		}
		// It is answered: a second answer is nobody's.
		romeo.Send(`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/balcony"/>`)
		<-handled
	})
}

func TestSessionBounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		if err := ask(t.Context(), juliet.Session, "1", "nowhere.example"); condition(err) != "remote-server-not-found" {
			t.Errorf("the request ended with %v", err)
		}
		err := juliet.Send(t.Context(), xmppstanza.Message{ID: "2", To: xmppjid.MustParse("romeo@nowhere.example")}.Wrap(nil))
		if err != nil {
			t.Fatal(err)
		}
		if m := <-juliet.got; !strings.Contains(m, "remote-server-not-found") || !strings.Contains(m, `from="romeo@nowhere.example"`) || !strings.Contains(m, `id="2"`) {
			t.Errorf("got %s", m)
		}
		// Errors of our own making need no id to be believed.
		if err := put(juliet.Session, `<message to="romeo@nowhere.example"/>`); err != nil {
			t.Fatal(err)
		}
		if m := <-juliet.got; !strings.Contains(m, "remote-server-not-found") {
			t.Errorf("got %s", m)
		}
	})
}

func TestSessionAsksManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := open(t, fed, balcony)
		defer juliet.end(t)
		const n = 200
		answers := make(chan error, n)
		for i := range n {
			go func() {
				to := fmt.Sprintf("user%d@montague.example", i)
				var got struct {
					Who string `xml:",chardata"`
				}
				err := juliet.UnmarshalIQElement(t.Context(), xmlstream.Wrap(nil, xml.StartElement{Name: xml.Name{Space: "urn:example:who", Local: "who"}}),
					xmppstanza.IQ{Type: xmppstanza.GetIQ, To: xmppjid.MustParse(to)}, &got)
				if err == nil && got.Who != to {
					err = fmt.Errorf("%s was answered for %s", to, got.Who)
				}
				answers <- err
			}()
		}
		var asked []*stanza.Stanza
		for range n {
			asked = append(asked, romeo.Next())
		}
		for i := range asked {
			iq := asked[n-1-i]
			romeo.Send(fmt.Sprintf(`<iq type="result" id="%s" from="%s" to="%s"><who xmlns="urn:example:who">%s</who></iq>`, iq.ID, iq.To, iq.From, iq.To))
		}
		for range n {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}

// A session answers requests that its handler leaves; so it is at the far end.
func TestSessionIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Services: []string{"bots." + here}, Handler: stanza.NewMux()}, there)
		for _, c := range []struct{ address, to string }{
			{balcony, balcony},
			{"bots.capulet.example", "bots.capulet.example"},
			{"nurse@bots.capulet.example", "nurse@bots.capulet.example"},
			{"nurse@bots.capulet.example", "nurse@bots.capulet.example/kitchen"},
		} {
			o := open(t, fed, c.address)
			romeo.Send(fmt.Sprintf(`<iq type="get" id="1" from="romeo@montague.example" to="%s"><ping xmlns="urn:xmpp:ping"/></iq>`, c.to))
			romeo.Expect(fmt.Sprintf(`<iq type="error" id="1" from="%s"><error type="cancel"><service-unavailable/></error></iq>`, c.to))
			if got := <-o.got; !strings.Contains(got, "urn:xmpp:ping") {
				t.Errorf("%s got %s", c.address, got)
			}
			o.end(t)
		}
	})
}

// What is for others than the session goes where it went before.
func TestSessionOwnsItsAddressOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		users := s2s.DirectoryFunc(func(context.Context, jid.JID) (bool, error) { return true, nil })
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Services: []string{"bots." + here}, Handler: mux, Users: users}, there)
		full, bot, desk := open(t, fed, balcony), open(t, fed, "nurse@bots."+here), open(t, fed, "nurse@bots."+here+"/desk")
		defer full.end(t)
		defer bot.end(t)
		defer desk.end(t)
		for _, c := range []struct {
			to   string
			want *opened
		}{
			{balcony, full},
			{"juliet@" + here, nil},
			{"juliet@" + here + "/orchard", nil},
			{"nurse@" + here + "/balcony", nil},
			{"nurse@bots." + here, bot},
			{"nurse@bots." + here + "/kitchen", bot},
			{"nurse@bots." + here + "/desk", desk},
			{"peter@bots." + here, nil},
			{"bots." + here, nil},
		} {
			romeo.Send(fmt.Sprintf(`<message from="romeo@montague.example" to="%s"><body>x</body></message>`, c.to))
			if c.want == nil {
				if m := <-got; m.To.String() != c.to {
					t.Errorf("%s got what was for %s", m.To, c.to)
				}
			} else if m := <-c.want.got; !strings.Contains(m, fmt.Sprintf(`to="%s"`, c.to)) || !strings.Contains(m, "<body") {
				t.Errorf("%s got %s", c.to, m)
			}
		}
		synctest.Wait()
		if n := len(got) + len(full.got) + len(bot.got) + len(desk.got); n > 0 {
			t.Errorf("%d messages came twice", n)
		}
	})
}

func TestSessionsOfOneServerTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		juliet, nurse := open(t, fed, balcony), open(t, fed, "nurse@"+here+"/kitchen")
		defer juliet.end(t)
		defer nurse.end(t)
		if err := ask(t.Context(), juliet.Session, "1", "nurse@"+here+"/kitchen"); condition(err) != "service-unavailable" {
			t.Errorf("the nurse says %v", err)
		}
		if got := <-nurse.got; !strings.Contains(got, `from="`+balcony+`"`) {
			t.Errorf("the nurse got %s", got)
		}
		if err := ask(t.Context(), juliet.Session, "2", here); err != nil {
			t.Errorf("the server says %v", err)
		}
	})
}

func TestSessionsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		juliet := open(t, fed, balcony)
		if _, err := fed.Session(t.Context(), jid.MustParse(balcony)); !errors.Is(err, s2s.ErrSessionConflict) {
			t.Errorf("a second session: %v", err)
		}
		if _, err := fed.Session(t.Context(), jid.MustParse("romeo@"+there+"/orchard")); !errors.Is(err, s2s.ErrNotLocal) {
			t.Errorf("another's session: %v", err)
		}
		odd, _, err := jid.ParseLegacy("☺@" + here + "/balcony")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fed.Session(t.Context(), odd); err == nil {
			t.Error("a session of an address that mellium does not know")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := fed.Session(ended, jid.MustParse(balcony)); !errors.Is(err, context.Canceled) {
			t.Errorf("a session in no time: %v", err)
		}
		juliet.end(t)
		juliet = open(t, fed, balcony) // the address is free again
		juliet.end(t)

		first, second := open(t, fed, "juliet@"+here), open(t, fed, "juliet@"+here)
		for _, s := range []*opened{first, second} {
			if a := s.LocalAddr(); a.Bare().String() != "juliet@"+here || a.Resourcepart() == "" {
				t.Errorf("a bare address became %s", a)
			}
			s.end(t)
		}
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := fed.Session(t.Context(), jid.MustParse(balcony)); !errors.Is(err, s2s.ErrClosed) {
			t.Errorf("a session of a closed server: %v", err)
		}
	})
}

// What a session has taken and not answered is refused when it ends.
func TestSessionEndsWithWorkLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		juliet := session(t, fed, balcony)
		romeo.Send(`<message id="1" from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>read</body></message>`)
		romeo.Send(`<iq type="get" id="2" from="romeo@montague.example" to="juliet@capulet.example/balcony"><ping xmlns="urn:xmpp:ping"/></iq>`)
		romeo.Send(`<message id="3" from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>unread</body></message>`)
		romeo.Send(`<presence id="4" from="romeo@montague.example" to="juliet@capulet.example/balcony"/>`)
		romeo.Send(`<iq type="set" id="5" from="romeo@montague.example" to="juliet@capulet.example/balcony"><x xmlns="urn:example"/></iq>`)
		synctest.Wait()
		r := juliet.TokenReader()
		for seen := ""; seen != "ping"; {
			tok, err := r.Token()
			if err != nil {
				t.Fatal(err)
			}
			if start, ok := tok.(xml.StartElement); ok {
				seen = start.Name.Local
			}
		}
		r.Close()
		if err := juliet.Close(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`iq id="2"`, `message id="3"`, `iq id="5"`} {
			kind, _, _ := strings.Cut(want, " ")
			romeo.Expect(fmt.Sprintf(`<%s type="error" from="juliet@capulet.example/balcony"><error type="wait"><recipient-unavailable/></error></%s>`, want, kind))
		}
		romeo.Quiet(time.Minute)
		if err := juliet.Send(t.Context(), xmppstanza.Message{To: xmppjid.MustParse(there)}.Wrap(nil)); err == nil {
			t.Error("a closed session sends")
		}
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>late</body></message>`)
		if m := <-got; m.Body() != "late" {
			t.Errorf("the handler got %s", m)
		}
	})
}

func TestSessionClosesDuringRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := stanza.NewMux()
		late := make(chan *stanza.Stanza, 1)
		mux.HandleIQ(stanza.Result, "", stanza.HandlerFunc(func(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
			late <- iq
			return nil, nil
		}))
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		juliet := open(t, fed, balcony)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answer := make(chan error, 1)
		go func() { answer <- ask(ctx, juliet.Session, "1", there) }()
		romeo.Next()
		juliet.end(t)
		if err := <-answer; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the request ended with %v", err)
		}
		romeo.Send(`<iq type="result" id="1" from="montague.example" to="juliet@capulet.example/balcony"/>`)
		if iq := <-late; iq.ID != "1" {
			t.Errorf("the handler got %s", iq)
		}
	})
}

func TestShutdownEndsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := open(t, fed, balcony)
		begin := time.Now()
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-juliet.served; !errors.Is(err, xmppstream.SystemShutdown) {
			t.Errorf("served until %v", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the shutdown took %v", took)
		}
		romeo.Ignore()
	})
}

// A session that nobody serves does not keep a server from ending.
func TestShutdownWaitsForSessionsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		juliet := session(t, fed, balcony)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>x</body></message>`)
		synctest.Wait()
		time.Sleep(time.Second)
		begin := time.Now()
		if err := fed.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin).Round(time.Second); took != 5*time.Second {
			t.Errorf("the shutdown took %v", took)
		}
		romeo.Expect(`<message type="error"><error><recipient-unavailable/></error></message>`)
		if err := juliet.Serve(nil); !errors.Is(err, xmppstream.SystemShutdown) {
			t.Errorf("served until %v", err)
		}
	})
}

func TestCloseEndsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()})
		served, unserved := open(t, fed, balcony), session(t, fed, "nurse@"+here)
		if err := fed.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-served.served; !errors.Is(err, xmppstream.SystemShutdown) {
			t.Errorf("served until %v", err)
		}
		err := unserved.Send(t.Context(), xmppstanza.Message{To: xmppjid.MustParse(there)}.Wrap(nil))
		if !errors.Is(err, &s2s.StreamError{Condition: "system-shutdown"}) {
			t.Errorf("sending says %v", err)
		}
		if err := unserved.Conn().Close(); err != nil {
			t.Error(err)
		}
		if n, err := unserved.Conn().Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}

func TestRemoveDomainEndsItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed := s2stest.NewNetwork(t).Server(s2s.Config{Domains: []string{here, "verona.example"}, Handler: stanza.NewMux()})
		juliet, other, unserved := open(t, fed, balcony), open(t, fed, "nurse@verona.example"), session(t, fed, "nurse@"+here)
		defer other.end(t)
		begin := time.Now()
		if err := fed.RemoveDomain(t.Context(), here); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin).Round(time.Second); took != 5*time.Second { // for the one that is not served
			t.Errorf("it took %v", took)
		}
		if err := <-juliet.served; !errors.Is(err, xmppstream.HostGone) {
			t.Errorf("served until %v", err)
		}
		if err := put(unserved, `<presence to="verona.example"/>`); !errors.Is(err, &s2s.StreamError{Condition: "host-gone"}) {
			t.Errorf("sending says %v", err)
		}
		if err := ask(t.Context(), other.Session, "1", "verona.example"); err != nil {
			t.Error(err)
		}
	})
}

// An error of a handler ends the session, and nothing but that.
func TestSessionEndsWithItsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux, got := inbox()
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: mux}, there)
		juliet := session(t, fed, balcony)
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>1</body></message>`)
		broken := errors.New("broken")
		err := juliet.Serve(xmpp.HandlerFunc(func(xmlstream.TokenReadEncoder, *xml.StartElement) error { return broken }))
		if !errors.Is(err, broken) {
			t.Errorf("served until %v", err)
		}
		romeo.Send(`<message from="romeo@montague.example" to="juliet@capulet.example/balcony"><body>2</body></message>`)
		if m := <-got; m.Body() != "2" {
			t.Errorf("the handler got %s", m)
		}
	})
}
