package profile_test

import (
	"context"
	"fmt"
	"log"

	"isthmus.im/jid"
	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/profile"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// users is a host's table of users.
type users map[jid.JID]profile.Profile

func (u users) Profile(_ context.Context, user jid.JID) (profile.Profile, bool, error) {
	p, ok := u[user]
	return p, ok, nil
}

// wire is a Requester that prints. A host uses its s2s.Server.
type wire struct{}

func (wire) Send(_ context.Context, s *stanza.Stanza) error {
	fmt.Println("->", s)
	return nil
}

func (wire) Request(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
	return nil, stanza.Errorf(stanza.RemoteServerNotFound, "")
}

// A profile that everybody may see, as a vCard and in presence.
func Example() {
	ctx := context.Background()
	juliet := jid.MustParse("juliet@capulet.example")
	profiles := &profile.Service{
		Profiles: users{juliet: {Name: "Juliet Capulet", Avatar: profile.Avatar{Data: []byte("\x89PNG"), Type: "image/png"}}},
		Access:   pep.Open,
	}
	profiles.Nodes = &pep.Service{Store: profiles.Store(&pep.MemStore{}), Roster: &roster.MemStore{}, Out: wire{}}
	mux := stanza.NewMux()
	profiles.Nodes.Register(mux)
	profiles.Register(mux)

	answer, err := mux.HandleStanza(ctx, stanza.MustParse(
		`<iq from="romeo@montague.example/orchard" to="juliet@capulet.example" type="get" id="1"><vCard xmlns="vcard-temp"/></iq>`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(answer.Inner))

	p := stanza.MustParse(`<presence from="juliet@capulet.example/balcony"/>`)
	if err := profiles.Decorate(ctx, p); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p)
	// Output:
	// <vCard xmlns="vcard-temp"><FN>Juliet Capulet</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw==</BINVAL></PHOTO></vCard>
	// <presence from="juliet@capulet.example/balcony"><x xmlns="vcard-temp:x:update"><photo>4effda12c2611e2e4feb6f0d342feb685ccd825b</photo></x></presence>
}

// Requests for subscriptions carry the user's nick.
func ExampleService_Sender() {
	profiles := &profile.Service{Profiles: users{jid.MustParse("juliet@capulet.example"): {Nick: "Jule"}}}
	err := profiles.Sender(wire{}).Send(context.Background(), stanza.MustParse(
		`<presence type="subscribe" from="juliet@capulet.example" to="romeo@montague.example"/>`))
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// -> <presence from="juliet@capulet.example" to="romeo@montague.example" type="subscribe"><nick xmlns="http://jabber.org/protocol/nick">Jule</nick></presence>
}
