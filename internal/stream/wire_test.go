package stream

import (
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"isthmus.im/internal/xmlscan"
)

var conditions = []string{
	BadFormat, BadNamespacePrefix, Conflict, ConnectionTimeout, HostGone, HostUnknown, ImproperAddressing, InternalServerError,
	InvalidFrom, InvalidNamespace, InvalidXML, NotAuthorized, NotWellFormed, PolicyViolation, RemoteConnectionFailed, Reset,
	ResourceConstraint, RestrictedXML, SeeOtherHost, SystemShutdown, UndefinedCondition, UnsupportedEncoding, UnsupportedFeature,
	UnsupportedStanzaType, UnsupportedVersion,
}

// first scans a stream and returns the event of its first element.
func first(t *testing.T, stream string) Element {
	t.Helper()
	var s xmlscan.Scanner
	copy(s.Buffer(len(stream)), stream)
	s.Fill(len(stream))
	for {
		tok, err := s.Next()
		if err != nil {
			t.Fatalf("%v in %s", err, stream)
		}
		if e, ok := EventOf(tok).(Element); ok {
			return e
		}
	}
}

func TestErrorRoundTrip(t *testing.T) {
	if len(conditions) != 25 {
		t.Fatalf("%d conditions, RFC 6120 section 4.9.3 has 25", len(conditions))
	}
	for _, c := range conditions {
		sent := &Error{Condition: c, Text: "a < b & \"c\" 'd' ]]> é", App: []byte("<x xmlns='urn:example:x'>1</x>")}
		if c == SeeOtherHost {
			sent.Host = "other.example:5270"
		}
		e := first(t, string(AppendError(AppendHeader(nil, Header{ID: "1"}), sent)))
		if e.Space != NS || e.Local != "error" {
			t.Fatalf("%s is sent as {%s}%s", c, e.Space, e.Local)
		}
		want := *sent
		want.Remote = true
		if got := ParseError(e.Raw); !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: got %+v, want %+v", c, *got, want)
		}
	}
}

func TestParseError(t *testing.T) {
	const open = "<stream:stream xmlns='jabber:server' xmlns:stream='" + NS + "' xmlns:e='" + NSErrors + "' xmlns:a='urn:example:a'>"
	for _, c := range []struct {
		name, in string
		want     Error
	}{
		{"prefixes of the header", "<stream:error><e:reset/><e:text xml:lang='de'> Schluss </e:text></stream:error>", Error{Condition: Reset, Text: "Schluss"}},
		{"text first", "<stream:error><text xmlns='" + NSErrors + "'>t</text><reset xmlns='" + NSErrors + "'/></stream:error>", Error{Condition: Reset, Text: "t"}},
		{"unknown condition", "<stream:error><e:odd/></stream:error>", Error{Condition: UndefinedCondition}},
		{"condition in another namespace", "<stream:error><reset xmlns='urn:example:e'/></stream:error>", Error{Condition: UndefinedCondition, App: []byte("<reset xmlns='urn:example:e'/>")}},
		{"empty", "<stream:error/>", Error{Condition: UndefinedCondition}},
		{"no host", "<stream:error><e:see-other-host/></stream:error>", Error{Condition: SeeOtherHost}},
		{"two application conditions", "<stream:error><e:reset/><x xmlns='urn:1'/><y xmlns='urn:2'/></stream:error>", Error{Condition: Reset, App: []byte("<x xmlns='urn:1'/>")}},
	} {
		want := c.want
		want.Remote = true
		if got := ParseError(first(t, open+c.in).Raw); !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: got %+v, want %+v", c.name, *got, want)
		}
	}
	deep := strings.Repeat("<a>", 40) + strings.Repeat("</a>", 40)
	for _, raw := range []string{"", "text", "<error>", "<error><a></error>", deep} {
		if got := ParseError([]byte(raw)); got.Condition != UndefinedCondition || !got.Remote {
			t.Errorf("ParseError(%.20q) = %+v", raw, got)
		}
	}
}

func TestAppendErrorUnknownCondition(t *testing.T) {
	got := string(AppendError(nil, &Error{Condition: "x/><evil", Host: "ignored"}))
	if want := "<stream:error><undefined-condition xmlns='" + NSErrors + "'/></stream:error>"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorIs(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &Error{Condition: HostUnknown, Text: "t", Remote: true})
	if !errors.Is(err, &Error{Condition: HostUnknown}) {
		t.Error("the same condition does not match")
	}
	if errors.Is(err, &Error{Condition: HostGone}) || errors.Is(err, errLost) {
		t.Error("something else matches")
	}
}

func TestAppendHeader(t *testing.T) {
	const begin = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
	for _, c := range []struct {
		h    Header
		want string
	}{
		{Header{}, begin + ">"},
		{Header{From: "a.example", To: "b.example", Version: "1.0", Lang: "en"}, begin + " from='a.example' to='b.example' version='1.0' xml:lang='en'>"},
		{Header{ID: "x"}, begin + " from='' id='x'>"},
		{Header{To: "'><stream:evil a=\"&"}, begin + " to='&apos;&gt;&lt;stream:evil a=&quot;&amp;'>"},
	} {
		if got := string(AppendHeader(nil, c.h)); got != c.want {
			t.Errorf("%+v\ngot  %s\nwant %s", c.h, got, c.want)
		}
	}
}

func TestHeaderOf(t *testing.T) {
	in := "<stream:stream xmlns='jabber:server' xmlns:stream='" + NS + "' xmlns:x='urn:x' x:from='no' from='a&amp;b' to='c' id='&lt;1' version='1.0' xml:lang='de'>"
	var s xmlscan.Scanner
	copy(s.Buffer(len(in)), in)
	s.Fill(len(in))
	tok, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	want := Header{Space: NS, Local: "stream", Content: NSServer, From: "a&b", To: "c", ID: "<1", Version: "1.0", Lang: "de"}
	if got := HeaderOf(tok); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestElementOfIsSelfContained(t *testing.T) {
	e := first(t, "<stream:stream xmlns='jabber:server' xmlns:stream='"+NS+"' xmlns:a='urn:a&amp;b'>"+
		"<a:outer xml:lang='en' a:gone='1' kept='&quot;2&apos;'><inner/><a:inner a:k='v'>text</a:inner></a:outer>")
	var got struct {
		XMLName xml.Name `xml:"urn:a&b outer"`
		Lang    string   `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
		Gone    string   `xml:"urn:a&b gone,attr"`
		Kept    string   `xml:"kept,attr"`
		Plain   *string  `xml:"jabber:server inner"`
		Inner   struct {
			K    string `xml:"urn:a&b k,attr"`
			Text string `xml:",chardata"`
		} `xml:"urn:a&b inner"`
	}
	if err := xml.Unmarshal(e.Raw, &got); err != nil {
		t.Fatalf("%v: %s", err, e.Raw)
	}
	if e.Space != "urn:a&b" || e.Local != "outer" || got.Lang != "en" || got.Kept != `"2'` || got.Gone != "" || got.Plain == nil ||
		got.Inner.K != "v" || got.Inner.Text != "text" {
		t.Errorf("{%s}%s read as %+v from %s", e.Space, e.Local, got, e.Raw)
	}
}

func TestAppendEscaped(t *testing.T) {
	const in = "a<b>&\"'\t\n\r\x00\x1f\xff\uFFFE\uFFFF é☺"
	const want = "a&lt;b&gt;&amp;&quot;&apos;&#x9;&#xA;&#xD;\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD é☺"
	if got := string(AppendEscaped(nil, in)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckHeader(t *testing.T) {
	good := Header{Space: NS, Local: "stream", Content: NSServer, Version: "1.0"}
	for _, c := range []struct {
		name   string
		change func(*Header)
		want   string
	}{
		{"good", func(h *Header) {}, ""},
		{"no content namespace", func(h *Header) { h.Content = "" }, ""},
		{"prefix-free", func(h *Header) { h.Content = NS }, ""},
		{"no namespace", func(h *Header) { h.Space = "" }, InvalidNamespace},
		{"other root", func(h *Header) { h.Local = "features" }, BadFormat},
		{"client", func(h *Header) { h.Content = NSClient }, InvalidNamespace},
		{"old", func(h *Header) { h.Version = "0.9" }, UnsupportedVersion},
	} {
		h := good
		c.change(&h)
		if got, text := checkHeader(h); got != c.want || (text == "") != (c.want == "") {
			t.Errorf("%s: %q, %q, want %q", c.name, got, text, c.want)
		}
	}
}

func TestSupported(t *testing.T) {
	for version, want := range map[string]bool{
		"1.0": true, "1.10": true, "2.0": true, "11.0": true, "01.00": true, "99999999999999999999.1": true,
		"": false, "0.9": false, "0.10": false, "00.1": false, "1": false, "1.": false, ".0": false, "1.0.0": false, "1.x": false,
		" 1.0": false, "+1.0": false, "-1.0": false, "１.0": false,
	} {
		if got := supported(version); got != want {
			t.Errorf("supported(%q) = %v", version, got)
		}
	}
}
