package library

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus.im/internal/interop"

	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/disco"
	discoinfo "mellium.im/xmpp/disco/info"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/history"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/pubsub"
	"mellium.im/xmpp/stanza"
)

// session opens a session of alice, serves it until the end of the test, and
// sees to it that it ends well.
func (s *server) session(t *testing.T, handler xmpp.Handler) (context.Context, *xmpp.Session) {
	t.Helper()
	session, err := s.Session(t.Context(), address(t, "alice@"+domain))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- session.Serve(handler) }()
	t.Cleanup(func() {
		if err := errors.Join(session.Close(), <-served); err != nil {
			t.Errorf("the session ended with %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx, session
}

func TestSessionDisco(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	for peer, component := range map[string]string{"prosody": "muc.prosody.test", "ejabberd": "conference.ejabberd.test"} {
		t.Run(peer, func(t *testing.T) {
			ctx, session := s.session(t, nil)
			info, err := disco.GetInfo(ctx, "", jid.MustParse(kit.Peer(t, peer).Domain), session)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(info.Features, func(f discoinfo.Feature) bool { return f.Var == "urn:xmpp:ping" }) {
				t.Errorf("features: %+v", info.Features)
			}
			var found []string
			list := disco.FetchItems(ctx, items.Item{JID: jid.MustParse(kit.Peer(t, peer).Domain)}, session)
			for list.Next() {
				found = append(found, list.Item().JID.String())
			}
			if err := errors.Join(list.Err(), list.Close()); err != nil || !slices.Contains(found, component) {
				t.Errorf("items: %v, %v", found, err)
			}
			info, err = disco.GetInfo(ctx, "", jid.MustParse(component), session)
			if err != nil || len(info.Identity) == 0 || info.Identity[0].Category != "conference" {
				t.Errorf("rooms: %+v, %v", info.Identity, err)
			}
			// What the peer refuses, and what nobody can be asked.
			for to, want := range map[string]stanza.Condition{
				"nobody@prosody.test":  stanza.ServiceUnavailable,
				"nobody@ejabberd.test": stanza.SubscriptionRequired,
				"noxmpp.test":          stanza.RemoteServerNotFound,
			} {
				_, err = disco.GetInfo(ctx, "", jid.MustParse(to), session)
				if !errors.Is(err, stanza.Error{Condition: want}) {
					t.Errorf("%s: %v, want %s", to, err, want)
				}
			}
		})
	}
}

func TestSessionPubSub(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	for _, service := range []string{"pubsub.prosody.test", "pubsub.ejabberd.test"} {
		t.Run(service, func(t *testing.T) {
			ctx, session := s.session(t, nil)
			iq := stanza.IQ{To: jid.MustParse(service)}
			node := fmt.Sprintf("verses-%d", time.Now().UnixNano())
			if err := pubsub.CreateNodeIQ(ctx, session, iq, node, nil); err != nil {
				t.Fatal(err)
			}
			text := "to be, & not <to> be " + strings.Repeat("?", 5000)
			for _, id := range []string{"1", "2"} {
				entry := xmlstream.Wrap(xmlstream.Token(xml.CharData(text+id)), xml.StartElement{Name: xml.Name{Space: "urn:example:verse", Local: "verse"}})
				if got, err := pubsub.PublishIQ(ctx, session, iq, node, id, entry); err != nil || got != id {
					t.Fatalf("published %q: %v", got, err)
				}
			}
			found := make(map[string]string)
			list := pubsub.FetchIQ(ctx, iq, session, pubsub.Query{Node: node})
			for list.Next() {
				id, r := list.Item()
				var verse struct {
					XMLName xml.Name `xml:"urn:example:verse verse"`
					Text    string   `xml:",chardata"`
				}
				if err := xml.NewTokenDecoder(r).Decode(&verse); err != nil {
					t.Fatal(err)
				}
				found[id] = verse.Text
			}
			if err := errors.Join(list.Err(), list.Close()); err != nil || len(found) != 2 || found["1"] != text+"1" || found["2"] != text+"2" {
				t.Errorf("%d items, %v", len(found), err)
			}
			if err := pubsub.DeleteIQ(ctx, session, iq, node, "1", false); err != nil {
				t.Error(err)
			}
			if err := pubsub.CreateNodeIQ(ctx, session, iq, node, nil); !errors.Is(err, stanza.Error{Condition: stanza.Conflict}) {
				t.Errorf("a second node of that name: %v", err)
			}
		})
	}
}

// A room is joined, talked in and left, next to a client of the server's own.
func TestSessionMUC(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	for peer, rooms := range map[string]string{"prosody": "muc.prosody.test", "ejabberd": "conference.ejabberd.test"} {
		t.Run(peer, func(t *testing.T) {
			heard := make(chan string, 16)
			client := &muc.Client{}
			ctx, session := s.session(t, mux.New(stanza.NSClient, muc.HandleClient(client),
				mux.MessageFunc(stanza.GroupChatMessage, xml.Name{Local: "body"}, func(m stanza.Message, r xmlstream.TokenReadEncoder) error {
					var text struct {
						Body string `xml:"body"`
					}
					err := xml.NewTokenDecoder(r).Decode(&text)
					heard <- m.From.Resourcepart() + ": " + text.Body
					return err
				})))
			channel := join(t, ctx, session, client, rooms)
			say(t, ctx, session, channel, "is anybody here?")
			wait(t, ctx, heard, "alice: is anybody here?")

			p := kit.Peer(t, peer)
			other := kit.Login(t, p, p.Users[0])
			other.Do(t, interop.Command{"do": "muc_join", "room": channel.Addr().String(), "nick": "other"})
			other.Do(t, interop.Command{"do": "muc_send", "room": channel.Addr().String(), "body": "I am"})
			wait(t, ctx, heard, "other: I am")
			say(t, ctx, session, channel, "farewell & <thee>")
			wait(t, ctx, heard, "alice: farewell & <thee>")
			other.WaitMessage(t, channel.Me().String(), "farewell & <thee>")
			// Leave would miss an answer that is quicker than itself.
			if err := session.Send(ctx, stanza.Presence{To: channel.Me(), Type: stanza.UnavailablePresence}.Wrap(nil)); err != nil {
				t.Error(err)
			}
			other.Wait(t, "presence", interop.Command{"from": channel.Me().String(), "type": "unavailable"})
			// A nick that is taken.
			other.Do(t, interop.Command{"do": "muc_send", "room": channel.Addr().String(), "body": "not heard"})
			taken, err := channel.Addr().WithResource("other")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Join(ctx, taken, session); !errors.Is(err, stanza.Error{Condition: stanza.Conflict}) {
				t.Errorf("joined as another: %v", err)
			}
			if len(heard) > 0 {
				t.Errorf("heard %q", <-heard)
			}
		})
	}
}

// The archive of a room is read (XEP-0313), page by page.
func TestSessionHistory(t *testing.T) {
	kit := interop.Open(t)
	s := start(t, kit)
	for _, rooms := range []string{"muc.prosody.test", "conference.ejabberd.test"} {
		t.Run(rooms, func(t *testing.T) {
			found, heard := make(chan string, 64), make(chan string, 64)
			client := &muc.Client{}
			results := history.NewHandler(mux.MessageHandlerFunc(func(m stanza.Message, r xmlstream.TokenReadEncoder) error {
				var result struct {
					Body string `xml:"forwarded>message>body"`
				}
				err := xml.NewTokenDecoder(r).Decode(&result)
				if result.Body != "" {
					found <- m.From.Bare().String() + ": " + result.Body
				}
				return err
			}))
			ctx, session := s.session(t, mux.New(stanza.NSClient, muc.HandleClient(client), history.Handle(results),
				mux.MessageFunc(stanza.GroupChatMessage, xml.Name{Local: "body"}, func(stanza.Message, xmlstream.TokenReadEncoder) error {
					heard <- "something"
					return nil
				})))
			channel := join(t, ctx, session, client, rooms)
			const n = 15
			for i := range n {
				say(t, ctx, session, channel, fmt.Sprint("verse ", i))
				wait(t, ctx, heard, "something")
			}
			query := history.Query{Limit: 10}
			for seen := 0; seen < n; {
				page, err := history.Fetch(ctx, query, channel.Addr(), session)
				if err != nil {
					t.Fatal(err)
				}
				// Every result came before the answer.
				if len(found) == 0 || len(found) > 10 {
					t.Fatalf("a page of %d after %d", len(found), seen)
				}
				for range len(found) {
					wait(t, ctx, found, fmt.Sprintf("%s: verse %d", channel.Addr(), seen))
					seen++
				}
				if page.Complete != (seen == n) {
					t.Errorf("complete is %t after %d", page.Complete, seen)
				}
				query.PageID = page.Set.Last
			}
			if _, err := history.Fetch(ctx, history.Query{}, jid.MustParse("no-such-room@"+rooms), session); !errors.Is(err, stanza.Error{Condition: stanza.ItemNotFound}) {
				t.Errorf("the archive of no room: %v", err)
			}
		})
	}
}

// join makes a room and is in it.
func join(t *testing.T, ctx context.Context, session *xmpp.Session, client *muc.Client, rooms string) *muc.Channel {
	t.Helper()
	room, err := jid.Parse(fmt.Sprintf("room-%d@%s/alice", time.Now().UnixNano(), rooms))
	if err != nil {
		t.Fatal(err)
	}
	channel, err := client.Join(ctx, room, session)
	if err != nil {
		t.Fatal(err)
	}
	if got := channel.Me().String(); got != room.String() {
		t.Errorf("joined as %s", got)
	}
	// A room of ejabberd's is locked until somebody takes its configuration.
	form, err := muc.GetConfig(ctx, room.Bare(), session)
	if err != nil {
		t.Fatal(err)
	}
	if err := muc.SetConfig(ctx, room.Bare(), form, session); err != nil {
		t.Fatal(err)
	}
	return channel
}

func say(t *testing.T, ctx context.Context, session *xmpp.Session, channel *muc.Channel, text string) {
	t.Helper()
	err := session.Send(ctx, stanza.Message{To: channel.Addr(), Type: stanza.GroupChatMessage}.Wrap(
		xmlstream.Wrap(xmlstream.Token(xml.CharData(text)), xml.StartElement{Name: xml.Name{Local: "body"}})))
	if err != nil {
		t.Fatal(err)
	}
}

// wait takes the next text.
func wait(t *testing.T, ctx context.Context, got <-chan string, want string) {
	t.Helper()
	select {
	case text := <-got:
		if text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	case <-ctx.Done():
		t.Fatalf("%q did not come", want)
	}
}
