package gate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/stanza"
)

// publisher is a pubsub service with one node.
type publisher struct {
	network
	items []string
	away  bool
	asked []string
}

func newPublisher(items ...string) *publisher {
	p := &publisher{items: items}
	p.answer = func(iq *stanza.Stanza) (*stanza.Stanza, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, string(iq.Inner))
		if p.away {
			return nil, errors.New("away")
		}
		if iq.Type == stanza.Set {
			if len(p.asked) > 2 {
				return nil, &stanza.Error{Condition: stanza.Conflict}
			}
			return iq.Reply(stanza.Result, nil)
		}
		var b strings.Builder
		b.WriteString(`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='bans'>`)
		for _, id := range p.items {
			fmt.Fprintf(&b, `<item id='%s'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/></item>`, id)
		}
		b.WriteString(`</items></pubsub>`)
		return iq.Reply(stanza.Result, stanza.Raw(b.String()))
	}
	return p
}

func (p *publisher) set(away bool, items ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away, p.items = away, items
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spam := jid.MustParse("spam@montague.example/x")
		p := newPublisher("bad.example", hash("spam@montague.example"))
		l := &gate.List{Service: jid.MustParse("lists.example"), Node: "bans", Self: jid.MustParse("capulet.example"), Out: p, MaxItems: 4, Logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		for _, want := range []string{
			`<pubsub xmlns="http://jabber.org/protocol/pubsub"><subscribe node="bans" jid="capulet.example"></subscribe></pubsub>`,
			`<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="bans"></items></pubsub>`,
		} {
			if len(p.asked) == 0 || p.asked[0] != want {
				t.Fatalf("asked %v, want %s", p.asked, want)
			}
			p.asked = p.asked[1:]
		}
		next := new(passes)
		g := &gate.Gate{Next: next, Lists: []*gate.List{l}, StrangerRate: -1}
		for from, want := range map[string]bool{
			"spam@montague.example/x": true, "romeo@montague.example": false, "bad.example": true, "anybody@sub.bad.example/y": true,
			"anybody@notbad.example": false, "montague.example": false, "lists.example": false,
		} {
			if got := l.Has(jid.MustParse(from)); got != want {
				t.Errorf("%s is listed: %t", from, got)
			}
			before := next.n
			_, err := g.HandleStanza(t.Context(), stanza.Text(jid.MustParse(from), juliet, "hi"))
			if (next.n > before) == want || (err != nil) != want {
				t.Errorf("%s: passed %t, %v", from, next.n > before, err)
			}
		}
		event := func(from, to, inner string) {
			m := stanza.MustParse(`<message from='` + from + `' to='` + to + `'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + inner + `</event></message>`)
			g.HandleStanza(t.Context(), m)
		}
		event("lists.example", "capulet.example", `<items node='bans'><retract id='`+strings.ToUpper(hash("spam@montague.example"))+`'/><item id='worse.example'/></items>`)
		if l.Has(spam) || !l.Has(jid.MustParse("a@worse.example")) {
			t.Error("a notification changed nothing")
		}
		before := next.n
		event("liar.example", "capulet.example", `<items node='bans'><item id='montague.example'/></items>`)
		event("x@lists.example", "capulet.example", `<items node='bans'><item id='montague.example'/></items>`)
		event("lists.example", "capulet.example", `<items node='other'><item id='montague.example'/></items>`)
		if l.Has(romeo) || next.n != before+3 {
			t.Error("somebody else's notification was taken for the list's")
		}
		event("lists.example", "capulet.example", `<items node='bans'><item id='1'/><item id='2'/><item id='3'/><item id='4'/></items>`)
		if l.Len() != 4 {
			t.Errorf("%d items, want no more than four", l.Len())
		}
		event("lists.example", "capulet.example", `<purge node='bans'/>`)
		if l.Len() != 0 {
			t.Errorf("%d items after a purge", l.Len())
		}
		p.set(true)
		time.Sleep(6*time.Hour + time.Minute)
		p.set(false, "montague.example")
		time.Sleep(5 * time.Minute)
		if !l.Has(romeo) {
			t.Error("the list was not read again")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

// What the service tells while the list is being read is not lost, whether or not the
// answer has it.
func TestListChangesWhileRead(t *testing.T) {
	for _, tt := range []struct{ event, want string }{
		{`<items node='bans'><item id='New.example'/><retract id='gone.example'/></items>`, "kept.example new.example"},
		{`<items node='bans'><item id='gone.example'/></items>`, "gone.example kept.example"},
		{`<purge node='bans'/>`, ""},
		{`<items node='bans'><item id='before.example'/></items>|<purge node='bans'/>|<items node='bans'><item id='new.example'/></items>`, "new.example"},
		{`<items node='bans'><item id='new.example'/></items>|<items node='bans'><retract id='new.example'/></items>`, "gone.example kept.example"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var g *gate.Gate
			out := &network{answer: func(iq *stanza.Stanza) (*stanza.Stanza, error) {
				if iq.Type == stanza.Set {
					return nil, &stanza.Error{Condition: stanza.NotAllowed} // the list is read all the same
				}
				for _, e := range strings.Split(tt.event, "|") {
					m := stanza.MustParse(`<message from='lists.example' to='capulet.example'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + e + `</event></message>`)
					g.HandleStanza(t.Context(), m)
				}
				return iq.Reply(stanza.Result, stanza.Raw(`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='bans'>`+
					`<item id='kept.example'/><item id='gone.example'/></items></pubsub>`))
			}}
			l := &gate.List{Service: jid.MustParse("lists.example"), Node: "bans", Self: jid.MustParse("capulet.example"), Out: out, Logger: slog.New(slog.DiscardHandler)}
			g = &gate.Gate{Next: new(passes), Lists: []*gate.List{l}}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- l.Run(ctx) }()
			synctest.Wait()
			var got []string
			for _, d := range []string{"before.example", "gone.example", "kept.example", "new.example"} {
				if l.Has(jid.MustParse(d)) {
					got = append(got, d)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s: listed are %v, want %s", tt.event, got, tt.want)
			}
			cancel()
			<-done
		})
	}
}
