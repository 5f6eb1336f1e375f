package roster_test

import (
	"context"
	"fmt"
	"log"

	"isthmus.im/jid"
	"isthmus.im/roster"
)

// A request of somebody unknown arrives, and the user approves it.
func Example() {
	ctx := context.Background()
	juliet := jid.MustParse("juliet@capulet.example")
	romeo := jid.MustParse("romeo@montague.example")
	var store roster.Store = &roster.MemStore{}

	handle := func(ev roster.Event) {
		var effect roster.Effect
		it, err := store.Update(ctx, juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it, effect = roster.Apply(it, ev)
			return it, nil
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s, in the roster: %t\n", ev, it.State(), it.InRoster())
		if effect.Deliver {
			fmt.Println("  show it to the user")
		}
		if effect.Route {
			fmt.Println("  pass it on to", it.Contact)
		}
		if effect.Announce {
			fmt.Println("  send presence to", it.Contact)
		}
		if effect.Push {
			fmt.Println("  tell the user's clients")
		}
	}
	handle(roster.RecvSubscribe)
	handle(roster.RecvSubscribe) // once more: not shown again
	handle(roster.SendSubscribed)

	// Output:
	// recv subscribe: None + Pending In, in the roster: false
	//   show it to the user
	// recv subscribe: None + Pending In, in the roster: false
	// send subscribed: From, in the roster: true
	//   pass it on to romeo@montague.example
	//   send presence to romeo@montague.example
	//   tell the user's clients
}

// The answer to a request was lost; the request is sent again.
func ExampleApply() {
	romeo := roster.Item{Contact: jid.MustParse("juliet@capulet.example"), Ask: true}
	juliet := roster.Item{Contact: jid.MustParse("romeo@montague.example"), Subscription: roster.From}

	romeo, effect := roster.Apply(romeo, roster.SendSubscribe)
	fmt.Println("route:", effect.Route)
	juliet, effect = roster.Apply(juliet, roster.RecvSubscribe)
	fmt.Println("deliver:", effect.Deliver, "reply:", effect.AutoReply.Type())
	romeo, _ = roster.Apply(romeo, roster.RecvSubscribed)
	fmt.Println(romeo.State(), "and", juliet.State())

	// Output:
	// route: true
	// deliver: false reply: subscribed
	// To and From
}

// A user removes a contact.
func ExampleItem_Removal() {
	it := roster.Item{Contact: jid.MustParse("romeo@montague.example"), Subscription: roster.Both}
	for _, ev := range it.Removal() {
		var effect roster.Effect
		it, effect = roster.Apply(it, ev)
		fmt.Println(ev.Type(), "route:", effect.Route, "go offline for the contact:", effect.Withdraw)
	}
	fmt.Println(it.State())

	// Output:
	// unsubscribe route: true go offline for the contact: false
	// unsubscribed route: true go offline for the contact: true
	// None
}

// chats is a host that keeps conversations only.
type chats [][]jid.JID

// Contacts lists everybody in a conversation with user, the user included.
func (c chats) Contacts(_ context.Context, user jid.JID) ([]jid.JID, error) {
	var all []jid.JID
	for _, members := range c {
		for _, m := range members {
			if m == user {
				all = append(all, members...)
			}
		}
	}
	return all, nil
}

func ExampleFromConversations() {
	ctx := context.Background()
	juliet := jid.MustParse("juliet@capulet.example")
	romeo := jid.MustParse("romeo@montague.example")
	paris := jid.MustParse("paris@verona.example")
	store := roster.FromConversations(chats{{juliet, romeo}}, &roster.MemStore{})

	for _, contact := range []jid.JID{romeo, paris} { // both ask to see juliet's presence
		_, err := store.Update(ctx, juliet, contact, func(it roster.Item) (roster.Item, error) {
			it, _ = roster.Apply(it, roster.RecvSubscribe)
			return it, nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	items, err := store.Items(ctx, juliet)
	if err != nil {
		log.Fatal(err)
	}
	for _, it := range items {
		fmt.Println(it.Contact, it.State())
	}

	// Output:
	// romeo@montague.example Both
	// paris@verona.example None + Pending In
}
