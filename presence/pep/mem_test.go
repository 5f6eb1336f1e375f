package pep_test

import (
	"testing"

	"isthmus.im/presence/pep"
	"isthmus.im/presence/pep/peptest"
)

func TestMemStore(t *testing.T) {
	peptest.TestStore(t, func(testing.TB) pep.Store { return &pep.MemStore{} })
}
