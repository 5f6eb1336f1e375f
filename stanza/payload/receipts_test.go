package payload

import (
	"errors"
	"testing"

	"isthmus.im/stanza"
)

// outcome is what an answer to a message looks like: its header and its payloads.
func outcome(t *testing.T, a *stanza.Stanza) string {
	t.Helper()
	if a.ID == "" {
		t.Errorf("%s has no id", a)
	}
	c := *a
	c.ID = ""
	return c.String()
}

func TestRequestReceipt(t *testing.T) {
	const request = `<request xmlns="urn:xmpp:receipts"></request>`
	tests := []struct {
		in   string
		want string // the payloads; empty: refused
	}{
		{`<message id='1'><body>a</body></message>`, `<body>a</body>` + request},
		{`<message><body>a</body></message>`, `<body>a</body>` + request},
		{`<message type='headline'/>`, request},
		{`<message><request xmlns='urn:xmpp:receipts'/></message>`, `<request xmlns='urn:xmpp:receipts'/>`},
		{`<message type='groupchat'><body>a</body></message>`, ""},
		{`<message type='error'><body>a</body></message>`, ""},
		{`<message><received xmlns='urn:xmpp:receipts' id='1'/></message>`, ""},
		{`<presence/>`, ""},
		{`<iq type='get' id='1'><a xmlns='urn:a'/></iq>`, ""},
	}
	for _, test := range tests {
		m := stanza.MustParse(test.in)
		err := RequestReceipt(m)
		if test.want == "" {
			if !errors.Is(err, ErrMisplaced) || m.String() != stanza.MustParse(test.in).String() {
				t.Errorf("%s: %s, %v", test.in, m, err)
			}
		} else if err != nil || string(m.Inner) != test.want || m.ID == "" {
			t.Errorf("%s: %s, %v", test.in, m, err)
		}
	}
}

func TestReceiptFor(t *testing.T) {
	const header = `<message from='a@a.example/x' to='b@b.example' id='richard2-4.1.247' `
	const request = `<request xmlns='urn:xmpp:receipts'/>`
	const ack = `<received xmlns="urn:xmpp:receipts" id="richard2-4.1.247"></received></message>`
	tests := []struct{ in, want string }{
		{header + `>` + request + `</message>`, `<message from="b@b.example" to="a@a.example/x">` + ack},
		{header + `type='chat'><body>a</body>` + request + `</message>`, `<message from="b@b.example" to="a@a.example/x" type="chat">` + ack},
		{header + `><body>nothing asked</body></message>`, ""},
		{header + `type='error'>` + request + `</message>`, ""},
		{header + `type='groupchat'>` + request + `</message>`, ""},
		{header + `>` + request + `<received xmlns='urn:xmpp:receipts' id='1'/></message>`, ""},
		{`<message from='a@a.example' to='b@b.example'>` + request + `</message>`, ""},
		{`<message id='1' to='b@b.example'>` + request + `</message>`, ""},
		{`<presence from='a@a.example' id='1'>` + request + `</presence>`, ""},
	}
	for _, test := range tests {
		ack, ok := ReceiptFor(stanza.MustParse(test.in))
		if !ok {
			if test.want != "" {
				t.Errorf("%s: none", test.in)
			}
			continue
		}
		if got := outcome(t, ack); got != test.want {
			t.Errorf("%s:\n%s, want\n%s", test.in, got, test.want)
		}
		if again, ok := ReceiptFor(ack); ok {
			t.Errorf("a receipt is acknowledged with %s", again)
		}
	}
}

func TestMarkers(t *testing.T) {
	const markable = `<markable xmlns='urn:xmpp:chat-markers:0'/>`
	const chat = `<message to='juliet@capulet.example' from='romeo@montague.example/orchard' id='the-msg-1' type='chat'>`
	const group = `<message to='a@a.example/x' from='coven@chat.shakespeare.example/firstwitch' id='message-1' type='groupchat'>`
	tests := []struct{ in, want string }{
		{chat + `<body>Hi.</body>` + markable + `</message>`,
			`<message from="juliet@capulet.example" to="romeo@montague.example" type="chat"><displayed xmlns="urn:xmpp:chat-markers:0" id="the-msg-1"></displayed></message>`},
		{chat + `<body>Hi.</body></message>`, ""},
		{chat + markable + `<displayed xmlns="urn:xmpp:chat-markers:0" id="1"/></message>`, ""},
		{`<message from='a@a.example' type='error' id='1'>` + markable + `</message>`, ""},
		{`<message from='a@a.example'>` + markable + `</message>`, ""},
		{`<message id='1'>` + markable + `</message>`, ""},
		{group + `<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.example' id='39K7ZYIp'/></message>`,
			`<message from="a@a.example/x" to="coven@chat.shakespeare.example" type="groupchat"><displayed xmlns="urn:xmpp:chat-markers:0" id="39K7ZYIp"></displayed></message>`},
		{group + markable + `<stanza-id xmlns='urn:xmpp:sid:0' by='other@chat.shakespeare.example' id='39K7ZYIp'/></message>`, ""},
	}
	for _, test := range tests {
		k, ok := MarkerFor(stanza.MustParse(test.in))
		switch {
		case !ok && test.want != "":
			t.Errorf("%s: none", test.in)
		case ok:
			if got := outcome(t, k); got != test.want {
				t.Errorf("%s:\n%s, want\n%s", test.in, got, test.want)
			}
		}
	}

	m := stanza.MustParse(`<message type='groupchat'/>`)
	for range 2 {
		if err := RequestMarker(m); err != nil || m.ID == "" || string(m.Inner) != `<markable xmlns="urn:xmpp:chat-markers:0"></markable>` {
			t.Errorf("%s, %v", m, err)
		}
	}
	for _, in := range []string{`<presence/>`, `<message type='error'/>`, `<message><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/></message>`} {
		if err := RequestMarker(stanza.MustParse(in)); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestSetChatState(t *testing.T) {
	const typing = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
	tests := []struct {
		in    string
		state State
		want  string // empty: refused
	}{
		{`<message type='chat'><body>a</body></message>`, Active, `<body>a</body><active xmlns="http://jabber.org/protocol/chatstates"></active>`},
		{`<message type='chat'/>`, Gone, `<gone xmlns="http://jabber.org/protocol/chatstates"></gone>`},
		{`<message type='groupchat'/>`, Paused, `<paused xmlns="http://jabber.org/protocol/chatstates"></paused>`},
		{`<message type='chat'>` + typing + `</message>`, Inactive, `<inactive xmlns="http://jabber.org/protocol/chatstates"></inactive>`},
		{`<message type='chat'><body>a</body></message>`, Composing, ""},
		{`<message type='chat'><subject>a</subject></message>`, Paused, ""},
		{`<message type='groupchat'/>`, Gone, ""},
		{`<message/>`, Active, ""},
		{`<message type='error'/>`, Active, ""},
		{`<presence/>`, Active, ""},
		{`<message type='chat'>` + typing + `</message>`, "thinking", ""},
	}
	for _, test := range tests {
		m := stanza.MustParse(test.in)
		err := SetChatState(m, test.state)
		if test.want == "" {
			if err == nil || m.String() != stanza.MustParse(test.in).String() {
				t.Errorf("%s: %s, %v", test.in, m, err)
			}
		} else if err != nil || string(m.Inner) != test.want {
			t.Errorf("%s: %s, %v", test.in, m, err)
		}
	}
}

func TestHints(t *testing.T) {
	m := stanza.MustParse(`<message to='juliet@capulet.lit/laptop'><body>a</body></message>`)
	err := AddHint(m, NoCopy, NoStore, NoStore)
	if want := `<body>a</body><no-copy xmlns="urn:xmpp:hints"></no-copy><no-store xmlns="urn:xmpp:hints"></no-store>`; err != nil || string(m.Inner) != want {
		t.Errorf("%s, %v", m.Inner, err)
	}
	if !HasHint(m, NoCopy) || !HasHint(m, NoStore) || HasHint(m, Store) {
		t.Errorf("hints of %s", m)
	}
	m.Type = stanza.TypeError
	if HasHint(m, NoStore) {
		t.Error("the hint of an error counts")
	}
	for in, k := range map[string]HintKind{`<message to='a@a.example'/>`: NoCopy, `<presence/>`: Store, `<message type='error'/>`: Store} {
		if err := AddHint(stanza.MustParse(in), k); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%s in %s: %v", k, in, err)
		}
	}
}
