package xmlscan_test

import (
	"fmt"
	"io"
	"strings"

	"isthmus.im/internal/xmlscan"
)

func ExampleScanner() {
	conn := strings.NewReader("<?xml version='1.0'?>" +
		"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='capulet.example'>" +
		"<message from='juliet@capulet.example' to='romeo@montague.example'><body>Art thou not Romeo?</body></message> " +
		"<iq><!-- who asks? --></iq>")

	var s xmlscan.Scanner
	for {
		tok, err := s.Next()
		if err == xmlscan.ErrMore {
			n, err := conn.Read(s.Buffer(512))
			s.Fill(n)
			if err == io.EOF {
				return
			}
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		switch head := tok.Head(); tok.Kind {
		case xmlscan.Open:
			fmt.Printf("stream from %s for %s\n", head.From, tok.Content)
		case xmlscan.Element:
			fmt.Printf("%s to %s: %s\n", tok.Local, head.To, tok.Inner)
		}
	}
	// Output:
	// stream from capulet.example for jabber:server
	// message to romeo@montague.example: <body>Art thou not Romeo?</body>
	// xmlscan: restricted-xml: comment or document type declaration at byte 244
}

func ExampleChildren() {
	tok, err := xmlscan.Parse([]byte("<message><body>Good &lt;night&gt;</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"),
		"jabber:server", xmlscan.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for c := range xmlscan.Children(tok.Inner, string(tok.Content)) {
		fmt.Printf("{%s}%s %q\n", c.Space, c.Local, xmlscan.AppendText(nil, c.Inner))
	}
	// Output:
	// {jabber:server}body "Good <night>"
	// {http://jabber.org/protocol/chatstates}active ""
}
