package stream

import "testing"

// What this side does not limit, or cannot express, it does not announce.
func TestLimitsElement(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{MaxBytes: 10_000, IdleSeconds: 600}, "<max-bytes>10000</max-bytes><idle-seconds>600</idle-seconds>"},
		{Limits{MaxBytes: 10_000}, "<max-bytes>10000</max-bytes>"},
		{Limits{}, ""},
	} {
		if got, want := string(c.limits.Element()), "<limits xmlns='urn:xmpp:stream-limits:0'>"+c.want+"</limits>"; got != want {
			t.Errorf("%+v: %s, want %s", c.limits, got, want)
		}
	}
}
