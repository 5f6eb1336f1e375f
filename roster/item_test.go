package roster

import (
	"testing"

	"isthmus.im/jid"
)

func TestSubscription(t *testing.T) {
	for _, tt := range []struct {
		s        Subscription
		number   uint8
		text     string
		to, from bool
	}{
		{None, 0, "none", false, false},
		{To, 1, "to", true, false},
		{From, 2, "from", false, true},
		{Both, 3, "both", true, true},
		{Subscription(9), 9, "none", false, false},
	} {
		if uint8(tt.s) != tt.number || tt.s.String() != tt.text || tt.s.HasTo() != tt.to || tt.s.HasFrom() != tt.from {
			t.Errorf("%d: %v, to %t, from %t; want %d %+v", tt.s, tt.s, tt.s.HasTo(), tt.s.HasFrom(), tt.number, tt)
		}
	}
}

func TestEventNames(t *testing.T) {
	if SendSubscribe != 1 || RecvSubscribe != 5 || RecvUnsubscribed != 8 {
		t.Error("events are numbered differently")
	}
	for ev := SendSubscribe; ev <= RecvUnsubscribed; ev++ {
		parse, prefix := Sent, "send "
		if ev >= RecvSubscribe {
			parse, prefix = Received, "recv "
		}
		if got, ok := parse(ev.Type()); !ok || got != ev {
			t.Errorf("%v: read back as %v, %t", ev, got, ok)
		}
		if got, want := ev.String(), prefix+ev.Type(); got != want {
			t.Errorf("%d: %q, want %q", ev, got, want)
		}
	}
	for _, typ := range []string{"", "probe", "unavailable", "error", "Subscribe", "subscribe "} {
		if ev, ok := Received(typ); ok || ev != 0 {
			t.Errorf("Received(%q) = %v, %t", typ, ev, ok)
		}
		if ev, ok := Sent(typ); ok || ev != 0 {
			t.Errorf("Sent(%q) = %v, %t", typ, ev, ok)
		}
	}
	for _, ev := range []Event{0, RecvUnsubscribed + 1, 255} {
		if ev.String() != "none" || ev.Type() != "" {
			t.Errorf("%d: %q, %q", ev, ev.String(), ev.Type())
		}
	}
}

// Every field but Contact makes an item something, and makes two items differ.
func TestIsZeroAndEqual(t *testing.T) {
	contact := Item{Contact: jid.MustParse("romeo@montague.example")}
	if !contact.IsZero() || !(Item{}).IsZero() {
		t.Error("an item that holds only Contact is not zero")
	}
	if empty := (Item{Groups: []string{}}); !empty.IsZero() || !empty.Equal(Item{}) {
		t.Error("empty groups are something")
	}
	if contact.Equal(Item{}) {
		t.Error("Equal does not look at Contact")
	}
	for _, tt := range []struct {
		it       Item
		inRoster bool
	}{
		{Item{Name: "Romeo"}, true},
		{Item{Groups: []string{"Montague"}}, true},
		{Item{Listed: true}, true},
		{Item{Subscription: To}, true},
		{Item{Subscription: From}, true},
		{Item{Ask: true}, true},
		{Item{Pending: true}, false},
		{Item{Approved: true}, true},
		{Item{Request: "<presence/>"}, false},
	} {
		if tt.it.IsZero() {
			t.Errorf("%+v is zero", tt.it)
		}
		if tt.it.InRoster() != tt.inRoster {
			t.Errorf("%+v: in roster %t, want %t", tt.it, tt.it.InRoster(), tt.inRoster)
		}
		if tt.it.Equal(Item{}) || !tt.it.Equal(tt.it) {
			t.Errorf("%+v: Equal", tt.it)
		}
	}
	a, b := Item{Groups: []string{"a", "b"}}, Item{Groups: []string{"b", "a"}}
	if !a.Equal(b) || a.Equal(Item{Groups: []string{"a", "c"}}) || a.Groups[0] != "a" || b.Groups[0] != "b" {
		t.Errorf("groups are compared as something else than sets, or were sorted in place")
	}
}
