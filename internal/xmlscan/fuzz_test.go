package xmlscan

import (
	"bytes"
	"fmt"
	"testing"
)

// fuzzLimits are small enough for the fuzzer to exceed and large enough for
// elements that grow when they are rewritten.
var fuzzLimits = Limits{Bytes: 1 << 16, Depth: 64}

// stream puts a header before what does not begin with one.
func stream(data []byte) []byte {
	if bytes.HasPrefix(data, []byte("<?xml")) || bytes.Contains(data, []byte("stream")) && !bytes.HasPrefix(data, []byte("<stream:")) {
		return data
	}
	return append([]byte(header1), data...)
}

// seeds gives a fuzz target everything the tables know.
func seeds(add func(data []byte)) {
	for _, c := range headers {
		add([]byte(c.in))
	}
	for _, c := range inside {
		add([]byte(c.in))
	}
	for _, in := range accepted {
		add([]byte(in))
	}
	for _, c := range containment {
		add([]byte(c.in))
	}
	for _, st := range mix() {
		add(st)
	}
}

// FuzzDifferential checks that encoding/xml accepts whatever the Scanner does and
// sees the same elements, attributes and text.
func FuzzDifferential(f *testing.F) {
	seeds(func(data []byte) { f.Add(data) })
	f.Fuzz(checkDifferential)
}

func checkDifferential(t *testing.T, data []byte) {
	data = stream(data)
	toks, used, _ := scan(data, fuzzLimits, len(data)+1)
	if len(toks) == 0 {
		return
	}
	if toks[0].Kind != Open {
		t.Fatalf("first token is %v", toks[0].Kind)
	}
	outer, err := oracle(data[:used], false)
	if err != nil {
		t.Fatalf("accepted %q, encoding/xml: %v", data[:used], err)
	}
	theirs := outer[0].children
	outer[0].children, outer[0].text = nil, ""
	if len(outer) != 1 || ours(t, toks[0], fuzzLimits).String() != outer[0].String() {
		t.Fatalf("stream header of %q: we saw\n%vencoding/xml saw\n%v", data, ours(t, toks[0], fuzzLimits), outer[0])
	}
	k := 0
	for _, tok := range toks[1:] {
		if tok.Kind == Close {
			break
		}
		if k >= len(theirs) {
			t.Fatalf("%q: encoding/xml saw %d elements, we saw more", data[:used], len(theirs))
		}
		if got, want := ours(t, tok, Limits{Bytes: maxBytes}).String(), theirs[k].String(); got != want {
			t.Fatalf("%q: we saw\n%sencoding/xml saw\n%s", tok.Raw, got, want)
		}
		k++
	}
	if k != len(theirs) {
		t.Fatalf("%q: encoding/xml saw %d elements, we saw %d", data[:used], len(theirs), k)
	}
}

// FuzzSplit checks that the pieces in which a stream arrives do not matter.
func FuzzSplit(f *testing.F) {
	seeds(func(data []byte) {
		f.Add(data, uint16(1))
		f.Add(data, uint16(5))
	})
	limits := Limits{Bytes: 700, Depth: 6, Attrs: 6, Name: 40, Prefixes: 9}
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		data = stream(data)
		want, wantUsed, wantErr := scan(data, limits, len(data)+1)
		got, used, err := scan(data, limits, int(size%64)+1)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || used != wantUsed || len(got) != len(want) {
			t.Fatalf("%q: whole %d tokens, %d bytes, %v; in pieces of %d %d tokens, %d bytes, %v",
				data, len(want), wantUsed, wantErr, size%64+1, len(got), used, err)
		}
		for i := range got {
			if show(got[i]) != show(want[i]) {
				t.Fatalf("whole %s\npieces of %d %s", show(want[i]), size%64+1, show(got[i]))
			}
		}
	})
}

// FuzzSelfContained checks that Inner means in a fresh element what it meant in
// the stream.
func FuzzSelfContained(f *testing.F) {
	seeds(func(data []byte) { f.Add(data) })
	f.Fuzz(checkSelfContained)
}

func checkSelfContained(t *testing.T, data []byte) {
	data = stream(data)
	toks, used, _ := scan(data, fuzzLimits, len(data)+1)
	if len(toks) == 0 {
		return
	}
	theirs, err := oracle(data[:used], true)
	if err != nil {
		t.Fatal(err)
	}
	for i, tok := range toks[1:] {
		if tok.Kind == Element {
			checkContained(t, tok, theirs[i])
		}
	}
}

// checkContained compares Inner of tok, alone in a new element, with what stood
// in the stream.
func checkContained(t *testing.T, tok Token, inStream *node) {
	t.Helper()
	fresh := string(appendDecl([]byte("<message"), Binding{Space: tok.Content})) + ">" + string(tok.Inner) + "</message>"
	alone, err := oracle([]byte(fresh), false)
	if err != nil {
		t.Fatalf("Inner %q of %q: %v", tok.Inner, tok.Raw, err)
	}
	alone[0].name, alone[0].attrs = inStream.name, inStream.attrs
	if got, want := alone[0].String(), inStream.String(); got != want {
		t.Fatalf("%q became %q:\n%sinstead of\n%s", tok.Raw, tok.Inner, got, want)
	}
	again, err := Parse([]byte(fresh), string(tok.Content), Limits{Bytes: maxBytes})
	if err != nil {
		t.Fatalf("%q: %v", fresh, err)
	}
	if !bytes.Equal(again.Inner, tok.Inner) {
		t.Fatalf("Inner %q becomes %q when it is scanned again", tok.Inner, again.Inner)
	}
	for c := range Children(tok.Inner, string(tok.Content)) {
		if !bytes.Equal(c.Space, tok.Content) {
			continue
		}
		tag := readTag(c.Raw, 0)
		for i, ok := tag.attrs, tag.name.colon == 0; ; {
			if !ok {
				t.Fatalf("%q keeps %q in Inner", tok.Raw, c.Raw[:tag.end])
			}
			a, end, more := nextAttr(c.Raw, i)
			if !more {
				break
			}
			i, ok = end, !a.isDecl || a.name.colon > 0
		}
	}
}
