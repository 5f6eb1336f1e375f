package xmlscan

// minBuffer is the least that is allocated to read into.
const minBuffer = 512

// Buffer returns free space to read into, at least min bytes and at least one.
// It stays free until Fill or another method is called.
func (s *Scanner) Buffer(min int) []byte {
	min = max(min, 1)
	s.drop()
	if s.buf == nil && s.Arena != nil {
		s.take(s.Arena.get())
	}
	if s.tok == len(s.buf) {
		s.buf, s.tok = s.buf[:0], 0
	}
	if cap(s.buf)-len(s.buf) < min {
		n := len(s.buf) - s.tok
		to := s.buf[:0]
		if cap(s.buf)-n < min {
			to = make([]byte, 0, max(2*cap(s.buf), n+min, minBuffer))
		}
		s.buf = append(to, s.buf[s.tok:]...)
		s.tok = 0
	}
	return s.buf[len(s.buf):cap(s.buf)]
}

// Fill says that n bytes were read into what Buffer returned last.
func (s *Scanner) Fill(n int) {
	s.buf = s.buf[:len(s.buf)+n]
}

// Buffered returns the number of bytes given to Fill that are in no token yet.
// After the element that precedes a TLS handshake it must be 0.
func (s *Scanner) Buffered() int { return len(s.buf) - s.tok - s.taken }

// Blank returns how many bytes of white space between tokens were skipped since
// the Scanner was made: the keep-alives of RFC 6120 section 4.6.1.
func (s *Scanner) Blank() int64 { return s.blank }

// Release gives all memory back that an idle stream does not need: to the
// Scanner's Arena if it has one. It does nothing while a token is incomplete or
// bytes are unread. The slices of the last token must not be used any more.
func (s *Scanner) Release() {
	if s.Buffered() > 0 || s.buf == nil {
		return
	}
	s.drop()
	if s.Arena != nil {
		s.Arena.put(s)
	}
	s.buf, s.tok = nil, 0
	s.attrs, s.frames, s.ns, s.scratch = nil, nil, nil, nil
	s.el = element{}
	s.out, s.fixed, s.work = nil, nil, nil
}
