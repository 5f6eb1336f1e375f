package roster

import "testing"

// pair is what two users' servers hold on each other, with the stanzas on their way
// in each direction.
type pair struct {
	items  [2]Item
	flight [2][]Event // flight[i] travels to side i, as events of the receiver
}

// act is what the user of side i does.
func (p *pair) act(i int, ev Event) {
	var eff Effect
	p.items[i], eff = Apply(p.items[i], ev)
	if eff.Route {
		p.send(i, ev)
	}
}

func (p *pair) send(from int, ev Event) {
	to := 1 - from
	p.flight[to] = append(p.flight[to], ev+RecvSubscribe-SendSubscribe)
}

// deliver lets the next stanza to side i arrive, and reports whether there was one.
func (p *pair) deliver(i int) bool {
	if len(p.flight[i]) == 0 {
		return false
	}
	ev := p.flight[i][0]
	p.flight[i] = p.flight[i][1:]
	var eff Effect
	p.items[i], eff = Apply(p.items[i], ev)
	if eff.AutoReply != 0 {
		p.send(i, eff.AutoReply)
	}
	return true
}

// settle lets everything arrive. A stanza is answered once at most, and no answer is.
func (p *pair) settle(t testing.TB) {
	for range 2*(len(p.flight[0])+len(p.flight[1])) + 1 {
		if !p.deliver(0) && !p.deliver(1) {
			return
		}
	}
	t.Fatalf("stanzas keep going round: %+v", p)
}

// mirrored reports whether each side has the opposite of the other.
func (p *pair) mirrored() bool {
	a, b := p.items[0].canonical(), p.items[1].canonical()
	return a.Subscription.HasTo() == b.Subscription.HasFrom() &&
		b.Subscription.HasTo() == a.Subscription.HasFrom() &&
		a.Ask == b.Pending && b.Ask == a.Pending
}

// repair is the round that the package comment describes, with nothing lost.
func (p *pair) repair(t testing.TB) {
	for i := range p.items {
		if p.items[i].Subscription.HasTo() && !p.items[1-i].Subscription.HasFrom() {
			p.send(1-i, SendUnsubscribed) // what a probe is answered
			p.settle(t)
		}
		switch it := p.items[i]; {
		case it.Ask:
			p.act(i, SendSubscribe)
		case !it.Subscription.HasTo():
			p.act(i, SendUnsubscribe)
		}
		p.settle(t)
	}
}

// joint names the state of both sides.
func (p *pair) joint() [2]string {
	return [2]string{p.items[0].State(), p.items[1].State()}
}

type approvals struct {
	joint    [2]string
	approved [2]bool
}

// From None and None, users who do what they like reach nine joint states and no
// other, and in each one side has the opposite of the other.
func TestNineJointStates(t *testing.T) {
	key := func(p pair) approvals {
		return approvals{p.joint(), [2]bool{p.items[0].Approved, p.items[1].Approved}}
	}
	states := map[[2]string]bool{}
	seen := map[approvals]bool{{joint: [2]string{"None", "None"}}: true}
	queue := []pair{{}}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		states[p.joint()] = true
		if !p.mirrored() {
			t.Errorf("not mirrored: %q", p.joint())
		}
		for i := range 2 {
			for ev := SendSubscribe; ev <= SendUnsubscribed; ev++ {
				next := pair{items: p.items}
				next.act(i, ev)
				next.settle(t)
				if k := key(next); !seen[k] {
					seen[k] = true
					queue = append(queue, next)
				}
			}
		}
	}
	want := map[[2]string]bool{
		{"None", "None"}: true,
		{"None + Pending Out", "None + Pending In"}:        true,
		{"None + Pending In", "None + Pending Out"}:        true,
		{"None + Pending Out+In", "None + Pending Out+In"}: true,
		{"To", "From"}: true,
		{"From", "To"}: true,
		{"To + Pending In", "From + Pending Out"}: true,
		{"From + Pending Out", "To + Pending In"}: true,
		{"Both", "Both"}: true,
	}
	if len(states) != 9 {
		t.Errorf("%d joint states, want 9", len(states))
	}
	for s := range want {
		if !states[s] {
			t.Errorf("%q is not reached", s)
		}
	}
}

// Every state of one side can be reached with every state of the other by losing
// stanzas, so all pairs of states are repaired.
func TestRepair(t *testing.T) {
	all := allItems()
	for _, a := range all {
		for _, b := range all {
			p := pair{items: [2]Item{a, b}}
			p.repair(t)
			if !p.mirrored() {
				t.Errorf("%s and %s: after a round %q", stateName(a), stateName(b), p.joint())
			}
			before := p.items
			p.repair(t)
			for i := range before {
				if !p.items[i].Equal(before[i]) {
					t.Errorf("%s and %s: a second round changed %s to %s",
						stateName(a), stateName(b), stateName(before[i]), stateName(p.items[i]))
				}
			}
		}
	}
}

// The stanzas whose loss matters, one by one.
func TestLostStanzas(t *testing.T) {
	lose := func(p *pair) {
		p.flight = [2][]Event{}
	}

	t.Run("subscribe", func(t *testing.T) {
		var p pair
		p.act(0, SendSubscribe)
		lose(&p)
		p.act(0, SendSubscribe) // the timer
		p.settle(t)
		if got, want := p.joint(), [2]string{"None + Pending Out", "None + Pending In"}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("subscribed", func(t *testing.T) {
		var p pair
		p.act(0, SendSubscribe)
		p.settle(t)
		p.act(1, SendSubscribed)
		lose(&p)
		if got, want := p.joint(), [2]string{"None + Pending Out", "From"}; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		p.act(0, SendSubscribe) // the timer
		p.settle(t)
		if got, want := p.joint(), [2]string{"To", "From"}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("automatic subscribed", func(t *testing.T) {
		var p pair
		p.act(1, SendSubscribed) // in advance
		p.act(0, SendSubscribe)
		p.deliver(1)
		lose(&p)
		p.act(0, SendSubscribe)
		p.settle(t)
		if got, want := p.joint(), [2]string{"To", "From"}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
	t.Run("denial", func(t *testing.T) {
		var p pair
		p.act(0, SendSubscribe)
		p.settle(t)
		p.act(1, SendUnsubscribed)
		lose(&p)
		p.act(0, SendSubscribe) // asks once more
		p.settle(t)
		if got, want := p.joint(), [2]string{"None + Pending Out", "None + Pending In"}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// The one order of events that ends without a mirror though nothing was lost.
func TestCrossedReply(t *testing.T) {
	p := pair{items: [2]Item{{Subscription: To}, {Subscription: From}}}
	p.act(0, SendUnsubscribe)
	p.act(0, SendSubscribe)
	p.settle(t)
	if got, want := p.joint(), [2]string{"None", "None + Pending In"}; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	p.act(0, SendSubscribe)
	p.settle(t)
	if got, want := p.joint(), [2]string{"None + Pending Out", "None + Pending In"}; got != want {
		t.Errorf("asked again: %q, want %q", got, want)
	}
}

// A user who removes a contact leaves nothing on either side.
func TestRemoval(t *testing.T) {
	for _, a := range allItems() {
		for _, b := range allItems() {
			p := pair{items: [2]Item{a, b}}
			if !p.mirrored() {
				continue
			}
			for _, ev := range p.items[0].Removal() {
				p.act(0, ev)
			}
			p.items[0] = Item{}
			p.settle(t)
			if got, want := p.joint(), [2]string{"None", "None"}; got != want {
				t.Errorf("%s removed: %q, want %q", stateName(a), got, want)
			}
		}
	}
}

func TestRemovalEvents(t *testing.T) {
	for state, want := range map[string][]Event{
		"None":                  nil,
		"None + Pending Out":    {SendUnsubscribe},
		"None + Pending In":     {SendUnsubscribed},
		"None + Pending Out+In": {SendUnsubscribe, SendUnsubscribed},
		"To":                    {SendUnsubscribe},
		"From":                  {SendUnsubscribed},
		"Both":                  {SendUnsubscribe, SendUnsubscribed},
	} {
		got := itemNamed(t, state).Removal()
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", state, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", state, got, want)
			}
		}
	}
}
