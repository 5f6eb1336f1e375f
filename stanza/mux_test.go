package stanza

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// named returns a handler that answers with its name.
func named(name string) Handler {
	return HandlerFunc(func(context.Context, *Stanza) (*Stanza, error) {
		return &Stanza{ID: name}, nil
	})
}

func routed(t *testing.T, m *Mux, in string) string {
	t.Helper()
	s, err := m.HandleStanza(t.Context(), MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return ""
	}
	return s.ID
}

func TestMuxPrecedence(t *testing.T) {
	m := NewMux()
	m.HandleMessage("", named("any message"))
	m.HandleMessage("body", named("body"))
	m.HandleMessage("urn:a a", named("a"))
	m.HandleMessage("urn:a *", named("a*"))
	m.HandleMessage("urn:b b", named("b"))
	m.HandlePresence(Subscribe, named("subscribe"))
	m.HandlePresence("", named("available"))
	m.HandlePresence(AnyType, named("any presence"))
	m.HandleIQ(Get, "urn:a a", named("get a"))
	m.HandleIQ(Set, "urn:a *", named("set a*"))
	m.HandleIQ(Set, "", named("any set"))
	m.HandleDomain("IRC.example", named("domain"))
	for _, tt := range []struct{ in, want string }{
		{`<message/>`, "any message"},
		{`<message><subject/></message>`, "any message"},
		{`<message><body/></message>`, "body"},
		{`<message xmlns='jabber:client'><body xmlns='jabber:server'/></message>`, "body"},
		{`<message><body xmlns='urn:other'/></message>`, "any message"},
		{`<message><a xmlns='urn:a'/></message>`, "a"},
		{`<message><p:a xmlns:p='urn:a'/></message>`, "a"},
		{`<message><x xmlns='urn:a'/></message>`, "a*"},
		{`<message><x xmlns='urn:x'/><b xmlns='urn:b'/><a xmlns='urn:a'/></message>`, "b"},
		{`<message><x xmlns='urn:a'/><a xmlns='urn:a'/></message>`, "a*"},
		{`<message type='error'><a xmlns='urn:a'/></message>`, "any message"},
		{`<presence/>`, "available"},
		{`<presence type='subscribe'/>`, "subscribe"},
		{`<presence type='probe'/>`, "any presence"},
		{`<presence type='error'/>`, "any presence"},
		{`<iq type='get' id='1'><a xmlns='urn:a'/></iq>`, "get a"},
		{`<iq type='get' id='1'><b xmlns='urn:a'/></iq>`, ""},
		{`<iq type='set' id='1'><a xmlns='urn:a'/></iq>`, "set a*"},
		{`<iq type='set' id='1'><a xmlns='urn:b'/></iq>`, "any set"},
		{`<iq type='result' id='1'><a xmlns='urn:a'/></iq>`, ""},
		{`<message to='a@irc.example/b'><body/></message>`, "domain"},
		{`<presence to='irc.example'/>`, "domain"},
		{`<iq type='result' id='1' to='irc.example'/>`, "domain"},
		{`<iq type='result' id='1' to='x.irc.example'/>`, ""},
	} {
		if got := routed(t, m, tt.in); got != tt.want {
			t.Errorf("%s went to %q, not to %q", tt.in, got, tt.want)
		}
	}
	m.HandleMessage("error", named("error"))
	if got := routed(t, m, `<message type='error'><a xmlns='urn:a'/></message>`); got != "error" {
		t.Errorf("an error message went to %q", got)
	}
	if got := routed(t, m, `<message to='x@irc.example' type='error'/>`); got != "domain" {
		t.Errorf("an error message to a domain went to %q", got)
	}
}

func TestMuxUnmatched(t *testing.T) {
	for _, m := range []*Mux{new(Mux), NewMux()} {
		for _, in := range []string{`<message/>`, `<presence/>`, `<iq type='get' id='1'><a xmlns='urn:a'/></iq>`} {
			if got := routed(t, m, in); got != "" {
				t.Errorf("%s went to %q", in, got)
			}
		}
		if f := m.Features(); f != nil {
			t.Errorf("an empty mux has features %v", f)
		}
		if s, err := m.HandleStanza(t.Context(), &Stanza{}); s != nil || err != nil {
			t.Errorf("the zero stanza: %v, %v", s, err)
		}
	}
}

func TestMuxFeatures(t *testing.T) {
	m := NewMux()
	m.HandleIQ(Get, "urn:xmpp:time time", named(""))
	m.HandleIQ(Get, "urn:b x", named(""))
	m.HandleIQ(Set, "urn:b *", named(""))
	m.HandleIQ(Result, "urn:c *", named(""))
	m.HandleIQ(Get, "", named(""))
	m.HandleIQ(Get, "query", named(""))
	m.HandleMessage("urn:d d", named(""))
	m.Advertise("urn:z", "urn:a", "urn:b")
	m.Advertise()
	want := []string{"urn:a", "urn:b", "urn:xmpp:time", "urn:z"}
	got := m.Features()
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	got[0] = "changed"
	if !slices.Equal(m.Features(), want) {
		t.Error("the result is not the caller's own")
	}
}

func panicOf(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

func TestMuxConflicts(t *testing.T) {
	m := NewMux()
	for name, register := range map[string]func(){
		`HandleMessage("")`:          func() { m.HandleMessage("", named("")) },
		`HandleMessage("urn:a a")`:   func() { m.HandleMessage("urn:a a", named("")) },
		`HandleMessage("urn:a *")`:   func() { m.HandleMessage("urn:a *", named("")) },
		`HandlePresence("")`:         func() { m.HandlePresence("", named("")) },
		`HandlePresence("*")`:        func() { m.HandlePresence(AnyType, named("")) },
		`HandleIQ("get", "urn:a a")`: func() { m.HandleIQ(Get, "urn:a a", named("")) },
		`HandleDomain("a.example")`:  func() { m.HandleDomain("a.example", named("")) },
	} {
		if p := panicOf(register); p != nil {
			t.Errorf("%s: %v", name, p)
		}
		p := fmt.Sprint(panicOf(register))
		if !strings.HasPrefix(p, "stanza: "+name+" at ") || strings.Count(p, "mux_test.go:") != 2 {
			t.Errorf("%s: panic %q", name, p)
		}
	}
}

func TestMuxConflictNamesBothPlaces(t *testing.T) {
	m := NewMux()
	_, file, line, _ := runtime.Caller(0)
	m.HandleMessage("jabber:client body", named("first"))
	p := fmt.Sprint(panicOf(func() {
		m.HandleMessage("body", named("second"))
	}))
	want := fmt.Sprintf(`stanza: HandleMessage("body") at %s:%d conflicts with the one at %s:%d`, file, line+3, file, line+1)
	if p != want {
		t.Errorf("got  %s\nwant %s", p, want)
	}
	if got := routed(t, m, `<message><body/></message>`); got != "first" {
		t.Errorf("after the conflict it goes to %q", got)
	}
}

func TestMuxRefuses(t *testing.T) {
	m := NewMux()
	for name, register := range map[string]func(){
		"nil handler":     func() { m.HandleMessage("", nil) },
		"message type":    func() { m.HandlePresence(Chat, named("")) },
		"iq type":         func() { m.HandleIQ(Chat, "urn:a a", named("")) },
		"iq any type":     func() { m.HandleIQ(AnyType, "urn:a a", named("")) },
		"no local name":   func() { m.HandleIQ(Get, "urn:a ", named("")) },
		"all of content":  func() { m.HandleMessage("*", named("")) },
		"not a domain":    func() { m.HandleDomain("a b", named("")) },
		"a whole address": func() { m.HandleDomain("x@a.example", named("")) },
		"no domain":       func() { m.HandleDomain("", named("")) },
	} {
		if p, _ := panicOf(register).(string); !strings.HasPrefix(p, "stanza: Handle") && !strings.HasSuffix(p, "nil handler") {
			t.Errorf("%s: panic %q", name, p)
		}
	}
}

func TestMuxRegisterWhileServing(t *testing.T) {
	m := NewMux()
	m.HandleMessage("body", named("body"))
	s := MustParse(`<message><body/></message>`)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 500 {
				if r, _ := m.HandleStanza(t.Context(), s); r == nil || r.ID != "body" {
					t.Errorf("lost the handler: %v", r)
					return
				}
				m.Features()
			}
		})
	}
	for i := range 50 {
		wg.Go(func() {
			m.HandleIQ(Get, fmt.Sprintf("urn:%d x", i), named(""))
			m.HandleMessage(fmt.Sprintf("urn:%d x", i), named(""))
			m.Advertise("urn:same")
		})
	}
	wg.Wait()
	if n := len(m.Features()); n != 51 {
		t.Errorf("%d features", n)
	}
}

func TestMuxLookupAllocatesNothing(t *testing.T) {
	m := NewMux()
	nothing := HandlerFunc(func(context.Context, *Stanza) (*Stanza, error) { return nil, nil })
	m.HandleDomain("irc.example", nothing)
	m.HandleMessage("urn:a a", nothing)
	m.HandleMessage("urn:b *", nothing)
	m.HandleIQ(Get, "urn:xmpp:ping ping", nothing)
	for _, in := range []string{
		`<message to="b.example"><body>x</body><x xmlns="urn:x"/><a xmlns="urn:a"/></message>`,
		`<message to="irc.example"/>`,
		`<presence/>`,
		`<iq type="get" id="1"><ping xmlns="urn:xmpp:ping"/></iq>`,
	} {
		s := MustParse(in)
		if n := testing.AllocsPerRun(100, func() { m.HandleStanza(context.Background(), s) }); n != 0 {
			t.Errorf("%s: %v allocations", in, n)
		}
	}
}

func TestHandlerFuncs(t *testing.T) {
	failure := errors.New("failed")
	message := MessageFunc(func(context.Context, *Stanza) error { return failure })
	presence := PresenceFunc(func(context.Context, *Stanza) error { return failure })
	iq := IQFunc(func(_ context.Context, s *Stanza) (any, error) {
		if s.ID == "bad" {
			return nil, failure
		}
		if s.ID == "unfit" {
			return "text", nil
		}
		if s.ID == "empty" {
			return nil, nil
		}
		return Raw("<r/>"), nil
	})
	for _, tt := range []struct {
		h          Handler
		in, answer string
		fails      bool
	}{
		{message, `<message/>`, "", true},
		{message, `<message type='error'/>`, "", true},
		{message, `<presence/>`, "", false},
		{presence, `<presence type='probe'/>`, "", true},
		{presence, `<iq type='get' id='1'/>`, "", false},
		{iq, `<iq type='get' id='1'/>`, `<iq id="1" type="result"><r/></iq>`, false},
		{iq, `<iq type='set' id='empty'/>`, `<iq id="empty" type="result"/>`, false},
		{iq, `<iq type='set' id='bad'/>`, "", true},
		{iq, `<iq type='set' id='unfit'/>`, "", true},
		{iq, `<iq type='result' id='bad'/>`, "", false},
		{iq, `<iq type='error' id='bad'/>`, "", false},
		{iq, `<message id='bad'/>`, "", false},
	} {
		got, err := tt.h.HandleStanza(t.Context(), MustParse(tt.in))
		if (err != nil) != tt.fails || (got != nil) != (tt.answer != "") || got != nil && got.String() != tt.answer {
			t.Errorf("%T, %s: %v, %v", tt.h, tt.in, got, err)
		}
	}
}

// A probe that no handler takes is answered as for an account that does not
// exist; all else is left alone.
func TestMuxDeniesProbes(t *testing.T) {
	m := NewMux()
	for in, want := range map[string]string{
		`<presence id='1' type='probe' from='romeo@montague.example/orchard' to='juliet@capulet.example'/>`: `<presence from="juliet@capulet.example" to="romeo@montague.example" id="1" type="unsubscribed"/>`,
		`<presence from='romeo@montague.example/orchard' to='juliet@capulet.example'/>`:                     "",
		`<presence type='subscribe' from='romeo@montague.example' to='juliet@capulet.example'/>`:            "",
		`<presence type='unsubscribed' from='romeo@montague.example' to='juliet@capulet.example'/>`:         "",
	} {
		got, err := m.HandleStanza(t.Context(), MustParse(in))
		if err != nil || (got == nil) != (want == "") || got != nil && got.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
}
