package jid_test

import (
	"errors"
	"fmt"
	"slices"

	"isthmus.im/jid"
)

func Example() {
	j, err := jid.Parse("Juliet@XN--BCHER-KVA.example./Balcony")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j)
	fmt.Println(j.Local(), j.Domain(), j.Resource(), j.ASCIIDomain())
	fmt.Println(j.Bare() == jid.MustParse("juliet@bücher.example"))
	// Output:
	// juliet@bücher.example/Balcony
	// juliet bücher.example Balcony xn--bcher-kva.example
	// true
}

func ExampleParseError() {
	_, err := jid.Parse("romeo and juliet@example.net")
	var pe *jid.ParseError
	fmt.Println(errors.As(err, &pe) && pe.Part == jid.LocalPart, errors.Is(err, jid.ErrDisallowed))
	fmt.Println(err)
	// Output:
	// true true
	// jid: local part of "romeo and juliet@example.net": disallowed character
}

func ExampleParseLegacy() {
	for _, s := range []string{"juliet@example.net", "☺@example.net", "ﬁona@example.net"} {
		j, profile, err := jid.ParseLegacy(s)
		fmt.Println(j, profile, err)
	}
	// Output:
	// juliet@example.net RFC 7622 <nil>
	// ☺@example.net RFC 6122 <nil>
	// fiona@example.net RFC 6122 <nil>
}

func ExampleJID_LegacyKey() {
	a, b := jid.MustParse("straße@example.net"), jid.MustParse("strasse@example.net")
	fmt.Println(a == b, a.LegacyKey() == b.LegacyKey())
	// Output: false true
}

func ExampleEscapeLocal() {
	local := jid.EscapeLocal("d'artagnan @ court")
	fmt.Println(local)
	fmt.Println(jid.UnescapeLocal(local))
	// Output:
	// d\27artagnan\20\40\20court
	// d'artagnan @ court
}

func ExampleMapping() {
	users := jid.Mapping{Domain: jid.MustParse("chat.example")}
	j, err := users.JID("Ann@corp.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	id, ok := users.ID(j)
	fmt.Println(j, id, ok)
	for _, err := range users.Check(slices.Values([]string{"Ann Lee", "ann lee", "Bob"})) {
		fmt.Println(err)
	}
	// Output:
	// ann\40corp.example@chat.example ann@corp.example true
	// jid: "ann lee" and "Ann Lee" have the same address: ann\20lee@chat.example
}
