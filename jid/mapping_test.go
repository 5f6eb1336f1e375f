package jid

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestMapping(t *testing.T) {
	m := Mapping{Domain: MustParse("chat.example")}
	tests := []struct{ id, address, back string }{
		{"3B241101-e2bb-4255-8caf-4136c566a962", "3b241101-e2bb-4255-8caf-4136c566a962@chat.example", "3b241101-e2bb-4255-8caf-4136c566a962"},
		{"Ann@Corp.example", `ann\40corp.example@chat.example`, "ann@corp.example"},
		{"Ann Smith", `ann\20smith@chat.example`, "ann smith"},
		{" Ann ", "ann@chat.example", "ann"},
		{"Łukasz O'Neill", `łukasz\20o\27neill@chat.example`, "łukasz o'neill"},
		{`\40`, `\5c40@chat.example`, `\40`},
		{"＠", `\40@chat.example`, "@"},
		{`\２0x`, `\5c20x@chat.example`, `\20x`},
	}
	for _, tt := range tests {
		j, err := m.JID(tt.id)
		if err != nil || j.String() != tt.address {
			t.Errorf("JID(%q) = %q, %v; want %q", tt.id, j, err, tt.address)
			continue
		}
		full, err := j.WithResource("phone")
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := m.ID(full); !ok || id != tt.back {
			t.Errorf("ID(%q) = %q, %t; want %q", full, id, ok, tt.back)
		}
		if again, err := m.JID(tt.back); err != nil || again != j {
			t.Errorf("JID(%q) = %q, %v; want %q", tt.back, again, err, j)
		}
	}
}

func TestMappingRefuses(t *testing.T) {
	m := Mapping{Domain: MustParse("chat.example")}
	for id, want := range map[string]error{
		"":                        ErrEmpty,
		"  ":                      ErrEmpty,
		"☺":                       ErrDisallowed,
		"a\nb":                    ErrDisallowed,
		"\xff":                    ErrEncoding,
		"a:\u0301":                ErrDisallowed,
		strings.Repeat("@", 342):  ErrTooLong,
		strings.Repeat("x", 9999): ErrTooLong,
	} {
		j, err := m.JID(id)
		var pe *ParseError
		if !errors.As(err, &pe) || pe.Part != LocalPart || pe.Input != id || !errors.Is(err, want) {
			t.Errorf("JID(%q) = %q, %v; want %v", id, j, err, want)
		}
	}
	for _, s := range []string{"a@other.example", "chat.example", `a\5cz@chat.example`, `\20a@chat.example`} {
		if id, ok := m.ID(MustParse(s)); ok {
			t.Errorf("ID(%q) = %q, want none", s, id)
		}
	}
	if _, err := (Mapping{}).JID("a"); !errors.Is(err, ErrEmpty) {
		t.Errorf("the zero Mapping: %v", err)
	}
	if id, ok := (Mapping{}).ID(JID{}); ok {
		t.Errorf("the zero Mapping has the id %q", id)
	}
}

func TestMappingOpaque(t *testing.T) {
	m := Mapping{Domain: MustParse("chat.example"), Opaque: true}
	seen := map[JID]string{}
	for _, id := range []string{"Ann", "ann", " ann", "☺", "\x00\xff", strings.Repeat("z", 639)} {
		j, err := m.JID(id)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[j]; taken {
			t.Errorf("%q and %q are both %q", id, other, j)
		}
		seen[j] = id
		if back, ok := m.ID(j); !ok || back != id {
			t.Errorf("ID(%q) = %q, %t; want %q", j, back, ok, id)
		}
	}
	for _, id := range []string{"", strings.Repeat("z", 640)} {
		if j, err := m.JID(id); err == nil {
			t.Errorf("an id of %d bytes has the address %q", len(id), j)
		}
	}
	// The second differs from an encoding in bits that carry nothing.
	for _, s := range []string{"a1@chat.example", "mf@chat.example"} {
		if id, ok := m.ID(MustParse(s)); ok {
			t.Errorf("ID(%q) = %q, want none", s, id)
		}
	}
}

func TestMappingCheck(t *testing.T) {
	m := Mapping{Domain: MustParse("chat.example")}
	ids := []string{"strasse", "Ann", "straße", "bob", "ann", "Ann", "☺", "STRASSE"}
	got := map[string]error{}
	for id, err := range m.Check(slices.Values(ids)) {
		got[id] = err
	}
	if len(got) != 4 {
		t.Errorf("%d faults: %v", len(got), got)
	}
	for id, want := range map[string]struct {
		other  string
		legacy bool
	}{"straße": {"strasse", true}, "ann": {"Ann", false}, "STRASSE": {"strasse", false}} {
		var ce *CollisionError
		if !errors.As(got[id], &ce) || ce.ID != id || ce.Other != want.other || ce.Legacy() != want.legacy {
			t.Errorf("%q: %v", id, got[id])
		}
	}
	var pe *ParseError
	if !errors.As(got["☺"], &pe) {
		t.Errorf("☺: %v", got["☺"])
	}
	if got, want := got["ann"].Error(), `jid: "ann" and "Ann" have the same address: ann@chat.example`; got != want {
		t.Errorf("got %s", got)
	}
	if got := got["straße"].Error(); !strings.Contains(got, "straße@chat.example and strasse@chat.example") {
		t.Errorf("got %s", got)
	}
	n := 0
	for range m.Check(slices.Values(ids)) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("Check went on for %d", n)
	}
}

func FuzzMapping(f *testing.F) {
	for _, s := range []string{"Ann Smith", "ann@corp.example", `\２0`, "a:\u0301", "ΑΣ @", " \\20 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		m := Mapping{Domain: MustParse("chat.example")}
		j, err := m.JID(id)
		if err == nil {
			back, ok := m.ID(j)
			if !ok {
				t.Fatalf("JID(%q) = %q, which has no id", id, j)
			}
			if again, err := m.JID(back); err != nil || again != j {
				t.Fatalf("JID(%q) = %q, JID(%q) = %q, %v", id, j, back, again, err)
			}
		}
		m.Opaque = true
		if j, err := m.JID(id); err == nil {
			if back, ok := m.ID(j); !ok || back != id {
				t.Fatalf("opaque: %q came back as %q, %t", id, back, ok)
			}
		}
	})
}
