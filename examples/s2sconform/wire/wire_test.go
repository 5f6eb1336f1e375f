package wire_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"isthmus.im/examples/s2sconform/wire"
	"isthmus.im/internal/testca"
)

// pair returns a stream and the other end of its connection.
func pair(t *testing.T) (*wire.Stream, net.Conn, *wire.Log) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	log := new(wire.Log)
	return wire.New(a, "S", log), b, log
}

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='x.example' xml:lang='de'>"

func TestEvents(t *testing.T) {
	s, far, log := pair(t)
	go func() {
		far.Write([]byte(header + "<stream:features><a xmlns='urn:a'>text<b/></a></stream:features>"))
		far.Write([]byte(" \n<iq from='a'><c:d xmlns:c='urn:c' c:e='1'/></iq>"))
		far.Write([]byte("words<!-- no --></stream:stream>"))
		far.Close()
	}()
	deadline := time.Now().Add(10 * time.Second)
	h := s.Next(deadline)
	if h.Kind != wire.Header || !h.Node.Is(wire.NSStream, "stream") || h.Node.Attr("to") != "x.example" || h.Node.Lang() != "de" ||
		h.Node.Attr("xmlns") != wire.NSServer || h.Decl != "<?xml version='1.0'?>" || h.Node.Prefix() != "stream" {
		t.Errorf("header %+v %+v", h, h.Node)
	}
	f := s.Next(deadline)
	a := f.Node.Child("urn:a", "a")
	if f.Kind != wire.Element || f.Spaced || a == nil || a.Text != "text" || a.Child("", "b") == nil || a.Raw != "<a xmlns='urn:a'>text<b/></a>" {
		t.Errorf("features %+v", f)
	}
	iq := s.Next(deadline)
	if !iq.Spaced || !iq.Node.Is(wire.NSServer, "iq") {
		t.Errorf("iq %+v", iq)
	}
	if v, ok := iq.Node.Child("urn:c", "d").Lookup("urn:c", "e"); v != "1" || !ok {
		t.Errorf("attribute %q", v)
	}
	for _, want := range []wire.Kind{wire.Text, wire.Forbidden, wire.Footer, wire.End, wire.End} {
		if e := s.Next(deadline); e.Kind != want || want == wire.End && e.Err != nil {
			t.Errorf("%v, want kind %d", e, want)
		}
	}
	if lines := log.Lines(); len(lines) < 5 || !strings.HasPrefix(lines[0], "S< <?xml") {
		t.Errorf("log %q", lines)
	}
}

func TestNoXML(t *testing.T) {
	s, far, _ := pair(t)
	go far.Write([]byte(header + "<a></b>"))
	s.Next(time.Now().Add(10 * time.Second))
	if e := s.Next(time.Now().Add(10 * time.Second)); e.Kind != wire.End || e.Err == nil {
		t.Errorf("%v", e)
	}
}

// What was not there in time is there later.
func TestSilence(t *testing.T) {
	s, far, _ := pair(t)
	if e := s.Next(time.Now().Add(time.Millisecond)); e.Kind != wire.Silence {
		t.Fatalf("%v", e)
	}
	go far.Write([]byte(header))
	if e := s.Next(time.Now().Add(10 * time.Second)); e.Kind != wire.Header {
		t.Errorf("%v", e)
	}
}

func TestSecure(t *testing.T) {
	for _, notify := range []bool{true, false} {
		s, far, _ := pair(t)
		cert := testca.SelfSigned(testca.Options{DNS: []string{"x.example"}})
		go func() {
			far.Write([]byte(header + "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"))
			c := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12})
			c.Write([]byte(header))
			if notify {
				c.Close()
			} else {
				far.Close()
			}
		}()
		deadline := time.Now().Add(10 * time.Second)
		s.Next(deadline)
		s.Next(deadline)
		if left := s.Pending(); left != "" {
			t.Fatalf("%q is left", left)
		}
		c := tls.Client(s.Plain(), &tls.Config{InsecureSkipVerify: true})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		s.Secure(c)
		if e := s.Next(deadline); e.Kind != wire.Header {
			t.Errorf("%v", e)
		}
		if e := s.Next(deadline); e.Kind != wire.End {
			t.Errorf("%v", e)
		}
		if s.Alerted() != notify {
			t.Errorf("alert: %t", s.Alerted())
		}
	}
}

func TestParse(t *testing.T) {
	n, err := wire.Parse("<message type='error'><error type='cancel'><text xmlns='"+wire.NSStanzas+"'>no</text><gone xmlns='"+wire.NSStanzas+"'/></error></message>", wire.NSClient)
	if err != nil || !n.Is(wire.NSClient, "message") || n.Child("", "error").Condition(wire.NSStanzas) != "gone" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, bad := range []string{"", "text", "<a>", "</x>"} {
		if _, err := wire.Parse(bad, ""); err == nil {
			t.Errorf("%q is an element", bad)
		}
	}
}

func TestLogKeepsTheLast(t *testing.T) {
	var l wire.Log
	for range 100 {
		l.Add("x", strings.Repeat("y", 5000))
	}
	if lines := l.Lines(); len(lines) != 60 || len(lines[0]) > 1100 {
		t.Errorf("%d lines", len(lines))
	}
}
