package payload

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"isthmus.im/stanza"
)

const (
	thumbnail = `<thumbnail xmlns='urn:xmpp:thumbs:1' uri='cid:sha1+ffd7c8d28e9c5e82afea41f97108c6b4@bob.xmpp.org' media-type='image/png' width='128' height='96'/>`
	jinglepub = `<jinglepub xmlns='urn:xmpp:jinglepub:1' from='romeo@montague.lit/resource' id='9559976B'>
        <description xmlns='urn:xmpp:jingle:apps:file-transfer:5' />
      </jinglepub>`
	summitURL = "https://download.montague.lit/4a771ac1/summit.jpg"
	sha1Hash  = `<hash xmlns="urn:xmpp:hashes:2" algo="id-blake2b160">2AfMGH8O7UNPTvUVAM9aK13mpCY=</hash>`
)

var summit = File{
	MediaType: "image/jpeg", Name: "summit.jpg", Size: 3032449, Width: 4096, Height: 2160,
	Hashes: []Hash{{Algo: "id-blake2b160", Value: []byte("\xd8\x07\xcc\x18\x7f\x0e\xedCON\xf5\x15\x00\xcfZ+]\xe6\xa4&")}},
	Descs:  []Text{{Text: "Photo from the summit."}},
	Other:  []stanza.Raw{stanza.Raw(thumbnail)},
}

const summitXML = `<file xmlns="urn:xmpp:file:metadata:0"><media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size>` +
	`<width>4096</width><height>2160</height>` + sha1Hash + `<desc>Photo from the summit.</desc>` + thumbnail + `</file>`

// fileForms are the forms of payloads that keep children as they came.
var fileForms = []form{
	{strings.ReplaceAll(summitXML, "><", ">\n  <"), summitXML, summit},
	{`<file xmlns='urn:xmpp:file:metadata:0'><date>2015-07-26T21:46:00+01:00</date><desc xml:lang="en">a</desc><desc xml:lang="de">b</desc><length>63000</length><dimension>1x2</dimension>` + sha1Hash + sha1Hash + `</file>`,
		`<file xmlns="urn:xmpp:file:metadata:0"><date>2015-07-26T20:46:00Z</date><length>63000</length>` + sha1Hash + `<desc xml:lang="en">a</desc><desc xml:lang="de">b</desc><dimension xmlns='urn:xmpp:file:metadata:0'>1x2</dimension></file>`,
		File{Date: time.Date(2015, 7, 26, 20, 46, 0, 0, time.UTC), Length: 63 * time.Second, Hashes: summit.Hashes, Descs: []Text{{"en", "a"}, {"de", "b"}},
			Other: []stanza.Raw{stanza.Raw(`<dimension xmlns='urn:xmpp:file:metadata:0'>1x2</dimension>`)}}},
	{`<file-sharing disposition='inline' xmlns='urn:xmpp:sfs:0' >` + summitXML + `<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='` + summitURL + `' />` + jinglepub + `</sources></file-sharing>`,
		`<file-sharing xmlns="urn:xmpp:sfs:0" disposition="inline">` + summitXML + `<sources><url-data xmlns="http://jabber.org/protocol/url-data" target="` + summitURL + `"></url-data>` + jinglepub + `</sources></file-sharing>`,
		FileSharing{Disposition: "inline", File: summit, Sources: []Source{{URL: summitURL}, {Raw: stanza.Raw(jinglepub)}}}},
	{`<sources xmlns='urn:xmpp:sfs:0' id='photo1.jpg'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/'><x xmlns='urn:x'/></url-data><url-data xmlns='http://jabber.org/protocol/url-data' target='https://b.example/' sid='1'/></sources>`,
		`<sources xmlns="urn:xmpp:sfs:0" id="photo1.jpg"><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/'><x xmlns='urn:x'/></url-data><url-data xmlns='http://jabber.org/protocol/url-data' target='https://b.example/' sid='1'/></sources>`,
		Sources{ID: "photo1.jpg", Sources: []Source{
			{"https://a.example/", stanza.Raw(`<url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/'><x xmlns='urn:x'/></url-data>`)},
			{"https://b.example/", stanza.Raw(`<url-data xmlns='http://jabber.org/protocol/url-data' target='https://b.example/' sid='1'/>`)}}}},
	{"<propose xmlns='urn:xmpp:jingle-message:0' id='ca3cf894'>\n <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>",
		`<propose xmlns="urn:xmpp:jingle-message:0" id="ca3cf894"><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>`,
		Call{Action: Propose, ID: "ca3cf894", Descriptions: []stanza.Raw{stanza.Raw(`<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>`)}}},
	{`<finish xmlns='urn:xmpp:jingle-message:0' id='1'><x xmlns='urn:x'/><migrated to='989a46a6'/><reason xmlns="urn:xmpp:jingle:1"><expired/><text>Session migrated</text></reason></finish>`,
		`<finish xmlns="urn:xmpp:jingle-message:0" id="1"><reason xmlns="urn:xmpp:jingle:1"><expired/><text>Session migrated</text></reason><migrated to="989a46a6"></migrated><x xmlns='urn:x'/></finish>`,
		Call{Action: Finish, ID: "1", Reason: stanza.Raw(`<reason xmlns="urn:xmpp:jingle:1"><expired/><text>Session migrated</text></reason>`), Migrated: "989a46a6", Other: []stanza.Raw{stanza.Raw(`<x xmlns='urn:x'/>`)}}},
	{`<reject xmlns='urn:xmpp:jingle-message:0' id='1'><tie-break/></reject>`,
		`<reject xmlns="urn:xmpp:jingle-message:0" id="1"><tie-break></tie-break></reject>`, Call{Action: Reject, ID: "1", TieBreak: true}},
}

func TestFileForms(t *testing.T) {
	for _, f := range fileForms {
		check(t, f)
	}
}

// Prefixes that a payload declares reach the children that are kept.
func TestKeptPrefixes(t *testing.T) {
	in := `<s:sources xmlns:s="urn:xmpp:sfs:0" xmlns:j="urn:xmpp:jinglepub:1"><j:jinglepub id="1"/></s:sources>`
	var v Sources
	if err := stanza.Raw(in).Decode(&v); err != nil || len(v.Sources) != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	for name := range stanza.MustParse("<message>" + string(v.Sources[0].Raw) + "</message>").Payloads() {
		if name.Space != "urn:xmpp:jinglepub:1" {
			t.Errorf("%s became %s", in, v.Sources[0].Raw)
		}
	}
}

func TestShareFile(t *testing.T) {
	offer := FileSharing{File: File{Name: "summit.jpg"}, Sources: []Source{{Raw: stanza.Raw(jinglepub)}, {URL: summitURL}}}
	const offered = `<file-sharing xmlns="urn:xmpp:sfs:0"><file xmlns="urn:xmpp:file:metadata:0"><name>summit.jpg</name></file><sources>` + jinglepub +
		`<url-data xmlns="http://jabber.org/protocol/url-data" target="` + summitURL + `"></url-data></sources></file-sharing>`
	const pending = `<file-sharing xmlns="urn:xmpp:sfs:0"><file xmlns="urn:xmpp:file:metadata:0"></file></file-sharing>`
	tests := []struct {
		in    string
		offer FileSharing
		want  string
	}{
		{"", offer, offered + `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body></body></fallback><body>` + summitURL + `</body><x xmlns="jabber:x:oob"><url>` + summitURL + `</url></x>`},
		{"<body>look</body>", offer, "<body>look</body>" + offered + `<x xmlns="jabber:x:oob"><url>` + summitURL + `</url></x>`},
		{"", FileSharing{}, pending + `<store xmlns="urn:xmpp:hints"></store>`},
		{"<body>soon</body>", FileSharing{}, "<body>soon</body>" + pending},
	}
	for _, test := range tests {
		m := stanza.MustParse("<message>" + test.in + "</message>")
		if err := ShareFile(m, test.offer); err != nil || string(m.Inner) != test.want {
			t.Errorf("%s: %s, %v\nwant %s", test.in, m.Inner, err, test.want)
		}
	}

	m := stanza.MustParse("<message/>")
	for i, id := range []string{"a", "b", "b", ""} {
		err := ShareFile(m, FileSharing{ID: id, Sources: []Source{{URL: summitURL}}})
		if errors.Is(err, ErrMisplaced) != (i > 1) {
			t.Errorf("file %d with id %q: %v", i, id, err)
		}
	}
	if len(All[FileSharing](m)) != 2 || len(All[OOB](m)) != 1 {
		t.Errorf("%s", m)
	}
	if err := ShareFile(stanza.MustParse(`<presence/>`), offer); !errors.Is(err, ErrMisplaced) {
		t.Errorf("in a presence: %v", err)
	}
}

func TestVerify(t *testing.T) {
	hashes, size, err := HashFile(strings.NewReader("abc"))
	if err != nil || size != 3 || len(hashes) != 2 {
		t.Fatalf("%v, %d, %v", hashes, size, err)
	}
	out, _ := stanza.Marshal(hashes[0]) // FIPS 180-4's example
	if string(out) != `<hash xmlns="urn:xmpp:hashes:2" algo="sha-256">ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=</hash>` {
		t.Errorf("%s", out)
	}
	f := File{Size: size, Hashes: append(hashes, Hash{Algo: "sha-1", Value: []byte("ignored")})}
	if err := f.Verify(strings.NewReader("abc")); err != nil {
		t.Error(err)
	}
	var invalid *InvalidError
	for _, content := range []string{"", "abd", "abcd", "abcdefgh"} {
		if err := f.Verify(strings.NewReader(content)); !errors.As(err, &invalid) {
			t.Errorf("%q: %v", content, err)
		}
	}
	f.Hashes[1].Value = nil
	if err := f.Verify(strings.NewReader("abc")); !errors.As(err, &invalid) {
		t.Errorf("one hash of two: %v", err)
	}
	f.Hashes = f.Hashes[2:]
	if err := f.Verify(strings.NewReader("abc")); !errors.Is(err, ErrUnverifiable) {
		t.Errorf("sha-1 alone: %v", err)
	}
	broken := errors.New("broken")
	if _, _, err := HashFile(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := (File{Hashes: hashes}).Verify(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Error(err)
	}
	for _, algo := range []string{"sha-256", "sha-384", "sha-512", "sha3-256", "sha3-384", "sha3-512"} {
		if (Hash{Algo: algo}).New() == nil {
			t.Errorf("%s is not known", algo)
		}
	}
}

func TestSafeName(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "file",
		"summit.jpg":             "summit.jpg",
		"/etc/passwd":            "%2Fetc%2Fpasswd",
		"../../private.txt":      "%2E.%2F..%2Fprivate.txt",
		`..\a`:                   `%2E.%5Ca`,
		"..":                     "%2E.",
		".profile":               "%2Eprofile",
		"C:x%2F":                 "C%3Ax%252F",
		"a\nb\x00":               "a%0Ab%00",
		"\xff.jpg":               "_.jpg",
		"größe.jpg":              "größe.jpg",
		strings.Repeat("a", 999): strings.Repeat("a", 200),
		strings.Repeat("é", 101): strings.Repeat("é", 100),
	} {
		if got := (File{Name: name}).SafeName(); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
