package own_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"isthmus.im/examples/s2sconform/conform"
	"isthmus.im/examples/s2sconform/own"
	"isthmus.im/internal/memnet"
)

// memory is a network in memory.
type memory struct {
	mu   sync.Mutex
	all  map[string]*memnet.Listener
	used uint16
}

func (m *memory) port() *net.TCPAddr {
	m.used++
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), m.used))
}

func (m *memory) Listen() (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := memnet.NewListener(m.port())
	if m.all == nil {
		m.all = make(map[string]*memnet.Listener)
	}
	m.all[l.Addr().String()] = l
	return l, nil
}

func (m *memory) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	m.mu.Lock()
	l, from := m.all[address], m.port()
	m.mu.Unlock()
	if l == nil {
		return nil, syscall.ECONNREFUSED
	}
	c, err := l.Dial(ctx, from)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// expected is what comes of scenarios that a server cannot pass as it is set up.
type expected map[string]struct {
	outcome conform.Outcome
	detail  string
}

// The library passes every scenario, in virtual time, but for what a server of
// default settings does not offer.
func TestConformance(t *testing.T) {
	conformance(t, false, expected{"dialback-verify": {conform.Skipped, "dialback is not offered"}})
}

// With Server Dialback it does, too, where the scenario is not about certificates
// of servers that it connects to: DNS says who those are, then.
func TestConformanceWithDialback(t *testing.T) {
	others := expected{
		"sasl-refused-close":  {conform.Skipped, "it falls back to Server Dialback"},
		"feature-unsupported": {conform.Skipped, "it falls back to Server Dialback"},
		"bounce-timeout":      {conform.Fails, "the sender is told nothing"},
	}
	for _, id := range []string{
		"their-other-name", "their-cn-besides", "their-srv-client", "their-expired", "their-not-yet", "their-self-signed",
		"their-other-authority", "their-usage", "their-constraints",
	} {
		e := others[id]
		e.outcome, e.detail = conform.Fails, "it authenticates all the same"
		others[id] = e
	}
	conformance(t, true, others)
}

func conformance(t *testing.T, dialback bool, others expected) {
	for _, s := range conform.Scenarios() {
		t.Run(s.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env, stop, err := own.Start(new(memory), dialback, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
				if err != nil {
					t.Fatal(err)
				}
				r := conform.One(t.Context(), env, s)
				stop()
				want, other := others[s.ID]
				if !other {
					want.outcome = conform.Passes
				}
				if r.Outcome != want.outcome || r.Detail != want.detail {
					t.Errorf("%s: %s: %s\n%s", r.Clause, r.Outcome, r.Detail, strings.Join(r.Transcript, "\n"))
				}
			})
		})
	}
}

// Where nobody can log in, nothing is checked, rather than a part of it skipped.
func TestNobodyCanLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stop, err := own.Start(new(memory), false, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		env.Target.Login = func(context.Context) (conform.User, error) { return nil, errors.New("wrong password") }
		if _, err := conform.Run(t.Context(), env, conform.Scenarios()[:1], 1, nil); err == nil || !strings.Contains(err.Error(), "wrong password") {
			t.Errorf("got %v", err)
		}
	})
}
