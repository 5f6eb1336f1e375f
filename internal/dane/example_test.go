package dane_test

import (
	"errors"
	"fmt"

	"isthmus.im/internal/dane"
	"isthmus.im/internal/locate"
	"isthmus.im/internal/testca"
)

// A certificate that no authority has signed is as good as its record.
func Example() {
	chain := testca.Chain(testca.SelfSigned(testca.Options{}))
	ours := []locate.TLSA{record(3, 1, 1, chain[0])}
	theirs := []locate.TLSA{record(3, 1, 1, testca.New().Certificate())}

	m, err := dane.Verify(ours, chain, dane.Terms{})
	fmt.Println(m.Record.Usage, err)
	_, err = dane.Verify(theirs, chain, dane.Terms{})
	fmt.Println(err)
	_, err = dane.Verify(nil, chain, dane.Terms{})
	fmt.Println(errors.Is(err, dane.ErrUnusable))
	// Output:
	// 3 <nil>
	// dane: the certificate is named by none of 1 TLSA records
	// true
}
