package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"isthmus.im/examples/chatd/store"
	"isthmus.im/jid"
	"isthmus.im/roster"
	"isthmus.im/stanza"
)

func newInbox(t testing.TB) (inbox, jid.JID) {
	t.Helper()
	in, user := inbox{store.NewMemory(), new(outbox), slog.New(slog.DiscardHandler)}, jid.MustParse("juliet@capulet.example")
	if err := in.store.AddUser(t.Context(), user, store.TokenHash{}); err != nil {
		t.Fatal(err)
	}
	return in, user
}

func TestInbox(t *testing.T) {
	const addresses = ` from="romeo@montague.example/orchard" to="juliet@capulet.example/balcony" id="m1"`
	for _, tt := range []struct {
		what, xml string
		want      store.Event // Type "": nothing is kept
		err       stanza.Condition
	}{
		{"chat", `<message type="chat"` + addresses + `><body>but soft</body></message>`,
			store.Event{Type: "message", Body: "but soft", StanzaID: "m1"}, ""},
		{"normal", `<message` + addresses + `><subject>x</subject><body>&lt;what&gt;</body></message>`,
			store.Event{Type: "message", Body: "<what>", StanzaID: "m1"}, ""},
		{"headline", `<message type="headline"` + addresses + `><body>news</body></message>`,
			store.Event{Type: "message", Body: "news", StanzaID: "m1"}, ""},
		{"chat state", `<message type="chat"` + addresses + `><composing xmlns="http://jabber.org/protocol/chatstates"/></message>`,
			store.Event{}, ""},
		{"bounce", `<message type="error"` + addresses + `><body>mine</body><error type="cancel">` +
			`<service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>` +
			`<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">nobody there</text></error></message>`,
			store.Event{Type: "error", InReplyTo: "m1", Condition: "service-unavailable", Text: "nobody there"}, ""},
		{"bounce without a reason", `<message type="error"` + addresses + `/>`,
			store.Event{Type: "error", InReplyTo: "m1", Condition: "undefined-condition"}, ""},
		{"room message", `<message type="groupchat"` + addresses + `><body>hi</body></message>`,
			store.Event{}, stanza.ServiceUnavailable},
		{"to the domain", `<message from="romeo@montague.example" to="capulet.example"><body>hi</body></message>`,
			store.Event{}, stanza.ServiceUnavailable},
	} {
		in, user := newInbox(t)
		_, err := in.handler().HandleStanza(t.Context(), stanza.MustParse(tt.xml))
		var se *stanza.Error
		if errors.As(err, &se); (se == nil) != (tt.err == "") || se != nil && se.Condition != tt.err {
			t.Errorf("%s: error %v, want %q", tt.what, err, tt.err)
		}
		events, err := in.store.Events(t.Context(), user, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		var want []store.Event
		if tt.want.Type != "" {
			tt.want.ID, tt.want.From, tt.want.To = 1, "romeo@montague.example/orchard", "juliet@capulet.example/balcony"
			want = append(want, tt.want)
		}
		for i := range events {
			if events[i].At.IsZero() {
				t.Errorf("%s: no time", tt.what)
			}
			events[i].At = tt.want.At
		}
		if fmt.Sprintf("%+v", events) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: kept %+v, want %+v", tt.what, events, want)
		}
	}
}

// Contacts who may see the user get receipts. A message whose receipt cannot be sent is kept
// once and not refused, or its sender would send it again.
func TestReceipts(t *testing.T) {
	in, user := newInbox(t)
	out := in.out.(*outbox)
	m := stanza.MustParse(`<message from="romeo@montague.example/orchard" to="juliet@capulet.example" id="m1">` +
		`<body>hi</body><request xmlns="urn:xmpp:receipts"/></message>`)
	for _, tt := range []struct {
		what string
		sub  roster.Subscription
		fail error
		want int
	}{
		{"of a stranger", roster.None, nil, 0},
		{"of one whom the user sees", roster.To, nil, 0},
		{"of one who sees the user", roster.From, nil, 1},
		{"when nothing can be sent", roster.From, errors.New("queue full"), 0},
	} {
		_, err := in.store.Contacts().Update(t.Context(), user, m.From.Bare(), func(it roster.Item) (roster.Item, error) {
			it.Subscription = tt.sub
			return it, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		out.fail = tt.fail
		if _, err := in.handler().HandleStanza(t.Context(), m); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		if got := len(out.take()); got != tt.want {
			t.Errorf("%s: %d receipts, want %d", tt.what, got, tt.want)
		}
	}
	if events, err := in.store.Events(t.Context(), user, 0, 10); err != nil || len(events) != 4 {
		t.Errorf("%d messages kept, want 4; %v", len(events), err)
	}
}

// What a chat message costs between the stream and the store.
func BenchmarkInboxMemory(b *testing.B) {
	in, _ := newInbox(b)
	h := in.handler()
	m := stanza.MustParse(`<message type="chat" from="romeo@montague.example/orchard" to="juliet@capulet.example" id="m1">` +
		`<body>But, soft! what light through yonder window breaks? It is the east, and Juliet is the sun.</body>` +
		`<active xmlns="http://jabber.org/protocol/chatstates"/></message>`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.HandleStanza(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
