package pkixid_test

import (
	"errors"
	"fmt"

	"isthmus.im/internal/pkixid"
	"isthmus.im/internal/testca"
)

func ExampleVerify() {
	ca := testca.New()
	chain := testca.Chain(ca.Issue(testca.Options{DNS: []string{"*.capulet.example"}, Usage: testca.ServerOnly}))
	opts := pkixid.Options{Roots: ca.Pool()}

	m, err := pkixid.Verify(chain, "orchard.capulet.example", opts)
	fmt.Println(m.Kind, m.Name, err)

	_, err = pkixid.Verify(chain, "montague.example", opts)
	var refused *pkixid.Error
	fmt.Println(errors.As(err, &refused) && refused.Reason == pkixid.NameMismatch)
	fmt.Println(err)
	// Output:
	// dNSName *.capulet.example <nil>
	// true
	// pkixid: montague.example: certificate for another name: it has *.capulet.example
}
