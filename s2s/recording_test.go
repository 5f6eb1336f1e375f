package s2s_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/jid"
	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

var hereThere = s2s.Route{Local: jid.MustParse(here), Remote: jid.MustParse(there)}

// recordingOf returns the lines of a recording.
func recordingOf(t *testing.T, fed *s2s.Server) []string {
	t.Helper()
	var b strings.Builder
	if err := fed.WriteRecording(&b, hereThere); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func withKey(lines []string, key string) (all []string) {
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l, key+": "); ok {
			all = append(all, v)
		}
	}
	return all
}

var pseudonyms = regexp.MustCompile(`\b([iru])-[0-9a-f]{10}`)

// What people say, and who they are, is in no recording.
func TestRecordingIsRedacted(t *testing.T) {
	cases := []struct{ name, sent, want string }{
		{"texts", `<body>my secret</body>`, `<body>{x9}</body>`},
		{"text with references", `<body>a&amp;b&#x20AC;</body>`, `<body>{x6}</body>`},
		{"CDATA", `<body><![CDATA[<secret>]]></body>`, `<body>{x8}</body>`},
		{"space", "<a>\n\t<b/>\n</a>", `<a><b/></a>`},
		{"deep", `<x xmlns="urn:example:x"><y>secret</y>secret<z/></x>`, `<x xmlns='urn:example:x'><y>{x6}</y>{x6}<z/></x>`},
		{"prefixes", `<p:x xmlns:p="urn:example:x" p:q="secret"/>`, `<p:x xmlns:p='urn:example:x' p:q='{x6}'/>`},
		{"what is of the protocol", `<item affiliation="owner" role="none" subscription="both" action="add" xml:lang="de"/>`,
			`<item affiliation='owner' role='none' subscription='both' action='add' xml:lang='de'/>`},
		{"attributes that may be anything", `<item name="Romeo" label="it's &lt;secret"/>`, `<item name='{x5}' label='{x12}'/>`},
		{"an id in a payload", `<received xmlns="urn:xmpp:receipts" id="a-B_1"/>`, `<received xmlns='urn:xmpp:receipts' id='a-B_1'/>`},
		{"a node of a protocol", `<c node="https://example.org/x#y" ver="q07IKJEyjvHSyhy//CH0CxmKi8w=" var="urn:xmpp:sid:0"/>`,
			`<c node='https://example.org/x#y' ver='q07IKJEyjvHSyhy//CH0CxmKi8w=' var='urn:xmpp:sid:0'/>`},
		{"an id that is an address", `<item id="lover-secret@conference.example.org"/>`, `<item id='u-?@conference.example.org'/>`},
		{"a node that is one", `<x node="romeo@montague.example/private"/>`, `<x node='u-?@montague.example/r-?'/>`},
		{"a field that is one", `<field var="alice@example.org"/>`, `<field var='u-?@example.org'/>`},
		{"words for a role", `<item role="bob smith"/>`, `<item role='i-?'/>`},
		{"words for an action", `<x action="/me kisses"/>`, `<x action='i-?'/>`},
		{"words for an id", `<x id="ce&amp;st&#xE7;a"/>`, `<x id='i-?'/>`},
		{"a word for a language", `<x xml:lang="my secret"/>`, `<x xml:lang='i-?'/>`},
		{"times", `<delay xmlns="urn:xmpp:delay" stamp="2026-11-22T10:00:00Z"/>`, `<delay xmlns='urn:xmpp:delay' stamp='2000-01-01T00:00:00Z'/>`},
		{"a domain", `<x by="verona.example"/>`, `<x by='verona.example'/>`},
		{"no address", `<x uri="@"/>`, `<x uri='{x1}'/>`},
	}
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		mux, got := inbox()
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: mux, Record: 1000})
		romeo := n.Peer(there)
		romeo.Ignore()
		send := func(inner string) string {
			romeo.Send(`<message from="romeo@montague.example/orchard" to="juliet@capulet.example" id="1">` + inner + `</message>`)
			<-got
			in := withKey(recordingOf(t, fed), "send")
			return in[len(in)-1]
		}
		head := send("")
		for _, secret := range []string{"romeo", "orchard", "juliet"} {
			if strings.Contains(head, secret) {
				t.Errorf("%q in %s", secret, head)
			}
		}
		const tail = "<origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>" // the peer's server adds it
		head, ok := strings.CutSuffix(head, tail)
		if !ok {
			t.Fatalf("no %s in %s", tail, head)
		}
		for _, c := range cases {
			got, want := send(c.sent), head+c.want+tail
			if strings.Contains(want, "-?") { // any pseudonym
				got = head + pseudonyms.ReplaceAllString(strings.TrimPrefix(got, head), "$1-?")
			}
			if got != want {
				t.Errorf("%s: recorded\n%s, want\n%s", c.name, got, want)
			}
		}

		// Whoever is meant twice has one name.
		item := send(`<item jid="romeo@montague.example/orchard"/>`)
		_, rest, _ := strings.Cut(item, "from='")
		from, _, _ := strings.Cut(rest, "'")
		if !strings.Contains(item, "<item jid='"+from+"'/>") {
			t.Errorf("two names for one: %s", item)
		}
		if big := send("<body>" + strings.Repeat("x", 400<<10) + "</body>"); !strings.Contains(big, "<body>{x409600}</body>") {
			t.Errorf("a large text: %s", big)
		}
		if many := send(strings.Repeat("<x xmlns='urn:example:x'/>", 5000)); !strings.Contains(many, "<payload-left-out ") || len(many) > 1000 {
			t.Errorf("a large payload: %d bytes", len(many))
		}
	})
}

func TestRecordingIsARing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Record: 10})
		romeo := n.Peer(there)
		romeo.Ignore()
		if err := fed.WriteRecording(&strings.Builder{}, hereThere); !errors.Is(err, s2s.ErrNoRecording) {
			t.Errorf("before anything happened: %v", err)
		}
		for i := range 30 {
			m := text("juliet@"+here, "romeo@"+there, "hello")
			m.ID = fmt.Sprint("m", i)
			fed.Send(t.Context(), m)
			synctest.Wait()
			time.Sleep(1500 * time.Millisecond)
		}
		lines := recordingOf(t, fed)
		host := withKey(lines, "host")
		if len(host) != 5 || len(withKey(lines, "got")) != 5 || !strings.Contains(host[4], " id='m29'") {
			t.Errorf("kept %q", lines)
		}
		if waits := withKey(lines, "wait"); len(waits) != 4 || waits[0] != "1.5s" {
			t.Errorf("waits %q", waits)
		}
		if !slices.Contains(lines, "# What was before is not kept.") {
			t.Errorf("does not say that it is not all: %q", lines)
		}
		if r := fed.Recordings(); len(r) != 1 || r[0] != hereThere {
			t.Errorf("recordings of %v", r)
		}
	})
}

// Outages are in a recording as what they look like to a network.
func TestRecordingOfOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		fed := n.Server(s2s.Config{Domains: []string{here}, Handler: stanza.NewMux(), Record: 1000})
		romeo := n.Peer(there)
		say := func(id string) {
			m := text("juliet@"+here, "romeo@"+there, "hello")
			m.ID = id
			fed.Send(t.Context(), m)
		}
		say("1")
		romeo.Next()
		time.Sleep(time.Minute)
		n.Reset(here, there)
		time.Sleep(time.Minute)
		say("2")
		romeo.Next()
		time.Sleep(time.Minute)
		n.Cut(here, there)
		time.Sleep(time.Minute)
		say("3")
		time.Sleep(time.Minute)
		n.Heal(here, there)
		time.Sleep(2 * time.Minute) // the next attempt succeeds
		romeo.Next()
		romeo.Send(`<presence from="romeo@montague.example" to="capulet.example"/>`)
		time.Sleep(10 * time.Minute)
		var keys []string
		for _, l := range recordingOf(t, fed) {
			if key, _, _ := strings.Cut(l, ":"); !strings.HasPrefix(l, "#") && key != "wait" {
				keys = append(keys, key)
			}
		}
		if got, want := strings.Join(keys, " "), "server peer host got reset host got cut host heal got send"; got != want {
			t.Errorf("recorded %s\nwant     %s", got, want)
		}
	})
}

func TestNothingIsRecordedUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fed, romeo := s2stest.Pair(t, s2s.Config{Domains: []string{here}, Handler: stanza.NewMux()}, there)
		fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "hello"))
		romeo.Next()
		if err := fed.WriteRecording(&strings.Builder{}, hereThere); !errors.Is(err, s2s.ErrNoRecording) || len(fed.Recordings()) > 0 {
			t.Errorf("got %v, %v", err, fed.Recordings())
		}
	})
}
