package payload

import (
	"encoding/xml"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

var (
	romeo  = jid.MustParse("romeo@montague.example/orchard")
	juliet = jid.MustParse("juliet@capulet.example/balcony")
	room   = jid.MustParse("coven@chat.shakespeare.example")
	night  = time.Date(2002, 9, 10, 23, 8, 25, 0, time.UTC)
)

// form is an element as peers may write it, its value, and its canonical form.
type form struct {
	in, canonical string
	value         any
}

var forms = []form{
	{`<request xmlns='urn:xmpp:receipts'/>`, `<request xmlns="urn:xmpp:receipts"></request>`, ReceiptRequest{}},
	{`<received xmlns='urn:xmpp:receipts' id='richard2-4.1.247'/>`,
		`<received xmlns="urn:xmpp:receipts" id="richard2-4.1.247"></received>`, Receipt{ID: "richard2-4.1.247"}},
	{`<markable xmlns='urn:xmpp:chat-markers:0'/>`, `<markable xmlns="urn:xmpp:chat-markers:0"></markable>`, Markable{}},
	{`<displayed xmlns='urn:xmpp:chat-markers:0' id='the-msg-1' sender="x"/>`,
		`<displayed xmlns="urn:xmpp:chat-markers:0" id="the-msg-1"></displayed>`, Displayed{ID: "the-msg-1"}},
	{`<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
		`<composing xmlns="http://jabber.org/protocol/chatstates"></composing>`, ChatState{State: Composing}},
	{`<c:gone xmlns:c='http://jabber.org/protocol/chatstates'/>`,
		`<gone xmlns="http://jabber.org/protocol/chatstates"></gone>`, ChatState{State: Gone}},
	{`<replace id='bad1' xmlns='urn:xmpp:message-correct:0'/>`,
		`<replace xmlns="urn:xmpp:message-correct:0" id="bad1"></replace>`, Replace{ID: "bad1"}},
	{`<retract id="wrong-recipient-1" xmlns='urn:xmpp:message-retract:1'/>`,
		`<retract xmlns="urn:xmpp:message-retract:1" id="wrong-recipient-1"></retract>`, Retract{ID: "wrong-recipient-1"}},
	{`<retracted stamp='2002-09-10T23:08:25Z' xmlns='urn:xmpp:message-retract:1' id='r1'/>`,
		`<retracted xmlns="urn:xmpp:message-retract:1" id="r1" stamp="2002-09-10T23:08:25Z"></retracted>`, Retracted{ID: "r1", Stamp: night}},
	{`<retracted by='coven@chat.shakespeare.example' xmlns='urn:xmpp:message-retract:1' id='r1'/>`,
		`<retracted xmlns="urn:xmpp:message-retract:1" by="coven@chat.shakespeare.example" id="r1"></retracted>`, Retracted{ID: "r1", By: room}},
	{"<reactions id='744f6e18' xmlns='urn:xmpp:reactions:0'>\n  <reaction>👋</reaction>\n  <reaction>🐢</reaction>\n</reactions>",
		`<reactions xmlns="urn:xmpp:reactions:0" id="744f6e18"><reaction>👋</reaction><reaction>🐢</reaction></reactions>`,
		Reactions{ID: "744f6e18", Emoji: []string{"👋", "🐢"}}},
	{`<r:reactions id='7' xmlns:r='urn:xmpp:reactions:0'><r:reaction>👋</r:reaction><reaction>no</reaction><r:reaction> 👋 </r:reaction><r:reaction/></r:reactions>`,
		`<reactions xmlns="urn:xmpp:reactions:0" id="7"><reaction>👋</reaction></reactions>`, Reactions{ID: "7", Emoji: []string{"👋"}}},
	{`<reactions id='7' xmlns='urn:xmpp:reactions:0'/>`, `<reactions xmlns="urn:xmpp:reactions:0" id="7"></reactions>`, Reactions{ID: "7"}},
	{`<reply to='romeo@montague.example/orchard' id='message-id1' xmlns='urn:xmpp:reply:0' />`,
		`<reply xmlns="urn:xmpp:reply:0" to="romeo@montague.example/orchard" id="message-id1"></reply>`, Reply{To: romeo, ID: "message-id1"}},
	{`<reply id='1' xmlns='urn:xmpp:reply:0' />`, `<reply xmlns="urn:xmpp:reply:0" id="1"></reply>`, Reply{ID: "1"}},
	{"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>\n<body start='0' end='33' /></fallback>",
		`<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="33"></body></fallback>`,
		Fallback{For: NSReply, Body: []Range{{0, 33}}}},
	{`<fallback xmlns="urn:xmpp:fallback:0"><body/><subject start="4"/><body end="0"/></fallback>`,
		`<fallback xmlns="urn:xmpp:fallback:0"><subject start="4"></subject><body></body><body start="0" end="0"></body></fallback>`,
		Fallback{Subject: []Range{{4, ToEnd}}, Body: []Range{{0, ToEnd}, {0, 0}}}},
	{`<stanza-id xmlns='urn:xmpp:sid:0' id='de305d54' by='Coven@chat.shakespeare.example'/>`,
		`<stanza-id xmlns="urn:xmpp:sid:0" id="de305d54" by="coven@chat.shakespeare.example"></stanza-id>`, StanzaID{ID: "de305d54", By: room}},
	{`<origin-id xmlns='urn:xmpp:sid:0' id='de305d54'/>`, `<origin-id xmlns="urn:xmpp:sid:0" id="de305d54"></origin-id>`, OriginID{ID: "de305d54"}},
	{"<delay xmlns='urn:xmpp:delay'\n     from='coven@chat.shakespeare.example'\n     stamp='2002-09-11T00:08:25+01:00'>\n  Offline &amp; Storage\n</delay>",
		`<delay xmlns="urn:xmpp:delay" from="coven@chat.shakespeare.example" stamp="2002-09-10T23:08:25Z">Offline &amp; Storage</delay>`,
		Delay{From: room, Stamp: night, Reason: "Offline & Storage"}},
	{`<no-store xmlns="urn:xmpp:hints"/>`, `<no-store xmlns="urn:xmpp:hints"></no-store>`, Hint{Kind: NoStore}},
	{"<x xmlns='jabber:x:oob'>\n  <url>http://www.jabber.org/images/psa-license.jpg</url><desc>A license to Jabber!</desc></x>",
		`<x xmlns="jabber:x:oob"><url>http://www.jabber.org/images/psa-license.jpg</url><desc>A license to Jabber!</desc></x>`,
		OOB{URL: "http://www.jabber.org/images/psa-license.jpg", Desc: "A license to Jabber!"}},
	{`<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>`,
		`<encryption xmlns="urn:xmpp:eme:0" namespace="urn:xmpp:otr:0"></encryption>`, Encryption{Namespace: "urn:xmpp:otr:0"}},
	{`<hash xmlns='urn:xmpp:hashes:2' algo='sha-1'> 2AfMGH8O7UNPTvUVAM9aK13mpCY= </hash>`,
		`<hash xmlns="urn:xmpp:hashes:2" algo="sha-1">2AfMGH8O7UNPTvUVAM9aK13mpCY=</hash>`,
		Hash{Algo: "sha-1", Value: []byte("\xd8\x07\xcc\x18\x7f\x0e\xedCON\xf5\x15\x00\xcfZ+]\xe6\xa4&")}},
}

// unmarshal reads an element as a new value of v's type.
func unmarshal(in string, v any) (any, error) {
	p := reflect.New(reflect.TypeOf(v))
	err := stanza.Raw(in).Decode(p.Interface())
	return p.Elem().Interface(), err
}

func check(t *testing.T, f form) {
	t.Helper()
	for _, in := range []string{f.in, f.canonical} {
		got, err := unmarshal(in, f.value)
		if err != nil || !reflect.DeepEqual(got, f.value) {
			t.Errorf("%s\nis read as %+v, %v\nnot as %+v", in, got, err, f.value)
			continue
		}
		if out, err := stanza.Marshal(got); err != nil || string(out) != f.canonical {
			t.Errorf("%+v\nis written as %s, %v\nnot as %s", got, out, err, f.canonical)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, f := range forms {
		check(t, f)
	}
}

// Every type is found in a stanza by its name and among the payloads of a Registry.
func TestTypes(t *testing.T) {
	seen := make(map[reflect.Type]bool)
	for _, f := range append(forms, fileForms...) {
		s := stanza.MustParse(`<message><body>a</body>` + f.in + `<z xmlns="urn:z"/></message>`)
		p := reflect.New(reflect.TypeOf(f.value))
		if err := s.Decode(p.Interface()); err != nil || !reflect.DeepEqual(p.Elem().Interface(), f.value) {
			t.Errorf("%s: Decode: %+v, %v", f.in, p.Elem(), err)
		}
		var r Registry
		n := 0
		for v, err := range r.Payloads(s) {
			if n++; n == 2 && (err != nil || !reflect.DeepEqual(v, f.value)) {
				t.Errorf("%s: Payloads: %+v, %v", f.in, v, err)
			}
		}
		seen[reflect.TypeOf(f.value)] = true
	}
	if len(seen) != 22 {
		t.Errorf("%d types were tried", len(seen))
	}
}

// What breaks its specification is an InvalidError that names the payload.
func TestInvalid(t *testing.T) {
	long := strings.Repeat("x", MaxAttr+1)
	tests := []struct {
		in    string
		value any
		names string
	}{
		{`<received xmlns='urn:xmpp:receipts'/>`, Receipt{}, "no id"},
		{`<received xmlns='urn:xmpp:receipts' id=''/>`, Receipt{}, "no id"},
		{`<received xmlns='urn:xmpp:receipts' xmlns:p='urn:p' p:id='1'/>`, Receipt{}, "no id"},
		{`<received xmlns='urn:xmpp:receipts' id='` + long + `'/>`, Receipt{}, "longer"},
		{`<request xmlns='urn:xmpp:receipts'/>`, Receipt{}, "another element"},
		{`<received xmlns='urn:xmpp:receipts:1' id='1'/>`, Receipt{}, "another element"},
		{`<a xmlns='urn:a'/>`, ReceiptRequest{}, "another element"},
		{`<a xmlns='urn:a'/>`, Markable{}, "another element"},
		{`<displayed xmlns='urn:xmpp:chat-markers:0'/>`, Displayed{}, "no id"},
		{`<received xmlns='urn:xmpp:chat-markers:0' id='1'/>`, Displayed{}, "another element"},
		{`<typing xmlns='http://jabber.org/protocol/chatstates'/>`, ChatState{}, "no chat state"},
		{`<replace xmlns='urn:xmpp:message-correct:0'/>`, Replace{}, "no id"},
		{`<retract xmlns='urn:xmpp:message-retract:1'/>`, Retract{}, "no id"},
		{`<retracted xmlns='urn:xmpp:message-retract:1' id='1' stamp='then'/>`, Retracted{}, "XEP-0082"},
		{`<retracted xmlns='urn:xmpp:message-retract:1' id='1' by='a@@b'/>`, Retracted{}, "no address"},
		{`<reactions xmlns='urn:xmpp:reactions:0'/>`, Reactions{}, "no id"},
		{`<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>` + long[:MaxReaction+1] + `</reaction></reactions>`, Reactions{}, "longer than 64"},
		{`<reactions xmlns='urn:xmpp:reactions:0' id='1'>` + strings.Repeat(`<reaction>a</reaction>`, MaxItems+1) + `</reactions>`, Reactions{}, "more than 64"},
		{`<reply xmlns='urn:xmpp:reply:0' to='a@b.example'/>`, Reply{}, "no id"},
		{`<reply xmlns='urn:xmpp:reply:0' id='1' to='@'/>`, Reply{}, "no address"},
		{`<fallback xmlns='urn:xmpp:fallback:0'><body start='-1'/></fallback>`, Fallback{}, "no number"},
		{`<fallback xmlns='urn:xmpp:fallback:0'><body end='x'/></fallback>`, Fallback{}, "no number"},
		{`<fallback xmlns='urn:xmpp:fallback:0'>` + strings.Repeat(`<body/>`, MaxItems+1) + `</fallback>`, Fallback{}, "more than 64"},
		{`<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>`, StanzaID{}, "no by"},
		{`<stanza-id xmlns='urn:xmpp:sid:0' by='a.example'/>`, StanzaID{}, "no id"},
		{`<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='` + strings.Repeat("a/", 1600) + `'/>`, StanzaID{}, "longer than 3071"},
		{`<origin-id xmlns='urn:xmpp:sid:0'/>`, OriginID{}, "no id"},
		{`<delay xmlns='urn:xmpp:delay'/>`, Delay{}, "no stamp"},
		{`<delay xmlns='urn:xmpp:delay' stamp='20020910T23:08:25'/>`, Delay{}, "XEP-0082"},
		{`<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'>` + strings.Repeat("x", MaxText+1) + `</delay>`, Delay{}, "longer than 16384"},
		{`<maybe-store xmlns='urn:xmpp:hints'/>`, Hint{}, "no hint"},
		{`<x xmlns='jabber:x:oob'/>`, OOB{}, "no url"},
		{`<x xmlns='jabber:x:oob'><url xmlns='urn:other'>http://a.example</url></x>`, OOB{}, "no url"},
		{`<x xmlns='jabber:x:oob'><url>` + strings.Repeat("x", MaxURI+1) + `</url></x>`, OOB{}, "longer than 4096"},
		{`<encryption xmlns='urn:xmpp:eme:0'/>`, Encryption{}, "no namespace"},
		{`<hash xmlns='urn:xmpp:hashes:2'>AAAA</hash>`, Hash{}, "no algo"},
		{`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'/>`, Hash{}, "Base64"},
		{`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AA=A</hash>`, Hash{}, "Base64"},
		{"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AA\nAA</hash>", Hash{}, "Base64"},
		{`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AB==</hash>`, Hash{}, "Base64"}, // padding bits set
		{`<file-sharing xmlns='urn:xmpp:sfs:0'/>`, FileSharing{}, "no file"},
		{`<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'/>` + strings.Repeat("<sources>"+strings.Repeat("<a xmlns='urn:a'/>", 50)+"</sources>", 2) + `</file-sharing>`, FileSharing{}, "too many sources"},
		{`<sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data'/></sources>`, Sources{}, "without target"},
		{`<file xmlns='urn:xmpp:file:metadata:0'><size>many</size></file>`, File{}, "size is no number"},
		{`<file xmlns='urn:xmpp:file:metadata:0'><hash xmlns='urn:xmpp:hashes:2' algo='a'>.</hash></file>`, File{}, "Base64"},
		{`<call xmlns='urn:xmpp:jingle-message:0' id='1'/>`, Call{}, "no action"},
		{`<propose xmlns='urn:xmpp:jingle-message:0'/>`, Call{}, "no id"},
	}
	for _, test := range tests {
		got, err := unmarshal(test.in, test.value)
		var invalid *InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), test.names) || invalid.Payload == "" {
			t.Errorf("%.200s: %+v, %v", test.in, got, err)
		}
	}
}

// A payload inside of a host's own struct declares its namespace further out.
func TestInherited(t *testing.T) {
	var v struct {
		XMLName xml.Name  `xml:"urn:host wrap"`
		R       Reactions `xml:"urn:xmpp:reactions:0 reactions"`
	}
	in := `<h:wrap xmlns:h="urn:host" xmlns="urn:xmpp:reactions:0"><reactions id="1"><reaction>a</reaction></reactions></h:wrap>`
	if err := stanza.Raw(in).Decode(&v); err != nil || len(v.R.Emoji) != 1 {
		t.Errorf("%+v, %v", v.R, err)
	}
	in = `<h:wrap xmlns:h="urn:host" xmlns:r="urn:xmpp:reactions:0"><r:reactions id="1"><r:reaction>a</r:reaction></r:reactions></h:wrap>`
	var invalid *InvalidError
	if err := stanza.Raw(in).Decode(&v); !errors.As(err, &invalid) {
		t.Errorf("%+v, %v", v.R, err)
	}
}

func TestMarshalRefuses(t *testing.T) {
	for _, v := range []any{ChatState{State: "typing"}, Hint{Kind: "x"}, Call{Action: "x", ID: "1"}, Call{Action: Propose, Other: []stanza.Raw{stanza.Raw("<a>")}}, File{Other: []stanza.Raw{stanza.Raw("a")}}, Sources{Sources: []Source{{Raw: stanza.Raw("<a/><b/>")}}}, FileSharing{Sources: []Source{{Raw: stanza.Raw("<")}}}} {
		if out, err := stanza.Marshal(v); err == nil {
			t.Errorf("%+v was written as %s", v, out)
		}
	}
}
