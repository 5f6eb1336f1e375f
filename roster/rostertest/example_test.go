package rostertest_test

import (
	"testing"

	"isthmus.im/roster"
	"isthmus.im/roster/rostertest"
)

// The body of a host's func TestContacts(t *testing.T), with the host's own store in
// place of MemStore.
func ExampleTestStore() {
	var t *testing.T
	rostertest.TestStore(t, func(t testing.TB) roster.Store {
		return &roster.MemStore{}
	})
}
