package stanza

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"isthmus.im/jid"
)

// defaults is the table of RFC 6120 section 8.3.3, in its order.
var defaults = []struct {
	c Condition
	t ErrorType
}{
	{BadRequest, Modify}, {Conflict, Cancel}, {FeatureNotImplemented, Cancel}, {Forbidden, Auth},
	{Gone, Cancel}, {InternalServerError, Cancel}, {ItemNotFound, Cancel}, {JIDMalformed, Modify},
	{NotAcceptable, Modify}, {NotAllowed, Cancel}, {NotAuthorized, Auth}, {PolicyViolation, Modify},
	{RecipientUnavailable, Wait}, {Redirect, Modify}, {RegistrationRequired, Auth},
	{RemoteServerNotFound, Cancel}, {RemoteServerTimeout, Wait}, {ResourceConstraint, Wait},
	{ServiceUnavailable, Cancel}, {SubscriptionRequired, Auth}, {UndefinedCondition, Cancel},
	{UnexpectedRequest, Modify},
}

func TestConditions(t *testing.T) {
	if len(defaults) != 22 {
		t.Fatalf("%d conditions", len(defaults))
	}
	seen := make(map[Condition]bool)
	for _, d := range defaults {
		if !d.c.Defined() || d.c.DefaultType() != d.t || seen[d.c] {
			t.Errorf("%s: defined %v, type %s, twice %v", d.c, d.c.Defined(), d.c.DefaultType(), seen[d.c])
		}
		seen[d.c] = true
		s := &Stanza{Kind: IQ, Type: Set, ID: "1"}
		got := MustParse(s.ErrorReply(&Error{Condition: d.c}).String()).Err()
		if got.Condition != d.c || got.Type != d.t {
			t.Errorf("%s came back as %v", d.c, got)
		}
	}
	for _, c := range []Condition{"", "payment-required", "Bad-Request"} {
		if c.Defined() || c.DefaultType() != Cancel {
			t.Errorf("%q: defined %v, type %s", c, c.Defined(), c.DefaultType())
		}
	}
}

func TestErrorAppendXML(t *testing.T) {
	const ns = `xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"`
	for _, tt := range []struct {
		e    Error
		want string
	}{
		{Error{}, `<error type="cancel"><undefined-condition ` + ns + `/></error>`},
		{Error{Condition: "x y", Type: "x\"y"}, `<error type="cancel"><undefined-condition ` + ns + `/></error>`},
		{Error{Condition: Forbidden, Type: Wait, Text: "a<b", By: jid.MustParse(`a.example/"`)},
			`<error by="a.example/&quot;" type="wait"><forbidden ` + ns + `/><text ` + ns + ` xml:lang="en">a&lt;b</text></error>`},
		{Error{Condition: Gone, URI: "xmpp:a@b.example?x&y", Text: "weg", Lang: "de"},
			`<error type="cancel"><gone ` + ns + `>xmpp:a@b.example?x&amp;y</gone><text ` + ns + ` xml:lang="de">weg</text></error>`},
		{Error{Condition: Conflict, URI: "xmpp:a@b.example"}, `<error type="cancel"><conflict ` + ns + `/></error>`},
		{Error{Condition: Conflict, App: Raw(`<a xmlns="urn:a"/>`)}, `<error type="cancel"><conflict ` + ns + `/><a xmlns="urn:a"/></error>`},
		{Error{Condition: Conflict, App: Raw(`</error>`)}, `<error type="cancel"><conflict ` + ns + `/></error>`},
	} {
		if got := string(tt.e.AppendXML(nil)); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestErr(t *testing.T) {
	const ns = `xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'`
	for _, tt := range []struct {
		name, in string
		want     Error
	}{
		{"complete", `<error by='a.example' type='wait'><gone ` + ns + `>
			xmpp:b.example </gone><text ` + ns + ` xml:lang='fr'>parti &amp; loin</text><text ` + ns + ` xml:lang='en'>gone</text><app xmlns='urn:app' k='1'><i/></app></error>`,
			Error{Wait, Gone, "parti & loin", "fr", jid.MustParse("a.example"), "xmpp:b.example", Raw(`<app xmlns='urn:app' k='1'><i/></app>`)}},
		{"no error element", ``, Error{Type: Cancel, Condition: UndefinedCondition}},
		{"empty", `<error/>`, Error{Type: Cancel, Condition: UndefinedCondition}},
		{"no type", `<error><forbidden ` + ns + `/></error>`, Error{Type: Auth, Condition: Forbidden}},
		{"unknown type", `<error type='maybe'><forbidden ` + ns + `/></error>`, Error{Type: Auth, Condition: Forbidden}},
		{"unknown condition", `<error type='auth'><payment-required ` + ns + `/></error>`, Error{Type: Auth, Condition: UndefinedCondition}},
		{"legacy code", `<error code='404' type='cancel'><item-not-found ` + ns + `/></error>`, Error{Type: Cancel, Condition: ItemNotFound}},
		{"legacy code only", `<error code='404'>Not Found</error>`, Error{Type: Cancel, Condition: UndefinedCondition}},
		{"text first, malformed by", `<error by='@' type='modify'><text ` + ns + `>why</text><bad-request ` + ns + `/></error>`, Error{Type: Modify, Condition: BadRequest, Text: "why"}},
		{"echoed payload", `<body>hi</body><error type='cancel'><conflict ` + ns + `/></error>`, Error{Type: Cancel, Condition: Conflict}},
		{"prefix declared above", `<error type='cancel' xmlns:p='urn:p' xmlns:s='urn:ietf:params:xml:ns:xmpp-stanzas'><s:conflict/><p:app/></error>`,
			Error{Type: Cancel, Condition: Conflict, App: Raw(`<p:app xmlns:p='urn:p'/>`)}},
		{"stray content", `<error type='cancel'>x<other/><conflict ` + ns + `/></error>`, Error{Type: Cancel, Condition: Conflict}},
		{"error in another namespace", `<error xmlns='urn:e' type='wait'/>`, Error{Type: Cancel, Condition: UndefinedCondition}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := MustParse(`<message type='error'>` + tt.in + `</message>`).Err()
			if string(got.App) != string(tt.want.App) {
				t.Errorf("application condition %s", got.App)
			}
			got.App, tt.want.App = nil, nil
			if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
	if e := MustParse(`<message><error type='wait'/></message>`).Err(); e != nil {
		t.Errorf("a message that is no error carries %v", e)
	}
}

func TestErrorIsAndError(t *testing.T) {
	e := Errorf(ItemNotFound, "no channel %q", "#x")
	e.By = jid.MustParse("irc.example")
	e.App = Raw("<a/>")
	if got := e.Error(); got != `stanza: item-not-found (cancel) by irc.example: no channel "#x"` {
		t.Errorf("text: %s", got)
	}
	if got := (&Error{Condition: Gone, URI: "xmpp:a.example"}).Error(); got != "stanza: gone (cancel) at xmpp:a.example" {
		t.Errorf("text: %s", got)
	}
	for _, tt := range []struct {
		target error
		want   bool
	}{
		{&Error{Condition: ItemNotFound}, true},
		{&Error{Condition: ItemNotFound, Type: Cancel, Text: `no channel "#x"`, By: e.By, App: Raw("<a/>")}, true},
		{&Error{}, true},
		{&Error{Type: Wait}, false},
		{&Error{Condition: Conflict}, false},
		{&Error{Condition: ItemNotFound, Text: "other"}, false},
		{&Error{By: jid.MustParse("b.example")}, false},
		{&Error{URI: "xmpp:a"}, false},
		{&Error{App: Raw("<b/>")}, false},
		{(*Error)(nil), false},
		{errors.New("x"), false},
	} {
		if got := errors.Is(fmt.Errorf("wrapped: %w", e), tt.target); got != tt.want {
			t.Errorf("Is(%+v) = %v", tt.target, got)
		}
	}
	if !strings.Contains((&Error{}).Error(), "undefined-condition") {
		t.Error("the zero error names no condition")
	}
}
