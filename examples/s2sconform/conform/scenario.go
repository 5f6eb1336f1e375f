package conform

import "slices"

// Level is how strongly the text asks for something.
type Level string

// The levels of RFC 2119 that scenarios have.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
)

// Role is which side of a stream the target is.
type Role string

// The two roles.
const (
	Acceptor  Role = "acceptor"  // it accepts streams from the suite
	Initiator Role = "initiator" // it opens streams to the suite
)

// Outcome is what came of a scenario.
type Outcome string

// The four outcomes.
const (
	Passes   Outcome = "passes"
	Deviates Outcome = "deviates" // a SHOULD is not kept
	Fails    Outcome = "fails"    // a MUST is not kept
	Skipped  Outcome = "skipped"  // it cannot be told, or does not apply
)

// Scenario is one row of the table.
type Scenario struct {
	ID     string `json:"id"`     // never changes its meaning
	Group  string `json:"group"`  // what it is about
	Title  string `json:"title"`  // what the target is expected to do
	Clause string `json:"clause"` // where that is asked for
	Level  Level  `json:"level"`
	Role   Role   `json:"role"`
	Last   bool   `json:"last,omitempty"` // run alone, after all others: it stops the target

	run func(*driver)
}

// Scenarios returns the table, in the order in which it is shown.
func Scenarios() []Scenario {
	var all []Scenario
	for _, g := range []struct {
		name string
		rows []Scenario
	}{
		{"stream headers", headers()},
		{"broken headers", brokenHeaders()},
		{"STARTTLS", starttls()},
		{"SASL", auth()},
		{"identity", identity()},
		{"identity of the receiving side", serverIdentity()},
		{"opening streams", opening()},
		{"opening streams when things go wrong", openingTrouble()},
		{"addresses", addressing()},
		{"requests and answers", requests()},
		{"errors", stanzaErrors()},
		{"accounts", accounts()},
		{"well-formedness", wellFormed()},
		{"restricted XML", restricted()},
		{"namespaces", namespaces()},
		{"order", order()},
		{"limits", limits()},
		{"acknowledgements", acks()},
		{"resumption", resumption()},
		{"both ways on one stream", bidi()},
		{"direct TLS", direct()},
		{"dialback", dialback()},
		{"services", services()},
		{"users", users()},
		{"undeliverable", undeliverable()},
		{"closing", closing()},
	} {
		for i := range g.rows {
			g.rows[i].Group = g.name
		}
		all = append(all, g.rows...)
	}
	slices.SortStableFunc(all, func(a, b Scenario) int {
		switch {
		case a.Last == b.Last:
			return 0
		case a.Last:
			return 1
		}
		return -1
	})
	return all
}

// must is a row about a target that accepts a stream.
func must(id, clause, title string, run func(*driver)) Scenario {
	return Scenario{ID: id, Title: title, Clause: clause, Level: Must, Role: Acceptor, run: run}
}

func should(id, clause, title string, run func(*driver)) Scenario {
	s := must(id, clause, title, run)
	s.Level = Should
	return s
}

// initiating makes rows about a target that opens a stream.
func initiating(rows []Scenario) []Scenario {
	for i := range rows {
		rows[i].Role = Initiator
	}
	return rows
}
