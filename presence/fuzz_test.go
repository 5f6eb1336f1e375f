package presence

import (
	"testing"

	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// Whatever arrives: errors are not answered, answers are presence that can be sent and
// come from the user who was asked, and who has no subscription learns nothing.
func FuzzHandleStanza(f *testing.F) {
	for _, typ := range []string{"", "unavailable", "error", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"} {
		f.Add(`<presence from="romeo@montague.example/x" to="juliet@capulet.example" type="` + typ + `"/>`)
		f.Add(`<presence from="paris@verona.example" to="juliet@capulet.example/balcony" id="1" type="` + typ + `"><status>x</status></presence>`)
	}
	f.Add(`<presence from="montague.example" to="capulet.example" type="probe"/>`)
	f.Add(`<presence from="juliet@capulet.example/balcony" to="juliet@capulet.example" type="probe"/>`)
	f.Add(`<presence to="juliet@capulet.example" type="subscribe"/>`)
	f.Add(`<iq from="montague.example" to="capulet.example" type="get" id="1"><x xmlns="y"/></iq>`)
	f.Fuzz(func(t *testing.T, xml string) {
		in, err := stanza.Parse([]byte(xml))
		if err != nil {
			return
		}
		from, to, typ := in.From.Bare(), in.To.Bare(), in.Type
		r := newRig(t)
		r.put(juliet, roster.Item{Contact: romeo, Subscription: roster.From})
		r.announce(`<presence from="juliet@capulet.example/balcony"><show>dnd</show></presence>`)
		answer, err := r.HandleStanza(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		sent := r.take()
		if answer != nil {
			sent = append(sent, answer.String())
		}
		if typ == stanza.TypeError && len(sent) > 0 {
			t.Fatalf("an error was answered: %s", sent)
		}
		for _, out := range sent {
			p, err := stanza.Parse([]byte(out))
			if err != nil {
				t.Fatalf("sent %s: %v", out, err)
			}
			if p.From.Bare() != to || p.To.Bare() != from {
				t.Errorf("%s answers %s", p, xml)
			}
			subscriber := to == juliet && (from == romeo || from == juliet)
			if !subscriber && p.Type != stanza.Unsubscribed {
				t.Errorf("%s learnt %s", from, p)
			}
		}
	})
}
