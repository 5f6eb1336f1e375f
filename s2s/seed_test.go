package s2s_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"isthmus.im/s2s"
	"isthmus.im/s2s/s2stest"
	"isthmus.im/stanza"
)

// attempts returns when, and to which of its servers, a domain that cannot be
// reached is tried.
func attempts(t *testing.T, seed string) (list []string) {
	t.Setenv("S2STEST_SEED", seed)
	synctest.Test(t, func(t *testing.T) {
		n := s2stest.NewNetwork(t)
		n.Peer(there)
		n.SetSRV(there, &net.SRV{Target: "xmpp." + there, Port: 1, Weight: 5}, &net.SRV{Target: "xmpp." + there, Port: 2, Weight: 5}, &net.SRV{Target: "xmpp." + there, Port: 3, Weight: 5})
		begin := time.Now()
		fed := n.Server(s2s.Config{Services: []string{here}, Handler: stanza.NewMux(), Dialer: dialFunc(func(_ context.Context, _, address string) (net.Conn, error) {
			list = append(list, fmt.Sprint(address, " after ", time.Since(begin)))
			return nil, fmt.Errorf("nobody is there")
		})})
		if err := fed.Send(t.Context(), text("juliet@"+here, "romeo@"+there, "x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
	})
	return list
}

// A seed decides when attempts are made and in which order.
func TestSeedDecidesAttempts(t *testing.T) {
	first, again, other := attempts(t, "7"), attempts(t, "7"), attempts(t, "8")
	if len(first) < 10 || !slices.Equal(first, again) {
		t.Errorf("with the same seed\n%q and\n%q", first, again)
	}
	if slices.Equal(first, other) {
		t.Errorf("with another seed the same: %q", first)
	}
}
