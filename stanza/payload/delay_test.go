package payload

import (
	"errors"
	"testing"
	"time"

	"isthmus.im/jid"
	"isthmus.im/stanza"
)

func TestStampDelay(t *testing.T) {
	const foreign = `<delay xmlns='urn:xmpp:delay' from='coven@chat.shakespeare.example' stamp='2002-09-10T23:05:37Z'/>`
	const bad = `<delay xmlns='urn:xmpp:delay' from='@' stamp='2002-09-10T23:05:37Z'/>`
	const ours = `<delay xmlns="urn:xmpp:delay" from="capulet.com" stamp="2002-09-10T23:08:25Z"></delay>`
	capulet := jid.MustParse("capulet.com")
	for _, in := range []string{"", `<delay xmlns='urn:xmpp:delay' from='Capulet.COM' stamp='1999-01-01T00:00:00Z'/>`, `<delay from='capulet.com' xmlns='urn:xmpp:delay'/>`} {
		s := stanza.MustParse("<presence>" + foreign + in + bad + "</presence>")
		if err := StampDelay(s, capulet, night.In(time.FixedZone("", 7200))); err != nil || string(s.Inner) != foreign+bad+ours {
			t.Errorf("%s: %s, %v", in, s.Inner, err)
		}
	}
	s := stanza.MustParse("<message>" + foreign + ours + bad + "<body>hi</body>" + ours + "</message>")
	if n := StripForgedDelays(s, capulet, jid.MustParse("other.example")); n != 2 || string(s.Inner) != foreign+bad+"<body>hi</body>" {
		t.Errorf("stripped %d: %s", n, s.Inner)
	}
	if n := StripForgedDelays(s, capulet); n != 0 {
		t.Errorf("stripped %d more", n)
	}
	if err := StampDelay(stanza.MustParse(`<iq type='get' id='1'><a xmlns='urn:a'/></iq>`), capulet, night); !errors.Is(err, ErrMisplaced) {
		t.Errorf("in an IQ: %v", err)
	}
	if err := StampDelay(stanza.MustParse(`<message/>`), capulet, time.Time{}); !errors.Is(err, ErrMisplaced) {
		t.Errorf("at no time: %v", err)
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		"1969-07-21T02:56:15Z":                   "1969-07-21T02:56:15Z",
		"1969-07-20T21:56:15-05:00":              "1969-07-21T02:56:15Z",
		"2015-07-26T21:46:00+01:00":              "2015-07-26T20:46:00Z",
		"2002-09-10T23:08:25.120Z":               "2002-09-10T23:08:25.12Z",
		"2002-09-10T23:08:25.1234567891+00:00":   "2002-09-10T23:08:25.123456789Z",
		"0000-01-01T00:00:00Z":                   "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999Z":               "9999-12-31T23:59:59.999Z",
		"":                                       "",
		"0000-01-01T00:00:00+01:00":              "",
		"9999-12-31T23:59:59-01:00":              "",
		"0001-01-01T00:00:00Z":                   "",
		"1776-07-04":                             "",
		"16:00:00":                               "",
		"20020910T23:08:25":                      "",
		"2002-09-10T23:08:25":                    "",
		"2002-09-10 23:08:25Z":                   "",
		"2002-09-10t23:08:25z":                   "",
		"2002-09-10T23:08:25,1Z":                 "",
		"2002-09-10T3:08:25.1Z":                  "",
		"2002-02-30T23:08:25Z":                   "",
		"2002-09-10T25:08:25Z":                   "",
		" 2002-09-10T23:08:25Z":                  "",
		"2002-09-10T23:08:25+0100":               "",
		"2002-09-10T23:08:25.Z":                  "",
		"2002-09-10T23:08:25." + sixty + "Z":     "",
		"2002-09-10T23:08:25.123456789Z garbage": "",
	} {
		got, err := ParseTime(in)
		var invalid *InvalidError
		if want == "" {
			if !errors.As(err, &invalid) || !got.IsZero() {
				t.Errorf("%q: %v, %v", in, got, err)
			}
		} else if err != nil || FormatTime(got) != want || got.Location() != time.UTC {
			t.Errorf("%q: %q, %v", in, FormatTime(got), err)
		}
	}
	if FormatTime(time.Time{}) != "" {
		t.Error("a zero time is written")
	}
}

const sixty = "000000000000000000000000000000000000000000000000000000000000"
