package interop

import (
	"testing"
	"time"
)

// Until polls until the condition holds; the test fails when it does not in
// time.
func Until(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	if !poll(limit, condition) {
		t.Fatalf("interop: not within %v: %s", limit, what)
	}
}

func poll(limit time.Duration, condition func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if condition() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return condition()
		}
	}
}
