package gate_test

import (
	"context"
	"errors"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// What becomes of each kind of stanza under each policy, from a stranger who sends it
// twice and may send one a minute. A contact is let through in any case.
func TestPolicies(t *testing.T) {
	kinds := map[string]func(*gate.Strangers) *gate.Policy{
		`<message><body>hi</body></message>`:            func(s *gate.Strangers) *gate.Policy { return &s.Messages },
		`<presence type='subscribe'/>`:                  func(s *gate.Strangers) *gate.Policy { return &s.Requests },
		`<presence><show>away</show></presence>`:        func(s *gate.Strangers) *gate.Policy { return &s.Presence },
		`<presence type='unavailable'/>`:                func(s *gate.Strangers) *gate.Policy { return &s.Presence },
		`<iq type='get' id='1'><q xmlns='urn:q'/></iq>`: func(s *gate.Strangers) *gate.Policy { return &s.Queries },
		`<iq type='set' id='1'><q xmlns='urn:q'/></iq>`: func(s *gate.Strangers) *gate.Policy { return &s.Queries },
		`<message type='error'/>`:                       nil,
		`<message type='groupchat'/>`:                   nil,
		`<presence type='probe'/>`:                      nil,
		`<presence type='unsubscribe'/>`:                nil,
		`<presence type='error'/>`:                      nil,
	}
	store := new(roster.MemStore)
	store.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		it.Subscription = roster.From
		return it, nil
	})
	for xml, field := range kinds {
		for policy, want := range map[gate.Policy]struct{ passed, held, refused int }{
			gate.Pass:     {passed: 2},
			gate.Throttle: {passed: 1, refused: 1},
			gate.Hold:     {held: 1, refused: 1},
			gate.Drop:     {refused: 2},
		} {
			next, held, refused := new(passes), 0, 0
			g := &gate.Gate{
				Next: next, Known: gate.Contacts(store), StrangerRate: 1,
				Hold: func(context.Context, *stanza.Stanza) error { held++; return nil },
				OnRefused: func(_ *stanza.Stanza, why gate.Reason) {
					if why != gate.ReasonHeld {
						refused++
					}
				},
			}
			first := stanza.MustParse(xml)
			switch {
			case field == nil:
				want.passed, want.held, want.refused = 2, 0, 0
				g.Strangers = gate.Strangers{Messages: policy, Requests: policy, Presence: policy, Queries: policy}
			case first.Kind == stanza.IQ && policy == gate.Hold:
				want.held, want.refused = 0, 2
				fallthrough
			default:
				*field(&g.Strangers) = policy
			}
			for range 2 {
				st := stanza.MustParse(xml)
				st.From, st.To = jid.MustParse("paris@verona.example/x"), juliet
				before := refused
				_, err := g.HandleStanza(t.Context(), st)
				answered := st.Kind != stanza.Presence && refused > before
				if (err != nil) != answered || err != nil && !errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}) {
					t.Errorf("%s under %d: %v", xml, policy, err)
				}
			}
			if got := (struct{ passed, held, refused int }{next.n, held, refused}); got != want {
				t.Errorf("%s under %d: %+v, want %+v", xml, policy, got, want)
			}
			for range 2 {
				st := stanza.MustParse(xml)
				st.From, st.To = romeo, juliet
				if _, err := g.HandleStanza(t.Context(), st); err != nil {
					t.Errorf("%s of a contact: %v", xml, err)
				}
			}
			if next.n != want.passed+2 {
				t.Errorf("%s of a contact did not pass", xml)
			}
		}
	}
	g := &gate.Gate{Next: new(passes), Strangers: gate.Strangers{Messages: gate.Hold}}
	if _, err := g.HandleStanza(t.Context(), stanza.Text(romeo, juliet, "hi")); err == nil {
		t.Error("held by nobody, and not refused")
	}
}
