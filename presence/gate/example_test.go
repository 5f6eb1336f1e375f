package gate_test

import (
	"context"
	"fmt"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

func ExampleGate() {
	mux := stanza.NewMux()
	mux.HandleMessage("", stanza.MessageFunc(func(_ context.Context, m *stanza.Stanza) error {
		fmt.Println("arrived:", m.Body())
		return nil
	}))
	g := &gate.Gate{
		Next:   mux,
		Blocks: new(gate.MemBlocks),
		Known:  gate.Contacts(new(roster.MemStore)),
		Hold: func(_ context.Context, m *stanza.Stanza) error {
			fmt.Println("request of a stranger:", m.Body())
			return nil
		},
		Out: new(network),
	}
	ctx := context.Background()
	juliet, romeo := jid.MustParse("juliet@capulet.example"), jid.MustParse("romeo@montague.example")

	g.HandleStanza(ctx, stanza.Text(romeo, juliet, "good morrow"))
	g.Send(ctx, stanza.Text(juliet, romeo, "who is there?")) // no stranger any more
	g.HandleStanza(ctx, stanza.Text(romeo, juliet, "it is I"))

	g.Block(ctx, juliet, romeo)
	_, err := g.HandleStanza(ctx, stanza.Text(romeo, juliet, "hello?"))
	fmt.Println(err)
	fmt.Println(g.Send(ctx, stanza.Text(juliet, romeo, "go away")))
	// Output:
	// request of a stranger: good morrow
	// arrived: it is I
	// stanza: service-unavailable (cancel)
	// stanza: not-acceptable (cancel): you have blocked this address
}
