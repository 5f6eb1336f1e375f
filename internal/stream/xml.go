package stream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"unicode/utf8"
)

// Namespaces of the stream and of its negotiation.
const (
	NS         = "http://etherx.jabber.org/streams"
	NSServer   = "jabber:server"
	NSClient   = "jabber:client"
	NSErrors   = "urn:ietf:params:xml:ns:xmpp-streams"
	NSTLS      = "urn:ietf:params:xml:ns:xmpp-tls"
	NSSASL     = "urn:ietf:params:xml:ns:xmpp-sasl"
	NSDialback = "jabber:server:dialback"
	nsBidi     = "urn:xmpp:bidi"
	nsBidiOn   = "urn:xmpp:features:bidi"
	nsLimits   = "urn:xmpp:stream-limits:0"
)

// maxNodeDepth bounds the nesting of a control element: the deepest one that
// means anything, a mechanism in the features, has three levels.
const maxNodeDepth = 32

var errDepth = errors.New("stream: control element nested too deeply")

// node is a small control element: features, errors, SASL.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr
	Text    string
	Nodes   []node
	raw     []byte
}

func (n *node) attr(local string) string {
	for _, a := range n.Attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// parseNode reads one element that the scanner has cut.
func parseNode(raw []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(raw))
	for {
		at := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if s, ok := t.(xml.StartElement); ok {
			return readNode(d, raw, at, s, maxNodeDepth)
		}
	}
}

func readNode(d *xml.Decoder, raw []byte, start int64, s xml.StartElement, depth int) (*node, error) {
	if depth == 0 {
		return nil, errDepth
	}
	n := &node{XMLName: s.Name, Attrs: s.Copy().Attr}
	var text []byte
	for {
		at := d.InputOffset()
		t, err := d.Token()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := readNode(d, raw, at, t, depth-1)
			if err != nil {
				return nil, err
			}
			n.Nodes = append(n.Nodes, *child)
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			n.Text = string(text)
			n.raw = bytes.Clone(raw[start:d.InputOffset()])
			return n, nil
		}
	}
}

// AppendEscaped appends s to b so that it can stand in character data and in an
// attribute value of either quote. What XML cannot carry becomes U+FFFD.
func AppendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '\'':
			b = append(b, "&apos;"...)
		case '"':
			b = append(b, "&quot;"...)
		case '\t', '\n', '\r':
			b = append(b, "&#x"...)
			b = append(b, "0123456789ABCDEF"[r], ';')
		default:
			if r < 0x20 || r == 0xFFFE || r == 0xFFFF {
				r = utf8.RuneError
			}
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
