package locate_test

import (
	"fmt"
	"net/netip"

	"isthmus.im/internal/locate"
)

func ExampleOrder() {
	for _, t := range locate.Order([]locate.Record{
		{Host: "backup.capulet.example", Port: 5269, Priority: 20, Weight: 0},
		{Host: "xmpp.capulet.example", Port: 5269, Priority: 10, Weight: 0},
	}, nil) {
		fmt.Println(t.Host, t.Port)
	}
	// Output:
	// xmpp.capulet.example 5269
	// backup.capulet.example 5269
}

func ExampleForbidden() {
	for _, ip := range []string{"2001:db8::1", "64:ff9b::a9fe:a9fe", "9.9.9.9"} {
		fmt.Println(locate.Forbidden(netip.MustParseAddr(ip)))
	}
	// Output:
	// documentation address true
	// metadata service true
	//  false
}
