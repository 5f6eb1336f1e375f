package stanza

import (
	"context"
	"strings"
	"testing"
)

const chat = `<message from="romeo@montague.example/orchard" to="juliet@capulet.example/balcony" id="zj3v142b" type="chat" xml:lang="en">` +
	`<body>Art thou not Romeo, and a Montague?</body><active xmlns="http://jabber.org/protocol/chatstates"/>` +
	`<request xmlns="urn:xmpp:receipts"/><origin-id xmlns="urn:xmpp:sid:0" id="zj3v142b"/></message>`

var encrypted = `<message from="romeo@montague.example/orchard" to="juliet@capulet.example" id="a" type="chat">` +
	`<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="27183"><key rid="31415">` + strings.Repeat("QUFB", 700) +
	`</key><iv>MTIzNDU2Nzg5MDEy</iv></header><payload>` + strings.Repeat("QUJD", 60) + `</payload></encrypted><store xmlns="urn:xmpp:hints"/></message>`

func BenchmarkParse(b *testing.B) {
	for _, bb := range []struct{ name, in string }{{"chat", chat}, {"encrypted", encrypted}} {
		b.Run(bb.name, func(b *testing.B) {
			in := []byte(bb.in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendXML(b *testing.B) {
	for _, bb := range []struct{ name, in string }{{"chat", chat}, {"encrypted", encrypted}} {
		b.Run(bb.name, func(b *testing.B) {
			s := MustParse(bb.in)
			buf := make([]byte, 0, 2*len(bb.in))
			b.SetBytes(int64(len(bb.in)))
			b.ReportAllocs()
			for b.Loop() {
				buf = s.AppendXML(buf[:0])
			}
		})
	}
}

func BenchmarkMux(b *testing.B) {
	nothing := HandlerFunc(func(context.Context, *Stanza) (*Stanza, error) { return nil, nil })
	m := NewMux()
	m.HandleDomain("irc.example", nothing)
	m.HandleMessage("", nothing)
	m.HandleMessage("urn:xmpp:receipts received", nothing)
	m.HandleMessage("urn:xmpp:mix:core:1 *", nothing)
	m.HandleIQ(Get, "urn:xmpp:ping ping", nothing)
	m.HandleIQ(Get, "http://jabber.org/protocol/disco#info query", nothing)
	for _, bb := range []struct{ name, in string }{
		{"message", chat},
		{"iq", `<iq from="a.example" to="b.example" id="1" type="get"><ping xmlns="urn:xmpp:ping"/></iq>`},
		{"domain", `<message to="a@irc.example"><body>x</body></message>`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := MustParse(bb.in)
			b.ReportAllocs()
			for b.Loop() {
				m.HandleStanza(context.Background(), s)
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Text(romeo, juliet, "Art thou not Romeo, and a Montague?")
	}
}

func BenchmarkBody(b *testing.B) {
	s := MustParse(chat)
	b.ReportAllocs()
	for b.Loop() {
		s.Body()
	}
}
