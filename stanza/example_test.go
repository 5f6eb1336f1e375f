package stanza_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

// Ping is XMPP ping, XEP-0199.
type Ping struct {
	XMLName xml.Name `xml:"urn:xmpp:ping ping"`
}

func Example() {
	mux := stanza.NewMux()
	mux.HandleMessage("body", stanza.MessageFunc(func(ctx context.Context, m *stanza.Stanza) error {
		fmt.Printf("%s: %s\n", m.From.Local(), m.Body())
		return nil
	}))
	mux.HandleIQ(stanza.Get, "urn:xmpp:ping ping", stanza.IQFunc(func(ctx context.Context, iq *stanza.Stanza) (any, error) {
		return nil, nil // an empty result
	}))
	fmt.Println(mux.Features())

	for _, in := range []string{
		`<message from="romeo@montague.example" to="juliet@capulet.example"><body>but soft</body></message>`,
		`<iq from="montague.example" to="capulet.example" id="1" type="get"><ping xmlns="urn:xmpp:ping"/></iq>`,
	} {
		answer, err := mux.HandleStanza(context.Background(), stanza.MustParse(in))
		if answer != nil || err != nil {
			fmt.Println(answer, err)
		}
	}
	// Output:
	// [urn:xmpp:ping]
	// romeo: but soft
	// <iq from="capulet.example" to="montague.example" id="1" type="result"/> <nil>
}

func ExampleNewIQ() {
	iq, err := stanza.NewIQ(stanza.Get, jid.MustParse("capulet.example"), jid.MustParse("montague.example"), Ping{})
	if err != nil {
		fmt.Println(err)
		return
	}
	iq.ID = "1" // instead of 128 random bits
	fmt.Println(iq)
	// Output:
	// <iq from="capulet.example" to="montague.example" id="1" type="get"><ping xmlns="urn:xmpp:ping"></ping></iq>
}

func ExampleStanza_Decode() {
	type Reply struct {
		XMLName xml.Name `xml:"urn:xmpp:reply:0 reply"`
		To      string   `xml:"to,attr"`
		ID      string   `xml:"id,attr"`
	}
	m := stanza.MustParse(`<message><body>no</body><reply xmlns="urn:xmpp:reply:0" to="a@b.example" id="7"/></message>`)
	var r Reply
	err := m.Decode(&r)
	fmt.Println(r.To, r.ID, err)
	fmt.Println(errors.Is(stanza.Text(jid.JID{}, jid.JID{}, "yes").Decode(&r), stanza.ErrNoPayload))
	// Output:
	// a@b.example 7 <nil>
	// true
}

func ExampleStanza_Payloads() {
	m := stanza.MustParse(`<message xmlns="jabber:client"><body>hi</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`)
	for name, raw := range m.Payloads() {
		fmt.Printf("%q %s\n", name.Space, raw)
	}
	// Output:
	// "" <body>hi</body>
	// "http://jabber.org/protocol/chatstates" <active xmlns="http://jabber.org/protocol/chatstates"/>
}

func ExampleStanza_ErrorReply() {
	m := stanza.MustParse(`<message from="romeo@montague.example" to="nobody@capulet.example" id="3"><body>hi</body></message>`)
	fmt.Println(m.ErrorReply(stanza.Errorf(stanza.ServiceUnavailable, "")))
	// Output:
	// <message from="nobody@capulet.example" to="romeo@montague.example" id="3" type="error"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>
}

func ExampleStanza_Err() {
	m := stanza.MustParse(`<message type="error"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></message>`)
	err := m.Err()
	fmt.Println(err)
	fmt.Println(errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}))
	// Output:
	// stanza: item-not-found (cancel)
	// true
}

// Middleware is a function from handler to handler.
func ExampleHandler() {
	counted := func(next stanza.Handler, n *int) stanza.Handler {
		return stanza.HandlerFunc(func(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
			*n++
			return next.HandleStanza(ctx, s)
		})
	}
	n := 0
	h := counted(stanza.NewMux(), &n)
	h.HandleStanza(context.Background(), stanza.MustParse(`<presence/>`))
	fmt.Println(n)
	// Output:
	// 1
}
