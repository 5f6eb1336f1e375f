package delivery_test

import (
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
	"isthmus.im/stanza"
	"isthmus.im/stanza/delivery"
)

const (
	bare  = "juliet@capulet.example"
	match = "juliet@capulet.example/a"
	gone  = "juliet@capulet.example/gone"
)

// sessions reads "a:5 b:-1": resources with priorities.
func sessions(s string) []delivery.Session {
	var list []delivery.Session
	for _, f := range strings.Fields(s) {
		var p int
		name, priority, _ := strings.Cut(f, ":")
		fmt.Sscan(priority, &p)
		j, err := jid.MustParse(bare).WithResource(name)
		if err != nil {
			panic(err)
		}
		list = append(list, delivery.Session{JID: j, Priority: int8(p)})
	}
	return list
}

// show writes a decision as in the table of RFC 6121 section 8.5.4, with the
// resources that get the stanza.
func show(d delivery.Decision) string {
	switch {
	case d.Err != nil && d.Err.Condition == stanza.ServiceUnavailable:
		return "E"
	case d.Keep:
		return "O"
	case len(d.To) == 0:
		return "S"
	}
	var names []string
	for _, s := range d.To {
		names = append(names, s.JID.Resource())
	}
	return strings.Join(names, ",")
}

// The table of RFC 6121 section 8.5.4: condition, address, then what becomes of
// messages of the types normal, chat, groupchat, headline and error.
func TestMessageTable(t *testing.T) {
	types := []stanza.Type{"", stanza.Chat, stanza.GroupChat, stanza.Headline, stanza.TypeError}
	for _, c := range []struct{ sessions, to, want, without, most string }{
		// no active resources
		{"", bare, "O O E S S", "E E E S S", ""},
		{"", gone, "E O E E S", "E E E E S", ""},
		// negative ones only
		{"a:-1", bare, "O O E S S", "E E E S S", ""},
		{"a:-1", match, "a a a a a", "a a a a a", ""},
		{"a:-1", gone, "E O E E S", "E E E E S", ""},
		{"a:-1 b:-5", bare, "O O E S S", "E E E S S", ""},
		// one that is not negative
		{"a:0", bare, "a a E a S", "a a E a S", ""},
		{"a:0", match, "a a a a a", "a a a a a", ""},
		{"a:0", gone, "E a E E S", "E a E E S", ""},
		{"a:-1 b:0", bare, "b b E b S", "b b E b S", ""},
		{"a:-1 b:0", match, "a a a a a", "a a a a a", ""},
		{"a:-1 b:0", gone, "E b E E S", "E b E E S", ""},
		// several
		{"a:1 b:5 c:5", bare, "b,c,a b,c,a E b,c,a S", "b,c,a b,c,a E b,c,a S", "b,c b,c E b,c,a S"},
		{"a:1 b:5 c:-5", bare, "b,a b,a E b,a S", "b,a b,a E b,a S", "b b E b,a S"},
		{"a:1 b:5", match, "a a a a a", "a a a a a", ""},
		{"a:1 b:5", gone, "E b,a E E S", "E b,a E E S", "E b E E S"},
	} {
		for i, policy := range []delivery.Policy{{Keeps: true}, {}, {Keeps: true, MostAvailable: true}} {
			want := []string{c.want, c.without, c.most}[i]
			if want == "" {
				want = c.want
			}
			var got []string
			for _, typ := range types {
				m := &stanza.Stanza{Kind: stanza.Message, Type: typ, To: jid.MustParse(c.to)}
				got = append(got, show(delivery.Decide(m, sessions(c.sessions), policy)))
			}
			if g := strings.Join(got, " "); g != want {
				t.Errorf("sessions %q, to %s, %+v: %s, want %s", c.sessions, c.to, policy, g, want)
			}
		}
	}
}

// Calls ring at all sessions, where other messages go to one.
func TestCallsRing(t *testing.T) {
	for _, c := range []struct{ sessions, to, inner, want string }{
		{"a:1 b:5 c:-1", bare, `<body>hi</body>`, "b"},
		{"a:1 b:5 c:-1", bare, `<propose xmlns='urn:xmpp:jingle-message:0' id='1'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose><store xmlns='urn:xmpp:hints'/>`, "b,a"},
		{"a:1 b:5", bare, `<store xmlns='urn:xmpp:hints'/><retract xmlns='urn:xmpp:jingle-message:0' id='1'/>`, "b,a"},
		{"a:1 b:5", gone, `<proceed xmlns='urn:xmpp:jingle-message:0' id='1'/>`, "b,a"},
		{"a:1 b:5", match, `<proceed xmlns='urn:xmpp:jingle-message:0' id='1'/>`, "a"},
		{"a:1 b:5", bare, `<propose xmlns='urn:other' id='1'/>`, "b"},
		{"c:-1", bare, `<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>`, "O"},
	} {
		m := &stanza.Stanza{Kind: stanza.Message, Type: stanza.Chat, To: jid.MustParse(c.to), Inner: []byte(c.inner)}
		if got := show(delivery.Decide(m, sessions(c.sessions), delivery.Policy{Keeps: true, MostAvailable: true})); got != c.want {
			t.Errorf("sessions %q, to %s, %s: %s, want %s", c.sessions, c.to, c.inner, got, c.want)
		}
	}
}

func TestOtherKinds(t *testing.T) {
	for _, c := range []struct{ sessions, stanza, want string }{
		{"a:0 b:-1", `<presence to='juliet@capulet.example'/>`, "a,b"},
		{"a:0 b:-1", `<presence type='unavailable' to='juliet@capulet.example'/>`, "a,b"},
		{"a:0 b:-1", `<presence to='juliet@capulet.example/b'/>`, "b"},
		{"a:0 b:-1", `<presence to='juliet@capulet.example/c'/>`, "S"},
		{"", `<presence to='juliet@capulet.example'/>`, "S"},
		{"a:0", `<iq type='get' id='1' to='juliet@capulet.example/a'/>`, "a"},
		{"a:-1", `<iq type='set' id='1' to='juliet@capulet.example/a'/>`, "a"},
		{"a:0", `<iq type='get' id='1' to='juliet@capulet.example/b'/>`, "E"},
		{"a:0", `<iq type='get' id='1' to='juliet@capulet.example'/>`, "E"},
		{"a:0", `<iq type='result' id='1' to='juliet@capulet.example/a'/>`, "a"},
		{"a:0", `<iq type='error' id='1' to='juliet@capulet.example/b'/>`, "S"},
		{"a:0", `<iq type='result' id='1' to='juliet@capulet.example'/>`, "S"},
	} {
		if got := show(delivery.Decide(stanza.MustParse(c.stanza), sessions(c.sessions), delivery.Policy{Keeps: true})); got != c.want {
			t.Errorf("sessions %q, %s: %s, want %s", c.sessions, c.stanza, got, c.want)
		}
	}
}

func TestLasting(t *testing.T) {
	for inner, want := range map[string]bool{
		"":                   false,
		"<body>hi</body>":    true,
		"<subject/>":         true,
		"<thread>1</thread>": false,
		"<active xmlns='http://jabber.org/protocol/chatstates'/>":                                false,
		"<received xmlns='urn:xmpp:receipts' id='1'/>":                                           true,
		"<request xmlns='urn:xmpp:receipts'/>":                                                   false,
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>":                                    true,
		"<markable xmlns='urn:xmpp:chat-markers:0'/>":                                            false,
		"<reactions xmlns='urn:xmpp:reactions:0' id='1'/>":                                       true,
		"<retract xmlns='urn:xmpp:message-retract:1' id='1'/>":                                   true,
		"<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>":                                    true,
		"<encrypted xmlns='eu.siacs.conversations.axolotl'/>":                                    true,
		"<encrypted xmlns='urn:xmpp:omemo:2'/>":                                                  true,
		"<x xmlns='jabber:x:conference' jid='room@chat.example'/>":                               true,
		"<body>hi</body><no-store xmlns='urn:xmpp:hints'/>":                                      false,
		"<body>hi</body><no-permanent-store xmlns='urn:xmpp:hints'/>":                            false,
		"<body>hi</body><no-copy xmlns='urn:xmpp:hints'/>":                                       true,
		"<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>": true,
		"<body>hi</body><no-store xmlns='urn:xmpp:hints'/><store xmlns='urn:xmpp:hints'/>":       true,
		"<body xmlns='http://www.w3.org/1999/xhtml'>hi</body>":                                   false,
	} {
		for typ, may := range map[stanza.Type]bool{"": true, stanza.Chat: true, stanza.GroupChat: false, stanza.Headline: false, stanza.TypeError: false} {
			m := &stanza.Stanza{Kind: stanza.Message, Type: typ, Inner: []byte(inner)}
			if got := delivery.Lasting(m); got != (want && may) {
				t.Errorf("type %q, %s: %t", typ, inner, got)
			}
		}
	}
}
