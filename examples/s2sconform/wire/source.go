package wire

import "net"

// source hands the bytes of a connection to an XML decoder, one at a time, so
// that the decoder never has more than it was asked for.
type source struct {
	conn net.Conn
	buf  [4096]byte
	left []byte // received and not handed out
	raw  []byte // handed out since mark
	err  error  // of the connection
}

// mark begins the raw bytes of the next event.
func (s *source) mark() { s.raw = s.raw[:0] }

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	for len(s.left) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		n, err := s.conn.Read(s.buf[:])
		s.left, s.err = s.buf[:n], err
	}
	b := s.left[0]
	s.left = s.left[1:]
	s.raw = append(s.raw, b)
	return b, nil
}

// Read implements io.Reader, which a decoder wants and does not use.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := s.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}
