package gate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/stanza"
	"isthmus.im/stanza/disco"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// A report goes to the address that the other domain names, and arrives there as
// it was sent.
func TestReports(t *testing.T) {
	spam := stanza.MustParse(`<message type="chat" from="spam@montague.example/bot" to="juliet@capulet.example" id="1"><body>buy &lt;now&gt;</body></message>`)
	report := gate.Report{Who: jid.MustParse("spam@montague.example/bot"), Reason: gate.ReasonSpam, Text: "never came trouble", Stanza: spam}
	for uri, want := range map[string]string{
		"xmpp:abuse@montague.example":         "abuse@montague.example",
		"xmpp:abuse@montague.example?message": "abuse@montague.example",
		"xmpp://guest@montague.example/abuse": "montague.example",
		"mailto:abuse@montague.example":       "montague.example",
		"":                                    "montague.example",
	} {
		out := new(network)
		out.answer = func(iq *stanza.Stanza) (*stanza.Stanza, error) {
			info := disco.Info{Identities: []disco.Identity{{Category: "server", Type: "im"}}}
			if uri != "" {
				form, err := disco.Contacts{"abuse-addresses": {uri}}.Form()
				if err != nil {
					t.Fatal(err)
				}
				info.Forms = append(info.Forms, form)
			}
			return iq.Reply(stanza.Result, info)
		}
		here := &gate.Gate{Next: new(passes), Out: out}
		if err := here.Report(t.Context(), jid.MustParse("capulet.example"), report); err != nil {
			t.Fatal(err)
		}
		sent := out.take()
		if len(sent) != 1 {
			t.Fatalf("sent %v", sent)
		}
		m := stanza.MustParse(sent[0])
		if m.To.String() != want || m.From.String() != "capulet.example" {
			t.Errorf("%q: sent from %s to %s, want %s", uri, m.From, m.To, want)
		}
		var got []gate.Report
		there := &gate.Gate{Next: new(passes), OnReport: func(_ context.Context, from jid.JID, r gate.Report) {
			if from != m.From {
				t.Errorf("reported by %s", from)
			}
			got = append(got, r)
		}}
		if _, err := there.HandleStanza(t.Context(), m); err != nil || len(got) != 1 {
			t.Fatalf("%d reports, %v", len(got), err)
		}
		r := got[0]
		if r.Who.String() != "spam@montague.example" || r.Reason != gate.ReasonSpam || r.Text != report.Text || r.Stanza == nil || r.Stanza.String() != spam.String() {
			t.Errorf("arrived as %+v", r)
		}
	}
}

func TestReportsThatAreNot(t *testing.T) {
	var got []gate.Report
	next := new(passes)
	g := &gate.Gate{Next: next, OnReport: func(_ context.Context, _ jid.JID, r gate.Report) { got = append(got, r) }, StrangerRate: -1}
	in := func(inner string) {
		m := stanza.MustParse(`<message from="montague.example" to="capulet.example">` + inner + `</message>`)
		if _, err := g.HandleStanza(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	in(`<body>a message</body>`)
	if next.n != 1 {
		t.Error("a message did not pass")
	}
	in(`<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><jid xmlns="urn:xmpp:jid:0">x@verona.example</jid></report>`)
	in(`<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><jid xmlns="urn:xmpp:jid:0">@@@</jid></report>`)
	if len(got) != 0 || next.n != 1 {
		t.Errorf("reports about nobody here: %v", got)
	}
	in(`<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><jid xmlns="urn:xmpp:jid:0">tybalt@capulet.example</jid><text>` +
		strings.Repeat("é", 5000) + `</text></report><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client" from="other@capulet.example"/></forwarded>`)
	if len(got) != 1 || len(got[0].Text) > 4096 || got[0].Stanza != nil {
		t.Errorf("%d reports; the text has %d bytes, and a message of somebody else is shown: %t", len(got), len(got[0].Text), got[0].Stanza != nil)
	}
	if err := g.Report(t.Context(), jid.MustParse("capulet.example"), gate.Report{}); err == nil {
		t.Error("an empty report without an Out was sent")
	}
	if _, err := (gate.Report{Who: romeo}).Message(juliet, romeo); err == nil {
		t.Error("a report without reason")
	}
}

// Reports to a domain are counted for the domain that they come from. Other messages to
// domains are not.
func TestReportsAreCounted(t *testing.T) {
	got, next := 0, new(passes)
	g := &gate.Gate{Next: next, OnReport: func(context.Context, jid.JID, gate.Report) { got++ }, DomainRate: 5}
	in := func(from, inner string) error {
		_, err := g.HandleStanza(t.Context(), stanza.MustParse(`<message from="`+from+`" to="capulet.example">`+inner+`</message>`))
		return err
	}
	const report = `<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><jid xmlns="urn:xmpp:jid:0">tybalt@capulet.example</jid></report>`
	for n := range 20 {
		err := in(fmt.Sprintf("u%d@montague.example", n), report)
		if (err == nil) != (n < 5) || err != nil && !errors.Is(err, &stanza.Error{Condition: stanza.PolicyViolation}) {
			t.Errorf("report %d: %v", n, err)
		}
	}
	if got != 5 {
		t.Errorf("%d reports of a domain, want 5", got)
	}
	if err := in("verona.example", report); err != nil || got != 6 {
		t.Errorf("a report from elsewhere: %v", err)
	}
	if err := in("montague.example", "<body>hi</body>"); err != nil || next.n != 1 {
		t.Errorf("a message to the domain: %v", err)
	}
}

func TestFeatures(t *testing.T) {
	mux := stanza.NewMux()
	mux.Advertise("urn:x")
	g := &gate.Gate{Next: mux, OnReport: func(context.Context, jid.JID, gate.Report) {}}
	if got := strings.Join(g.Features(), " "); got != "urn:x "+gate.NSReporting {
		t.Errorf("features %s", got)
	}
}
