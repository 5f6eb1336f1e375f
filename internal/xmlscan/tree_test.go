package xmlscan

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
)

// node is an element as an application sees it: names expanded, values plain.
type node struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string
	children []*node
}

// String prints the whole tree; two trees are equal when it is.
func (n *node) String() string {
	var b strings.Builder
	n.print(&b, "")
	return b.String()
}

func (n *node) print(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s{%s}%s", indent, n.name.Space, n.name.Local)
	for _, a := range n.attrs {
		fmt.Fprintf(b, " {%s}%s=%q", a.Name.Space, a.Name.Local, a.Value)
	}
	fmt.Fprintf(b, " %q\n", n.text)
	for _, c := range n.children {
		c.print(b, indent+"  ")
	}
}

// normal replaces the white space that encoding/xml leaves in attribute values.
var normal = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

// oracle reads b by encoding/xml and returns its outermost elements, or those
// inside the first when inStream is set. Missing end tags are not an error.
func oracle(b []byte, inStream bool) ([]*node, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	top := new(node)
	open := []*node{top}
	for {
		tok, err := d.Token()
		if err != nil {
			if e, ok := err.(*xml.SyntaxError); err == io.EOF || (ok && e.Msg == "unexpected EOF") {
				err = nil
			}
			if inStream && len(top.children) == 1 {
				return top.children[0].children, err
			}
			return top.children, err
		}
		cur := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{name: xml.Name{Space: normal.Replace(tok.Name.Space), Local: tok.Name.Local}}
			for _, a := range tok.Attr {
				if a.Name.Space == "xmlns" || (a.Name.Space == "" && a.Name.Local == "xmlns") {
					continue
				}
				a.Name.Space = normal.Replace(a.Name.Space)
				a.Value = normal.Replace(a.Value)
				n.attrs = append(n.attrs, a)
			}
			cur.children = append(cur.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			cur.text += string(tok)
		case xml.ProcInst:
			if tok.Target != "xml" {
				return nil, fmt.Errorf("processing instruction %s", tok.Target)
			}
		default:
			return nil, fmt.Errorf("unexpected %T", tok)
		}
	}
}

// ours builds the tree of a token by this package alone.
func ours(t *testing.T, tok Token, l Limits) *node {
	n := &node{name: xml.Name{Space: normal.Replace(string(tok.Space)), Local: string(tok.Local)}}
	for _, a := range tok.Attrs {
		name := xml.Name{Space: normal.Replace(string(a.Space)), Local: string(a.Local)}
		n.attrs = append(n.attrs, xml.Attr{Name: name, Value: normal.Replace(string(a.Value))})
	}
	n.text = string(AppendText(nil, tok.Inner))
	for c := range Children(tok.Inner, string(tok.Content)) {
		sub, err := Parse(c.Raw, string(tok.Content), l)
		if err != nil {
			t.Fatalf("child %q of %q: %v", c.Raw, tok.Raw, err)
		}
		if !bytes.Equal(sub.Space, c.Space) || !bytes.Equal(sub.Local, c.Local) {
			t.Fatalf("child %q of %q: {%s}%s to Children, {%s}%s to Parse", c.Raw, tok.Raw, c.Space, c.Local, sub.Space, sub.Local)
		}
		if len(n.children) == 0 && (!bytes.Equal(sub.Space, tok.FirstSpace) || !bytes.Equal(sub.Local, tok.FirstLocal)) {
			t.Fatalf("first child of %q is {%s}%s, not {%s}%s", tok.Raw, sub.Space, sub.Local, tok.FirstSpace, tok.FirstLocal)
		}
		n.children = append(n.children, ours(t, sub, l))
	}
	if len(n.children) == 0 && tok.FirstLocal != nil {
		t.Fatalf("%q has no child and its first is %q", tok.Raw, tok.FirstLocal)
	}
	return n
}

// clone copies a token so that it outlives the next call.
func clone(t Token) Token {
	for _, p := range []*[]byte{&t.Space, &t.Local, &t.Raw, &t.Inner, &t.FirstSpace, &t.FirstLocal, &t.Content} {
		*p = bytes.Clone(*p)
	}
	attrs := make([]Attr, len(t.Attrs))
	for i, a := range t.Attrs {
		attrs[i] = Attr{bytes.Clone(a.Space), bytes.Clone(a.Local), bytes.Clone(a.Value)}
	}
	t.Attrs = attrs
	return t
}

// scan returns the tokens at the beginning of b, how many bytes they take, and
// the error that ended the scan.
func scan(b []byte, l Limits, size int) (toks []Token, used int, err error) {
	s := New(l)
	err = feed(s, b, size, func(t Token) {
		toks = append(toks, clone(t))
		used = int(s.base) + s.taken
	})
	return toks, used, err
}
