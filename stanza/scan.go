package stanza

import (
	"bytes"
	"encoding/xml"
	"iter"
)

const (
	nsClient = "jabber:client"
	nsServer = "jabber:server"
)

// child is one element of an Inner: its name, with an empty space in the content
// namespace, all of its bytes, and those between its tags.
type child struct {
	space, local []byte
	raw, inner   []byte
}

// children yields the elements of inner in document order, up to the first byte
// that is not well-formed.
func children(inner []byte) iter.Seq[child] {
	return func(yield func(child) bool) {
		d := xml.NewDecoder(bytes.NewReader(inner))
		for {
			start := d.InputOffset()
			t, err := d.Token()
			if err != nil {
				return
			}
			e, ok := t.(xml.StartElement)
			if !ok {
				continue
			}
			open := d.InputOffset()
			if d.Skip() != nil {
				return
			}
			raw := inner[start:d.InputOffset()]
			end := max(bytes.LastIndex(raw, []byte("</"))+int(start), int(open))
			if !yield(child{[]byte(contentSpace(e.Name.Space)), []byte(e.Name.Local), raw, inner[open:end]}) {
				return
			}
		}
	}
}

// contentSpace maps both content namespaces to the empty one.
func contentSpace(space string) string {
	if space == nsClient || space == nsServer {
		return ""
	}
	return space
}
