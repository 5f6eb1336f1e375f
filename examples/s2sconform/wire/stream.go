package wire

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Kind tells events apart.
type Kind uint8

// The kinds of event.
const (
	Header    Kind = iota + 1 // the opening tag of the stream
	Element                   // a complete first-level element
	Text                      // character data at the level of elements, not just white space
	Forbidden                 // a comment, directive or processing instruction
	Footer                    // the closing tag of the stream
	End                       // the connection ended, or what came is no XML
	Silence                   // nothing came before the deadline
)

// Event is something that arrived.
type Event struct {
	Kind   Kind
	Node   *Node  // of a Header or Element
	Raw    string // as received
	Decl   string // Header: the XML declaration in front of it, "" for none
	Spaced bool   // white space stood in front of it
	Err    error  // End: nil for an end in good order
}

// String describes the event in a few words.
func (e Event) String() string {
	switch e.Kind {
	case Header:
		return "a stream header"
	case Element:
		return "<" + e.Node.Name.Local + "/>"
	case Text:
		return fmt.Sprintf("text %.40q", e.Raw)
	case Forbidden:
		return fmt.Sprintf("%.40q", e.Raw)
	case Footer:
		return "the closing tag"
	case Silence:
		return "nothing"
	}
	if e.Err == nil {
		return "the end of the connection"
	}
	return "the end of the connection (" + e.Err.Error() + ")"
}

// Error returns the stream error that the event is, nil for any other.
func (e Event) Error() *Node {
	if e.Kind == Element && e.Node.Is(NSStream, "error") {
		return e.Node
	}
	return nil
}

// Stream is one connection. One goroutine may read while another writes. It
// must be closed in the end.
type Stream struct {
	Name   string // in the log
	log    *Log
	tap    *tap
	conn   net.Conn // the tap, or TLS over it
	src    *source
	dec    *xml.Decoder
	deep   int
	coming chan Event // what Next waits for, if it was begun
}

// New returns a stream over a connection. What goes over it is noted in log.
func New(conn net.Conn, name string, log *Log) *Stream {
	s := &Stream{Name: name, log: log, tap: &tap{Conn: conn}}
	s.conn = s.tap
	s.src = &source{conn: s.conn}
	s.Restart()
	return s
}

// Restart makes the stream expect a new header on the same connection.
func (s *Stream) Restart() {
	s.dec = xml.NewDecoder(s.src)
	s.deep = 0
}

// Plain returns the connection below TLS, for a handshake over it.
func (s *Stream) Plain() net.Conn {
	s.tap.forget()
	return s.tap
}

// Pending returns what was received and is in no event yet. Ahead of a
// handshake it must be empty.
func (s *Stream) Pending() string { return string(s.src.left) }

// Secure goes on over c, a TLS connection over Plain, with a new header.
func (s *Stream) Secure(c net.Conn) {
	s.conn = c
	s.src = &source{conn: c}
	s.Restart()
}

// Adopt gives the stream another name and log, and notes the event that was read
// before. It must not be called while something waits for an event.
func (s *Stream) Adopt(name string, log *Log, before Event) {
	s.Name, s.log = name, log
	log.add(name, "<", before.Decl+before.Raw)
}

// Note adds a line to the log.
func (s *Stream) Note(format string, args ...any) {
	s.log.add(s.Name, " ", fmt.Sprintf(format, args...))
}

// Write sends text as it is.
func (s *Stream) Write(text string) error {
	s.log.add(s.Name, ">", text)
	_, err := io.WriteString(s.conn, text)
	if err != nil {
		s.Note("write: %v", err)
	}
	return err
}

// WriteWithin is Write with a limit.
func (s *Stream) WriteWithin(text string, d time.Duration) error {
	s.conn.SetWriteDeadline(time.Now().Add(d))
	defer s.conn.SetWriteDeadline(time.Time{})
	return s.Write(text)
}

// Close closes the connection without a word.
func (s *Stream) Close() error { return s.conn.Close() }

// Cut closes the connection below TLS, which is not told.
func (s *Stream) Cut() error { return s.tap.Close() }

// Alerted reports whether the last TLS record received was an alert. It can
// only be told with TLS 1.2, which leaves the type of a record in the clear.
func (s *Stream) Alerted() bool { return s.tap.alerted() }

// Next returns the next event, waiting for it until the deadline; for ever if
// that is zero.
func (s *Stream) Next(deadline time.Time) Event {
	if s.coming == nil {
		coming := make(chan Event, 1)
		s.coming = coming
		go func() { coming <- s.next() }()
	}
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	var e Event
	select {
	case e = <-s.coming:
		s.coming = nil
	case <-late:
		return Event{Kind: Silence}
	}
	if e.Kind == End {
		s.Note("%v", e)
	} else {
		s.log.add(s.Name, "<", e.Decl+e.Raw)
	}
	return e
}

func (s *Stream) next() Event {
	var e Event
	for {
		s.src.mark()
		tok, err := s.dec.Token()
		e.Raw = string(s.src.raw)
		if err != nil {
			return s.ended(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e.Node = &Node{Name: t.Name, Attrs: t.Copy().Attr}
			if s.deep++; s.deep == 1 {
				e.Kind = Header
			} else if err := s.fill(e.Node); err != nil {
				return s.ended(err)
			} else {
				e.Kind = Element
				s.deep--
			}
			e.Raw = string(s.src.raw)
			e.Node.Raw = e.Raw
			return e
		case xml.EndElement:
			s.deep--
			e.Kind = Footer
			return e
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				e.Kind = Text
				return e
			}
			e.Spaced = true
		case xml.ProcInst:
			if s.deep > 0 || t.Target != "xml" {
				e.Kind = Forbidden
				return e
			}
			e.Decl = e.Raw
		default:
			e.Kind = Forbidden
			return e
		}
	}
}

// fill reads the content of an element whose opening tag was read.
func (s *Stream) fill(n *Node) error {
	for {
		begin := len(s.src.raw)
		tok, err := s.dec.Token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			c := &Node{Name: t.Name, Attrs: t.Copy().Attr}
			if err := s.fill(c); err != nil {
				return err
			}
			c.Raw = string(s.src.raw[begin:])
			n.Nodes = append(n.Nodes, c)
		case xml.CharData:
			n.Text += string(t)
		case xml.EndElement:
			return nil
		default:
			return errors.New("wire: a comment or processing instruction in an element")
		}
	}
}

// ended tells the end of the connection from XML that cannot be read.
func (s *Stream) ended(err error) Event {
	e := Event{Kind: End, Raw: string(s.src.raw), Err: err}
	if s.src.err == io.EOF {
		e.Err = nil
	} else if s.src.err != nil {
		e.Err = s.src.err
	}
	return e
}
