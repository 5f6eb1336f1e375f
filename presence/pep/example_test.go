package pep_test

import (
	"context"
	"fmt"
	"log"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// wire is a Requester that prints. A host uses its s2s.Server.
type wire struct{}

func (wire) Send(_ context.Context, s *stanza.Stanza) error {
	fmt.Println("->", s.To, string(s.Inner))
	return nil
}

func (wire) Request(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return iq.Reply(stanza.Result, stanza.Raw(
		`<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:example:devices">`+
			`<item id="current"><devices xmlns="urn:example:devices"><device id="7"/></devices></item></items></pubsub>`))
}

// Juliet's client publishes the list of her devices, and somebody asks for it.
func Example() {
	ctx := context.Background()
	juliet := jid.MustParse("juliet@capulet.example")
	mux := stanza.NewMux()
	nodes := &pep.Service{Store: &pep.MemStore{}, Roster: &roster.MemStore{}, Out: wire{}}
	nodes.Register(mux)

	_, err := nodes.Publish(ctx, juliet, "urn:example:devices", pep.Item{
		ID:      "current",
		Payload: stanza.Raw(`<devices xmlns='urn:example:devices'><device id='31'/></devices>`),
	}, &pep.Config{Access: pep.Open})
	if err != nil {
		log.Fatal(err)
	}

	answer, err := mux.HandleStanza(ctx, stanza.MustParse(
		`<iq from="romeo@montague.example/orchard" to="juliet@capulet.example" type="get" id="1">`+
			`<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:example:devices"/></pubsub></iq>`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Inner))
	// Output:
	// <pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="urn:example:devices"><item id="current"><devices xmlns='urn:example:devices'><device id='31'/></devices></item></items></pubsub>
}

// What a contact's server says of their devices.
func ExampleService_Fetch() {
	nodes := &pep.Service{Store: &pep.MemStore{}, Roster: &roster.MemStore{}, Out: wire{}}
	answer, err := nodes.Fetch(context.Background(), jid.MustParse("juliet@capulet.example"),
		jid.MustParse("romeo@montague.example"), "urn:example:devices", pep.Fetch{Max: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, it := range answer.Items {
		fmt.Println(it.ID, string(it.Payload))
	}
	// Output:
	// current <devices xmlns="urn:example:devices"><device id="7"/></devices>
}
