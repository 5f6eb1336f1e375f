package payload

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"isthmus.im/stanza"
)

// File tells about a file (XEP-0446 section 2). Whatever is zero was not said.
type File struct {
	XMLName   xml.Name      `xml:"urn:xmpp:file:metadata:0 file"`
	MediaType string        // empty: application/octet-stream
	Name      string        // what the sender calls it; see SafeName
	Date      time.Time     // when it was changed last
	Size      int64         // in bytes
	Width     int64         // of a picture or film, in pixels
	Height    int64         // of a picture or film, in pixels
	Length    time.Duration // of sound or film, to the millisecond
	Hashes    []Hash        // each by another algorithm
	Descs     []Text        // each in another language
	Other     []stanza.Raw  // the children not known here, such as thumbnails, as they came
}

// Text is a text in a language.
type Text struct {
	Lang string // xml:lang; empty: not said
	Text string
}

// UnmarshalXML implements xml.Unmarshaler. Of two digests by the same algorithm the
// first counts.
func (f *File) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	x := read(d, start, NSFileMetadata, "file")
	*f = File{}
	for _, c := range x.children() {
		if c.name.Space == NSFileMetadata && f.readChild(x, c) {
			continue
		}
		if c.name != (xml.Name{Space: NSHashes, Local: "hash"}) {
			f.Other = append(f.Other, c.raw)
			continue
		}
		var h Hash
		if err := c.raw.Decode(&h); err != nil && x.err == nil {
			x.err = err
		}
		if _, known := f.Hash(h.Algo); !known {
			f.Hashes = append(f.Hashes, h)
		}
	}
	return x.err
}

// readChild reads a child in the namespace of a File and reports whether it is known.
func (f *File) readChild(x *element, c child) bool {
	switch c.name.Local {
	case "media-type":
		f.MediaType = x.textOf(c, MaxAttr)
	case "name":
		f.Name = x.textOf(c, MaxAttr)
	case "date":
		f.Date = x.time(strings.TrimSpace(x.textOf(c, MaxAttr)))
	case "size":
		f.Size = x.number(x.textOf(c, MaxAttr), "size", 0)
	case "width":
		f.Width = x.number(x.textOf(c, MaxAttr), "width", 0)
	case "height":
		f.Height = x.number(x.textOf(c, MaxAttr), "height", 0)
	case "length":
		n := x.number(x.textOf(c, MaxAttr), "length", 0)
		f.Length = time.Duration(min(n, int64(maxDuration/time.Millisecond))) * time.Millisecond
	case "desc":
		f.Descs = append(f.Descs, Text{Lang: parse(c.raw).lang(), Text: x.textOf(c, MaxText)})
	default:
		return false
	}
	return true
}

const maxDuration = time.Duration(1<<63 - 1)

// MarshalXML implements xml.Marshaler: the children in the order of the fields.
func (f File) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	b := appendText(nil, "media-type", f.MediaType)
	b = appendText(b, "name", f.Name)
	b = appendText(b, "date", FormatTime(f.Date))
	b = appendNumber(b, "size", f.Size)
	b = appendNumber(b, "width", f.Width)
	b = appendNumber(b, "height", f.Height)
	b = appendNumber(b, "length", f.Length.Milliseconds())
	for _, h := range f.Hashes {
		r, err := stanza.Marshal(h)
		if err != nil {
			return err
		}
		b = append(b, r...)
	}
	for _, d := range f.Descs {
		b = appendElement(b, "desc", d.Text, "xml:lang", d.Lang)
	}
	b, err := appendRaw(b, f.Other...)
	if err != nil {
		return err
	}
	return encode(e, NSFileMetadata, "file", b)
}

func appendNumber(b []byte, name string, n int64) []byte {
	if n <= 0 {
		return b
	}
	return appendElement(b, name, strconv.FormatInt(n, 10))
}

// Hash returns the digest by an algorithm, such as "sha-256".
func (f File) Hash(algo string) (Hash, bool) {
	for _, h := range f.Hashes {
		if h.Algo == algo {
			return h, true
		}
	}
	return Hash{}, false
}

// ErrUnverifiable is what [File.Verify] returns for a file of which no digest is known
// that can be checked. Such a file is to be fetched only from the places its sender
// named and only in ways that are secure themselves (XEP-0447 section 6).
var ErrUnverifiable = errors.New("payload: no known hash of the file")

// Verify reads r, the content of the file, to its end, and checks it against every
// digest that [Hash.New] can compute, and against the size if that was said (XEP-0447
// section 6). The error is [ErrUnverifiable], an [*InvalidError] for another file than
// the one told of, or that of r. It reads one byte more than the size at most.
func (f File) Verify(r io.Reader) error {
	var known []Hash
	var sums []io.Writer
	for _, h := range f.Hashes {
		if s := h.New(); s != nil {
			known, sums = append(known, h), append(sums, s)
		}
	}
	if len(known) == 0 {
		return ErrUnverifiable
	}
	if f.Size > 0 && f.Size < 1<<62 {
		r = io.LimitReader(r, f.Size+1)
	}
	n, err := io.Copy(io.MultiWriter(sums...), r)
	if err != nil {
		return fmt.Errorf("payload: read file: %w", err)
	}
	if f.Size > 0 && n != f.Size {
		return &InvalidError{Payload: NSFileMetadata + " file", Reason: "the size is another"}
	}
	for i, h := range known {
		if !bytes.Equal(sums[i].(interface{ Sum([]byte) []byte }).Sum(nil), h.Value) {
			return &InvalidError{Payload: NSFileMetadata + " file", Reason: "the hash is another"}
		}
	}
	return nil
}

// SafeName returns Name as a name for a file of ours in a directory of ours: path
// separators, colons, control characters and percent signs are percent-encoded, as is a
// dot at the start, and it is cut at 200 bytes (XEP-0446 section 3). A file without a
// name is "file".
func (f File) SafeName() string {
	if f.Name == "" {
		return "file"
	}
	var b strings.Builder
	for i, c := range strings.ToValidUTF8(f.Name, "_") {
		s := string(c)
		if c < 0x20 || c == 0x7f || strings.ContainsRune(`/\:%`, c) || c == '.' && i == 0 {
			s = fmt.Sprintf("%%%02X", c)
		}
		if b.Len()+len(s) > 200 {
			break
		}
		b.WriteString(s)
	}
	return b.String()
}
