package memnet_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"

	"isthmus.im/internal/memnet"
)

func ExampleListener() {
	server := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.2:5269"))
	client := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:40000"))
	l := memnet.NewListener(server)
	c, err := l.Dial(context.Background(), client)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.WriteString(c, "hello")
	c.Close()

	far, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := io.ReadAll(far)
	fmt.Printf("%s from %s, %v\n", b, far.RemoteAddr(), err)
	// Output: hello from 192.0.2.1:40000, <nil>
}
