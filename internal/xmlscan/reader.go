package xmlscan

import "bytes"

// The functions of this file read XML that the Scanner has accepted already, so
// they find structure without checking anything.

// startTag is a start tag.
type startTag struct {
	name  span
	attrs int // where the first attribute may begin
	end   int // after '>'
	empty bool
}

// nextTag returns the place of the first start or end tag from i on, or len(b).
func nextTag(b []byte, i int) int {
	for i < len(b) {
		k := bytes.IndexByte(b[i:], '<')
		if k < 0 {
			break
		}
		if i += k; b[i+1] != '!' {
			return i
		}
		i += bytes.Index(b[i:], []byte("]]>")) + 3
	}
	return len(b)
}

// readTag reads the start tag at i.
func readTag(b []byte, i int) startTag {
	t := startTag{name: readSpan(b, i+1)}
	t.attrs = int(t.name.off + t.name.n)
	for j := t.attrs; ; j++ {
		switch c := b[j]; c {
		case '"', '\'':
			j += 1 + bytes.IndexByte(b[j+1:], c)
		case '>':
			t.end, t.empty = j+1, b[j-1] == '/'
			return t
		}
	}
}

// readSpan reads the qualified name at i.
func readSpan(b []byte, i int) span {
	p := span{off: int32(i)}
	for j := i; ; j++ {
		switch c := b[j]; {
		case c == ':':
			p.colon = int32(j - i)
		case c == '>', c == '/', c == '=', isSpace(c):
			p.n = int32(j - i)
			return p
		}
	}
}

// nextAttr reads the attribute that begins after white space at i. The place it
// returns is after the closing quote; ok is false at the end of the tag.
func nextAttr(b []byte, i int) (a attr, end int, ok bool) {
	for isSpace(b[i]) {
		i++
	}
	if b[i] == '>' || b[i] == '/' {
		return a, i, false
	}
	a.name = readSpan(b, i)
	name := a.name.of(b)
	a.isDecl = a.name.colon == 5 && string(name[:5]) == "xmlns" || string(name) == "xmlns"
	i += len(name)
	for b[i] != '"' && b[i] != '\'' {
		i++
	}
	n := bytes.IndexByte(b[i+1:], b[i])
	a.val = span{off: int32(i + 1), n: int32(n)}
	return a, i + n + 2, true
}

// plainValue returns the attribute value v, unescaped.
func plainValue(v []byte) []byte {
	if bytes.ContainsAny(v, "&\t\r\n") {
		return appendValue([]byte{}, v)
	}
	return v
}

// declared returns the namespace of the element from the declarations on its own
// tag.
func (t startTag) declared(b []byte) ([]byte, bool) {
	prefix := t.name.prefix(b)
	if string(prefix) == "xml" {
		return xmlSpaceBytes, true
	}
	for i := t.attrs; ; {
		a, end, ok := nextAttr(b, i)
		if !ok {
			return nil, false
		}
		if a.isDecl && (a.name.colon > 0) == (len(prefix) > 0) &&
			(len(prefix) == 0 || string(a.name.local(b)) == string(prefix)) {
			return plainValue(a.val.of(b)), true
		}
		i = end
	}
}

// skipElement returns where the end tag begins and ends of the element whose
// start tag ends at i.
func skipElement(b []byte, i int) (innerEnd, end int) {
	for depth := 1; ; {
		i = nextTag(b, i)
		if b[i+1] == '/' {
			end := i + bytes.IndexByte(b[i:], '>') + 1
			if depth--; depth == 0 {
				return i, end
			}
			i = end
			continue
		}
		t := readTag(b, i)
		if !t.empty {
			depth++
		}
		i = t.end
	}
}

// AppendText appends the character data at the top of inner, which is the Inner of
// a Token or Child: references and CDATA sections are resolved, line ends become
// '\n', child elements are left out.
func AppendText(dst, inner []byte) []byte {
	for i := 0; i < len(inner); {
		switch c := inner[i]; c {
		case '&':
			var n int
			dst, n = appendRef(dst, inner[i:])
			i += n
		case '\r':
			dst = append(dst, '\n')
			if i++; i < len(inner) && inner[i] == '\n' {
				i++
			}
		case '<':
			if inner[i+1] != '!' {
				t := readTag(inner, i)
				if i = t.end; !t.empty {
					_, i = skipElement(inner, i)
				}
				continue
			}
			end := i + bytes.Index(inner[i:], []byte("]]>"))
			for j := i + len("<![CDATA["); j < end; j++ {
				if inner[j] != '\r' {
					dst = append(dst, inner[j])
				} else if dst = append(dst, '\n'); inner[j+1] == '\n' {
					j++
				}
			}
			i = end + 3
		default:
			n := bytes.IndexAny(inner[i:], "<&\r")
			if n < 0 {
				n = len(inner) - i
			}
			dst = append(dst, inner[i:i+n]...)
			i += n
		}
	}
	return dst
}
