package locate_test

import (
	"fmt"

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
