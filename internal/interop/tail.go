package interop

import (
	"os"
	"strings"
	"testing"
)

// ShowIfFailed has the cleanup of the test show the last lines of a log, if the
// test fails.
func ShowIfFailed(t testing.TB, who, file string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("interop: %s said, at the end:\n%s", who, tail(file))
		}
	})
}

// tail returns the last lines of a file, or why it cannot be read.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
