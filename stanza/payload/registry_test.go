package payload

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"isthmus.im/stanza"
)

// poll is a host's own payload.
type poll struct {
	XMLName  xml.Name `xml:"https://chat.example/ns/poll poll"`
	Question string   `xml:"question"`
}

// pointed is registered as a pointer, and cannot be rendered.
type pointed struct {
	N int `xml:"n,attr"`
}

// nudge has a codec of its own.
type nudge int

var errCodec = errors.New("no nudge")

func registry() *Registry {
	r := new(Registry)
	Register(r, "https://chat.example/ns/poll poll", Codec[poll]{
		Render: func(p poll, m *stanza.Stanza) error {
			return SetBody(m, strings.TrimSpace(m.Body()+" Poll: "+p.Question))
		},
	})
	Register(r, "urn:nudge nudge", Codec[nudge]{
		Decode: func(raw stanza.Raw) (nudge, error) {
			var n nudge
			_, err := fmt.Sscanf(string(raw), `<nudge xmlns="urn:nudge" n="%d"`, &n)
			if err != nil {
				return 0, errCodec
			}
			return n, nil
		},
		Encode: func(n nudge) (any, error) {
			if n < 0 {
				return nil, errCodec
			}
			if n == 0 {
				return nil, nil
			}
			if n == 99 {
				return stanza.Raw(`<other xmlns="urn:nudge"/>`), nil
			}
			return stanza.Raw(fmt.Sprintf(`<nudge xmlns="urn:nudge" n="%d"/>`, n)), nil
		},
	})
	Register(r, "urn:nudge pointer", Codec[*pointed]{Render: func(*pointed, *stanza.Stanza) error { return errCodec }})
	return r
}

const (
	pollXML  = `<poll xmlns="https://chat.example/ns/poll"><question>Cake?</question></poll>`
	nudgeXML = `<nudge xmlns="urn:nudge" n="3"/>`
)

func TestRegistryPayloads(t *testing.T) {
	unknown := `<p:x xmlns:p='urn:x'  a="1">&#x20; <![CDATA[<]]></p:x>`
	s := stanza.MustParse(`<message><body>a</body>` + pollXML + unknown + nudgeXML + `<nudge xmlns="urn:nudge"/><received xmlns="urn:xmpp:receipts"/><store xmlns="urn:xmpp:hints"/></message>`)
	before := s.String()
	var got []string
	for v, err := range registry().Payloads(s) {
		switch v := v.(type) {
		case stanza.Raw:
			got = append(got, fmt.Sprintf("%s %v", v, err))
		case poll:
			got = append(got, v.Question)
		default:
			got = append(got, fmt.Sprintf("%T %v %v", v, v, err))
		}
	}
	want := []string{
		"<body>a</body> <nil>", "Cake?", unknown + " <nil>", "payload.nudge 3 <nil>", `<nudge xmlns="urn:nudge"/> no nudge`,
		`<received xmlns="urn:xmpp:receipts"/> stanza: decode payload: payload: urn:xmpp:receipts received: no id`,
		"payload.Hint {{ } store} <nil>",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if s.String() != before {
		t.Errorf("reading changed %s to %s", before, s)
	}
	for range registry().Payloads(s) {
		break // no panic
	}
}

func TestRegistryAppend(t *testing.T) {
	r := registry()
	m := stanza.MustParse(`<message/>`)
	for _, v := range []any{poll{Question: "Cake?"}, nudge(3), Receipt{ID: "1"}, nil} {
		if err := r.Append(m, v); err != nil {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if want := pollXML + nudgeXML + `<received xmlns="urn:xmpp:receipts" id="1"></received>`; string(m.Inner) != want {
		t.Errorf("%s", m.Inner)
	}
	if err := r.Append(m, nudge(-1)); !errors.Is(err, errCodec) {
		t.Error(err)
	}
	for _, v := range []any{nudge(0), nudge(99), make(chan int)} {
		if err := r.Append(m, v); err == nil {
			t.Errorf("%v was appended: %s", v, m.Inner)
		}
	}
}

func TestRegister(t *testing.T) {
	r := registry()
	if got := r.Features(); !slices.Equal(got, []string{"https://chat.example/ns/poll", "urn:nudge"}) {
		t.Errorf("%q", got)
	}
	if got := new(Registry).Features(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	type own struct{}
	for name, register := range map[string]func(){
		"name twice":     func() { Register(r, "urn:nudge nudge", Codec[own]{}) },
		"type twice":     func() { Register(r, "urn:new new", Codec[poll]{}) },
		"known here":     func() { Register(r, "urn:xmpp:receipts received", Codec[own]{}) },
		"known family":   func() { Register(r, "urn:xmpp:hints shred", Codec[own]{}) },
		"no namespace":   func() { Register(r, "body", Codec[own]{}) },
		"content":        func() { Register(r, "jabber:client body", Codec[own]{}) },
		"server content": func() { Register(r, "jabber:server body", Codec[own]{}) },
		"no local name":  func() { Register(r, "urn:new ", Codec[own]{}) },
		"every name":     func() { Register(r, "urn:new *", Codec[own]{}) },
		"two names":      func() { Register(r, "urn:new a b", Codec[own]{}) },
		"empty":          func() { Register(r, "", Codec[own]{}) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "payload: Register(") {
					t.Errorf("%s: panic %q", name, p)
				}
			}()
			register()
		}()
	}
}

func TestPrepare(t *testing.T) {
	const unknown = `<u:x xmlns:u='urn:u' b='1'/>`
	announces := func(list ...string) func(string) bool {
		return func(ns string) bool { return slices.Contains(list, ns) }
	}
	tests := []struct {
		in        string
		announced func(string) bool
		want      string // empty: nothing to send
	}{
		{`<message>` + pollXML + unknown + `</message>`, announces("https://chat.example/ns/poll"), `<message>` + pollXML + unknown + `</message>`},
		{`<message>` + pollXML + unknown + `</message>`, nil, `<message>` + unknown + `<body>Poll: Cake?</body></message>`},
		{`<message>` + pollXML + unknown + `</message>`, announces("urn:nudge"), `<message>` + unknown + `<body>Poll: Cake?</body></message>`},
		{`<message><body>Hi.</body>` + pollXML + pollXML + nudgeXML + `</message>`, announces("urn:nudge"), `<message><body>Hi. Poll: Cake? Poll: Cake?</body>` + nudgeXML + `</message>`},
		{`<message>` + nudgeXML + `</message>`, nil, ""},
		{`<message>` + nudgeXML + `<store xmlns="urn:xmpp:hints"/><origin-id xmlns="urn:xmpp:sid:0" id="1"/></message>`, nil, ""},
		{`<presence>` + nudgeXML + `</presence>`, nil, `<presence/>`},
		{`<iq id="1" type="get">` + nudgeXML + `</iq>`, nil, `<iq id="1" type="get">` + nudgeXML + `</iq>`},
		{`<message> <body>a</body> ` + unknown + `</message>`, nil, `<message> <body>a</body> ` + unknown + `</message>`},
		{`<message/>`, nil, `<message/>`},
	}
	for _, test := range tests {
		m := stanza.MustParse(test.in)
		before := m.String()
		p, err := registry().Prepare(m, test.announced)
		if err != nil || (p == nil) != (test.want == "") || p != nil && p.String() != test.want {
			t.Errorf("%s: %v, %v, want %s", test.in, p, err, test.want)
		}
		if m.String() != before {
			t.Errorf("%s was changed to %s", before, m)
		}
	}
	for _, in := range []string{`<message><pointer xmlns="urn:nudge"/></message>`, `<message><poll xmlns="https://chat.example/ns/poll"><question/></poll><pointer xmlns="urn:nudge"/></message>`} {
		if p, err := registry().Prepare(stanza.MustParse(in), nil); !errors.Is(err, errCodec) {
			t.Errorf("%s: %s, %v", in, p, err)
		}
	}
}

// A Registry is used and added to from several goroutines.
func TestRegistryConcurrent(t *testing.T) {
	r := new(Registry)
	m := stanza.MustParse(`<message>` + pollXML + `<body>a</body></message>`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := r.Prepare(m, nil); err != nil {
					t.Error(err)
				}
				for range r.Payloads(m) {
				}
				r.Features()
			}
		})
	}
	Register(r, "https://chat.example/ns/poll poll", Codec[poll]{})
	wg.Wait()
	if _, err := Of[poll](m); err != nil {
		t.Error(err)
	}
}
