package pep

import (
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

// Whatever arrives: what is answered and sent can be sent, comes from the user who was
// addressed, and shows nobody what is not for them; what the host is told came from
// whom it is about.
func FuzzHandleStanza(f *testing.F) {
	for _, from := range []string{"romeo@montague.example/orchard", "paris@verona.example", "juliet@capulet.example/balcony", "montague.example"} {
		head := ` from="` + from + `" to="juliet@capulet.example" id="1"`
		for _, payload := range []string{
			pub(`<items node="urn:secret"/>`), pub(`<items node="urn:open" max_items="1"><item id="a"/></items>`), pub(`<subscriptions/>`),
			pub(`<publish node="urn:open"><item><x xmlns="u"/></item></publish><publish-options>` + options(formPublish, "pubsub#access_model=open") + `</publish-options>`),
			pub(`<subscribe node="urn:open" jid="` + from + `"/>`), pub(`<unsubscribe node="urn:open" jid="` + from + `"/>`),
			pub(`<retract node="urn:secret"><item id="a"/></retract>`), pub(`<create node="n"/>`),
			owned(`<configure node="urn:secret">` + options(formConfig, "pubsub#access_model=open") + `</configure>`),
			owned(`<delete node="urn:secret"/>`), owned(`<affiliations node="urn:secret"/>`),
		} {
			f.Add(`<iq type="get"` + head + `>` + payload + `</iq>`)
			f.Add(`<iq type="set"` + head + `>` + payload + `</iq>`)
		}
		f.Add(`<message` + head + `>` + event(tune, "1", song) + `<delay xmlns="urn:xmpp:delay" stamp="2002-09-10T23:08:25Z"/></message>`)
		f.Add(`<message` + head + `><event xmlns="` + nsEvent + `"><items node="n"><retract id="1"/></items><purge node="n"/><delete node="n"/></event></message>`)
	}
	f.Fuzz(func(t *testing.T, xml string) {
		in, err := stanza.Parse([]byte(xml))
		if err != nil {
			return
		}
		r := newRig(t)
		r.befriend(juliet, romeo)
		r.put(juliet, roster.Item{Contact: nurse, Subscription: roster.To})
		r.publish1("urn:open", "a", `<a xmlns="urn:a">open</a>`, &Config{Access: Open})
		r.publish1("urn:presence", "a", `<a xmlns="urn:a">shown</a>`, nil)
		r.publish1("urn:secret", "a", `<a xmlns="urn:a">secret</a>`, &Config{Access: Whitelist})
		from, to, typ, children := in.From, in.To, in.Type, string(in.Inner)
		answer, err := r.HandleStanza(t.Context(), in)
		if condition(err) == "not a stanza error" {
			t.Fatalf("%s: %v", xml, err)
		}
		var out []*stanza.Stanza
		if answer != nil {
			if answer.To != from || answer.From != to || typ != stanza.Get && typ != stanza.Set {
				t.Errorf("%s answers %s", answer, xml)
			}
			out = append(out, answer)
		}
		out = append(out, r.sent...)
		for _, st := range out {
			if _, err := stanza.Parse([]byte(st.String())); err != nil {
				t.Fatalf("sent %s: %v", st, err)
			}
			text := string(st.Inner)
			friend := st.To.Bare() == juliet || st.To.Bare() == romeo
			if st.From.Bare() == juliet && (strings.Contains(text, "secret</a>") && !strings.Contains(children, "secret</a>") && st.To.Bare() != juliet ||
				strings.Contains(text, "shown</a>") && !strings.Contains(children, "shown</a>") && !friend) {
				t.Errorf("%s was shown %s", st.To, st)
			}
		}
		if n, err := r.Store.Read(t.Context(), juliet, "urn:secret", Query{Max: 9}); from.Bare() != juliet && (err != nil || len(n.Items) != 1 || len(n.Subscribers) > 0 || n.Config.Access != Whitelist) {
			t.Errorf("%s changed %+v, %v", xml, n, err)
		}
		for _, e := range r.told() {
			if e.Owner != from || e.User != to.Bare() || e.Node == "" || !knows(r, e.User, e.Owner) {
				t.Errorf("%s told %+v", xml, e)
			}
		}
	})
}

func knows(r *rig, user, who jid.JID) bool {
	v, err := r.view(r.t.Context(), user, who)
	return err == nil && (v.owner || v.item.InRoster())
}
