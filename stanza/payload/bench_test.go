package payload

import (
	"testing"

	"isthmus.im/stanza"
)

const usual = `<message from='romeo@montague.example/orchard' to='juliet@capulet.example' id='1' type='chat'><body>hi</body>` +
	`<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>` +
	`<origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>`

func BenchmarkStripForgedIDs(b *testing.B) {
	m, by := stanza.MustParse(usual), juliet.Bare()
	b.ReportAllocs()
	for b.Loop() {
		StripForgedIDs(m, by)
	}
}

func BenchmarkReceiptFor(b *testing.B) {
	m := stanza.MustParse(usual)
	b.ReportAllocs()
	for b.Loop() {
		ReceiptFor(m)
	}
}

func BenchmarkPayloads(b *testing.B) {
	m := stanza.MustParse(usual)
	var r Registry
	b.ReportAllocs()
	for b.Loop() {
		for range r.Payloads(m) {
		}
	}
}
