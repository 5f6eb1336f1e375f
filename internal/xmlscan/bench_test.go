package xmlscan

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// mix is traffic as servers exchange it: chat, presence, ping, an OMEMO message
// and a pubsub event, about 620 bytes each.
func mix() [][]byte {
	const to = ` from='romeo@montague.example/orchard' to='juliet@capulet.example/balcony' `
	chat := `<message` + to + `type='chat' id='8f3c9b1e-5d0a-4c57-9d52-0c7a' xml:lang='en'><body>Wherefore art thou, &quot;Romeo&quot;? It&apos;s late.</body>` +
		`<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='8f3c9b1e-5d0a-4c57-9d52-0c7a'/></message>`
	presence := `<presence` + to + `><show>away</show><status>down the rabbit hole</status>` +
		`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example/caps' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/></presence>`
	ping := `<iq` + to + `type='get' id='ping-4711'><ping xmlns='urn:xmpp:ping'/></iq>`
	key := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	var omemo strings.Builder
	omemo.WriteString(`<message` + to + `type='chat' id='omemo-1'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'>`)
	for i := range 10 {
		fmt.Fprintf(&omemo, `<key rid='%d' prekey='true'>%s</key>`, 31415+i, key(180))
	}
	omemo.WriteString(`<iv>` + key(12) + `</iv></header><payload>` + key(160) + `</payload></encrypted>` +
		`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/><store xmlns='urn:xmpp:hints'/></message>`)
	pubsub := `<message` + to + `type='headline' id='pep-1'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:avatar:metadata'>` +
		`<item id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f'><metadata xmlns='urn:xmpp:avatar:metadata'>` +
		`<info bytes='12345' id='111f4b3c50d7b0df729d299bc6f8e9ef9066971f' height='64' type='image/png' width='64'/></metadata></item></items></event></message>`
	return [][]byte{
		[]byte(chat), []byte(presence), []byte(ping), []byte(chat), []byte(presence), []byte(pubsub), []byte(ping),
		[]byte(omemo.String()), []byte(chat), []byte(presence),
	}
}

// benchmark scans the stanzas over and over, given in pieces of 16 KiB.
func benchmark(b *testing.B, stanzas [][]byte) {
	var all []byte
	n := 0
	for len(all) < 256<<10 {
		for _, st := range stanzas {
			all = append(all, st...)
			n++
		}
	}
	s := New(Limits{})
	if err := feed(s, []byte(header1), 1000, func(Token) {}); err != ErrMore {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(all) / n))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		for rest := all; len(rest) > 0; {
			k := copy(s.Buffer(16 << 10)[:16<<10], rest)
			s.Fill(k)
			rest = rest[k:]
			for {
				if _, err := s.Next(); err == ErrMore {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				done++
			}
		}
	}
}

func BenchmarkMix(b *testing.B)  { benchmark(b, mix()) }
func BenchmarkChat(b *testing.B) { benchmark(b, mix()[:1]) }
func BenchmarkPing(b *testing.B) { benchmark(b, mix()[2:3]) }
func BenchmarkOMEMO(b *testing.B) {
	benchmark(b, mix()[7:8])
}

func BenchmarkCyrillic(b *testing.B) {
	benchmark(b, [][]byte{[]byte("<message type='chat'><body>" + strings.Repeat("Привет, мир! ", 40) + "</body></message>")})
}

// BenchmarkRedeclare is the slow path: a prefix of the stream used inside.
func BenchmarkRedeclare(b *testing.B) {
	benchmark(b, [][]byte{[]byte("<message type='chat'><body>hi</body><p:x><p:y a='1'/></p:x></message>")})
}

// TestMixIsTypical keeps the benchmark comparable with its budget.
func TestMixIsTypical(t *testing.T) {
	n := 0
	for _, st := range mix() {
		n += len(st)
	}
	if avg := n / len(mix()); avg < 560 || avg > 680 {
		t.Errorf("the mix is %d bytes on average", avg)
	}
}

func TestNoAllocations(t *testing.T) {
	s := New(Limits{})
	feed(s, []byte(header1), 1000, func(Token) {})
	all := bytes.Join(mix(), nil)
	n := 0
	if allocs := testing.AllocsPerRun(100, func() {
		err := feed(s, all, 1000, func(tok Token) {
			tok.Head()
			for range Children(tok.Inner, "jabber:server") {
				n++
			}
		})
		if err != ErrMore {
			t.Fatal(err)
		}
	}); allocs > 0 || n == 0 {
		t.Errorf("%v allocations for %d stanzas", allocs, len(mix()))
	}
}
