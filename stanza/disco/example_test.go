package disco_test

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

func Example() {
	mux := stanza.NewMux()
	mux.Advertise("urn:xmpp:receipts")
	d := &disco.Service{
		Features: mux,
		Info: func(ctx context.Context, q disco.Query, info disco.Info) (disco.Info, error) {
			if q.To.Local() == "" && q.Node == "" {
				info.Identities[0].Name = "Capulet"
			}
			return info, nil
		},
	}
	d.Register(mux)

	answer, err := mux.HandleStanza(context.Background(), stanza.MustParse(
		`<iq from="montague.example" to="capulet.example" id="1" type="get"><query xmlns="http://jabber.org/protocol/disco#info"/></iq>`))
	if err != nil {
		fmt.Println(err)
		return
	}
	query, _ := answer.Payload(disco.NSInfo + " query")
	for name, child := range query.Children() {
		fmt.Println(name.Local, len(child) > 0)
	}
	// Output:
	// identity true
	// feature true
	// feature true
	// feature true
}

// requester stands for an s2s.Server.
type requester struct{ stanza.Sender }

func (requester) Request(ctx context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	return iq.Reply(stanza.Result, disco.Info{
		Identities: []disco.Identity{{Category: "conference", Type: "text", Name: "Rooms"}},
		Features:   []string{"http://jabber.org/protocol/muc"},
	})
}

func ExampleGetInfo() {
	info, err := disco.GetInfo(context.Background(), requester{},
		jid.MustParse("capulet.example"), jid.MustParse("rooms.montague.example"), "")
	fmt.Println(info.Is("conference", "text"), info.Has("http://jabber.org/protocol/muc"), err)
	// Output:
	// true true <nil>
}

func ExampleInfo_Ver() {
	ver, err := disco.Info{
		Identities: []disco.Identity{{Category: "client", Type: "pc", Name: "Exodus 0.9.1"}},
		Features: []string{
			"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
			"http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc",
		},
	}.Ver()
	fmt.Println(ver, err)
	// Output:
	// QgayPKawpkPSDYmwT/WM94uAlu0= <nil>
}
