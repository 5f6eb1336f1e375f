package payload

import (
	"encoding/xml"
	"strings"

	"isthmus.im/stanza"
)

// OOB is the address of something outside of XMPP (XEP-0066 section 3).
type OOB struct {
	XMLName xml.Name `xml:"jabber:x:oob x"`
	URL     string   `xml:"url"`            // of any scheme; required
	Desc    string   `xml:"desc,omitempty"` // for people; empty: none
}

// UnmarshalXML implements xml.Unmarshaler. White space around the address is dropped.
func (o *OOB) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSOOB, "x")
	*o = OOB{}
	for _, c := range x.children() {
		switch c.name {
		case xml.Name{Space: NSOOB, Local: "url"}:
			o.URL = strings.TrimSpace(x.textOf(c, MaxURI))
		case xml.Name{Space: NSOOB, Local: "desc"}:
			o.Desc = x.textOf(c, MaxText)
		}
	}
	if o.URL == "" {
		x.fail("no url")
	}
	return x.err
}

// AttachURL adds url to m, a message or a presence. A message without a body gets url
// as its body, which is how many clients know that it is a file to show. It returns
// [ErrMisplaced] for an IQ and for an empty url.
func AttachURL(s *stanza.Stanza, url string) error {
	if s.Kind == stanza.IQ || url == "" {
		return misplaced("an address in an IQ, or none")
	}
	if s.Kind == stanza.Message && !has(s, "body") {
		if err := SetBody(s, url); err != nil {
			return err
		}
	}
	return s.Append(OOB{URL: url})
}
