package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/presence/gate"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

var (
	juliet = jid.MustParse("juliet@capulet.example")
	romeo  = jid.MustParse("romeo@montague.example")
)

// network is what a Gate sends to: it keeps what was sent and answers requests.
type network struct {
	mu     sync.Mutex
	sent   []string
	answer func(iq *stanza.Stanza) (*stanza.Stanza, error)
}

func (n *network) Send(_ context.Context, st *stanza.Stanza) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent = append(n.sent, st.String())
	return nil
}

func (n *network) Request(_ context.Context, iq *stanza.Stanza) (*stanza.Stanza, error) {
	if n.answer == nil {
		return nil, &stanza.Error{Condition: stanza.ServiceUnavailable}
	}
	return n.answer(iq)
}

func (n *network) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	sent := n.sent
	n.sent = nil
	return sent
}

// passes is a handler that counts what reaches it.
type passes struct{ n int }

func (p *passes) HandleStanza(context.Context, *stanza.Stanza) (*stanza.Stanza, error) {
	p.n++
	return nil, nil
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		block, sender string
		want          bool
	}{
		{"romeo@montague.example/orchard", "romeo@montague.example/orchard", true},
		{"romeo@montague.example/orchard", "romeo@montague.example/home", false},
		{"romeo@montague.example/orchard", "romeo@montague.example", false},
		{"romeo@montague.example", "romeo@montague.example/orchard", true},
		{"romeo@montague.example", "romeo@montague.example", true},
		{"romeo@montague.example", "mercutio@montague.example", false},
		{"romeo@montague.example", "montague.example", false},
		{"montague.example/x", "montague.example/x", true},
		{"montague.example/x", "montague.example", false},
		{"montague.example/x", "romeo@montague.example/x", false},
		{"montague.example", "montague.example", true},
		{"montague.example", "montague.example/x", true},
		{"montague.example", "romeo@montague.example/orchard", true},
		{"montague.example", "romeo@irc.montague.example", false},
		{"strasse@montague.example", "straße@montague.example/x", true},
	} {
		if got := gate.Matches(jid.MustParse(c.block), jid.MustParse(c.sender)); got != c.want {
			t.Errorf("a block of %s covers %s: %t", c.block, c.sender, got)
		}
	}
}

// What a blocked address sends is answered as XEP-0191 section 3.3 says.
func TestBlockedSenders(t *testing.T) {
	blocks := new(gate.MemBlocks)
	next := new(passes)
	var refused []gate.Reason
	g := &gate.Gate{Next: next, Blocks: blocks, StrangerRate: -1, OnRefused: func(_ *stanza.Stanza, why gate.Reason) { refused = append(refused, why) }}
	blocks.SetBlocked(t.Context(), juliet, true, romeo)
	for in, want := range map[string]stanza.Condition{
		`<message type='chat'><body>hi</body></message>`: stanza.ServiceUnavailable,
		`<message><body>hi</body></message>`:             stanza.ServiceUnavailable,
		`<message type='headline'/>`:                     "",
		`<message type='error'/>`:                        stanza.ServiceUnavailable, // never sent: errors are not answered
		`<iq type='get' id='1'><q xmlns='urn:q'/></iq>`:  stanza.ServiceUnavailable,
		`<iq type='set' id='1'><q xmlns='urn:q'/></iq>`:  stanza.ServiceUnavailable,
		`<presence/>`:                  "",
		`<presence type='probe'/>`:     "",
		`<presence type='subscribe'/>`: "",
	} {
		for _, to := range []string{"juliet@capulet.example", "juliet@capulet.example/balcony"} {
			st := stanza.MustParse(in)
			st.From, st.To = jid.MustParse("romeo@montague.example/orchard"), jid.MustParse(to)
			reply, err := g.HandleStanza(t.Context(), st)
			var e *stanza.Error
			if errors.As(err, &e); reply != nil || (want == "") != (err == nil) || e != nil && e.Condition != want {
				t.Errorf("%s: %v, %v; want %q", in, reply, err, want)
			}
		}
	}
	if next.n != 0 || len(refused) != 18 {
		t.Errorf("%d passed, %d refused", next.n, len(refused))
	}
	for _, in := range []string{
		`<message from='mercutio@montague.example' to='juliet@capulet.example'><body>hi</body></message>`,
		`<message from='romeo@montague.example' to='nurse@capulet.example'><body>hi</body></message>`,
		`<message from='romeo@montague.example' to='capulet.example'><body>hi</body></message>`,
		`<message from='juliet@capulet.example/a' to='juliet@capulet.example/b'><body>hi</body></message>`,
	} {
		before := next.n
		if _, err := g.HandleStanza(t.Context(), stanza.MustParse(in)); err != nil || next.n != before+1 {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestBlockedRecipients(t *testing.T) {
	blocks, out := new(gate.MemBlocks), new(network)
	store := new(roster.MemStore)
	g := &gate.Gate{Next: new(passes), Blocks: blocks, Out: out, Roster: store}
	store.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
		it.Subscription = roster.From
		return it, nil
	})
	blocks.SetBlocked(t.Context(), juliet, true, jid.MustParse("montague.example"))
	for in, want := range map[string]struct {
		err  bool
		sent int
	}{
		`<message from='juliet@capulet.example' to='romeo@montague.example'/>`:                       {true, 0},
		`<iq type='get' id='1' from='juliet@capulet.example/a' to='romeo@montague.example/x'/>`:      {true, 0},
		`<iq type='result' id='1' from='juliet@capulet.example/a' to='romeo@montague.example/x'/>`:   {false, 1},
		`<presence from='juliet@capulet.example/a' to='romeo@montague.example'/>`:                    {false, 0}, // broadcast
		`<presence from='juliet@capulet.example/a' to='romeo@montague.example/x'/>`:                  {true, 0},  // directed
		`<presence from='juliet@capulet.example/a' to='paris@montague.example'/>`:                    {true, 0},
		`<presence type='unavailable' from='juliet@capulet.example/a' to='paris@montague.example'/>`: {false, 0},
		`<presence type='probe' from='juliet@capulet.example' to='romeo@montague.example'/>`:         {false, 0},
		`<presence type='subscribe' from='juliet@capulet.example' to='romeo@montague.example'/>`:     {true, 0},
		`<presence type='subscribed' from='juliet@capulet.example' to='romeo@montague.example'/>`:    {true, 0},
		`<presence type='unsubscribed' from='juliet@capulet.example' to='romeo@montague.example'/>`:  {true, 0},
		`<message from='nurse@capulet.example' to='romeo@montague.example'/>`:                        {false, 1},
		`<message from='juliet@capulet.example' to='romeo@verona.example'/>`:                         {false, 1},
		`<message type='error' from='juliet@capulet.example' to='romeo@montague.example'/>`:          {false, 1},
		`<message from='capulet.example' to='romeo@montague.example'/>`:                              {false, 1},
	} {
		err := g.Send(t.Context(), stanza.MustParse(in))
		if (err != nil) != want.err || want.err && !errors.Is(err, gate.ErrBlocked) || len(out.take()) != want.sent {
			t.Errorf("%s: %v", in, err)
		}
	}
	iq := stanza.MustParse(`<iq type='get' id='1' from='juliet@capulet.example/a' to='romeo@montague.example/x'/>`)
	if _, err := g.Request(t.Context(), iq); !errors.Is(err, gate.ErrBlocked) {
		t.Errorf("a request: %v", err)
	}
	if x := string(gate.ErrBlocked.AppendXML(nil)); !strings.Contains(x, "not-acceptable") || !strings.Contains(x, "urn:xmpp:blocking:errors") {
		t.Errorf("the error is %s", x)
	}
}

// Whoever is blocked sees the user go away, and come back when unblocked. The user does
// not know their presence meanwhile, and asks for it afterwards.
func TestBlockHidesPresence(t *testing.T) {
	out, store := new(network), new(roster.MemStore)
	for contact, sub := range map[string]roster.Subscription{
		"romeo@montague.example": roster.Both, "benvolio@montague.example": roster.To, "tybalt@capulet.example": roster.From,
		"paris@montague.example": roster.None,
	} {
		store.Update(t.Context(), juliet, jid.MustParse(contact), func(it roster.Item) (roster.Item, error) {
			it.Subscription, it.Ask = sub, sub == roster.None
			return it, nil
		})
	}
	var unknown []string
	g := &gate.Gate{OnUnknown: func(_ context.Context, user, contact jid.JID) {
		unknown = append(unknown, user.String()+" "+contact.String())
	},
		Next: new(passes), Blocks: new(gate.MemBlocks), Out: out, Roster: store, Presence: func(jid.JID) []*stanza.Stanza {
			return []*stanza.Stanza{stanza.MustParse(`<presence from='juliet@capulet.example/balcony'><show>away</show></presence>`)}
		}}
	domain := jid.MustParse("montague.example")
	if err := g.Block(t.Context(), juliet, domain); err != nil {
		t.Fatal(err)
	}
	if got, want := out.take(), []string{`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example" type="unavailable"/>`}; !slices.Equal(got, want) {
		t.Errorf("blocking sends %v, want %v", got, want)
	}
	slices.Sort(unknown)
	if want := []string{"juliet@capulet.example benvolio@montague.example", "juliet@capulet.example romeo@montague.example"}; !slices.Equal(unknown, want) {
		t.Errorf("unknown are %v, want %v", unknown, want)
	}
	if err := g.Unblock(t.Context(), juliet, domain); err != nil {
		t.Fatal(err)
	}
	got, want := out.take(), []string{
		`<presence from="juliet@capulet.example" to="benvolio@montague.example" type="probe"/>`,
		`<presence from="juliet@capulet.example" to="paris@montague.example" type="subscribe"/>`,
		`<presence from="juliet@capulet.example" to="romeo@montague.example" type="probe"/>`,
		`<presence from="juliet@capulet.example/balcony" to="romeo@montague.example"><show>away</show></presence>`,
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("unblocking sends %v, want %v", got, want)
	}
	// Another block still covers them.
	if err := errors.Join(g.Block(t.Context(), juliet, domain, romeo), g.Unblock(t.Context(), juliet, romeo)); err != nil {
		t.Fatal(err)
	}
	if got := out.take(); len(got) != 1 {
		t.Errorf("blocking twice and unblocking once sends %v", got)
	}
}

// A stranger may send three messages a minute, the strangers of a domain sixty;
// contacts, and those whom the user has written to, as many as they like.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, next := new(roster.MemStore), new(passes)
		g := &gate.Gate{Next: next, Out: new(network), Known: gate.Contacts(store)}
		send := func(from, kind string) error {
			st := stanza.MustParse(kind)
			st.From, st.To = jid.MustParse(from), juliet
			_, err := g.HandleStanza(t.Context(), st)
			return err
		}
		passed := func(n int, from, kind string) int {
			before := next.n
			for range n {
				send(from, kind)
			}
			return next.n - before
		}
		const message, subscribe = `<message type='chat'><body>hi</body></message>`, `<presence type='subscribe'/>`
		if n := passed(10, "spam@montague.example", message); n != 3 {
			t.Errorf("%d of ten messages of a stranger passed", n)
		}
		// As senders to an account that is not there are told, or the rate would tell who is.
		if err := send("spam@montague.example", message); !errors.Is(err, &stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}) {
			t.Errorf("one too many: %v", err)
		}
		if err := send("spam@montague.example", subscribe); err != nil {
			t.Errorf("a request too many: %v", err)
		}
		if n := passed(10, "ham@montague.example", subscribe); n != 3 {
			t.Errorf("%d of ten requests passed", n)
		}
		if n := passed(10, "ham@montague.example", `<iq type='get' id='1'><q xmlns='urn:q'/></iq>`); n != 10 {
			t.Errorf("%d of ten iqs passed", n)
		}
		time.Sleep(20 * time.Second)
		if n := passed(10, "spam@montague.example", message); n != 1 {
			t.Errorf("after a third of a minute %d passed", n)
		}
		time.Sleep(time.Hour)
		many := 0
		for i := range 100 {
			many += passed(1, fmt.Sprintf("s%d@montague.example", i), message)
		}
		if many != 60 {
			t.Errorf("%d messages of a hundred strangers passed", many)
		}
		if n := passed(1, "somebody@verona.example", message); n != 1 {
			t.Error("the strangers of one domain are counted for another's")
		}
		store.Update(t.Context(), juliet, romeo, func(it roster.Item) (roster.Item, error) {
			it.Subscription = roster.From
			return it, nil
		})
		if n := passed(100, "romeo@montague.example/orchard", message); n != 100 {
			t.Errorf("%d of a hundred messages of a contact passed", n)
		}
		g.Send(t.Context(), stanza.Text(juliet, jid.MustParse("paris@montague.example"), "who are you?"))
		if n := passed(100, "paris@montague.example", message); n != 100 {
			t.Errorf("%d of a hundred answers passed", n)
		}
	})
}

func TestHold(t *testing.T) {
	next := new(passes)
	var held []string
	fails := errors.New("no room")
	g := &gate.Gate{Next: next, StrangerRate: -1, DomainRate: -1, Hold: func(_ context.Context, m *stanza.Stanza) error {
		if m.Body() == "fails" {
			return fails
		}
		held = append(held, m.Body())
		return nil
	}}
	for _, body := range []string{"a", "b"} {
		if _, err := g.HandleStanza(t.Context(), stanza.Text(romeo, juliet, body)); err != nil {
			t.Error(err)
		}
	}
	if next.n != 0 || !slices.Equal(held, []string{"a", "b"}) {
		t.Errorf("held %v, %d passed", held, next.n)
	}
	if _, err := g.HandleStanza(t.Context(), stanza.Text(romeo, juliet, "fails")); !errors.Is(err, fails) {
		t.Errorf("%v, want %v", err, fails)
	}
	for _, in := range []string{`<presence type='subscribe'/>`, `<message type='error'/>`, `<message type='groupchat'/>`} {
		st := stanza.MustParse(in)
		st.From, st.To = romeo, juliet
		before := next.n
		if g.HandleStanza(t.Context(), st); next.n != before+1 {
			t.Errorf("%s did not pass", in)
		}
	}
}

// failing is a store that is away.
type failing struct{}

var errStore = errors.New("the database is away")

func (failing) Blocked(context.Context, jid.JID) ([]jid.JID, error) { return nil, errStore }
func (failing) SetBlocked(context.Context, jid.JID, bool, ...jid.JID) error {
	return errStore
}

// Without its stores the gate is closed.
func TestStoresThatFail(t *testing.T) {
	next := new(passes)
	g := &gate.Gate{Next: next, Blocks: failing{}, Out: new(network)}
	if _, err := g.HandleStanza(t.Context(), stanza.Text(romeo, juliet, "hi")); !errors.Is(err, errStore) || next.n != 0 {
		t.Errorf("%v, %d passed", err, next.n)
	}
	if err := g.Send(t.Context(), stanza.Text(juliet, romeo, "hi")); !errors.Is(err, errStore) {
		t.Errorf("Send: %v", err)
	}
	if err := errors.Join(g.Block(t.Context(), juliet, romeo), g.Unblock(t.Context(), juliet, romeo)); !errors.Is(err, errStore) {
		t.Errorf("Block and Unblock: %v", err)
	}
	g = &gate.Gate{Next: next, Known: func(context.Context, jid.JID, jid.JID) (bool, error) { return false, errStore }}
	if _, err := g.HandleStanza(t.Context(), stanza.Text(romeo, juliet, "hi")); !errors.Is(err, errStore) || next.n != 0 {
		t.Errorf("%v, %d passed", err, next.n)
	}
}

// However many strangers there are, only so many are counted.
func TestCountersAreBounded(t *testing.T) {
	g := &gate.Gate{Next: new(passes), MaxCounted: 10, MaxKnown: 10, Out: new(network), DomainRate: -1}
	for i := range 100 {
		from := jid.MustParse(fmt.Sprintf("s%d@montague.example", i))
		g.HandleStanza(t.Context(), stanza.Text(from, juliet, "hi"))
		g.Send(t.Context(), stanza.Text(juliet, from, "hi"))
	}
	if s, k := gate.Counted(g); s != 10 || k != 10 {
		t.Errorf("%d strangers and %d acquaintances are kept, want ten", s, k)
	}
}
