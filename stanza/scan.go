package stanza

import (
	"bytes"

	"isthmus.im/internal/xmlscan"
)

// The content namespaces (RFC 6120 section 4.8.2). An element in either has an
// empty Space here.
const (
	nsClient = "jabber:client"
	nsServer = "jabber:server"
)

// anySize lifts the scanner's limit on bytes, for what is in memory already.
var anySize = xmlscan.Limits{Bytes: 1 << 30}

// contentSpace maps the content namespaces to the empty one.
func contentSpace[T string | []byte](space T) T {
	if string(space) == nsClient || string(space) == nsServer {
		return space[:0]
	}
	return space
}

// find returns the first child of inner with the given name; a local name of "*"
// fits all.
func find(inner []byte, space, local string) (xmlscan.Child, bool) {
	for c := range xmlscan.Children(inner, "") {
		if string(contentSpace(c.Space)) == space && (string(c.Local) == local || local == "*") {
			return c, true
		}
	}
	return xmlscan.Child{}, false
}

// single checks that b is one complete element and returns it without any
// declaration of the content namespace.
func single(b []byte) ([]byte, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, false
	}
	space := nsServer
	for {
		in := make([]byte, 0, len(b)+len("<m xmlns=''></m>")+len(space))
		in = append(append(append(in, "<m xmlns='"...), space...), "'>"...)
		in = append(append(in, b...), "</m>"...)
		t, err := xmlscan.Parse(in, space, anySize)
		if err != nil {
			return nil, false
		}
		c, ok := find(t.Inner, "", "*")
		if !ok || string(c.Space) != nsClient {
			return onlyChild(t.Inner)
		}
		// It is the other content namespace that the element declares.
		space = nsClient
	}
}

// onlyChild returns inner if it is one element and nothing else.
func onlyChild(inner []byte) ([]byte, bool) {
	for c := range xmlscan.Children(inner, "") {
		return inner, len(c.Raw) == len(inner)
	}
	return nil, false
}

// text returns the character data at the top of inner.
func text(inner []byte) string {
	if !bytes.ContainsAny(inner, "<&\r") {
		return string(inner)
	}
	return string(xmlscan.AppendText(nil, inner))
}
