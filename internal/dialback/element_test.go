package dialback

import (
	"errors"
	"strings"
	"testing"

	"isthmus.im/internal/xmlscan"
	"isthmus.im/jid"
)

// declared gives an element the declarations that its stream would have.
func declared(s string) []byte {
	i := strings.IndexAny(s, " />")
	return []byte(s[:i] + " xmlns:db='" + NS + "'" + s[i:])
}

var (
	montague = jid.MustParse("montague.example")
	capulet  = jid.MustParse("capulet.example")
)

func TestParse(t *testing.T) {
	at := func(e Element) Element {
		e.From, e.To = capulet, montague
		return e
	}
	for _, c := range []struct {
		in   string
		want Element
	}{
		{"<db:result from='capulet.example' to='montague.example'>abc</db:result>", Element{Kind: Result, Key: "abc"}},
		{"<db:result from='capulet.example' to='montague.example'>\r\n\t abc\n</db:result>", Element{Kind: Result, Key: "abc"}},
		{"<db:result from='CAPULET.example.' to='montague.example'>a&amp;<![CDATA[<]]></db:result>", Element{Kind: Result, Key: "a&<"}},
		{"<db:verify from='capulet.example' id='a b' to='montague.example'>abc</db:verify>", Element{Kind: Verify, ID: "a b", Key: "abc"}},
		{"<db:verify from='capulet.example' id='x' to='montague.example' type='valid'>abc</db:verify>", Element{Kind: Verify, Type: Valid, ID: "x"}},
		{"<db:result from='capulet.example' id='x' to='montague.example' type='invalid'/>", Element{Kind: Result, Type: Invalid}},
		{"<db:result from='capulet.example' to='montague.example' type='error'><error type='cancel'>" +
			"<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
			Element{Kind: Result, Type: Failure, Condition: ItemNotFound}},
		{"<db:result from='capulet.example' to='montague.example' type='error'><error type='cancel' xmlns:s='urn:ietf:params:xml:ns:xmpp-stanzas'>" +
			"<s:text>who?</s:text><s:forbidden/><x xmlns='urn:xmpp:dialback:errors'/></error></db:result>",
			Element{Kind: Result, Type: Failure, Condition: Forbidden, Text: "who?"}},
		{"<db:result from='capulet.example' to='montague.example' type='error'/>", Element{Kind: Result, Type: Failure, Condition: undefined}},
		{"<db:result from='capulet.example' to='montague.example' type='error'><error><later xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
			Element{Kind: Result, Type: Failure, Condition: undefined}},
	} {
		got, err := ParseBytes(declared(c.in))
		if want := at(c.want); err != nil || got != want {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", c.in, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ in, condition string }{
		{"<db:result to='montague.example'>k</db:result>", "improper-addressing"},
		{"<db:result from='capulet.example'>k</db:result>", "improper-addressing"},
		{"<db:result from='' to='montague.example'>k</db:result>", "improper-addressing"},
		{"<db:result from='romeo@capulet.example' to='montague.example'>k</db:result>", "improper-addressing"},
		{"<db:result from='capulet.example/x' to='montague.example'>k</db:result>", "improper-addressing"},
		{"<db:result from='capulet.example' to='a b'>k</db:result>", "improper-addressing"},
		{"<db:result from='capulet.example' to='montague.example' type='get'>k</db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example' type=''>k</db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'/>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'> </db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'>a b</db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'>ä</db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'>k<x/></db:result>", "bad-format"},
		{"<db:result from='capulet.example' to='montague.example'>" + strings.Repeat("k", MaxKey+1) + "</db:result>", "bad-format"},
		{"<db:verify from='capulet.example' to='montague.example'>k</db:verify>", "bad-format"},
		{"<db:verify from='capulet.example' to='montague.example' id='' type='valid'/>", "bad-format"},
		{"<db:verify from='capulet.example' to='montague.example' id='" + strings.Repeat("i", MaxID+1) + "'>k</db:verify>", "bad-format"},
		{"<db:other from='capulet.example' to='montague.example'>k</db:other>", "unsupported-stanza-type"},
		{"<result from='capulet.example' to='montague.example'>k</result>", "bad-format"},
	} {
		e, err := ParseBytes(declared(c.in))
		var bad *ParseError
		if !errors.As(err, &bad) || bad.Condition != c.condition || e != (Element{}) {
			t.Errorf("%.120s: %+v, %v, want %s", c.in, e, err, c.condition)
		}
	}
	long := "<db:result from='capulet.example' to='montague.example'>" + strings.Repeat(" ", MaxElement) + "k</db:result>"
	if _, err := ParseBytes(declared(long)); err == nil {
		t.Error("an element of any length is read")
	}
	tok, err := xmlscan.Parse(declared(long), nsServer, xmlscan.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(tok); err == nil {
		t.Error("a token of any length is read")
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		e    Element
		want string
	}{
		{Element{Kind: Result, Key: "<'&>"}, "<db:result from='capulet.example' to='montague.example'>&lt;&#39;&amp;&gt;</db:result>"},
		{Element{Kind: Verify, ID: "'\"<\n", Key: "k"},
			"<db:verify from='capulet.example' to='montague.example' id='&#39;&#34;&lt;&#xA;'>k</db:verify>"},
		{Element{Kind: Verify, Type: Invalid, ID: "i", Key: "not repeated"},
			"<db:verify from='capulet.example' to='montague.example' id='i' type='invalid'/>"},
		{Element{Kind: Result, Type: Failure, Condition: PolicyViolation, Text: "a < b"},
			"<db:result from='capulet.example' to='montague.example' type='error'><error type='modify'>" +
				"<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
				"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>a &lt; b</text></error></db:result>"},
		{Element{Kind: Result, Type: Failure, Condition: "x/><y"},
			"<db:result from='capulet.example' to='montague.example' type='error'><error type='cancel'>" +
				"<undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>"},
	} {
		c.e.From, c.e.To = capulet, montague
		if got := string(c.e.Append(nil)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// Every condition that XEP-0220 lists is read back as it was sent.
func TestConditions(t *testing.T) {
	for _, condition := range []string{
		Forbidden, InternalServerError, ItemNotFound, NotAcceptable, NotAuthorized, PolicyViolation,
		RemoteConnectionFailed, RemoteServerNotFound, RemoteServerTimeout, ResourceConstraint,
	} {
		for _, kind := range []Kind{Result, Verify} {
			e := Element{Kind: kind, Type: Failure, From: capulet, To: montague, Condition: condition, Text: "words"}
			if kind == Verify {
				e.ID = "i"
			}
			got, err := ParseBytes(declared(string(e.Append(nil))))
			if err != nil || got != e {
				t.Errorf("%s: %+v, %v", condition, got, err)
			}
		}
	}
}

func TestOffersErrors(t *testing.T) {
	for in, want := range map[string]bool{
		Feature: true,
		"<dialback xmlns='urn:xmpp:features:dialback'><required/><errors/></dialback>":        true,
		"<dialback xmlns='urn:xmpp:features:dialback'/>":                                      false,
		"<dialback xmlns='urn:xmpp:features:dialback'><required/></dialback>":                 false,
		"<dialback xmlns='urn:xmpp:features:dialback'><errors xmlns='urn:other'/></dialback>": false,
		"<dialback xmlns='urn:other'><errors/></dialback>":                                    false,
		"<dialback": false,
	} {
		if got := OffersErrors([]byte(in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestAnnounced(t *testing.T) {
	for in, want := range map[string]bool{
		"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'>": true,
		"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>":                                   false,
	} {
		var s xmlscan.Scanner
		copy(s.Buffer(len(in)), in)
		s.Fill(len(in))
		tok, err := s.Next()
		if err != nil || Announced(tok) != want {
			t.Errorf("%s: %v, %v", in, Announced(tok), err)
		}
	}
}
