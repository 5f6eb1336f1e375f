package s2stest

import (
	"context"
	"io"
)

// TB is what this package needs of a test: a part of [testing.TB], so that a
// [*testing.T] is one. A program that is no test, such as an Example or a
// demonstration, passes its own.
type TB interface {
	Helper()
	// Errorf and Fatalf note a failure. Fatalf does not return: it ends the
	// goroutine, or panics.
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	// Failed reports whether either of them was called.
	Failed() bool
	// Cleanup keeps f for the end; the last kept is called first.
	Cleanup(f func())
	// Context ends just before the functions given to Cleanup are called.
	Context() context.Context
	// Output takes the logs of servers. It may be used from any goroutine.
	Output() io.Writer
}
