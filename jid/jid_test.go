package jid

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParts(t *testing.T) {
	tests := []struct {
		in, bare, host string
		isBare         bool
	}{
		{"a@b/c", "a@b", "b", false},
		{"a@b", "a@b", "b", true},
		{"b/c", "b", "b", false},
		{"b", "b", "b", true},
		{"b/a@c", "b", "b", false},
	}
	for _, tt := range tests {
		j := MustParse(tt.in)
		if j.String() != tt.in || j.Bare() != MustParse(tt.bare) || j.Host() != MustParse(tt.host) || j.IsBare() != tt.isBare {
			t.Errorf("%s: string %q, bare %q, host %q, IsBare %t", tt.in, j, j.Bare(), j.Host(), j.IsBare())
		}
		if j.IsZero() {
			t.Errorf("%s is zero", tt.in)
		}
		r, err := j.WithResource("é x")
		if err != nil || r.Bare() != j.Bare() || r.Resource() != "é x" || r != MustParse(tt.bare+"/é x") {
			t.Errorf("%s: WithResource gives %q, %v", tt.in, r, err)
		}
	}
}

func TestZero(t *testing.T) {
	var j JID
	if !j.IsZero() || !j.IsBare() || j.IsIPLiteral() || j != (JID{}) {
		t.Error("the zero JID is not what it should be")
	}
	for name, got := range map[string]string{
		"Local": j.Local(), "Domain": j.Domain(), "Resource": j.Resource(), "String": j.String(),
		"Bare": j.Bare().String(), "Host": j.Host().String(), "ASCIIDomain": j.ASCIIDomain(), "LegacyKey": j.LegacyKey(),
	} {
		if got != "" {
			t.Errorf("%s of the zero JID is %q", name, got)
		}
	}
	if _, err := j.WithResource("x"); !errors.Is(err, ErrEmpty) {
		t.Errorf("WithResource on the zero JID: %v", err)
	}
}

func TestWithResourceRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"":                        ErrEmpty,
		" x":                      ErrDisallowed,
		"\x00":                    ErrDisallowed,
		"\xff":                    ErrEncoding,
		strings.Repeat("x", 1024): ErrTooLong,
	} {
		j, err := MustParse("a@b/c").WithResource(in)
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Part != ResourcePart || !errors.Is(err, want) || !j.IsZero() {
			t.Errorf("WithResource(%q) = %q, %v; want %v", in, j, err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		local, domain, resource string
		part                    Part
	}{
		{"a@b", "c", "", LocalPart},
		{"a/b", "c", "", LocalPart},
		{"a", "", "", DomainPart},
		{"a", "b/c", "", DomainPart},
		{"a", "b@c", "", DomainPart},
		{"a", "b", "\n", ResourcePart},
	}
	for _, tt := range tests {
		_, err := New(tt.local, tt.domain, tt.resource)
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Part != tt.part {
			t.Errorf("New(%q, %q, %q): %v, want an error in the %v", tt.local, tt.domain, tt.resource, err, tt.part)
		}
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if _, ok := recover().(*ParseError); !ok {
			t.Error("no panic with a ParseError")
		}
	}()
	MustParse("a@")
}

func TestCompare(t *testing.T) {
	sorted := []string{"", "a.example", "a.example/r", "a@a.example", "a@a.example/r", "b@a.example", "b.example", "a@b.example"}
	var js []JID
	for _, s := range sorted {
		var j JID
		if err := j.UnmarshalText([]byte(s)); err != nil {
			t.Fatal(err)
		}
		js = append(js, j)
	}
	for i, j := range js {
		for k, l := range js {
			if got, want := j.Compare(l), cmp.Compare(i, k); got != want {
				t.Errorf("%q.Compare(%q) = %d, want %d", j, l, got, want)
			}
		}
	}
	if !slices.IsSortedFunc(js, JID.Compare) {
		t.Error("not sorted")
	}
}

// TestMapKey checks that spellings of one address are one map key.
func TestMapKey(t *testing.T) {
	seen := map[JID]bool{}
	for _, s := range []string{"José@Bücher.example/R", "jose\u0301@xn--bcher-kva.example/R", "josé@bücher.example./R"} {
		seen[MustParse(s)] = true
	}
	if len(seen) != 1 {
		t.Errorf("%d keys, want 1: %v", len(seen), seen)
	}
}

func TestText(t *testing.T) {
	type pair struct {
		A JID `json:"a,omitzero"`
		B JID `json:"b"`
	}
	legacy, _, err := ParseLegacy("☺@b/r")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []pair{{}, {A: MustParse("é@b/r")}, {B: legacy}} {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out pair
		if err := json.Unmarshal(b, &out); err != nil || out != in {
			t.Errorf("%s: got %v, %v", b, out, err)
		}
	}
	if b, err := MustParse("a@b").AppendText([]byte("to: ")); err != nil || string(b) != "to: a@b" {
		t.Errorf("AppendText gives %q, %v", b, err)
	}
	j := MustParse("a@b")
	if err := j.UnmarshalText([]byte("a@b@c")); err == nil || j != MustParse("a@b") {
		t.Errorf("after a failed UnmarshalText: %q, %v", j, err)
	}
}

func TestASCIIDomain(t *testing.T) {
	for in, want := range map[string]struct {
		ascii string
		ip    bool
	}{
		"a@bücher.example/r": {"xn--bcher-kva.example", false},
		"例え.テスト":             {"xn--r8jz45g.xn--zckzah", false},
		"example.com":        {"example.com", false},
		"_x.bücher.example":  {"_x.xn--bcher-kva.example", false},
		"192.0.2.1":          {"192.0.2.1", true},
		"192.0.2.01":         {"192.0.2.01", false},
		"[2001:DB8::1]":      {"[2001:db8::1]", true},
	} {
		j := MustParse(in)
		if j.ASCIIDomain() != want.ascii || j.IsIPLiteral() != want.ip {
			t.Errorf("%s: %q, %t; want %q, %t", in, j.ASCIIDomain(), j.IsIPLiteral(), want.ascii, want.ip)
		}
		if back := MustParse(j.ASCIIDomain()); back != j.Host() {
			t.Errorf("%s: the A-labels parse to %q", in, back)
		}
	}
}

func TestNames(t *testing.T) {
	got := []string{LocalPart.String(), DomainPart.String(), ResourcePart.String(), Part(0).String(),
		RFC7622.String(), RFC6122.String(), Profile(9).String()}
	want := []string{"local part", "domain part", "resource part", "part 0", "RFC 7622", "RFC 6122", "profile 9"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestNoAllocation pins what map keys and routing rely on: a plain ASCII
// address is parsed, taken apart and looked up without a copy.
func TestNoAllocation(t *testing.T) {
	m := map[JID]int{MustParse("juliet@im.example.com"): 1}
	s := "juliet@im.example.com/balcony"
	n := testing.AllocsPerRun(100, func() {
		j, err := Parse(s)
		if err != nil || m[j.Bare()] != 1 || j.Host().IsZero() || j.LegacyKey() != s {
			t.Fail()
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
