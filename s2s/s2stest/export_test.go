package s2stest

import (
	"strings"
	"testing"

	"isthmus.im/s2s"
)

// Difference returns what Replay would fail with.
func Difference(t *testing.T, recording string) string {
	_, err := play(t, strings.NewReader(recording), s2s.Config{})
	if err != nil {
		return err.Error()
	}
	return ""
}
