package xmlscan

import "bytes"

// maxDecl bounds the XML declaration, in bytes.
const maxDecl = 256

// declaration steps over the XML declaration at the very start of a stream, if
// there is one, and reports whether the scan can go on with the header.
func (s *Scanner) declaration() bool {
	b := s.buf[s.tok:]
	const open = "<?xml"
	if s.state == atStart {
		if len(b) == 0 {
			return false
		}
		if foreign, ok := otherEncoding(b); foreign || !ok {
			if foreign {
				s.fail(UnsupportedEncoding, "not UTF-8", 0)
			}
			return false
		}
		n := 0
		for n < len(open) && n < len(b) && b[n] == open[n] {
			n++
		}
		switch {
		case n == len(b):
			return false
		case n < len(open) || !isSpace(b[n]):
			s.state = atHeader
			return true
		}
		s.state, s.pos = inDecl, n
	}
	end := b[:min(len(b), maxDecl)]
	k := bytes.Index(end[s.pos:], []byte("?>"))
	if k < 0 {
		s.pos = len(end) - 1
		if len(end) == maxDecl {
			s.fail(PolicyViolation, "XML declaration too long", maxDecl)
		}
		return false
	}
	k += s.pos
	if !s.checkDecl(b[len(open):k]) {
		return false
	}
	s.tok += k + 2
	s.base += int64(k + 2)
	s.state, s.pos = atHeader, 0
	return true
}

// otherEncoding reports whether the first bytes of a stream show UTF-16 or UTF-32;
// ok is false when there are not enough of them. A byte order mark in UTF-8 is
// text to RFC 6120 section 11.6 and refused as such later.
func otherEncoding(b []byte) (foreign, ok bool) {
	switch {
	case b[0] == 0, b[0] == 0xFE, b[0] == 0xFF:
		return true, true
	case b[0] == '<' && len(b) > 1:
		return b[1] == 0, true
	}
	return false, b[0] != '<'
}

// checkDecl checks the pseudo-attributes of an XML declaration (XML 1.0 section
// 2.8). The standalone declaration is ignored (RFC 6120 section 11.5).
func (s *Scanner) checkDecl(d []byte) bool {
	names := [...]string{"version", "encoding", "standalone"}
	next := 0
	for {
		rest := bytes.TrimLeft(d, " \t\r\n")
		if len(rest) == 0 && next > 0 {
			return true
		}
		eq := bytes.IndexByte(rest, '=')
		if eq < 0 || len(rest) == len(d) {
			return s.badDecl()
		}
		name := string(bytes.TrimRight(rest[:eq], " \t\r\n"))
		at := next
		for at < len(names) && names[at] != name {
			at++
		}
		rest = bytes.TrimLeft(rest[eq+1:], " \t\r\n")
		if at == len(names) || (next == 0 && at != 0) || len(rest) < 2 || (rest[0] != '"' && rest[0] != '\'') {
			return s.badDecl()
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return s.badDecl()
		}
		val := rest[1 : 1+end]
		d, next = rest[end+2:], at+1
		switch {
		case at == 0 && string(val) != "1.0":
			s.fail(BadFormat, "not XML 1.0", 0)
			return false
		case at == 1 && !bytes.EqualFold(val, []byte("utf-8")):
			s.fail(UnsupportedEncoding, "not UTF-8", 0)
			return false
		case at == 2 && string(val) != "yes" && string(val) != "no":
			return s.badDecl()
		}
	}
}

func (s *Scanner) badDecl() bool {
	s.fail(NotWellFormed, "malformed XML declaration", 0)
	return false
}
