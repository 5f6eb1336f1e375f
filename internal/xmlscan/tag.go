package xmlscan

import "unicode/utf8"

// tag scans a start tag up to and with its '>', from wherever it stopped.
func (s *Scanner) tag(b []byte, i int) int {
	for {
		switch s.state {
		case inName:
			if i = s.readName(b, i); i < 0 {
				return i
			}
			s.tagName = span{int32(s.nameOff), int32(i - s.nameOff), int32(s.colon)}
			s.attrs = s.attrs[:0]
			s.special = s.colon > 0
			s.gap, s.seen = false, 0
			s.state = inTag
		case inTag:
			for i < len(b) && isSpace(b[i]) {
				s.gap = true
				i++
			}
			if i >= len(b) {
				return s.more(i)
			}
			switch b[i] {
			case '>':
				return s.open(b, i+1, false)
			case '/':
				s.state = inEmpty
				i++
				continue
			}
			if !s.gap {
				return s.fail(NotWellFormed, "no white space before an attribute", i)
			}
			if len(s.attrs) >= s.lim.Attrs {
				return s.fail(PolicyViolation, "too many attributes", i)
			}
			s.state, s.nameOff, s.colon = inAttrName, i, 0
		case inAttrName:
			if i = s.readName(b, i); i < 0 {
				return i
			}
			if !s.attrName(b, i) {
				return s.fail(NotWellFormed, "attribute given twice", s.nameOff)
			}
			s.state = afterAttr
		case afterAttr, beforeVal:
			for i < len(b) && isSpace(b[i]) {
				i++
			}
			if i >= len(b) {
				return s.more(i)
			}
			c := b[i]
			i++
			switch {
			case s.state == afterAttr && c == '=':
				s.state = beforeVal
			case s.state == beforeVal && (c == '"' || c == '\''):
				s.quote, s.valOff, s.esc = c, i, false
				s.state = inValue
			default:
				return s.fail(NotWellFormed, "malformed attribute", i-1)
			}
		case inValue:
			if i = s.value(b, i); i < 0 {
				return i
			}
			s.state, s.gap = inTag, false
		default: // inEmpty
			if i >= len(b) {
				return s.more(i)
			}
			if b[i] != '>' {
				return s.fail(NotWellFormed, "'/' inside a tag", i)
			}
			return s.open(b, i+1, true)
		}
	}
}

// attrName notes the name of an attribute, which ends at i, and reports whether
// it is new.
func (s *Scanner) attrName(b []byte, i int) bool {
	name := b[s.nameOff:i]
	n := len(name)
	isDecl := name[0] == 'x' && n >= 5 && string(name[:5]) == "xmlns" && (n == 5 || s.colon == 5)
	if isDecl || s.colon > 0 {
		s.special = true
	}
	bit := uint64(1) << ((uint(n) + 7*uint(name[0]) + 31*uint(name[n-1])) & 63)
	if s.seen&bit != 0 {
		for k := range s.attrs {
			if string(s.attrs[k].name.of(b)) == string(name) {
				return false
			}
		}
	}
	s.seen |= bit
	s.attrs = append(s.attrs, attr{
		name:   span{int32(s.nameOff), int32(n), int32(s.colon)},
		isDecl: isDecl,
	})
	return true
}

// value scans an attribute value and its closing quote.
func (s *Scanner) value(b []byte, i int) int {
	for {
		i = skipValue(b, i, s.quote)
		if i >= len(b) {
			return s.more(i)
		}
		switch c := b[i]; {
		case c == s.quote:
			a := &s.attrs[len(s.attrs)-1]
			a.val = span{off: int32(s.valOff), n: int32(i - s.valOff)}
			a.esc = s.esc
			return i + 1
		case c == '<':
			return s.fail(NotWellFormed, "'<' in an attribute value", i)
		case c == '&':
			s.esc = true
			if i = s.ref(b, i); i < 0 {
				return i
			}
		case c >= utf8.RuneSelf:
			if i = s.chars(b, i); i < 0 {
				return i
			}
		case isSpace(c):
			s.esc = true
			i++
		default:
			return s.fail(NotWellFormed, "character not allowed in XML", i)
		}
	}
}

// open acts on a complete start tag, which ends at i.
func (s *Scanner) open(b []byte, i int, empty bool) int {
	depth := len(s.frames) + 1
	if s.header == nil {
		if empty {
			return s.fail(BadFormat, "stream header is an empty element", i)
		}
		if !s.openStream(b) {
			return -1
		}
		s.state = atStream
		return i
	}
	if depth > s.lim.Depth {
		return s.fail(PolicyViolation, "elements nested too deep", i)
	}
	mark := len(s.ns)
	switch {
	case depth == 1:
		if !s.openElement(b, i) {
			return -1
		}
	case s.special || !s.el.first:
		if !s.openChild(b, depth) {
			return -1
		}
	case s.el.chain == depth-1:
		s.el.chain = depth
	}
	if !empty {
		s.frames = append(s.frames, frame{s.tagName.off, s.tagName.n, int32(mark)})
		s.state = inText
		return i
	}
	s.el.chain = min(s.el.chain, depth-1)
	if depth == 1 {
		s.el.end = i
		s.el.inner = i
		s.state = atStream
		return i
	}
	s.ns = s.ns[:mark]
	s.state = inText
	return i
}

// endTag scans an end tag after "</" and closes the element.
func (s *Scanner) endTag(b []byte, i int) int {
	if s.state == inEndName {
		name := s.header
		if n := len(s.frames); n > 0 {
			f := s.frames[n-1]
			name = b[f.off : f.off+f.n]
		}
		n := min(len(name)-s.endK, len(b)-i)
		if string(b[i:i+n]) != string(name[s.endK:s.endK+n]) {
			return s.fail(NotWellFormed, "end tag does not match", s.lt)
		}
		i += n
		if s.endK += n; s.endK < len(name) {
			return s.more(i)
		}
		s.state = inEndSpace
	}
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i >= len(b) {
		return s.more(i)
	}
	if b[i] != '>' {
		return s.fail(NotWellFormed, "end tag does not match", s.lt)
	}
	depth := len(s.frames)
	if depth == 0 {
		s.state = atEnd
		return i + 1
	}
	s.el.chain = min(s.el.chain, depth-1)
	if depth == 1 {
		s.el.end = s.lt
	} else {
		s.ns = s.ns[:s.frames[depth-1].ns]
	}
	s.frames = s.frames[:depth-1]
	s.state = inText
	return i + 1
}
