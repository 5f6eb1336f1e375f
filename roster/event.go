package roster

// Event is something that moves the state of a subscription: a presence stanza of
// one of four types that the user sends to the contact or the contact to the user.
// The zero Event is none; Apply ignores it.
type Event uint8

// The events. Send is from the user to the contact, Recv from the contact to the user.
const (
	SendSubscribe    Event = iota + 1 // the user asks to see the contact's presence
	SendSubscribed                    // the user lets the contact see theirs, now or in advance
	SendUnsubscribe                   // the user no longer wants to see the contact's presence
	SendUnsubscribed                  // the user refuses, or takes back what was granted
	RecvSubscribe                     // the contact asks to see the user's presence
	RecvSubscribed                    // the contact lets the user see theirs
	RecvUnsubscribe                   // the contact no longer wants to see the user's presence
	RecvUnsubscribed                  // the contact refuses, or takes back what was granted
)

var eventTypes = [...]string{"subscribe", "subscribed", "unsubscribe", "unsubscribed"}

// Sent returns the event of a presence stanza of type typ that the user sends. It
// returns false when typ has nothing to do with subscriptions.
func Sent(typ string) (Event, bool) { return eventOf(typ, SendSubscribe) }

// Received returns the event of a presence stanza of type typ that arrives from the
// contact. It returns false when typ has nothing to do with subscriptions.
func Received(typ string) (Event, bool) { return eventOf(typ, RecvSubscribe) }

func eventOf(typ string, first Event) (Event, bool) {
	for i, t := range eventTypes {
		if t == typ {
			return first + Event(i), true
		}
	}
	return 0, false
}

// Type returns the type of the presence stanza: "subscribe", "subscribed",
// "unsubscribe" or "unsubscribed". It is "" for what is no event.
func (e Event) Type() string {
	if e < SendSubscribe || e > RecvUnsubscribed {
		return ""
	}
	return eventTypes[(e-SendSubscribe)%4]
}

// String returns "send" or "recv" and the Type, as in "recv subscribe", and "none"
// for what is no event.
func (e Event) String() string {
	switch {
	case e < SendSubscribe || e > RecvUnsubscribed:
		return "none"
	case e < RecvSubscribe:
		return "send " + e.Type()
	}
	return "recv " + e.Type()
}
