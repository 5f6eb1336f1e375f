package peptest_test

import (
	"testing"

	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/peptest"
)

// The body of a host's func TestNodes(t *testing.T), with the host's own store in
// place of MemStore.
func ExampleTestStore() {
	var t *testing.T
	peptest.TestStore(t, func(t testing.TB) pep.Store {
		return &pep.MemStore{}
	})
}
