package jid

import "testing"

// inputs are the addresses that the benchmarks parse, by kind.
var inputs = []struct{ name, text string }{
	{"ascii", "juliet@im.example.com/balcony"},
	{"ascii-long", "3b241101-e2bb-4255-8caf-4136c566a962@conference.example.org/Conversations.a1b2"},
	{"ascii-bare", "juliet@im.example.com"},
	{"ascii-domain", "im.example.com"},
	{"ascii-capitals", "Juliet@IM.example.com/Balcony"},
	{"latin", "josé@im.example.com/balcony"},
	{"arabic", "جولييت@im.example.com/شرفة"},
	{"japanese", "ジュリエット@im.example.com/バルコニー"},
	{"idn", "juliet@bücher.example/balcony"},
	{"idn-alabel", "juliet@xn--bcher-kva.example/balcony"},
	{"all-parts", "jürgen@bücher.example/küche"},
}

func BenchmarkParse(b *testing.B) {
	for _, in := range inputs {
		b.Run(in.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(in.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseLegacy(b *testing.B) {
	for _, text := range []string{"juliet@im.example.com/balcony", "☺@im.example.com/balcony"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := ParseLegacy(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLegacyKey(b *testing.B) {
	for _, text := range []string{"juliet@im.example.com/balcony", "straße@im.example.com"} {
		j := MustParse(text)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if j.LegacyKey() == "" {
					b.Fatal("no key")
				}
			}
		})
	}
}
