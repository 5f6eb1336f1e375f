package roster

import (
	"os"
	"strings"
	"testing"
)

// allItems are the canonical items of the twelve states: nine of appendix A.1, and
// the three of them in which a contact can be approved in advance.
func allItems() []Item {
	var items []Item
	for s := None; s <= Both; s++ {
		for flags := range 8 {
			it := Item{Subscription: s, Ask: flags&1 != 0, Pending: flags&2 != 0, Approved: flags&4 != 0}
			if it.Approved && it.Pending || !it.Equal(withListed(it.canonical(), false)) {
				continue
			}
			items = append(items, it.canonical())
		}
	}
	return items
}

func withListed(it Item, listed bool) Item {
	it.Listed = listed
	return it
}

// stateName is State with the flag of section 3.4.
func stateName(it Item) string {
	if it.Approved {
		return it.State() + " approved"
	}
	return it.State()
}

func itemNamed(t *testing.T, name string) Item {
	t.Helper()
	for _, it := range allItems() {
		if stateName(it) == name {
			return it
		}
	}
	t.Fatalf("no state %q", name)
	return Item{}
}

type row struct {
	event     Event
	old, new  Item
	passed    bool // routed or delivered
	autoReply Event
	preNote   bool
}

func readTable(t *testing.T, file string) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	var event Event
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch words := strings.Fields(line); {
		case line == "" || line[0] == '#':
			continue
		case words[0] == "table":
			of := map[string]func(string) (Event, bool){"send": Sent, "recv": Received}[words[2]]
			var ok bool
			if event, ok = of(words[3]); !ok {
				t.Fatalf("%s: no event %q", file, line)
			}
			continue
		}
		cols := append(strings.Split(line, "|"), "", "")
		for i := range cols {
			cols[i] = strings.TrimSpace(cols[i])
		}
		r := row{event: event, old: itemNamed(t, cols[0]), preNote: cols[3] == "pre"}
		r.new = r.old
		if cols[2] != "=" {
			r.new = itemNamed(t, cols[2])
		}
		switch cols[1] {
		case "MUST":
			r.passed = true
		case "S.N.", "M.N.":
		default:
			t.Fatalf("%s: %q", file, line)
		}
		if reply, ok := strings.CutPrefix(cols[3], "reply "); ok {
			if r.autoReply, ok = Sent(reply); !ok {
				t.Fatalf("%s: %q", file, line)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// The tables of the RFC, as text, decide on state, routing, delivery and replies.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for file, want := range map[string]int{"appendix-a.txt": 8 * 9, "section-3.4.txt": 3*8 + 3} {
		rows := readTable(t, file)
		if len(rows) != want {
			t.Errorf("%s has %d rows, want %d", file, len(rows), want)
		}
		for _, r := range rows {
			name := stateName(r.old) + ": " + r.event.String()
			seen[name] = true
			if r.preNote {
				r.new.Approved = true
				r.new.Listed = true
			}
			got, eff := Apply(r.old, r.event)
			if stateName(got) != stateName(r.new) {
				t.Errorf("%s: state %q, want %q", name, stateName(got), stateName(r.new))
			}
			if passed := eff.Route || eff.Deliver; passed != r.passed {
				t.Errorf("%s: passed on = %t, want %t", name, passed, r.passed)
			}
			if eff.AutoReply != r.autoReply {
				t.Errorf("%s: auto-reply %v, want %v", name, eff.AutoReply, r.autoReply)
			}
		}
	}
	for _, it := range allItems() {
		for ev := SendSubscribe; ev <= RecvUnsubscribed; ev++ {
			if name := stateName(it) + ": " + ev.String(); !seen[name] {
				t.Errorf("no row for %s", name)
			}
		}
	}
	if n := len(allItems()); n != 12 {
		t.Errorf("%d states, want 12", n)
	}
}

// What the text of section 3 asks for around the tables.
func TestEffects(t *testing.T) {
	tests := []struct {
		clause string
		state  string
		event  Event
		want   Effect
	}{
		{"3.1.2 request", "None", SendSubscribe, Effect{Route: true, Push: true}},
		{"3.1.2 request sent again", "None + Pending Out", SendSubscribe, Effect{Route: true}},
		{"3.1.3 stranger", "None", RecvSubscribe, Effect{Deliver: true}},
		{"3.1.3 stranger again", "None + Pending In", RecvSubscribe, Effect{}},
		{"3.1.3 already granted", "From", RecvSubscribe, Effect{AutoReply: SendSubscribed, Announce: true}},
		{"3.1.5 approval", "None + Pending In", SendSubscribed, Effect{Route: true, Push: true, Announce: true}},
		{"3.1.5 approval, mutual", "To + Pending In", SendSubscribed, Effect{Route: true, Push: true, Announce: true}},
		{"3.1.6 approved", "From + Pending Out", RecvSubscribed, Effect{Deliver: true, Push: true}},
		{"3.1.6 not asked", "From", RecvSubscribed, Effect{}},
		{"3.2.2 cancellation", "Both", SendUnsubscribed, Effect{Route: true, Push: true, Withdraw: true}},
		{"3.2.2 denial of a stranger", "None + Pending In", SendUnsubscribed, Effect{Route: true}},
		{"3.2.2 denial of a contact", "To + Pending In", SendUnsubscribed, Effect{Route: true, Push: true}},
		{"3.2.2 nothing to cancel", "To", SendUnsubscribed, Effect{}},
		{"3.2.2 approval cancelled", "None approved", SendUnsubscribed, Effect{Push: true}},
		{"3.2.3 cancelled", "Both", RecvUnsubscribed, Effect{Deliver: true, Push: true}},
		{"3.2.3 nothing cancelled", "From", RecvUnsubscribed, Effect{}},
		{"3.3.2 unsubscribe", "Both", SendUnsubscribe, Effect{Route: true, Push: true}},
		{"3.3.2 not subscribed", "None", SendUnsubscribe, Effect{Route: true}},
		{"3.3.3 unsubscribed from", "From", RecvUnsubscribe,
			Effect{Deliver: true, Push: true, AutoReply: SendUnsubscribed, Withdraw: true}},
		{"3.3.3 request withdrawn", "None + Pending In", RecvUnsubscribe, Effect{Deliver: true, AutoReply: SendUnsubscribed}},
		{"3.4.2 approval in advance", "None", SendSubscribed, Effect{Push: true}},
		{"3.4.2 approved twice", "None approved", SendSubscribed, Effect{}},
		{"3.4.2 approved before", "To approved", RecvSubscribe, Effect{AutoReply: SendSubscribed, Push: true, Announce: true}},
		{"no event", "Both", 0, Effect{}},
		{"no event", "None + Pending In", RecvUnsubscribed + 1, Effect{}},
	}
	for _, tt := range tests {
		it := itemNamed(t, tt.state)
		if _, got := Apply(it, tt.event); got != tt.want {
			t.Errorf("section %s: %s, %v: %+v, want %+v", tt.clause, tt.state, tt.event, got, tt.want)
		}
	}
}

// A contact is in the roster from the first thing the user does, not before, and
// until the user removes it.
func TestListing(t *testing.T) {
	contact := Item{Name: "Romeo", Listed: true, Groups: []string{"Montague"}}
	tests := []struct {
		name   string
		it     Item
		events []Event
		in     bool
	}{
		{"stranger asks", Item{}, []Event{RecvSubscribe}, false},
		{"stranger is denied", Item{}, []Event{RecvSubscribe, SendUnsubscribed}, false},
		{"stranger gives up", Item{}, []Event{RecvSubscribe, RecvUnsubscribe}, false},
		{"stranger is approved", Item{}, []Event{RecvSubscribe, SendSubscribed}, true},
		{"approved one leaves", Item{}, []Event{RecvSubscribe, SendSubscribed, RecvUnsubscribe}, true},
		{"user is denied", Item{}, []Event{SendSubscribe, RecvUnsubscribed}, true},
		{"approval taken back", Item{}, []Event{SendSubscribed, SendUnsubscribed}, true},
		{"unsubscribe from nobody", Item{}, []Event{SendUnsubscribe}, false},
		{"contact asks", contact, []Event{RecvSubscribe, SendUnsubscribed}, true},
	}
	for _, tt := range tests {
		it, last := tt.it, Effect{}
		for _, ev := range tt.events {
			it, last = Apply(it, ev)
			if last.Push && !it.InRoster() {
				t.Errorf("%s: pushed what is not in the roster", tt.name)
			}
		}
		if it.InRoster() != tt.in || it.Listed != tt.in {
			t.Errorf("%s: in roster %t, listed %t, want %t", tt.name, it.InRoster(), it.Listed, tt.in)
		}
		if it.Name != tt.it.Name || !sameSet(it.Groups, tt.it.Groups) {
			t.Errorf("%s: name or groups changed: %+v", tt.name, it)
		}
	}
}

func TestRequestIsKeptWhilePending(t *testing.T) {
	it, _ := Apply(Item{}, RecvSubscribe)
	it.Request = "<presence/>"
	for _, tt := range []struct {
		event Event
		want  string
	}{
		{RecvSubscribe, "<presence/>"},
		{SendSubscribe, "<presence/>"},
		{SendSubscribed, ""},
		{SendUnsubscribed, ""},
		{RecvUnsubscribe, ""},
	} {
		if got, _ := Apply(it, tt.event); got.Request != tt.want {
			t.Errorf("%v: request %q, want %q", tt.event, got.Request, tt.want)
		}
	}
}

// Items that no table knows are read by what was granted.
func TestApplyContradictions(t *testing.T) {
	tests := []struct {
		it    Item
		event Event
		state string
		eff   Effect
	}{
		{Item{Subscription: To, Ask: true}, RecvUnsubscribed, "None", Effect{Deliver: true, Push: true}},
		{Item{Subscription: From, Pending: true}, RecvSubscribe, "From", Effect{AutoReply: SendSubscribed, Announce: true}},
		{Item{Subscription: From, Approved: true}, RecvUnsubscribe, "None",
			Effect{Deliver: true, Push: true, AutoReply: SendUnsubscribed, Withdraw: true}},
		{Item{Pending: true, Approved: true}, RecvSubscribe, "From", Effect{AutoReply: SendSubscribed, Push: true, Announce: true}},
		{Item{Subscription: 77}, RecvSubscribed, "None", Effect{}},
		{Item{Subscription: 77}, SendSubscribe, "None + Pending Out", Effect{Route: true, Push: true}},
	}
	for _, tt := range tests {
		got, eff := Apply(tt.it, tt.event)
		if stateName(got) != tt.state || eff != tt.eff {
			t.Errorf("%+v, %v: %s, %+v; want %s, %+v", tt.it, tt.event, stateName(got), eff, tt.state, tt.eff)
		}
	}
	odd := Item{Subscription: To, Ask: true}
	if got, eff := Apply(odd, 0); !got.Equal(odd) || eff != (Effect{}) {
		t.Errorf("no event: %+v, %+v", got, eff)
	}
}
