package s2stest

import (
	"maps"
	"testing"
)

func TestPattern(t *testing.T) {
	const (
		message = `<message from="romeo@montague.example" to="juliet@capulet.example" id="7"><body>but soft</body><active xmlns="http://jabber.org/protocol/chatstates"/></message>`
		refusal = `<iq type="error" id="7"><error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">no such item</text></error></iq>`
		items   = `<iq type="result"><query xmlns="urn:example:items"><item jid="a@x"/><item jid="b@x">two</item><other xmlns="urn:example:other"/></query></iq>`
	)
	cases := []struct {
		name, pattern, got string
		want               string            // why it does not match
		captured           map[string]string // all that is known afterwards; before, {id} is 7
	}{
		{"kind alone", `<message/>`, message, "", nil},
		{"other kind", `<presence/>`, message, "want <presence/>, got <message/>", nil},
		{"attribute", `<message id="7"/>`, message, "", nil},
		{"other value", `<message id="8"/>`, message, `<message/>: attribute id: want "8", got "7"`, nil},
		{"missing attribute", `<message type="chat"/>`, message, "<message/>: attribute type is missing", nil},
		{"no attribute wanted", `<message type=""/>`, message, "", nil},
		{"an attribute where none is wanted", `<message id=""/>`, message, `<message/>: attribute id: want "", got "7"`, nil},
		{"anything", `<message id="*"><body>*</body></message>`, message, "", nil},
		{"anything but nothing", `<message type="*"/>`, message, "<message/>: attribute type is missing", nil},
		{"anything but no text", `<message><active>*</active></message>`, message, `<active/>: want text "*", got ""`, nil},
		{"attribute with a prefix", `<message xml:lang="en"/>`, `<message xml:lang="en"/>`, "", nil},
		{"lang is not xml:lang", `<message xml:lang="en"/>`, `<message lang="en"/>`, "<message/>: attribute lang is missing", nil},

		{"text", `<message><body>but soft</body></message>`, message, "", nil},
		{"text with space around it", "<message>\n\t<body> but soft\n</body>\n</message>", message, "", nil},
		{"other text", `<message><body>hello</body></message>`, message, `<body/>: want text "hello", got "but soft"`, nil},
		{"part of the text", `<message><body>but</body></message>`, message, `<body/>: want text "but", got "but soft"`, nil},
		{"escaped text", `<message><body>&lt;&amp;&gt;</body></message>`, `<message><body>&#60;&#38;&#62;</body></message>`, "", nil},

		{"namespace", `<message><active xmlns="http://jabber.org/protocol/chatstates"/></message>`, message, "", nil},
		{"any namespace", `<message><active/></message>`, message, "", nil},
		{"other namespace", `<message><active xmlns="urn:example:x"/></message>`, message,
			`<active/>: want namespace "urn:example:x", got "http://jabber.org/protocol/chatstates"`, nil},
		{"the namespace of streams", `<message xmlns="jabber:server"><body>but soft</body></message>`, message, "", nil},
		{"not the namespace of streams", `<message><active xmlns="jabber:server"/></message>`, message,
			`<active/>: want namespace "jabber:server", got "http://jabber.org/protocol/chatstates"`, nil},
		{"other prefix", `<iq><a:query xmlns:a="urn:example:items"/></iq>`, items, "", nil},
		{"inherited namespace", `<iq><query xmlns="urn:example:items"><item jid="b@x"/></query></iq>`, items, "", nil},
		{"not the inherited namespace", `<iq><query xmlns="urn:example:items"><other/></query></iq>`, items,
			`<other/>: want namespace "urn:example:items", got "urn:example:other"`, nil},

		{"children in another order", `<iq><query><other/><item jid="b@x"/><item jid="a@x"/></query></iq>`, items, "", nil},
		{"a child too many", `<iq><query><item/><item/><item/></query></iq>`, items, "<query/>: child <item/> is missing", nil},
		{"missing child", `<message><subject/></message>`, message, "<message/>: child <subject/> is missing", nil},
		{"deep", `<iq type="error"><error type="cancel"><item-not-found/><text>no such item</text></error></iq>`, refusal, "", nil},
		{"deep and wrong", `<iq type="error"><error><forbidden/></error></iq>`, refusal, "<error/>: child <forbidden/> is missing", nil},
		{"deep and of another type", `<iq><error type="wait"/></iq>`, refusal, `<error/>: attribute type: want "wait", got "cancel"`, nil},

		{"capture", `<message from="{who}" id="{id}"><body>{what}</body></message>`, message, "",
			map[string]string{"id": "7", "who": "romeo@montague.example", "what": "but soft"}},
		{"captured before", `<iq id="{id}"/>`, refusal, "", nil},
		{"not what was captured before", `<iq id="{id}"/>`, `<iq id="9"/>`, `<iq/>: attribute id: want "{id}" ("7"), got "9"`, nil},
		{"twice the same", `<message from="{a}" to="{a}"/>`, `<message from="x" to="x"/>`, "", map[string]string{"id": "7", "a": "x"}},
		{"twice, not the same", `<message from="{a}" to="{a}"/>`, message, `<message/>: attribute to: want "{a}" ("romeo@montague.example"), got "juliet@capulet.example"`, nil},
		{"capture of a missing attribute", `<message type="{t}"/>`, message, "<message/>: attribute type is missing", nil},
		{"nothing is captured by a failure", `<message from="{who}"><subject/></message>`, message, "<message/>: child <subject/> is missing", nil},
		{"nothing is captured by the wrong child", `<iq><query><item jid="{j}">two</item></query></iq>`, items, "", map[string]string{"id": "7", "j": "b@x"}},
		{"braces around nothing are text", `<message><body>{}</body></message>`, message, `<body/>: want text "{}", got "but soft"`, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]string{"id": "7"}
			if got := parse(t, c.pattern).match(parse(t, c.got), seen); got != c.want {
				t.Errorf("%s\nagainst %s\nsays %q\nwant %q", c.pattern, c.got, got, c.want)
			}
			if c.captured == nil {
				c.captured = map[string]string{"id": "7"}
			}
			if !maps.Equal(seen, c.captured) {
				t.Errorf("captured %v, want %v", seen, c.captured)
			}
		})
	}
}

func TestPatternMustBeXML(t *testing.T) {
	for _, s := range []string{"", "message", "<message>", "<message></iq>"} {
		if _, err := parsePattern(s); err == nil {
			t.Errorf("%q was taken for a pattern", s)
		}
	}
}

func parse(t *testing.T, s string) *node {
	t.Helper()
	n, err := parsePattern(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return n
}
