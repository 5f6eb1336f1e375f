package delivery_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/delivery"
	"isthmus.im/stanza/payload"
)

// host is one user's.
type host struct {
	sessions string
	gone     string // resources that have just left
	got      []string
	stored   []*stanza.Stanza
	seen     *stanza.Stanza // as the first session got it
	result   delivery.Result
	fails    error
}

var errDisk = errors.New("disk full")

func (h *host) inbox() *delivery.Inbox {
	return &delivery.Inbox{
		Sessions: func(context.Context, jid.JID) ([]delivery.Session, error) { return sessions(h.sessions), nil },
		Deliver: func(_ context.Context, s delivery.Session, st *stanza.Stanza) error {
			if strings.Contains(h.gone, s.JID.Resource()) {
				return errors.New("connection closed")
			}
			h.got = append(h.got, s.JID.Resource())
			h.seen = st
			return nil
		},
		Store: func(_ context.Context, _ jid.JID, m *stanza.Stanza) (string, error) {
			if h.fails != nil {
				return "", h.fails
			}
			h.stored = append(h.stored, m)
			return "archive-1", nil
		},
		MayAsk: func(_ context.Context, _, sender jid.JID) (bool, error) {
			return sender.Domain() == "montague.example", nil
		},
		OnMessage: func(_ context.Context, _ *stanza.Stanza, r delivery.Result) {
			h.result = r
		},
	}
}

func TestInbox(t *testing.T) {
	const (
		from   = ` from="romeo@montague.example/orchard" `
		forged = `<stanza-id xmlns="urn:xmpp:sid:0" by="juliet@capulet.example" id="forged"/>`
	)
	for _, c := range []struct {
		name, sessions, gone, in string
		got                      string // resources
		stored                   bool
		err                      error
	}{
		{"to all", "a:0 b:1", "", `<message type="chat"` + from + `to="juliet@capulet.example"><body>hi</body>` + forged + `</message>`, "b a", true, nil},
		{"stored though nobody is there", "", "", `<message type="chat"` + from + `to="juliet@capulet.example"><body>hi</body></message>`, "", true, nil},
		{"a chat state for nobody", "", "", `<message type="chat"` + from + `to="juliet@capulet.example"><active xmlns="http://jabber.org/protocol/chatstates"/></message>`, "", false, nil},
		{"not to be stored, and nobody is there", "", "", `<message type="chat"` + from + `to="juliet@capulet.example"><body>hi</body><no-store xmlns="urn:xmpp:hints"/></message>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"not to be stored, and somebody is", "a:0", "", `<message type="chat"` + from + `to="juliet@capulet.example"><body>hi</body><no-store xmlns="urn:xmpp:hints"/></message>`, "a", false, nil},
		{"to a session that has just left", "a:0 b:0", "a", `<message type="chat"` + from + `to="juliet@capulet.example/a"><body>hi</body></message>`, "b", true, nil},
		{"all have just left", "a:0 b:0", "a b", `<message type="chat"` + from + `to="juliet@capulet.example"><body>hi</body></message>`, "", true, nil},
		{"normal, to a session that is gone", "a:0", "", `<message` + from + `to="juliet@capulet.example/b"><body>hi</body></message>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"groupchat to the account", "a:0", "", `<message type="groupchat"` + from + `to="juliet@capulet.example"><body>hi</body></message>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"headline", "a:0", "", `<message type="headline"` + from + `to="juliet@capulet.example"><body>hi</body></message>`, "a", false, nil},
		{"error to the account", "a:0", "", `<message type="error"` + from + `to="juliet@capulet.example"><body>hi</body></message>`, "", false, nil},
		{"presence", "a:0 b:-1", "", `<presence` + from + `to="juliet@capulet.example"/>`, "a b", false, nil},
		{"a subscription is not its concern", "a:0", "", `<presence type="subscribe"` + from + `to="juliet@capulet.example"/>`, "", false, nil},
		{"a call", "a:0 b:0", "", `<iq type="set" id="1"` + from + `to="juliet@capulet.example/a"><jingle xmlns="urn:xmpp:jingle:1"/></iq>`, "a", false, stanza.ErrDeferred},
		{"a call to a session that is gone", "b:0", "", `<iq type="set" id="1"` + from + `to="juliet@capulet.example/a"><jingle xmlns="urn:xmpp:jingle:1"/></iq>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"a call to one that has just left", "a:0", "a", `<iq type="set" id="1"` + from + `to="juliet@capulet.example/a"><jingle xmlns="urn:xmpp:jingle:1"/></iq>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"a request of a stranger", "a:0", "", `<iq type="get" id="1" from="x@verona.example" to="juliet@capulet.example/a"><ping xmlns="urn:xmpp:ping"/></iq>`, "", false, &stanza.Error{Condition: stanza.ServiceUnavailable}},
		{"an answer", "a:0", "", `<iq type="result" id="1" from="x@verona.example" to="juliet@capulet.example/a"/>`, "a", false, nil},
		{"a request to the account", "a:0", "", `<iq type="get" id="1"` + from + `to="juliet@capulet.example"><ping xmlns="urn:xmpp:ping"/></iq>`, "", false, nil},
		{"to the domain", "a:0", "", `<message` + from + `to="capulet.example"><body>hi</body></message>`, "", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &host{sessions: c.sessions, gone: c.gone}
			st := stanza.MustParse(c.in)
			reply, err := h.inbox().HandleStanza(t.Context(), st)
			if reply != nil || (err == nil) != (c.err == nil) || err != nil && !errors.Is(err, c.err) {
				t.Errorf("%v, %v; want %v", reply, err, c.err)
			}
			if got := strings.Join(h.got, " "); got != c.got || (len(h.stored) > 0) != c.stored {
				t.Errorf("delivered to %q, stored %d times; want %q, %t", got, len(h.stored), c.got, c.stored)
			}
			if st.Kind != stanza.Message || st.To.Local() == "" {
				return
			}
			if len(h.result.Delivered) != len(h.got) || h.result.Stored != c.stored || (h.result.Err != nil) != (c.err != nil) {
				t.Errorf("reported as %+v", h.result)
			}
			if h.seen != nil && c.stored {
				ids := payload.All[payload.StanzaID](h.seen)
				if len(ids) != 1 || ids[0].ID != "archive-1" || ids[0].By.String() != bare || h.result.ID != "archive-1" {
					t.Errorf("ids %v, result %q", ids, h.result.ID)
				}
			}
		})
	}
}

// Nobody outside can say that the user's own server held a message back.
func TestForgedDelay(t *testing.T) {
	const room = `<delay xmlns="urn:xmpp:delay" from="rooms.montague.example" stamp="2002-09-10T23:05:37Z"/>`
	for from, want := range map[string]int{"romeo@montague.example": 1, "nurse@capulet.example": 2} {
		h := &host{sessions: "a:0"}
		m := stanza.MustParse(`<message type="chat" from="` + from + `" to="juliet@capulet.example"><body>hi</body>` + room +
			`<delay xmlns="urn:xmpp:delay" from="capulet.example" stamp="1999-01-01T00:00:00Z"/></message>`)
		if _, err := h.inbox().HandleStanza(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := payload.All[payload.Delay](h.seen); len(got) != want || got[0].From.String() != "rooms.montague.example" {
			t.Errorf("from %s: %+v, want %d", from, got, want)
		}
	}
}

func TestInboxFailures(t *testing.T) {
	h := &host{sessions: "a:0", fails: errDisk}
	m := stanza.MustParse(`<message type="chat" from="romeo@montague.example" to="juliet@capulet.example"><body>hi</body></message>`)
	if _, err := h.inbox().HandleStanza(t.Context(), m); !errors.Is(err, errDisk) || len(h.got) > 0 {
		t.Errorf("%v, delivered to %v; want %v and nobody", err, h.got, errDisk)
	}
	box := h.inbox()
	box.Sessions = func(context.Context, jid.JID) ([]delivery.Session, error) { return nil, errDisk }
	if _, err := box.HandleStanza(t.Context(), m); !errors.Is(err, errDisk) {
		t.Errorf("%v, want %v", err, errDisk)
	}
	box = h.inbox()
	box.MayAsk = func(context.Context, jid.JID, jid.JID) (bool, error) { return false, errDisk }
	iq := stanza.MustParse(`<iq type="get" id="1" from="romeo@montague.example" to="juliet@capulet.example/a"><ping xmlns="urn:xmpp:ping"/></iq>`)
	if _, err := box.HandleStanza(t.Context(), iq); !errors.Is(err, errDisk) {
		t.Errorf("%v, want %v", err, errDisk)
	}
	box = h.inbox()
	box.Store, box.OnMessage = nil, nil
	h.sessions = ""
	if _, err := box.HandleStanza(t.Context(), m); !errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}) {
		t.Errorf("without a store: %v", err)
	}
}
