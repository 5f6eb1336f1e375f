package stream_test

import (
	"fmt"

	"isthmus.im/internal/stream"
	"isthmus.im/jid"
)

// A Receiver on a direct TLS connection, with the peer's side of the
// conversation already cut into events.
func Example() {
	m := stream.New(stream.Config{
		Role:   stream.Receiver,
		Secure: true,
		Serves: func(d jid.JID) bool { return d.String() == "capulet.example" },
		NewID:  func() string { return "7" },
	})
	header := stream.Header{
		Space: stream.NS, Local: "stream", Content: stream.NSServer,
		From: "montague.example", To: "capulet.example", Version: "1.0",
	}
	actions := m.Start()
	for _, e := range []stream.Event{
		header,
		stream.Verified{},
		stream.Element{Space: stream.NSSASL, Local: "auth", Raw: []byte("<auth mechanism='EXTERNAL'>=</auth>")},
		header,
	} {
		actions = append(actions, m.Step(e)...)
	}
	for _, a := range actions {
		switch a := a.(type) {
		case stream.Write:
			fmt.Println("write", len(a.Bytes) > 0)
		case stream.Verify:
			fmt.Println("verify", a.Domain)
		case stream.Restart:
			fmt.Println("restart")
		case stream.Ready:
			fmt.Println("ready", a.Local, a.Remote, a.StreamID, a.Method)
		}
	}
	// Output:
	// verify montague.example
	// write true
	// write true
	// restart
	// write true
	// ready capulet.example montague.example 7 EXTERNAL
}
