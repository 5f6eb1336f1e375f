package s2stest

import (
	"strings"
	"testing"
	"time"
)

func TestImpairment(t *testing.T) {
	for text, want := range map[string]Impairment{
		"":                                    {},
		"delay=1s jitter=20ms":                {Delay: time.Second, Jitter: 20 * time.Millisecond},
		"bandwidth=1000 split=1":              {Bandwidth: 1000, Split: 1},
		"reset-after=300 corrupt=7 once lose": {ResetAfter: 300, CorruptAt: 7, Once: true, Lose: true},
	} {
		if got, err := impairment(strings.Fields(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"delay", "delay=x", "split=", "corrupt=1.5", "lose=1", "late=1s", "delay=1s x"} {
		if got, err := impairment(strings.Fields(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
