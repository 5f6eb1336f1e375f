// Package archtest holds tests of the shape of the repository: which package
// may import which, what the library requires, what lies at the top level, how
// long a file may be, and that the Go code in README.md is code that runs.
//
// It has no code of its own. A test that fails here says which rule a change
// breaks; if the rule is what should change, it is a line in a table.
package archtest
