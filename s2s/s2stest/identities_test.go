package s2stest_test

import (
	"testing"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

func TestMemIdentities(t *testing.T) {
	s2stest.TestIdentities(t, func(testing.TB) s2s.IdentityStore { return new(s2s.MemIdentities) },
		func(_ testing.TB, s s2s.IdentityStore) s2s.IdentityStore { return s })
}
