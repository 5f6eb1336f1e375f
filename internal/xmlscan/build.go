package xmlscan

// token builds the token of the given kind out of b.
func (s *Scanner) token(kind Kind, b []byte) Token {
	t := Token{Kind: kind, Raw: b}
	el := &s.el
	switch kind {
	case Close:
		t.Space, t.Local = streamSpaceBytes, streamName
		return t
	case Open:
		s.head, s.pending = s.pending, nil
		t.Bindings = s.head
		t.Content = s.content
	case Element:
		t.Inner = b[el.inner:el.end]
		t.Content = s.resolve(b, el.content)
		if el.first {
			t.FirstLocal = el.fName.local(b)
			t.FirstSpace = s.resolve(b, el.fSpace)
		}
		if el.mend {
			t.Inner = s.mend(b, t.Inner)
		}
	}
	t.Local = el.name.local(b)
	t.Space = s.resolve(b, el.space)
	s.out = s.out[:0]
	for k := range el.attrs {
		a := &el.attrs[k]
		if a.isDecl {
			continue
		}
		v := a.val.of(b)
		if a.esc {
			n := len(s.scratch)
			s.scratch = appendValue(s.scratch, v)
			v = s.scratch[n:]
		}
		s.out = append(s.out, Attr{s.resolve(b, a.space), a.name.local(b), v})
	}
	t.Attrs = s.out
	return t
}
