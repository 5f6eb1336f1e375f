package s2stest_test

import (
	"testing"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
)

func TestMemOutbox(t *testing.T) {
	s2stest.TestOutbox(t, func(testing.TB) s2s.Outbox { return new(s2stest.MemOutbox) },
		func(_ testing.TB, o s2s.Outbox) s2s.Outbox { return o })
}
