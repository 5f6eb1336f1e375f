package delivery_test

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/delivery"
)

func ExampleInbox() {
	online := map[string][]delivery.Session{
		"juliet@capulet.example": {{JID: jid.MustParse("juliet@capulet.example/phone")}, {JID: jid.MustParse("juliet@capulet.example/laptop")}},
	}
	box := &delivery.Inbox{
		Sessions: func(_ context.Context, user jid.JID) ([]delivery.Session, error) { return online[user.String()], nil },
		Deliver: func(_ context.Context, s delivery.Session, m *stanza.Stanza) error {
			fmt.Println(s.JID.Resource(), "gets:", m.Body())
			return nil
		},
		Store: func(_ context.Context, user jid.JID, m *stanza.Stanza) (string, error) {
			fmt.Println("stored for", user)
			return "1", nil
		},
		OnMessage: func(_ context.Context, m *stanza.Stanza, r delivery.Result) {
			if len(r.Delivered) == 0 && r.Stored {
				fmt.Println("wake the phone of", m.To)
			}
		},
	}
	mux := stanza.NewMux()
	mux.HandleMessage("", box)

	romeo := jid.MustParse("romeo@montague.example")
	for _, to := range []string{"juliet@capulet.example", "nurse@capulet.example"} {
		mux.HandleStanza(context.Background(), stanza.Text(romeo, jid.MustParse(to), "good morrow"))
	}
	// Output:
	// stored for juliet@capulet.example
	// phone gets: good morrow
	// laptop gets: good morrow
	// stored for nurse@capulet.example
	// wake the phone of nurse@capulet.example
}

func ExampleDecide() {
	here := []delivery.Session{
		{JID: jid.MustParse("juliet@capulet.example/phone"), Priority: 5},
		{JID: jid.MustParse("juliet@capulet.example/clock"), Priority: -1},
	}
	m := stanza.MustParse(`<message type="chat" to="juliet@capulet.example"><body>good morrow</body></message>`)
	for _, s := range delivery.Decide(m, here, delivery.Policy{}).To {
		fmt.Println(s.JID)
	}
	// Output: juliet@capulet.example/phone
}
