package wire

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The namespaces of streams and of their negotiation.
const (
	NSStream  = "http://etherx.jabber.org/streams"
	NSServer  = "jabber:server"
	NSClient  = "jabber:client"
	NSErrors  = "urn:ietf:params:xml:ns:xmpp-streams"
	NSTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	NSSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	NSStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"
	NSXML     = "http://www.w3.org/XML/1998/namespace"
)

// Node is an element with all that is in it, or the opening tag of a stream.
type Node struct {
	Name  xml.Name
	Attrs []xml.Attr // namespace declarations included, as encoding/xml reports them
	Nodes []*Node
	Text  string // the character data at its top
	Raw   string // as received
}

// Parse reads one element whose default namespace, unless it says otherwise, is
// space.
func Parse(element, space string) (*Node, error) {
	s := &Stream{src: &source{left: []byte("<x xmlns='" + space + "'>" + element + "</x>"), err: io.EOF}}
	s.Restart()
	s.next()
	if e := s.next(); e.Kind == Element {
		return e.Node, nil
	}
	return nil, fmt.Errorf("wire: %.80q is no element", element)
}

// Is reports whether n has that name. A nil n has none.
func (n *Node) Is(space, local string) bool {
	return n != nil && n.Name == xml.Name{Space: space, Local: local}
}

// Attr returns the value of an attribute without namespace, "" if there is none.
func (n *Node) Attr(local string) string {
	v, _ := n.Lookup("", local)
	return v
}

// Lang returns the value of xml:lang, "" if there is none.
func (n *Node) Lang() string {
	v, ok := n.Lookup(NSXML, "lang")
	if !ok {
		v, _ = n.Lookup("xml", "lang") // as encoding/xml has it in raw tokens
	}
	return v
}

// Lookup returns the value of an attribute and whether there is one.
func (n *Node) Lookup(space, local string) (string, bool) {
	if n == nil {
		return "", false
	}
	for _, a := range n.Attrs {
		if a.Name.Space == space && a.Name.Local == local {
			return a.Value, true
		}
	}
	return "", false
}

// Child returns the first child of that name, nil if there is none. An empty
// space stands for any.
func (n *Node) Child(space, local string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Nodes {
		if c.Name.Local == local && (space == "" || c.Name.Space == space) {
			return c
		}
	}
	return nil
}

// Prefix returns the prefix that the element's tag was written with.
func (n *Node) Prefix() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(n.Raw, "<"), " ")
	name, _, _ = strings.Cut(name, ">")
	prefix, _, ok := strings.Cut(name, ":")
	if !ok {
		return ""
	}
	return prefix
}

// Condition returns the name of the defined condition in a stream error, a
// stanza's <error/> child or a SASL failure, "" if there is none: the first
// child in space that is not a text.
func (n *Node) Condition(space string) string {
	if n == nil {
		return ""
	}
	for _, c := range n.Nodes {
		if c.Name.Space == space && c.Name.Local != "text" {
			return c.Name.Local
		}
	}
	return ""
}
