package payload

import (
	"encoding/xml"
	"strings"

	"isthmus.im/stanza"
)

// FileSharing offers a file (XEP-0447 section 3.1).
type FileSharing struct {
	XMLName     xml.Name `xml:"urn:xmpp:sfs:0 file-sharing"`
	Disposition string   // "inline" to show it or "attachment" to offer it; empty: not said
	ID          string   // required, and each another, when a message offers several
	File        File     // what is known of the file
	Sources     []Source // where to get it; none: they come later in a Sources
}

// Sources tells, after a file was offered, where to get it (XEP-0447 section 3.3).
type Sources struct {
	XMLName xml.Name `xml:"urn:xmpp:sfs:0 sources"`
	ID      string   // that of the FileSharing, if it has one
	Sources []Source
}

// Source is one place to get a file.
type Source struct {
	URL string     // of a url-data element (XEP-0103); empty: another way
	Raw stanza.Raw // the element as it came, if a URL does not say it all; it is what is sent
}

// UnmarshalXML implements xml.Unmarshaler. The first file counts; other children are
// not kept.
func (f *FileSharing) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSFileSharing, "file-sharing")
	*f = FileSharing{Disposition: x.attr("disposition"), ID: x.attr("id")}
	files := 0
	for _, c := range x.children() {
		switch c.name {
		case xml.Name{Space: NSFileMetadata, Local: "file"}:
			if files++; files > 1 {
				continue
			}
			if err := c.raw.Decode(&f.File); err != nil && x.err == nil {
				x.err = err
			}
		case xml.Name{Space: NSFileSharing, Local: "sources"}:
			y := parse(c.raw)
			f.Sources = append(f.Sources, y.sources()...)
			if x.err == nil {
				x.err = y.err
			}
		}
	}
	if files == 0 {
		x.fail("no file")
	}
	if len(f.Sources) > MaxItems {
		x.fail("too many sources")
		f.Sources = nil
	}
	return x.err
}

// UnmarshalXML implements xml.Unmarshaler.
func (s *Sources) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSFileSharing, "sources")
	*s = Sources{ID: x.attr("id"), Sources: x.sources()}
	return x.err
}

func (x *element) sources() []Source {
	var list []Source
	for _, c := range x.children() {
		s := Source{Raw: c.raw}
		if c.name == (xml.Name{Space: NSURLData, Local: "url-data"}) {
			y := parse(c.raw)
			extra := len(y.inner) > 0
			for _, a := range y.attrs {
				switch a.Name {
				case xml.Name{Local: "target"}:
					s.URL = x.bounded(strings.TrimSpace(a.Value), MaxURI, "target")
				case xml.Name{Local: "xmlns"}:
				default:
					extra = true
				}
			}
			if s.URL == "" {
				x.fail("a url-data without target")
			}
			if !extra {
				s.Raw = nil
			}
		}
		list = append(list, s)
	}
	return list
}

// MarshalXML implements xml.Marshaler.
func (f FileSharing) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	b, err := stanza.Marshal(f.File)
	if err != nil {
		return err
	}
	if len(f.Sources) > 0 {
		b = append(b, "<sources>"...)
		if b, err = appendSources(b, f.Sources); err != nil {
			return err
		}
		b = append(b, "</sources>"...)
	}
	return encode(e, NSFileSharing, "file-sharing", b, "disposition", f.Disposition, "id", f.ID)
}

// MarshalXML implements xml.Marshaler.
func (s Sources) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	b, err := appendSources(nil, s.Sources)
	if err != nil {
		return err
	}
	return encode(e, NSFileSharing, "sources", b, "id", s.ID)
}

func appendSources(b []byte, list []Source) ([]byte, error) {
	for _, s := range list {
		if s.Raw == nil {
			b = appendElement(b, "url-data", "", "xmlns", NSURLData, "target", s.URL)
			continue
		}
		var err error
		if b, err = appendRaw(b, s.Raw); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// ShareFile offers a file in m (XEP-0447 section 3.1). For clients that do not know
// file sharing the first URL among its sources is added as [OOB] and, if m has no body,
// as a body marked as fallback. Without a body or a URL, m gets the hint to store it.
//
// It returns [ErrMisplaced] for what is no message, for errors, and for a second file
// unless all have an ID and each another (XEP-0447 section 4.2). A second file adds no
// further body or OOB.
func ShareFile(m *stanza.Stanza, f FileSharing) error {
	if err := message(m); err != nil {
		return err
	}
	before := All[FileSharing](m)
	for _, b := range before {
		if b.ID == "" || f.ID == "" || b.ID == f.ID {
			return misplaced("several files without an id each")
		}
	}
	if err := m.Append(f); err != nil || len(before) > 0 {
		return err
	}
	for _, s := range f.Sources {
		if s.URL == "" {
			continue
		}
		if has(m, "body") {
			return m.Append(OOB{URL: s.URL})
		}
		if err := m.Append(Fallback{For: NSFileSharing, Body: []Range{{End: ToEnd}}}); err != nil {
			return err
		}
		return AttachURL(m, s.URL)
	}
	if !has(m, "body") {
		return AddHint(m, Store)
	}
	return nil
}
