package s2s_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"log"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/stanza"

	"mellium.im/xmlstream"
	xmppdisco "mellium.im/xmpp/disco"
	"mellium.im/xmpp/disco/items"
	"mellium.im/xmpp/history"
	xmppjid "mellium.im/xmpp/jid"
	"mellium.im/xmpp/muc"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/pubsub"
	xmppstanza "mellium.im/xmpp/stanza"
)

// What is there at another server? Package disco of mellium asks, in the name of
// juliet.
func ExampleServer_Session() {
	internet := newNetwork()
	defer internet.end()
	fed := internet.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: stanza.NewMux()})
	internet.host("montague.example", nil)

	ctx := context.Background()
	session, err := fed.Session(ctx, jid.MustParse("juliet@capulet.example/balcony"))
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- session.Serve(nil) }() // it answers requests with service-unavailable

	montague := xmppjid.MustParse("montague.example")
	info, err := xmppdisco.GetInfo(ctx, "", montague, session)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Identity[0].Category, info.Identity[0].Type)
	list := xmppdisco.FetchItems(ctx, items.Item{JID: montague}, session)
	for list.Next() {
		fmt.Println(list.Item().JID)
	}
	fmt.Println("that is all:", list.Err(), list.Close())
	_, err = xmppdisco.GetInfo(ctx, "", xmppjid.MustParse("nowhere.example"), session)
	fmt.Println(err)

	fmt.Println(session.Close(), <-served) // nothing is left of it
	// Output:
	// server im
	// that is all: <nil> <nil>
	// no XMPP service found for nowhere.example
	// <nil> <nil>
}

// Items are published and fetched with package pubsub of mellium.
func ExampleServer_Session_pubsub() {
	internet := newNetwork()
	defer internet.end()
	fed := internet.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: stanza.NewMux()})
	internet.host("pubsub.montague.example", publisher)

	ctx := context.Background()
	session, err := fed.Session(ctx, jid.MustParse("juliet@capulet.example/balcony"))
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	go session.Serve(nil)

	service := xmppstanza.IQ{To: xmppjid.MustParse("pubsub.montague.example")}
	entry := xmlstream.Wrap(xmlstream.Token(xml.CharData("Thou know'st the mask of night is on my face")),
		xml.StartElement{Name: xml.Name{Space: "urn:example:verse", Local: "verse"}})
	id, err := pubsub.PublishIQ(ctx, session, service, "balcony", "85", entry)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("published", id)
	found := pubsub.FetchIQ(ctx, service, session, pubsub.Query{Node: "balcony"})
	for found.Next() {
		id, r := found.Item()
		var verse struct {
			Text string `xml:",chardata"`
		}
		if err := xml.NewTokenDecoder(r).Decode(&verse); err != nil {
			log.Fatal(err)
		}
		fmt.Println(id, verse.Text)
	}
	if err := found.Close(); err != nil { // nothing else arrives before
		log.Fatal(err)
	}
	// Output:
	// published 85
	// 85 Thou know'st the mask of night is on my face
}

// A bot joins a room with package muc of mellium.
func ExampleServer_Session_muc() {
	internet := newNetwork()
	defer internet.end()
	fed := internet.Server(s2s.Config{Services: []string{"bots.capulet.example"}, Handler: stanza.NewMux()})
	internet.host("rooms.montague.example", room)

	said := make(chan string)
	client := &muc.Client{}
	handler := mux.New(xmppstanza.NSClient, muc.HandleClient(client),
		mux.MessageFunc(xmppstanza.GroupChatMessage, xml.Name{Local: "body"}, func(m xmppstanza.Message, r xmlstream.TokenReadEncoder) error {
			var text struct {
				Body string `xml:"body"`
			}
			if err := xml.NewTokenDecoder(r).Decode(&text); err == nil {
				said <- m.From.Resourcepart() + ": " + text.Body
			}
			return nil // an error would end the session
		}))

	// An address at a service, without a resource: the session has all of it.
	ctx := context.Background()
	session, err := fed.Session(ctx, jid.MustParse("nurse@bots.capulet.example"))
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	go session.Serve(handler)

	channel, err := client.Join(ctx, xmppjid.MustParse("street@rooms.montague.example/nurse"), session)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("in", channel.Addr(), "as", channel.Me().Resourcepart())
	err = session.Send(ctx, xmppstanza.Message{To: channel.Addr(), Type: xmppstanza.GroupChatMessage}.Wrap(
		xmlstream.Wrap(xmlstream.Token(xml.CharData("God ye good morrow, gentlemen.")), xml.StartElement{Name: xml.Name{Local: "body"}})))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-said)
	// Output:
	// in street@rooms.montague.example as nurse
	// nurse: God ye good morrow, gentlemen.
}

// What was said is fetched from an archive with package history of mellium.
func ExampleServer_Session_history() {
	internet := newNetwork()
	defer internet.end()
	fed := internet.Server(s2s.Config{Domains: []string{"capulet.example"}, Handler: stanza.NewMux()})
	internet.host("rooms.montague.example", archive)

	// Results are messages. Anybody can send such: look at who did.
	street := xmppjid.MustParse("street@rooms.montague.example")
	results := history.NewHandler(mux.MessageHandlerFunc(func(m xmppstanza.Message, r xmlstream.TokenReadEncoder) error {
		var result struct {
			Body string `xml:"forwarded>message>body"`
		}
		if err := xml.NewTokenDecoder(r).Decode(&result); err == nil && m.From.Equal(street) {
			fmt.Println(result.Body)
		}
		return nil
	}))
	ctx := context.Background()
	session, err := fed.Session(ctx, jid.MustParse("juliet@capulet.example/balcony"))
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	go session.Serve(mux.New(xmppstanza.NSClient, history.Handle(results)))

	page, err := history.Fetch(ctx, history.Query{Limit: 10}, street, session)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("that is all:", page.Complete)
	// Output:
	// But soft
	// What light
	// that is all: true
}
