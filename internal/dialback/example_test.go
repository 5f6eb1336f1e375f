package dialback_test

import (
	"fmt"

	"isthmus.im/internal/dialback"
	"isthmus.im/jid"
)

// A peer claims to be capulet.example. The servers of that domain are asked on
// a stream of this side's, and say that the key is theirs.
func Example() {
	local, remote := jid.MustParse("montague.example"), jid.MustParse("capulet.example")
	config := dialback.Config{
		StreamID: "D60000229F",
		Secure:   true,
		Secret:   dialback.Random(),
		Serves:   func(d jid.JID) bool { return d == local },
	}
	in := dialback.New(config)
	config.Outgoing, config.Remote, config.StreamID = true, remote, "417GAF25"
	out := dialback.New(config)

	var perform func(actions []dialback.Action)
	perform = func(actions []dialback.Action) {
		for _, a := range actions {
			switch a := a.(type) {
			case dialback.Write:
				fmt.Printf("send %s\n", a.Bytes)
			case dialback.Ask:
				perform(out.Ask(a.Question))
			case dialback.Answered:
				perform(in.Step(a.Verdict))
			case dialback.Accepted:
				fmt.Println("accepted", a.Remote)
			}
		}
	}
	hear := func(m *dialback.Machine, text string) {
		e, err := dialback.ParseBytes([]byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		perform(m.Step(e))
	}
	hear(in, `<db:result xmlns:db='jabber:server:dialback' from='capulet.example' to='montague.example'>b4835385</db:result>`)
	hear(out, `<db:verify xmlns:db='jabber:server:dialback' from='capulet.example' to='montague.example' id='D60000229F' type='valid'/>`)
	// Output:
	// send <db:verify from='montague.example' to='capulet.example' id='D60000229F'>b4835385</db:verify>
	// accepted capulet.example
	// send <db:result from='montague.example' to='capulet.example' type='valid'/>
}
