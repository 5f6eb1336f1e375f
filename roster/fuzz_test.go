package roster

import (
	"testing"

	"isthmus.im/jid"
)

// FuzzApply plays random orders of what two users do, of stanzas that arrive and of
// stanzas that are lost, on items that began anyhow, and looks for what must never
// happen.
//
// The first two bytes are the items, each other is a step: bit 0 the side, the rest
// one of the user's four actions, a delivery or a loss.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 3, 8, 2, 9})                    // asked, approved, asked back
	f.Add([]byte{0, 0, 3, 0, 9, 8})                          // approved in advance
	f.Add([]byte{0, 0, 0, 9, 3, 14, 0, 9, 8})                // a lost subscribed
	f.Add([]byte{1, 2, 4, 0, 9, 9, 8})                       // unsubscribe and subscribe, crossed
	f.Add([]byte{0x3f, 0x5a, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})  // contradictions
	f.Add([]byte{3, 3, 4, 5, 6, 7, 8, 9, 8, 9, 8, 9, 14, 1}) // both, and everything ended
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 2 || len(data) > 400 {
			return
		}
		p := pair{items: [2]Item{itemOf(data[0]), itemOf(data[1])}}
		for _, step := range data[2:] {
			side := int(step & 1)
			switch op := step >> 1 % 8; {
			case op < 4:
				ev := SendSubscribe + Event(op)
				check(t, p.items[side], ev)
				p.act(side, ev)
			case op < 7 && len(p.flight[side]) > 0:
				check(t, p.items[side], p.flight[side][0])
				p.deliver(side)
			case op == 7 && len(p.flight[side]) > 0:
				p.flight[side] = p.flight[side][1:]
			}
		}
		p.settle(t)
		p.repair(t)
		if !p.mirrored() {
			t.Errorf("after repair: %q", p.joint())
		}
	})
}

// itemOf makes any item of a byte, contradictory ones among them.
func itemOf(b byte) Item {
	return Item{
		Contact:      jid.MustParse("romeo@montague.example"),
		Name:         "Romeo",
		Subscription: Subscription(b & 3),
		Ask:          b&4 != 0,
		Pending:      b&8 != 0,
		Approved:     b&16 != 0,
		Listed:       b&32 != 0,
		Request:      string([]byte{'r'}[:b>>6&1]),
	}
}

// check applies ev to it and looks at the result.
func check(t *testing.T, it Item, ev Event) {
	t.Helper()
	was := it.canonical()
	got, eff := Apply(it, ev)
	sent := ev <= SendUnsubscribed
	fail := func(what string) {
		t.Helper()
		t.Errorf("%s: %s (approved %t), %v: %s (approved %t), %+v",
			what, was.State(), was.Approved, ev, got.State(), got.Approved, eff)
	}

	if !got.Equal(got.canonical()) {
		fail("contradicts itself")
	}
	if got.Contact != it.Contact || got.Name != it.Name {
		fail("touched the contact or the name")
	}
	if eff.Route && !sent || (eff.Deliver || eff.AutoReply != 0) && sent {
		fail("wrong direction")
	}
	if eff.AutoReply != 0 && ev != RecvSubscribe && ev != RecvUnsubscribe {
		fail("answered an answer")
	}
	if eff.Push && !got.InRoster() {
		fail("pushed what is not in the roster")
	}

	opened := got.Subscription.HasFrom() && !was.Subscription.HasFrom()
	if opened && !(ev == SendSubscribed && was.Pending) && !(ev == RecvSubscribe && was.Approved) {
		fail("showed presence without consent")
	}
	if opened && !eff.Announce || eff.Announce && !got.Subscription.HasFrom() {
		fail("announce")
	}
	if closed := was.Subscription.HasFrom() && !got.Subscription.HasFrom(); closed != eff.Withdraw {
		fail("withdraw")
	}
	if got.Subscription.HasTo() && !was.Subscription.HasTo() && !(ev == RecvSubscribed && was.Ask) {
		fail("subscribed without asking")
	}
	if !sent && ev != RecvSubscribe && !got.Equal(was) != eff.Deliver {
		fail("delivered without change, or changed without delivery")
	}

	again, effAgain := Apply(got, ev)
	if ev != SendSubscribed && !again.Equal(got) {
		fail("not idempotent: then " + again.State())
	}
	if effAgain.Deliver || effAgain.Withdraw || ev != SendSubscribed && effAgain.Push {
		fail("the second one had an effect")
	}
}
