package xmlscan

// Parse scans b, which must be one complete element and nothing but white space
// around it, as if it stood alone in a stream whose default namespace is
// contentNS. The Token refers to b. An element that ends too early is refused
// with not-well-formed; all other errors are those of Next.
func Parse(b []byte, contentNS string, l Limits) (Token, error) {
	s := New(l)
	s.buf = b
	s.state = atStream
	s.header = []byte{}
	s.content = contentBytes(contentNS)
	t, err := s.Next()
	switch {
	case err == ErrMore:
		s.fail(NotWellFormed, "unexpected end", s.pos)
		return Token{}, s.err
	case err != nil:
		return Token{}, err
	case t.Kind != Element:
		s.err = &Error{Condition: NotWellFormed, Text: "end tag without start tag"}
		return Token{}, s.err
	}
	for i, c := range b[s.tok+s.taken:] {
		if !isSpace(c) {
			s.fail(NotWellFormed, "data after the element", s.taken+i)
			return Token{}, s.err
		}
	}
	return t, nil
}
