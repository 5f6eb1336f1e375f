package payload

import (
	"errors"
	"strings"
	"testing"

	"isthmus.im/stanza"
)

func TestOf(t *testing.T) {
	m := stanza.MustParse(`<message><received xmlns='urn:xmpp:receipts' id='1'/><received xmlns='urn:xmpp:receipts' id='2'/><replace xmlns='urn:xmpp:message-correct:0'/></message>`)
	if r, err := Of[Receipt](m); err != nil || r.ID != "1" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := Of[Reply](m); !errors.Is(err, stanza.ErrNoPayload) {
		t.Errorf("%+v, %v", r, err)
	}
	var invalid *InvalidError
	if r, err := Of[Replace](m); !errors.As(err, &invalid) || r != (Replace{}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAll(t *testing.T) {
	m := stanza.MustParse(`<message><received xmlns='urn:xmpp:receipts' id='1'/><received xmlns='urn:xmpp:receipts'/><request xmlns='urn:xmpp:receipts'/><received xmlns='urn:xmpp:receipts' id='2'/></message>`)
	if r := All[Receipt](m); len(r) != 2 || r[0].ID != "1" || r[1].ID != "2" {
		t.Errorf("%+v", r)
	}
	m = stanza.MustParse(`<message>` + strings.Repeat(`<store xmlns='urn:xmpp:hints'/><x xmlns='urn:xmpp:hints'/>`, MaxItems+1) + `</message>`)
	if h := All[Hint](m); len(h) != MaxItems {
		t.Errorf("%d hints", len(h))
	}
	type untagged struct{}
	if all := All[untagged](m); all != nil {
		t.Errorf("%v", all)
	}
}

// Whatever is done to a message, payloads that it is not about keep their bytes.
func TestUntouched(t *testing.T) {
	const keep = `<p:x  xmlns:p='urn:x' a='&lt;' ><![CDATA[]]>&#65;<y/></p:x >`

	acts := map[string]func(*stanza.Stanza) error{
		"RequestReceipt": RequestReceipt,
		"RequestMarker":  RequestMarker,
		"SetChatState":   func(m *stanza.Stanza) error { return SetChatState(m, Active) },
		"Correct":        func(m *stanza.Stanza) error { return Correct(m, "old") },
		"AddFallback":    func(m *stanza.Stanza) error { return AddFallback(m, NSReply, "> a\n") },
		"SetStanzaID":    func(m *stanza.Stanza) error { return SetStanzaID(m, room, "1") },
		"StampDelay":     func(m *stanza.Stanza) error { return StampDelay(m, room, night) },
		"AddHint":        func(m *stanza.Stanza) error { return AddHint(m, Store) },
		"AttachURL":      func(m *stanza.Stanza) error { return AttachURL(m, "https://a.example/") },
		"ShareFile":      func(m *stanza.Stanza) error { return ShareFile(m, FileSharing{File: summit}) },
		"MarkEncrypted":  func(m *stanza.Stanza) error { return MarkEncrypted(m, "urn:own", "") },
	}
	for name, act := range acts {
		m := stanza.MustParse(`<message type='chat'>` + keep + `<body>a</body><active xmlns='http://jabber.org/protocol/chatstates'/>` + keep + `</message>`)
		shared := m.Inner
		before := string(shared)
		if err := act(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Count(m.String(), keep) != 2 {
			t.Errorf("%s made %s", name, m)
		}
		if string(shared) != before {
			t.Errorf("%s wrote into bytes that others may hold: %s", name, shared)
		}
	}
}
