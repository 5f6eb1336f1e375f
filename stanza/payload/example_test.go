package payload_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
	"isthmus.im/stanza/payload"
)

var (
	romeo  = jid.MustParse("romeo@montague.example")
	juliet = jid.MustParse("juliet@capulet.example")
)

// What is in a message is a switch over types.
func Example() {
	m := stanza.MustParse(`<message from="romeo@montague.example/orchard" to="juliet@capulet.example" id="2" type="chat">
  <body>But soft, what light through yonder window breaks?</body>
  <replace xmlns="urn:xmpp:message-correct:0" id="1"/>
  <request xmlns="urn:xmpp:receipts"/>
  <x xmlns="urn:example:unknown"/>
</message>`)
	var known payload.Registry
	for p, err := range known.Payloads(m) {
		switch p := p.(type) {
		case payload.Replace:
			fmt.Println("corrects", p.ID)
		case payload.ReceiptRequest:
			fmt.Println("wants a receipt")
		case stanza.Raw:
			fmt.Printf("%s %v\n", p, err)
		}
	}
	// Output:
	// <body>But soft, what light through yonder window breaks?</body> <nil>
	// corrects 1
	// wants a receipt
	// <x xmlns="urn:example:unknown"/> <nil>
}

func ExampleReceiptFor() {
	m := stanza.Text(romeo, juliet, "My lord, dispatch")
	m.ID = "1" // instead of 128 random bits
	if err := payload.RequestReceipt(m); err != nil {
		fmt.Println(err)
	}
	ack, ok := payload.ReceiptFor(m)
	ack.ID = "2"
	fmt.Println(ack, ok)

	_, ok = payload.ReceiptFor(ack)
	fmt.Println(ok, payload.RequestReceipt(ack))
	// Output:
	// <message from="juliet@capulet.example" to="romeo@montague.example" id="2" type="chat"><received xmlns="urn:xmpp:receipts" id="1"></received></message> true
	// false payload: not allowed in this stanza: a request in a receipt
}

func ExampleReplyTo() {
	m := stanza.Text(romeo, juliet, "We should bake a cake")
	m.ID = "1"
	answer, err := payload.ReplyTo(m, "Great idea!")
	fmt.Printf("%q %v\n", answer.Body(), err)

	text, quoted, _ := payload.FallbackBody(answer, payload.NSReply)
	r, err := payload.Of[payload.Reply](answer)
	fmt.Printf("%q %q %s %s %v\n", text, quoted, r.To, r.ID, err)
	// Output:
	// "> We should bake a cake\nGreat idea!" <nil>
	// "Great idea!" "> We should bake a cake\n" romeo@montague.example 1 <nil>
}

func ExampleStripForgedIDs() {
	m := stanza.MustParse(`<message><body>hi</body><stanza-id xmlns="urn:xmpp:sid:0" by="juliet@capulet.example" id="1"/></message>`)
	n := payload.StripForgedIDs(m, juliet)
	fmt.Println(n, m)
	// Output:
	// 1 <message><body>hi</body></message>
}

func ExampleStampDelay() {
	m := stanza.MustParse(`<message><body>hi</body></message>`)
	err := payload.StampDelay(m, jid.MustParse("capulet.example"), time.Date(2002, 9, 10, 23, 8, 25, 0, time.UTC))
	fmt.Println(m, err)
	// Output:
	// <message><body>hi</body><delay xmlns="urn:xmpp:delay" from="capulet.example" stamp="2002-09-10T23:08:25Z"></delay></message> <nil>
}

func ExampleShareFile() {
	m := stanza.MustParse(`<message/>`)
	err := payload.ShareFile(m, payload.FileSharing{
		File:    payload.File{Name: "summit.jpg", MediaType: "image/jpeg", Size: 3032449},
		Sources: []payload.Source{{URL: "https://capulet.example/summit.jpg"}},
	})
	for _, p := range m.Payloads() {
		fmt.Printf("%s\n", p)
	}
	fmt.Println(err)
	// Output:
	// <file-sharing xmlns="urn:xmpp:sfs:0"><file xmlns="urn:xmpp:file:metadata:0"><media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size></file><sources><url-data xmlns="http://jabber.org/protocol/url-data" target="https://capulet.example/summit.jpg"></url-data></sources></file-sharing>
	// <fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body></body></fallback>
	// <body>https://capulet.example/summit.jpg</body>
	// <x xmlns="jabber:x:oob"><url>https://capulet.example/summit.jpg</url></x>
	// <nil>
}

// Poll is a payload of a host's own.
type Poll struct {
	XMLName  xml.Name `xml:"https://chat.example/ns/poll poll"`
	Question string   `xml:"question,attr"`
}

func ExampleRegistry_Prepare() {
	var ext payload.Registry
	payload.Register(&ext, "https://chat.example/ns/poll poll", payload.Codec[Poll]{
		Render: func(p Poll, m *stanza.Stanza) error { return payload.SetBody(m, "Poll: "+p.Question) },
	})
	mux := stanza.NewMux()
	mux.Advertise(ext.Features()...)

	m := stanza.MustParse(`<message to="juliet@capulet.example"/>`)
	if err := ext.Append(m, Poll{Question: "Cake?"}); err != nil {
		fmt.Println(err)
	}
	for _, peer := range [][]string{mux.Features(), nil} {
		out, err := ext.Prepare(m, func(ns string) bool { return slices.Contains(peer, ns) })
		fmt.Println(out, err)
	}
	// Output:
	// <message to="juliet@capulet.example"><poll xmlns="https://chat.example/ns/poll" question="Cake?"></poll></message> <nil>
	// <message to="juliet@capulet.example"><body>Poll: Cake?</body></message> <nil>
}

// internet hands requests to the handler of the domain and prints what is sent. A
// program has a server in its place.
type internet map[string]stanza.Handler

func (n internet) Send(_ context.Context, m *stanza.Stanza) error {
	fmt.Printf("%s gets %s\n", m.To.Domain(), m.Inner)
	return nil
}

func (n internet) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return n[iq.To.Domain()].HandleStanza(ctx, iq)
}

func ExampleSender() {
	ext := polls()

	// What a service of the same kind announces, and any other.
	kin, plain := stanza.NewMux(), stanza.NewMux()
	kin.Advertise(ext.Features()...)
	for _, mux := range []*stanza.Mux{kin, plain} {
		d := disco.Service{Features: mux}
		d.Register(mux)
	}

	fed := internet{"capulet.example": kin, "verona.example": plain}
	out := &payload.Sender{Extensions: ext, Ask: fed, Out: fed}
	for _, to := range []string{"juliet@capulet.example", "escalus@verona.example"} {
		m := &stanza.Stanza{Kind: stanza.Message, From: romeo, To: jid.MustParse(to)}
		if err := ext.Append(m, Poll{Question: "Cake?"}); err != nil {
			fmt.Println(err)
		}
		if err := out.Send(context.Background(), m); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// capulet.example gets <poll xmlns="https://chat.example/ns/poll" question="Cake?"></poll>
	// verona.example gets <body>Poll: Cake?</body>
}
