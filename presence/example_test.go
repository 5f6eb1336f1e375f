package presence_test

import (
	"context"
	"fmt"
	"log"

	"isthmus.im/jid"
	"isthmus.im/presence"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// wire is a Sender that prints. A host uses its s2s.Server.
type wire struct{}

func (wire) Send(_ context.Context, s *stanza.Stanza) error {
	fmt.Println("->", s)
	return nil
}

// Somebody asks to see juliet's presence, is let in and probes.
func Example() {
	ctx := context.Background()
	juliet := jid.MustParse("juliet@capulet.example")
	mux := stanza.NewMux()
	people := &presence.Service{
		Roster: &roster.MemStore{},
		Out:    wire{},
		OnRequest: func(ctx context.Context, user, contact jid.JID, req *stanza.Stanza) {
			fmt.Println(contact, "would like to see", user)
		},
	}
	people.Register(mux)
	receive := func(xml string) {
		fmt.Println("<-", xml)
		if _, err := mux.HandleStanza(ctx, stanza.MustParse(xml)); err != nil {
			log.Fatal(err)
		}
	}

	// Her client comes online.
	err := people.Announce(ctx, stanza.MustParse(`<presence from="juliet@capulet.example/balcony"><show>chat</show></presence>`))
	if err != nil {
		log.Fatal(err)
	}
	receive(`<presence from="romeo@montague.example" to="juliet@capulet.example" type="subscribe"/>`)
	if err := people.Approve(ctx, juliet, jid.MustParse("romeo@montague.example")); err != nil {
		log.Fatal(err)
	}
	receive(`<presence from="romeo@montague.example" to="juliet@capulet.example" type="probe"/>`)

	// Output:
	// <- <presence from="romeo@montague.example" to="juliet@capulet.example" type="subscribe"/>
	// romeo@montague.example would like to see juliet@capulet.example
	// -> <presence from="juliet@capulet.example" to="romeo@montague.example" type="subscribed"/>
	// -> <presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>chat</show></presence>
	// <- <presence from="romeo@montague.example" to="juliet@capulet.example" type="probe"/>
	// -> <presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>chat</show></presence>
}

// A host without presence: everybody is always online.
func ExampleStatic() {
	mux := stanza.NewMux()
	mux.HandlePresence(stanza.AnyType, presence.Static{Out: wire{}})

	answer, err := mux.HandleStanza(context.Background(), stanza.MustParse(
		`<presence from="romeo@montague.example" to="bot@capulet.example" type="probe"/>`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
	// Output:
	// <presence from="bot@capulet.example/online" to="romeo@montague.example"/>
}

// Messages for a user go to the session with the highest priority.
func ExampleService_Sessions() {
	ctx := context.Background()
	people := &presence.Service{Roster: &roster.MemStore{}, Out: wire{}}
	for _, xml := range []string{
		`<presence from="juliet@capulet.example/phone"><priority>1</priority></presence>`,
		`<presence from="juliet@capulet.example/desk"><show>away</show><priority>5</priority></presence>`,
	} {
		if err := people.Announce(ctx, stanza.MustParse(xml)); err != nil {
			log.Fatal(err)
		}
	}
	for _, s := range people.Sessions(jid.MustParse("juliet@capulet.example")) {
		fmt.Println(s.JID.Resource(), s.Priority)
	}
	// Output:
	// desk 5
	// phone 1
}
