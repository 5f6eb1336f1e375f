package testca_test

import (
	"fmt"

	"isthmus.im/internal/testca"
)

func Example() {
	ca := testca.New()
	cert := ca.Issue(testca.Options{DNS: []string{"capulet.example"}, Usage: testca.ServerOnly})
	fmt.Println(cert.Leaf.DNSNames, cert.Leaf.CheckSignatureFrom(ca.Certificate()))
	// Output: [capulet.example] <nil>
}
