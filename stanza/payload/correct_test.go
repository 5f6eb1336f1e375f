package payload

import (
	"errors"
	"strings"
	"testing"

	"isthmus.im/stanza"
)

func TestCorrect(t *testing.T) {
	m := stanza.Text(romeo, juliet, "window")
	m.ID = "good1"
	for range 2 {
		if err := Correct(m, "bad1"); err != nil || m.ID != "good1" || string(m.Inner) != `<body>window</body><replace xmlns="urn:xmpp:message-correct:0" id="bad1"></replace>` {
			t.Errorf("%s, %v", m, err)
		}
	}
	if err := Correct(m, "bad2"); !errors.Is(err, ErrMisplaced) {
		t.Errorf("a second correction: %v", err)
	}
	m = stanza.MustParse(`<message id='bad1'/>`)
	if err := Correct(m, "bad1"); err != nil || m.ID == "bad1" || m.ID == "" {
		t.Errorf("%s, %v", m, err)
	}
	for _, in := range []string{`<presence/>`, `<message type='error'/>`} {
		if err := Correct(stanza.MustParse(in), "1"); !errors.Is(err, ErrMisplaced) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if err := Correct(stanza.MustParse(`<message/>`), ""); !errors.Is(err, ErrMisplaced) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestSameSender(t *testing.T) {
	const (
		phone    = `<message from='a@a.example/phone' type='chat'/>`
		laptop   = `<message from='a@a.example/laptop'/>`
		other    = `<message from='b@a.example/phone' type='chat'/>`
		occupant = `<message from='r@r.example/n' type='groupchat'/>`
		another  = `<message from='r@r.example/o' type='groupchat'/>`
		private  = `<message from='r@r.example/n' type='chat'/>`
		failed   = `<message from='a@a.example/phone' type='error'/>`
	)
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{phone, laptop, true}, {phone, other, false}, {occupant, occupant, true}, {occupant, another, false},
		{occupant, private, false}, {private, occupant, false}, {phone, failed, false}, {failed, phone, false},
		{`<message/>`, `<message/>`, false}, {`<presence from='a@a.example'/>`, `<presence from='a@a.example'/>`, false},
	} {
		if got := SameSender(stanza.MustParse(test.a), stanza.MustParse(test.b)); got != test.want {
			t.Errorf("%s, %s: %v", test.a, test.b, got)
		}
	}
}

func TestRetraction(t *testing.T) {
	const rest = `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"></fallback>` +
		`<body>/me retracted a previous message, but it&#39;s unsupported by your client.</body><store xmlns="urn:xmpp:hints"></store></message>`
	tests := []struct{ in, want string }{
		{`<message type='chat' from='romeo@montague.example/orchard' to='lord@capulet.example' id='wrong-recipient-1'><body>a</body></message>`,
			`<message from="romeo@montague.example/orchard" to="lord@capulet.example" type="chat"><retract xmlns="urn:xmpp:message-retract:1" id="wrong-recipient-1"></retract>` + rest},
		{`<message type='groupchat' from='r@r.example/me' to='a@a.example/x' id='1'><stanza-id xmlns='urn:xmpp:sid:0' by='r@r.example' id='s1'/></message>`,
			`<message from="a@a.example/x" to="r@r.example" type="groupchat"><retract xmlns="urn:xmpp:message-retract:1" id="s1"></retract>` + rest},
		{`<message type='groupchat' from='r@r.example/me' to='a@a.example/x' id='1'/>`, ""},
		{`<message type='chat'/>`, ""},
		{`<message type='error' id='1'/>`, ""},
		{`<presence id='1'/>`, ""},
	}
	for _, test := range tests {
		r, err := Retraction(stanza.MustParse(test.in))
		if test.want == "" {
			if !errors.Is(err, ErrMisplaced) {
				t.Errorf("%s: %s, %v", test.in, r, err)
			}
			continue
		}
		if err != nil || outcome(t, r) != test.want {
			t.Errorf("%s:\n%s, %v", test.in, r, err)
		}
		if text, _, ok := FallbackBody(r, NSRetraction); !ok || text != "" {
			t.Errorf("%s has the body %q beside its fallback", r, text)
		}
	}
}

func TestTombstone(t *testing.T) {
	m := stanza.MustParse(`<message type='groupchat' from='romeo@montague.example' to='lord@capulet.example' id='wrong-recipient-1'><body>secret</body></message>`)
	got, err := Tombstone(m, "retract-message-1", night)
	want := `<message from="romeo@montague.example" to="lord@capulet.example" id="wrong-recipient-1" type="groupchat">` +
		`<retracted xmlns="urn:xmpp:message-retract:1" id="retract-message-1" stamp="2002-09-10T23:08:25Z"></retracted></message>`
	if err != nil || got.String() != want || m.Body() != "secret" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := Tombstone(m, "", night); !errors.Is(err, ErrMisplaced) {
		t.Errorf("of no retraction: %s, %v", got, err)
	}
	if got, err := Tombstone(stanza.MustParse(`<message type='error' id='1'/>`), "1", night); !errors.Is(err, ErrMisplaced) {
		t.Errorf("of an error: %s, %v", got, err)
	}
}

func TestReact(t *testing.T) {
	const direct = `<message from='romeo@montague.example/orchard' to='juliet@capulet.example' id='744f6e18' type='chat'>`
	const reactions = `<reactions xmlns="urn:xmpp:reactions:0" id="744f6e18">`
	const store = `<store xmlns="urn:xmpp:hints"></store>`
	const to = `<message from="juliet@capulet.example" to="romeo@montague.example/orchard" type="chat">`
	tests := []struct {
		in    string
		emoji []string
		want  string
	}{
		{direct + `</message>`, []string{"👋", "🐢", "👋"}, to + reactions + `<reaction>👋</reaction><reaction>🐢</reaction></reactions>` + store + `</message>`},
		{direct + `</message>`, nil, to + reactions + `</reactions>` + store + `</message>`},
		{direct + `<no-store xmlns='urn:xmpp:hints'/></message>`, nil, to + reactions + `</reactions></message>`},
		{direct + `<origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>`, nil, to + `<reactions xmlns="urn:xmpp:reactions:0" id="o1"></reactions>` + store + `</message>`},
		{`<message from='romeo@montague.example/orchard' to='juliet@capulet.example' id='c1' type='chat'><origin-id xmlns='urn:xmpp:sid:0' id='c1'/><replace xmlns='urn:xmpp:message-correct:0' id='744f6e18'/></message>`, nil,
			to + reactions + `</reactions>` + store + `</message>`},
		{`<message from='r@r.example/n' to='b@b.example/x' id='1' type='groupchat'><stanza-id xmlns='urn:xmpp:sid:0' by='r@r.example' id='744f6e18'/><replace xmlns='urn:xmpp:message-correct:0' id='0'/></message>`, nil,
			`<message from="b@b.example/x" to="r@r.example" type="groupchat">` + reactions + `</reactions>` + store + `</message>`},
		{`<message from='a@a.example' to='b@b.example' id='744f6e18'/>`, nil, `<message from="b@b.example" to="a@a.example" type="chat">` + reactions + `</reactions>` + store + `</message>`},
		{`<message from='r@r.example/n' to='b@b.example/x' id='1' type='groupchat'><stanza-id xmlns='urn:xmpp:sid:0' by='r@r.example' id='744f6e18'/></message>`, nil,
			`<message from="b@b.example/x" to="r@r.example" type="groupchat">` + reactions + `</reactions>` + store + `</message>`},
		{`<message from='r@r.example/n' id='1' type='groupchat'><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>`, nil, ""},
		{`<message from='a@a.example'/>`, nil, ""},
		{`<message from='a@a.example' type='error' id='1'/>`, nil, ""},
		{direct + `</message>`, []string{""}, ""},
		{direct + `</message>`, []string{strings.Repeat("a", MaxReaction+1)}, ""},
		{direct + `</message>`, strings.Split(strings.Repeat("abcdefgh", 9), "")[:9], to + reactions + `<reaction>a</reaction><reaction>b</reaction><reaction>c</reaction><reaction>d</reaction><reaction>e</reaction><reaction>f</reaction><reaction>g</reaction><reaction>h</reaction></reactions>` + store + `</message>`},
	}
	for _, test := range tests {
		a, err := React(stanza.MustParse(test.in), test.emoji...)
		if test.want == "" {
			if !errors.Is(err, ErrMisplaced) {
				t.Errorf("%s: %s, %v", test.in, a, err)
			}
		} else if err != nil || outcome(t, a) != test.want {
			t.Errorf("%s:\n%s, %v, want\n%s", test.in, a, err, test.want)
		}
	}
	var many []string
	for i := range MaxItems + 1 {
		many = append(many, string(rune('🐀'+i)))
	}
	if _, err := React(stanza.MustParse(direct+`</message>`), many...); !errors.Is(err, ErrMisplaced) {
		t.Errorf("%d reactions: %v", len(many), err)
	}
	a, err := React(stanza.MustParse(direct+`</message>`), many[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Of[Reactions](a); err != nil || len(r.Emoji) != MaxItems {
		t.Errorf("%d reactions are read as %d, %v", MaxItems, len(r.Emoji), err)
	}
}
